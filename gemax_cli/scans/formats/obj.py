"""Wavefront OBJ: all groups and materials as one mesh.

Open3D is not used: of a file with quads or several materials it gives a part, without an error. What is read: v, vt
and f lines; normals, lines and free-form surfaces are not needed. Of the materials the names of their pictures are
read, from the libraries beside the file; no file elsewhere is opened.
"""

from __future__ import annotations

import contextlib
import itertools
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gemax_cli.datasets.ids import bare_name
from gemax_cli.errors import BadFormat, ScanError
from gemax_cli.jit import kernel
from gemax_cli.scans.assemble import check_triangles, mesh_scan
from gemax_cli.scans.model import Companion, PointColours, Scan, TextureMap
from gemax_cli.scans.polygons import MARK, count_triangles, fan
from gemax_cli.scans.raw_file import RawFile, file_beside, read_raw
from gemax_cli.scans.text_lines import (
    as_bytes,
    count_lines,
    count_lines_before,
    keep_lines,
    keep_part,
    mark_lines,
    next_ink,
    read_columns,
)
from gemax_cli.scans.text_numbers import LONGEST_LINE, MalformedNumber, has_decimal_commas, parse_indexes, without_mark

_LINE = r"^[ \t]*{}(?!\S)([^\n#]*)"
_LIBRARY, _PICTURE, _MATERIAL, _NEW_MATERIAL = (
    re.compile(_LINE.format(key).encode(), re.MULTILINE) for key in ("mtllib", "map_Kd", "usemtl", "newmtl")
)
_MOST_PICTURES, _MOST_LIBRARIES = 64, 16
_LONGEST_NAME = 4096  # bytes of a file's name
MAX_LIBRARY_BYTES = 1 << 20  # of a file of materials
_NO_OBJ = re.compile(rb"[,xX]")  # of VRML, whose indexes are parsed the same way: commas, hexadecimal numbers
_VERTEX, _TEXTURE, _FACE = (b"v"[0], 0), (b"v"[0], b"t"[0]), (b"f"[0], 0)
_POINT, _COORDINATE = 0, 1  # parts of a corner such as 3/7/1


def read_obj(raw: RawFile) -> Scan:
    """Read a Wavefront OBJ with its texture coordinates. Polygons are triangulated as fans.

    A file without faces gives bare points. An OBJ has no mark at its end: one cut off between two lines, after all of
    its points, cannot be told from a whole one.

    Raises:
        BadFormat: a line is malformed, or a face names a point that there is not.
        EmptyScan: it holds no point, or all points are the same.
    """
    path, text, size = raw.path, _unix_lines(without_mark(raw.data)), len(raw.data)
    points = _columns(path, text, _VERTEX, 3)
    faces, count = _lines(text, _FACE)
    corners = _corners(path, text, faces, _POINT, _VERTEX)
    ends = np.flatnonzero(corners == MARK)
    if ends.size < count or (count and np.diff(ends, prepend=-1).min() <= 3):
        raise BadFormat(path, "a face has less than three corners: the file is damaged or cut off, export it again.")
    check_triangles(path, count_triangles(corners, MARK), size)
    places = fan(corners, MARK)
    texture = _texture(path, text, faces, corners, places)
    libraries = _libraries(path, text) if texture else []
    if texture:
        face = np.cumsum(corners == MARK)[places[:, 0]]
        texture = _with_pictures(texture, libraries, text, faces, face)
    scan = mesh_scan(path, points, corners[places], texture)
    companions = tuple(Companion(library.path.name, library.fingerprint) for library in libraries)
    return replace(scan, colours=_colours(text), companions=companions)


def _colours(text: bytes) -> PointColours | None:
    """Colours of the points, where every line of one ends in red, green and blue, 0..1."""
    kept, count = _lines(text, _VERTEX)
    if count_lines(as_bytes(kept), 0)[1] != 6:  # words of the first
        return None
    try:
        colours = read_columns(kept, 0, (3, 4, 5), count, 6)[0].reshape(count, 3)
    except ValueError:
        return None
    inside = bool(((colours >= 0) & (colours <= 1)).all())  # NaN fails, too
    return np.rint(255 * colours).astype(np.uint8) if inside else None


def _with_pictures(
    texture: TextureMap, libraries: list[RawFile], text: bytes, faces: bytearray, face: NDArray[np.int64]
) -> TextureMap:
    """The texture with the names of the pictures of its materials.

    Args:
        texture: without pictures.
        libraries: of materials.
        text: of the OBJ.
        faces: what its face lines hold, each at its place in ``text``.
        face: (m,) number of each triangle's face.
    """
    of_material = {name: picture for library in libraries for name, picture in _material_pictures(library)}
    uses = list(_MATERIAL.finditer(text)) if of_material else []
    if not uses:
        return replace(texture, image=next(iter(of_material.values()), None))
    pictures = list(dict.fromkeys(of_material.values()))[:_MOST_PICTURES]
    numbers = {name: number for number, name in enumerate(pictures)}
    of_use = [numbers.get(of_material.get(use[1].strip(), ""), -1) for use in uses]
    starts = [0, *(use.start() for use in uses)]
    before = np.cumsum([count_lines(as_bytes(faces)[a:b], 0)[0] for a, b in itertools.pairwise(starts)])
    number = np.array([-1, *of_use])[np.searchsorted(before, face, side="right")]
    # what no picture covers has a corner that is not a number
    triangles = np.where(number[:, None] < 0, len(texture.coordinates), texture.triangles).astype(np.int32)
    coordinates = np.concatenate([texture.coordinates, np.full((1, 2), np.nan)])
    which = np.maximum(number, 0).astype(np.uint8)
    return TextureMap(pictures[0], coordinates, triangles, tuple(pictures[1:]), which if len(pictures) > 1 else None)


def _libraries(path: Path, text: bytes) -> list[RawFile]:
    """The files of materials that an OBJ names, as far as they lie beside it and can be read."""
    found = list[RawFile]()
    for line in itertools.islice(_LIBRARY.finditer(text), _MOST_LIBRARIES):
        named = line[1][:_LONGEST_NAME].strip().decode("utf-8", "replace")
        file = file_beside(path, named) if named.lower().endswith(".mtl") else None
        if file is not None and file not in [library.path for library in found]:
            with contextlib.suppress(ScanError):
                found.append(read_raw(file, MAX_LIBRARY_BYTES))
    return found


def _material_pictures(library: RawFile) -> Iterator[tuple[bytes, str]]:
    """Name of each material with a picture of surface colours, and the file name of that."""
    text = _unix_lines(without_mark(library.data))
    for part in re.split(rb"^[ \t]*(?=newmtl\s)", text, flags=re.MULTILINE):
        name, picture = _NEW_MATERIAL.search(part), _PICTURE.search(part)
        if name and picture and (file := _picture_name(picture[1].strip())):
            yield name[1].strip(), file


def _picture_name(words: bytes) -> str:
    """The file name in a map_Kd line: all of it, or behind options its last word; "" where there is none."""
    name = words.split()[-1] if words.startswith(b"-") else words
    return bare_name(name.decode("utf-8", "replace"))


def _unix_lines(text: bytes) -> bytes:
    if b"\r" in text:
        text = text.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    return text.replace(b"\\\n", b" ") if b"\\" in text else text


def _lines(text: bytes, key: tuple[int, int]) -> tuple[bytearray, int]:
    """What the lines of a key hold, in lines, and their number."""
    kept = bytearray(text)
    return kept, keep_lines(as_bytes(kept), *key)


def _columns(path: Path, text: bytes, key: tuple[int, int], width: int) -> NDArray[np.float64]:
    kept, count = _lines(text, key)
    try:
        return read_columns(kept, 0, tuple(range(width)), count)[0].reshape(count, width)
    except ValueError as error:
        kept, _ = _lines(text, key)
        start = next_ink(kept, 0)
        first = bytes(kept[start : start + LONGEST_LINE]).partition(b"\n")[0]
        if has_decimal_commas(first):
            raise BadFormat(path, "has commas in its numbers (1,23): export it again, with points (1.23).") from error
        name = bytes(filter(None, key)).decode()
        what = f"a line that begins with {name} does not hold {width} numbers: export it again."
        raise BadFormat(path, what) from error


def _corners(path: Path, text: bytes, faces: bytearray, part: int, named: tuple[int, int]) -> NDArray[np.int32]:
    """One part of the faces' corners, counted from 0, MARK after each face; -1 for what is before the first.

    Args:
        path: for messages.
        text: of the file.
        faces: what its face lines hold.
        part: of the corners.
        named: key of the lines that are counted.
    """
    kept = bytearray(faces)
    keep_part(as_bytes(kept), part)
    if _NO_OBJ.search(kept):
        raise BadFormat(path, "a face holds no numbers, or others: the file is damaged or cut off, export it again.")
    try:
        numbers = parse_indexes(kept, 0, len(kept))
    except MalformedNumber as fault:
        raise BadFormat(path, f"a face holds {fault}, which is no index: export it again.") from fault
    if part == _POINT and not numbers.all():
        raise BadFormat(path, "a face names point 0, but OBJ counts from 1: export it again.")
    counted = numbers.size > 0 and numbers.min() < 0
    before = count_lines_before(np.frombuffer(text, np.uint8), *named, _FACE[0]) if counted else np.empty(0, np.int32)
    corners = mark_lines(as_bytes(kept), numbers, MARK)
    _count_from_0(corners, before)
    return corners


@kernel
def _count_from_0(corners: NDArray[np.int32], before: NDArray[np.int32]) -> None:
    """Make OBJ's numbers, which count from 1 or back from the line of their face, count from 0, in place.

    Args:
        corners: MARK after each face.
        before: for each face, how many there are before its line; not looked at without negative numbers.
    """
    face = 0
    for place in range(corners.size):
        if corners[place] == MARK:
            face += 1
        elif corners[place] > 0:
            corners[place] -= 1
        elif corners[place] < 0:
            corners[place] = max(corners[place] + before[face], -1)
        else:
            corners[place] = -1


def _texture(
    path: Path, text: bytes, faces: bytearray, corners: NDArray[np.int32], places: NDArray[np.int32]
) -> TextureMap | None:
    """The texture coordinates, if every corner has one."""
    coordinates = _columns(path, text, _TEXTURE, 2) if places.size else np.empty((0, 2))
    if not len(coordinates):
        return None
    own = _corners(path, text, faces, _COORDINATE, _TEXTURE)
    if not np.array_equal(own == MARK, corners == MARK):
        return None
    triangles = own[places]
    return (
        TextureMap(None, coordinates, triangles) if 0 <= triangles.min() <= triangles.max() < len(coordinates) else None
    )
