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
from gemax_cli.scans.assemble import mesh_scan
from gemax_cli.scans.model import Companion, Scan, TextureMap
from gemax_cli.scans.polygons import fan
from gemax_cli.scans.raw_file import RawFile, read_raw
from gemax_cli.scans.text_numbers import MalformedNumber, first_columns, has_decimal_commas, parse_indexes, without_mark

_LINE = r"^[ \t]*{}(?!\S)([^\n#]*)"
_VERTEX, _TEXTURE, _FACE = (re.compile(_LINE.format(key).encode(), re.MULTILINE) for key in ("v", "vt", "f"))
_LIBRARY, _PICTURE = (re.compile(_LINE.format(key).encode(), re.MULTILINE) for key in ("mtllib", "map_Kd"))
MAX_LIBRARY_BYTES = 1 << 20  # of a file of materials
_AFTER_SLASH = re.compile(rb"/\S*")
_BETWEEN_SLASHES = re.compile(rb"[^\s/]+/?([^\s/]*)\S*")
_NO_OBJ = re.compile(rb"[,xX]")  # of VRML, whose indexes are parsed the same way: commas, hexadecimal numbers
_NEXT_FACE = b"\n0/0\n"  # OBJ counts from 1, so that 0 can separate faces


def read_obj(raw: RawFile) -> Scan:
    """Read a Wavefront OBJ with its texture coordinates. Polygons are triangulated as fans.

    A file without faces gives bare points. An OBJ has no mark at its end: one cut off between two lines, after all of
    its points, cannot be told from a whole one.

    Raises:
        BadFormat: a line is malformed, or a face names a point that there is not.
        EmptyScan: it holds no point, or all points are the same.
    """
    path, text = raw.path, _unix_lines(without_mark(raw.data))
    vertices, faces = list(_VERTEX.finditer(text)), list(_FACE.finditer(text))
    points = _columns(path, "v", vertices, 3)
    starts, joined = np.array([face.start() for face in faces]), _NEXT_FACE.join(face[1] for face in faces)
    corners = _integers(path, _AFTER_SLASH.sub(b"", joined))
    if faces and (_NO_OBJ.search(joined) or not faces[-1][1].strip()):
        raise BadFormat(path, "a face holds no numbers, or others: the file is damaged or cut off, export it again.")
    if np.count_nonzero(corners == 0) != max(len(faces) - 1, 0):
        raise BadFormat(path, "a face names point 0, but OBJ counts from 1: export it again.")
    corners = _absolute(corners, starts, vertices)
    places = _triangles(path, corners)
    texture = _texture(path, text, joined, starts, corners, places)
    library = _library(path, text) if texture else None
    if texture and library:
        texture = replace(texture, image=_picture_of(library))
    scan = mesh_scan(path, points, corners[places] - 1, texture)
    return replace(scan, companions=(Companion(library.path.name, library.fingerprint),)) if library else scan


def _library(path: Path, text: bytes) -> RawFile | None:
    """The file of materials that an OBJ names, if it lies beside it and can be read."""
    named = _LIBRARY.search(text)
    name = bare_name(named[1].decode("utf-8", "replace")) if named else ""
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


def _columns(path: Path, key: str, lines: list[re.Match[bytes]], width: int) -> NDArray[np.float64]:
    try:
        return first_columns((line[1] for line in lines), width)
    except ValueError as error:
        if lines and has_decimal_commas(lines[0][1]):
            raise BadFormat(path, "has commas in its numbers (1,23): export it again, with points (1.23).") from error
        raise BadFormat(
            path, f"a line that begins with {key} does not hold {width} numbers: export it again."
        ) from error


def _integers(path: Path, text: bytes) -> NDArray[np.int32]:
    try:
        return parse_indexes(text, 0, len(text))
    except MalformedNumber as fault:
        raise BadFormat(path, f"a face holds {fault}, which is no index: export it again.") from fault


def _absolute(numbers: NDArray[np.int32], starts: NDArray[np.int64], named: list[re.Match[bytes]]) -> NDArray[np.int32]:
    """Indexes from the first; negative ones count back from the line of their face."""
    if not numbers.size or numbers.min() >= 0:
        return numbers
    face = np.cumsum(numbers == 0)
    before = np.searchsorted(np.array([line.start() for line in named]), starts)[face]
    counted = numbers + before + 1
    # One that counts back beyond the first stays negative, where the check of the range finds it.
    return np.where(numbers < 0, np.where(counted > 0, counted, -1), numbers).astype(np.int32)


def _triangles(path: Path, corners: NDArray[np.int32]) -> NDArray[np.int64]:
    """Places in ``corners`` of the corners of the triangles, (m, 3)."""
    ends = np.flatnonzero(np.concatenate([[0], corners, [0]]) == 0)
    if corners.size and np.diff(ends).min() <= 3:
        raise BadFormat(path, "a face has less than three corners: the file is damaged or cut off, export it again.")
    return fan(corners, 0)


def _texture(
    path: Path,
    text: bytes,
    joined: bytes,
    starts: NDArray[np.int64],
    corners: NDArray[np.int32],
    places: NDArray[np.int64],
) -> TextureMap | None:
    """The texture coordinates, if every corner has one."""
    lines = list(_TEXTURE.finditer(text))
    if not lines or not places.size:
        return None
    own = _integers(path, _BETWEEN_SLASHES.sub(rb"\1", joined))
    if not np.array_equal(own == 0, corners == 0):
        return None
    own = _absolute(own, starts, lines)
    if own.min() < 0 or own.max() > len(lines):
        return None
    return TextureMap(None, _columns(path, "vt", lines, 2), own[places] - 1)
