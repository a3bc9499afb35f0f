"""Point lists as text: .xyz, .xyzn, .xyzrgb, .pts."""

from __future__ import annotations

import re
from pathlib import Path

from gemax_cli.errors import BadFormat
from gemax_cli.scans.assemble import cloud_scan
from gemax_cli.scans.model import Scan
from gemax_cli.scans.raw_file import RawFile
from gemax_cli.scans.text_numbers import first_columns, has_decimal_commas, without_mark

_COMMENT = re.compile(rb"(?:#|//)[^\r\n]*")
_SEPARATORS = bytes.maketrans(b",;\t", b"   ")
_NUMBER_FIRST = re.compile(rb"[-+.]?\d|[-+]?(?:nan|inf)", re.IGNORECASE)
_MOST_TITLES = 3


def read_point_text(raw: RawFile) -> Scan:
    """Read lines of x, y, z and whatever else (normals, colours), separated by whitespace, commas or semicolons.

    Decimal commas are understood where whitespace or semicolons separate the numbers.

    Comments after # or //, up to three lines of titles, and a number of points of its own line before the rest (.pts)
    are understood. Points that are NaN or infinite are left out, and the scan's warnings say so.

    Raises:
        BadFormat: a line does not begin with three numbers, or there are less lines than the file says.
        EmptyScan: it holds no point, or all points are the same.
    """
    path, text = raw.path, _COMMENT.sub(b"", without_mark(raw.data))
    text = _with_points(text).translate(_SEPARATORS)
    lines = [line for raw in text.splitlines() if (line := raw.strip())]
    titles = next((number for number, line in enumerate(lines) if _NUMBER_FIRST.match(line)), len(lines))
    if titles > _MOST_TITLES:
        raise BadFormat(path, "begins with text, not with points: is it a list of points?")
    lines = lines[titles:]
    if lines and len(lines[0].split()) == 1:
        lines = _counted(path, lines)
    try:
        points = first_columns(lines, 3)
    except ValueError as error:
        what = "a line does not begin with three numbers: it is damaged or no list of points."
        raise BadFormat(path, what) from error
    return cloud_scan(path, points)


def _with_points(text: bytes) -> bytes:
    """The text with decimal points, where the first of its lines with a comma has decimal commas: 1,23;4,56;7,89."""
    first = next((line for line in text.splitlines() if b"," in line), b"")
    return text.replace(b",", b".") if has_decimal_commas(first) else text


def _counted(path: Path, lines: list[bytes]) -> list[bytes]:
    """The lines after one that says how many they are."""
    if not lines[0].isdigit() or len(lines) != int(lines[0][:12]) + 1:
        promised = lines[0][:12].decode("latin-1")
        raise BadFormat(path, f"says that {promised} points follow, but {len(lines) - 1} do: it is incomplete.")
    return lines[1:]
