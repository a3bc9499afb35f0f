"""OFF meshes as text (Geomview's object file format)."""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

from gemax_cli.errors import BadFormat
from gemax_cli.scans.assemble import polygon_scan
from gemax_cli.scans.model import Scan
from gemax_cli.scans.polygons import MARK
from gemax_cli.scans.raw_file import RawFile
from gemax_cli.scans.text_numbers import first_columns, without_mark

_COMMENT = re.compile(rb"#[^\r\n]*")
_HEADER = re.compile(rb"\s*(?:ST)?C?N?OFF\b\s*([0-9]{1,12})\s+([0-9]{1,12})(?:[ \t]+[0-9]+)?[ \t]*(?:[\r\n]|\Z)")


def read_off(raw: RawFile) -> Scan:
    """Read an OFF as text, one point or face a line; normals and colours behind the coordinates are skipped.

    Polygons are triangulated as fans. A file without faces gives bare points.

    Raises:
        BadFormat: it is no OFF as text, damaged or cut off, or a face names a point that there is not.
        EmptyScan: it holds no point, or all points are the same.
    """
    path, text = raw.path, _COMMENT.sub(b"", without_mark(raw.data))
    header = _HEADER.match(text)
    if header is None:
        raise BadFormat(path, "does not begin with OFF and its counts, as text: export it again, or as PLY.")
    lines = [line for line in text[header.end() :].splitlines() if line.strip()]
    points, faces = int(header[1]), int(header[2])
    if len(lines) != points + faces:
        promised = f"promises {points} points and {faces} faces"
        raise BadFormat(path, f"{promised}, but has {len(lines)} lines for them: copy it again.")
    try:
        return polygon_scan(path, first_columns(lines[:points], 3), _corners(lines[points : points + faces]))
    except (ValueError, OverflowError) as error:
        raise BadFormat(path, "a line holds fewer numbers than it should: it is damaged, export it again.") from error


def _corners(lines: list[bytes]) -> NDArray[np.int64]:
    """Corners of the faces, MARK after each."""
    corners: list[int] = []
    for line in lines:
        count, *numbers = line.split()
        if len(numbers) < int(count) or int(count) < 0:
            raise ValueError
        corners += [int(number) for number in numbers[: int(count)]]
        corners.append(MARK)
    return np.array(corners, np.int64)
