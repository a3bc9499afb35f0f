"""Lists of sources on standard input: UTF-8 or marked UTF-16, names separated by line ends or NUL."""

from __future__ import annotations

import codecs
import os
import re
from pathlib import Path

from gemax_cli.errors import SettingsError

# the marks of UTF-32 begin with those of UTF-16, so they come first
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_MARK = "\ufeff"
_LINE_END = re.compile("\r*\n")
_WIDE_LINE_END = re.compile(
    "[\r\n]\0|\0[\r\n]+(?=.)", re.DOTALL
)  # no line ends beside NUL in a list that NUL separates


def read_source_list(data: bytes) -> list[Path]:
    """Return the paths of a list: UTF-8 with or without byte order mark, separated by LF, CRLF or NUL.

    UTF-16 is decoded where it has its mark. Empty lines are skipped. Whitespace about a name belongs to it only where
    there is such a file.

    Raises:
        SettingsError: it is UTF-16 without a mark (its halves of characters would be taken for names, "/" among them),
            or damaged.
    """
    text = _decoded(data)
    if "\0" in text:
        names = text.split("\0")
        if _is_wide(text, [name for name in names if name.strip()]):
            raise SettingsError(
                "the list on standard input looks like UTF-16 without a byte order mark: write it as UTF-8, "
                "in PowerShell with: Out-File -Encoding utf8."
            )
    else:
        names = _LINE_END.split(text)
    return [_path(name) for raw in names if (name := raw.lstrip(_MARK).strip("\r\n")).strip()]


def _decoded(data: bytes) -> str:
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            try:
                return data.decode(encoding)
            except UnicodeDecodeError as error:
                raise SettingsError(
                    f"the list on standard input is no {encoding.upper()} ({error.reason}): write it as UTF-8."
                ) from error
    return os.fsdecode(data)


def _is_wide(text: str, names: list[str]) -> bool:
    """Whether a list with NUL in it is UTF-16: most of its names are single characters, or line ends lie beside NUL."""
    single = sum(len(name.lstrip(_MARK).strip()) == 1 for name in names)
    return 2 * single >= max(1, len(names)) or bool(_WIDE_LINE_END.search(text))


def _path(name: str) -> Path:
    """The path of a name as it stands in the list, or without whitespace about it where there is no such file."""
    bare = name.strip()
    return Path(name if name != bare and os.path.lexists(name) else bare)
