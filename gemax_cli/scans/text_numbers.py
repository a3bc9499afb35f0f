"""Lists of numbers in the bytes of a text file.

Kernels see bytes, never Python strings: a list of 100,000 numbers costs one call.
"""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

from gemax_cli.jit import kernel

_WORD = re.compile(rb"[^ \t\r\n,\]]+")
_LONGEST_WORD = 1000  # of a malformed number, for a message

Bytes = NDArray[np.uint8]
Text = tuple[Bytes, NDArray[np.void]]
"""A text as kernels read it, see ``as_text``: its bytes, and the eight bytes that begin at each of them."""

# 10^k is exact in a double up to k = 22, and so is every integer up to 2^53. One multiplication or division of
# two exact doubles is correctly rounded (W. D. Clinger, "How to Read Floating Point Numbers Accurately", PLDI 1990).
_POWERS = np.array([float(f"1e{power}") for power in range(23)])
_LARGEST_POWER = 22
_LARGEST_EXACT = 2**53
_LARGEST_INDEX = 2**31 - 1
_HARD = 0x7FF8000000000001  # the bits of a NaN that stands for a number that is read another way
_CAP = 10**17  # one more digit fits int64 still; what is larger is read another way, or refused

_SEPARATOR = np.zeros(256, dtype=np.bool_)
_SEPARATOR[list(b" \t\r\n,")] = True
_DIGIT = np.full(256, 99, dtype=np.int64)  # value of a digit, decimal or hexadecimal
_DIGIT[list(b"0123456789")] = range(10)
_DIGIT[list(b"abcdef")] = _DIGIT[list(b"ABCDEF")] = range(10, 16)


# Places in a text are unsigned: signed ones could count from the end, and looking whether they do takes half the time.
_ONE, _EIGHT = np.uint64(1), np.uint64(8)
_EIGHT_BYTES = np.dtype([("word", "<u8")])  # a record, because a bare number may not begin at an odd address
_EIGHT_BLANKS = np.uint64(0x2020202020202020)


_MARK = b"\xef\xbb\xbf"


def without_mark(data: bytes) -> bytes:
    """The bytes of a text file without the byte order mark that some editors put before UTF-8."""
    return data[len(_MARK) :] if data.startswith(_MARK) else data


def as_text(data: bytes | bytearray) -> Text:
    """The bytes of a file for the kernels; nothing is copied."""
    return np.frombuffer(data, np.uint8), np.ndarray(max(0, len(data) - 7), _EIGHT_BYTES, data, strides=(1,))


@kernel
def _skip_separators(text: Text, at: np.uint64, stop: np.uint64) -> np.uint64:
    one, eight = text
    while at < stop and _SEPARATOR[one[at]]:
        at += _ONE
        while at + _EIGHT <= stop and eight[at]["word"] == _EIGHT_BLANKS:  # most of a text is indentation
            at += _EIGHT
    return at


@kernel
def _skip_sign(text: Text, at: np.uint64, stop: np.uint64) -> tuple[bool, np.uint64]:
    """Whether a minus is at ``at``, and the byte after the sign, if any."""
    if at < stop and (text[0][at] == 43 or text[0][at] == 45):
        return text[0][at] == 45, at + _ONE
    return False, at


@kernel
def _read_digits(text: Text, at: np.uint64, stop: np.uint64, base: int, value: int) -> tuple[int, np.uint64]:
    """``value`` with the digits from ``at`` on behind it, about _CAP at most, and the byte after them."""
    while at < stop and _DIGIT[text[0][at]] < base:
        value = min(value, _CAP) * base + _DIGIT[text[0][at]]
        at += _ONE
    return value, at


@kernel
def _read_name(text: Text, at: np.uint64, stop: np.uint64) -> tuple[float, np.uint64]:
    """The number that "nan", "inf" or "infinity" names, in any case, and the byte after it; 0 where there is none."""
    negative, begin = _skip_sign(text, at, stop)
    for name, value in ((b"nan", np.nan), (b"infinity", np.inf), (b"inf", np.inf)):
        end = begin + np.uint64(len(name))
        if end <= stop and (end == stop or _SEPARATOR[text[0][end]]):
            same = True
            for k in range(len(name)):
                same = same and text[0][begin + np.uint64(k)] | 32 == name[k]
            if same:
                return -value if negative else value, end
    return 0.0, at


@kernel
def read_reals(text: Text, start: int, stop: int, named: bool) -> tuple[NDArray[np.float64], int]:
    """Read the decimal numbers of ``text[start:stop]``, separated by whitespace or commas.

    Returns:
        The numbers, with the bits of _HARD for those of too many digits or too large an exponent for exact arithmetic,
        and where the first malformed number begins, or -1. NaN and infinity are malformed unless ``named``.
    """
    one, end = text[0], np.uint64(stop)
    out, count = np.empty((stop - start + 1) // 2), 0  # enough for any text; what is not touched costs nothing
    bits = out.view(np.int64)
    at = _skip_separators(text, np.uint64(start), end)
    while at < end:
        first = at
        negative, begin = _skip_sign(text, at, end)
        mantissa, at = _read_digits(text, begin, end, 10, 0)
        digits, scale = np.int64(at - begin), 0
        if at < end and one[at] == 46:
            begin = at + _ONE
            mantissa, at = _read_digits(text, begin, end, 10, mantissa)
            digits, scale = digits + np.int64(at - begin), -np.int64(at - begin)
        malformed = digits == 0
        if at < end and (one[at] == 101 or one[at] == 69):
            minus, begin = _skip_sign(text, at + _ONE, end)
            exponent, at = _read_digits(text, begin, end, 10, 0)
            malformed = malformed or at == begin
            scale += -exponent if minus else exponent
        if malformed or (at < end and not _SEPARATOR[one[at]]):
            out[count], at = _read_name(text, first, end)
            if not named or at == first:
                return out[:count], np.int64(first)
            count += 1
            at = _skip_separators(text, at, end)
            continue
        if mantissa == 0:
            scale = 0
        if mantissa <= _LARGEST_EXACT and -_LARGEST_POWER <= scale <= _LARGEST_POWER:
            value = mantissa / _POWERS[-scale] if scale < 0 else mantissa * _POWERS[scale]
            out[count] = -value if negative else value
        else:
            bits[count] = _HARD
        count += 1
        at = _skip_separators(text, at, end)
    return out[:count], -1


@kernel
def find_words(text: Text, start: int, stop: int, wanted: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Where those words of ``text[start:stop]`` begin that are wanted, in order."""
    one, end = text[0], np.uint64(stop)
    places, count = np.empty(wanted.sum(), np.int64), 0
    at = _skip_separators(text, np.uint64(start), end)
    for is_wanted in wanted:
        if is_wanted:
            places[count] = np.int64(at)
            count += 1
        while at < end and not _SEPARATOR[one[at]]:
            at += _ONE
        at = _skip_separators(text, at, end)
    return places


@kernel
def read_indexes(text: Text, start: int, stop: int) -> tuple[NDArray[np.int32], int]:
    """Read the integers of ``text[start:stop]``, decimal or hexadecimal, separated by whitespace or commas.

    Returns:
        The numbers, and where the first one begins that is malformed or beyond 2^31 - 1, or -1.
    """
    one, end = text[0], np.uint64(stop)
    out, count = np.empty((stop - start + 1) // 2, np.int32), 0
    at = _skip_separators(text, np.uint64(start), end)
    while at < end:
        first = at
        negative, begin = _skip_sign(text, at, end)
        value, at = _read_digits(text, begin, end, 10, 0)
        if at < end and at == begin + _ONE and value == 0 and one[at] | 32 == 120:
            begin = at + _ONE
            value, at = _read_digits(text, begin, end, 16, 0)
        if at == begin or value > _LARGEST_INDEX or (at < end and not _SEPARATOR[one[at]]):
            return out[:count], np.int64(first)
        out[count] = -value if negative else value
        count += 1
        at = _skip_separators(text, at, end)
    return out[:count], -1


class MalformedNumber(ValueError):
    """A word is no number; ``word`` is it, ``at`` its first byte."""

    def __init__(self, text: bytes | bytearray, at: int) -> None:
        match = _WORD.match(text, at, at + _LONGEST_WORD)
        self.word, self.at = match[0] if match else b"", at
        super().__init__(shown(self.word))


def parse_reals(text: bytes | bytearray, start: int, stop: int, *, named: bool = False) -> NDArray[np.float64]:
    """The decimal numbers of ``text[start:stop]``, separated by whitespace or commas, correctly rounded.

    Raises:
        MalformedNumber: at the first word that is no decimal number; NaN and infinity are numbers only if ``named``.
    """
    view = as_text(text)
    numbers, bad = read_reals(view, start, stop, named)
    if bad >= 0:
        raise MalformedNumber(text, int(bad))
    hard = numbers.view(np.int64) == _HARD
    if hard.any():
        words = (_WORD.match(text, place, stop) for place in find_words(view, start, stop, hard))
        numbers[hard] = np.fromiter((float(word[0]) for word in words if word), np.float64)
    return numbers


def parse_indexes(text: bytes | bytearray, start: int, stop: int) -> NDArray[np.int32]:
    """The integers of ``text[start:stop]``, decimal or hexadecimal, separated by whitespace or commas.

    Raises:
        MalformedNumber: at the first word that is no integer, or one beyond 2^31 - 1.
    """
    numbers, bad = read_indexes(as_text(text), start, stop)
    if bad >= 0:
        raise MalformedNumber(text, int(bad))
    return numbers


_NUMBER = rb"[-+]?\d+(?:,\d+(?:e[-+]?\d+)?)?"
LONGEST_LINE = 4096  # bytes that are looked at for decimal commas: the pattern keeps state for every number
_DECIMAL_COMMAS = re.compile(rb"\s*%b(?:(?:[ \t]+|[ \t]*;[ \t]*)%b)+;?\s*" % (_NUMBER, _NUMBER), re.IGNORECASE)


def has_decimal_commas(line: bytes) -> bool:
    """Whether a line holds numbers such as 1,23 in place of 1.23, separated by whitespace or semicolons."""
    return len(line) <= LONGEST_LINE and b"," in line and _DECIMAL_COMMAS.fullmatch(line) is not None


def shown(word: bytes | bytearray) -> str:
    """A word for a message: short, printable, without whitespace around it."""
    text = word[:1000].strip(b" \t\r\n,").decode("utf-8", "replace")
    return repr(text if len(text) <= 40 else text[:37] + "...")
