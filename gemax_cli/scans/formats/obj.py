"""Wavefront OBJ: all groups and materials as one mesh.

Open3D is not used: of a file with quads or several materials it gives a part, without an error. What is read: v, vt
and f lines; normals, lines and free-form surfaces are not needed. Of the materials the name of the picture is read,
from the library beside the file; no file elsewhere is opened.
"""

from __future__ import annotations

import contextlib
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gemax_cli.datasets.ids import bare_name
from gemax_cli.errors import BadFormat, ScanError
from gemax_cli.jit import kernel
from gemax_cli.scans.assemble import check_triangles, mesh_scan
from gemax_cli.scans.model import Companion, Scan, TextureMap
from gemax_cli.scans.polygons import MARK, count_triangles, fan
from gemax_cli.scans.raw_file import RawFile, read_raw
from gemax_cli.scans.text_lines import (
    as_bytes,
    count_lines_before,
    keep_lines,
    keep_part,
    mark_lines,
    next_ink,
    read_columns,
)
from gemax_cli.scans.text_numbers import LONGEST_LINE, MalformedNumber, has_decimal_commas, parse_indexes, without_mark

_LINE = r"^[ \t]*{}(?!\S)([^\n#]*)"
_LIBRARY, _PICTURE = (re.compile(_LINE.format(key).encode(), re.MULTILINE) for key in ("mtllib", "map_Kd"))
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
    library = _library(path, text) if texture else None
    if texture and library:
        texture = replace(texture, image=_picture_of(library))
    scan = mesh_scan(path, points, corners[places], texture)
    return replace(scan, companions=(Companion(library.path.name, library.fingerprint),)) if library else scan


def _library(path: Path, text: bytes) -> RawFile | None:
    """The file of materials that an OBJ names, if it lies beside it and can be read."""
    named = _LIBRARY.search(text)
    name = bare_name(named[1][:_LONGEST_NAME].decode("utf-8", "replace")) if named else ""
    if not name.lower().endswith(".mtl"):
        return None
    with contextlib.suppress(ScanError):
        return read_raw(path.with_name(name), MAX_LIBRARY_BYTES)
    return None


def _picture_of(library: RawFile) -> str | None:
    """File name of the first picture of surface colours in a file of materials."""
    named = _PICTURE.search(_unix_lines(without_mark(library.data)))
    return (bare_name(named[1].split()[-1].decode("utf-8", "replace")) if named and named[1].split() else "") or None


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
