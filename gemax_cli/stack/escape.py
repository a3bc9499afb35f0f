"""Text in the cells of CSV files, percent-escaped where a table, a terminal or a spreadsheet would not keep it."""

from __future__ import annotations

import re
from urllib.parse import quote, unquote

_ESCAPED = re.compile(
    "[\0-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]"  # control, not UTF-8
    "|%(?=[0-9A-Fa-f]{2})"  # what would read as an escape
    r"|^[=+@-](?=.)(?![0-9.]+(?:[eE][+-]?[0-9]+)?$)"  # what a spreadsheet takes for a formula; numbers are none
)


def escaped(text: str) -> str:
    """Text for a cell: some characters as %XX per byte of UTF-8, so that ``unescaped`` gives the text back.

    Escaped are control characters and line ends, marks of writing direction, bytes that are not UTF-8, "%" before two
    hexadecimal digits, and =, +, - and @ at the beginning of a text that is no number.
    """
    return _ESCAPED.sub(lambda match: _percent(match[0]), text)


def _percent(character: str) -> str:
    if character.isascii():
        return f"%{ord(character):02X}"
    return quote(character, errors="surrogateescape" if "\udc80" <= character <= "\udcff" else "surrogatepass")


def unescaped(text: str) -> str:
    """The text that was ``escaped``; bytes that are not UTF-8 as Python has them in names of files."""
    return unquote(text, errors="surrogateescape")
