"""Point lists as text: .xyz, .xyzn, .xyzrgb, .pts."""

from __future__ import annotations

import re
from pathlib import Path

from gemax_cli.errors import BadFormat
from gemax_cli.scans.assemble import cloud_scan
from gemax_cli.scans.model import Scan
from gemax_cli.scans.raw_file import RawFile
from gemax_cli.scans.text_lines import as_bytes, blank_comments, count_lines, next_ink, read_columns
from gemax_cli.scans.text_numbers import LONGEST_LINE, has_decimal_commas, without_mark

_SEPARATORS = bytes.maketrans(b",;\t", b"   ")
_NUMBER_FIRST = re.compile(rb"[-+.]?\d|[-+]?(?:nan|inf)", re.IGNORECASE)
_LINE_END = re.compile(rb"[\r\n]|\Z")
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
    path, text = raw.path, bytearray(without_mark(raw.data))
    for mark, length in ((b"#", 1), (b"/", 2)):
        blank_comments(as_bytes(text), mark[0], length)
    text = _with_points(text).translate(_SEPARATORS)
    start = _after_titles(path, text)
    lines, words = count_lines(as_bytes(text), start)
    if words == 1:
        start, lines = _after_count(path, text, start, lines)
    try:
        points, _ = read_columns(text, start, (0, 1, 2), lines)
    except ValueError as error:
        what = "a line does not begin with three numbers: it is damaged or no list of points."
        raise BadFormat(path, what) from error
    return cloud_scan(path, points)


def _with_points(text: bytearray) -> bytearray:
    """The text with decimal points, where the first of its lines with a comma has decimal commas: 1,23;4,56;7,89."""
    comma = text.find(b",")
    start = max(text.rfind(end, 0, max(comma, 0)) for end in (b"\n", b"\r")) + 1
    line = bytes(text[start : min(_line_end(text, max(comma, 0)), start + LONGEST_LINE + 1)])
    return text.replace(b",", b".") if has_decimal_commas(line) else text


def _after_titles(path: Path, text: bytearray) -> int:
    """Where the first line of numbers begins; the end of the text where there is none."""
    at = next_ink(text, 0)
    for _ in range(_MOST_TITLES):
        if at < len(text) and not _NUMBER_FIRST.match(text, at):
            at = next_ink(text, _line_end(text, at))
    if at < len(text) and not _NUMBER_FIRST.match(text, at):
        raise BadFormat(path, "begins with text, not with points: is it a list of points?")
    return at


def _after_count(path: Path, text: bytearray, start: int, lines: int) -> tuple[int, int]:
    """Where the points begin after a line that says how many they are, and their number."""
    end = _line_end(text, start)
    word = bytes(text[start : min(end, start + 1000)]).strip()
    if not word.isdigit() or lines != int(word[:12]) + 1:
        promised = word[:12].decode("latin-1")
        raise BadFormat(path, f"says that {promised} points follow, but {lines - 1} do: it is incomplete.")
    return end, lines - 1


def _line_end(text: bytearray, at: int) -> int:
    match = _LINE_END.search(text, at)
    return match.start() if match else len(text)
