"""Lists of numbers in the bytes of a text file."""

from __future__ import annotations

import re
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from gemax_cli.scans.number_kernels import as_text, read_indexes, read_reals

_WORD = re.compile(rb"[^ \t\r\n,\]]+")


class MalformedNumber(ValueError):
    """A word is no number; ``word`` is it, ``at`` its first byte."""

    def __init__(self, text: bytes, at: int) -> None:
        match = _WORD.match(text, at)
        self.word, self.at = match[0] if match else b"", at
        super().__init__(shown(self.word))


def parse_reals(text: bytes, start: int, stop: int) -> NDArray[np.float64]:
    """The decimal numbers of ``text[start:stop]``, separated by whitespace or commas, correctly rounded.

    Raises:
        MalformedNumber: at the first word that is no decimal number; NaN and infinity are none.
    """
    numbers, bad = read_reals(as_text(text), start, stop)
    if bad >= 0:
        raise MalformedNumber(text, int(bad))
    left = np.isnan(numbers)
    if left.any():
        for slot, word in enumerate(_WORD.finditer(text, start, stop)):
            if left[slot]:
                numbers[slot] = float(word[0])
    return numbers


def parse_any_reals(text: bytes, start: int) -> NDArray[np.float64]:
    """The numbers of ``text`` from byte ``start`` on; NaN and infinity are numbers here.

    Raises:
        ValueError: a word is no number.
    """
    try:
        return parse_reals(text, start, len(text))
    except MalformedNumber:
        return np.array([real(word) for word in text[start:].split()])


def parse_indexes(text: bytes, start: int, stop: int) -> NDArray[np.int32]:
    """The integers of ``text[start:stop]``, decimal or hexadecimal, separated by whitespace or commas.

    Raises:
        MalformedNumber: at the first word that is no integer, or one beyond 2^31 - 1.
    """
    numbers, bad = read_indexes(as_text(text), start, stop)
    if bad >= 0:
        raise MalformedNumber(text, int(bad))
    return numbers


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
