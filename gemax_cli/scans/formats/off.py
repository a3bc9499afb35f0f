"""OFF meshes as text (Geomview's object file format)."""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

from gemax_cli.errors import BadFormat
from gemax_cli.scans.assemble import polygon_scan
from gemax_cli.scans.model import Scan
from gemax_cli.scans.polygons import marks_behind
from gemax_cli.scans.raw_file import RawFile
from gemax_cli.scans.text_lines import as_bytes, blank_comments, count_lines, keep_counted, read_columns
from gemax_cli.scans.text_numbers import parse_indexes, without_mark

_HEADER = re.compile(rb"\s*(?:ST)?C?N?OFF\b\s*([0-9]{1,12})\s+([0-9]{1,12})(?:[ \t]+[0-9]+)?[ \t]*(?:[\r\n]|\Z)")


def read_off(raw: RawFile) -> Scan:
    """Read an OFF as text, one point or face a line; normals and colours behind the coordinates are skipped.

    Polygons are triangulated as fans. A file without faces gives bare points.

    Raises:
        BadFormat: it is no OFF as text, damaged or cut off, or a face names a point that there is not.
        EmptyScan: it holds no point, or all points are the same.
    """
    path, text = raw.path, bytearray(without_mark(raw.data))
    blank_comments(as_bytes(text), b"#"[0], 1)
    header = _HEADER.match(text)
    if header is None:
        raise BadFormat(path, "does not begin with OFF and its counts, as text: export it again, or as PLY.")
    start, points, faces = header.end(), int(header[1]), int(header[2])
    lines, _ = count_lines(as_bytes(text), start)
    if lines != points + faces:
        promised = f"promises {points} points and {faces} faces"
        raise BadFormat(path, f"{promised}, but has {lines} lines for them: copy it again.")
    try:
        places, start = read_columns(text, start, (0, 1, 2), points)
        corners = _corners(text, start, faces)
    except ValueError as error:
        raise BadFormat(path, "a line holds fewer numbers than it should: it is damaged, export it again.") from error
    return polygon_scan(path, places, corners, len(raw.data))


def _corners(text: bytearray, start: int, faces: int) -> NDArray[np.int32]:
    """Corners of the faces, MARK after each; ValueError where a line does not hold what it says."""
    if keep_counted(as_bytes(text), start, faces) != faces:
        raise ValueError
    corners = parse_indexes(text, start, len(text))
    marks_behind(corners)
    return corners
