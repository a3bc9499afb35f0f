"""Lists of numbers in the bytes of a text file."""

from __future__ import annotations

import re
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from gemax_cli.scans.number_kernels import NO_ROOM, as_text, read_indexes, read_reals

_WORD = re.compile(rb"[^ \t\r\n,\]]*")
_USUAL_BYTES = 6  # of a number with the blank behind it; tighter lists are read twice
_FEW_SLOW = 64


class MalformedNumber(ValueError):
    """A word is no number; ``word`` is it, ``at`` its first byte."""

    def __init__(self, text: bytes, at: int) -> None:
        match = _WORD.match(text, at)
        self.word, self.at = match[0] if match else b"", at
        super().__init__(shown(self.word))


def _likely_room(size: int) -> int:
    """Numbers that a text of ``size`` bytes most likely has room for: what is not touched need not be mapped."""
    return size // _USUAL_BYTES + 1


def _enough_room(size: int) -> int:
    return (size + 1) // 2


def parse_reals(text: bytes, start: int, stop: int) -> NDArray[np.float64]:
    """The decimal numbers of ``text[start:stop]``, separated by whitespace or commas, correctly rounded.

    Raises:
        MalformedNumber: at the first word that is no decimal number; NaN and infinity are none.
    """
    view = as_text(text)
    for room, slow_room in ((_likely_room(stop - start), _FEW_SLOW), (_enough_room(stop - start),) * 2):
        out, slow = np.empty(room), np.empty((slow_room, 2), np.int64)
        count, slow_count, bad = read_reals(view, start, stop, out, slow)
        if bad != NO_ROOM:
            break
    if bad >= 0:
        raise MalformedNumber(text, int(bad))
    for slot, first in slow[:slow_count].tolist():
        match = _WORD.match(text, first, stop)
        out[slot] = float(match[0]) if match else np.nan
    return out[:count]


def parse_indexes(text: bytes, start: int, stop: int) -> NDArray[np.int32]:
    """The integers of ``text[start:stop]``, decimal or hexadecimal, separated by whitespace or commas.

    Raises:
        MalformedNumber: at the first word that is no integer, or one beyond 2^31 - 1.
    """
    view = as_text(text)
    for room in (_likely_room(stop - start), _enough_room(stop - start)):
        out = np.empty(room, np.int32)
        count, bad = read_indexes(view, start, stop, out)
        if bad != NO_ROOM:
            break
    if bad >= 0:
        raise MalformedNumber(text, int(bad))
    return out[:count]


def first_columns(lines: Iterable[bytes], width: int) -> NDArray[np.float64]:
    """The first ``width`` numbers of every line, (n, width); NaN and infinity are numbers here.

    Raises:
        ValueError: a line begins with fewer numbers.
    """
    rows = [[real(word) for word in line.split(None, width)[:width]] for line in lines]
    if any(len(row) != width for row in rows):
        raise ValueError
    return np.array(rows, np.float64).reshape(-1, width)


def real(word: bytes) -> float:
    """One number, NaN and infinity among them; ValueError if it is none."""
    if b"_" in word:  # a number to Python alone
        raise ValueError
    return float(word)


def shown(word: bytes) -> str:
    """A word for a message: short, printable, without blanks around it."""
    text = word.strip(b" \t\r\n,").decode("utf-8", "replace")
    return repr(text if len(text) <= 40 else text[:37] + "...")
