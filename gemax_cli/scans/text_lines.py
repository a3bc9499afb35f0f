"""Lists of numbers in lines of text. What is no number is overwritten by blanks, in place, and the rest is parsed.

No list of lines or words is made: a text takes no more memory than its numbers, whatever it holds.
"""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

from gemax_cli.jit import kernel
from gemax_cli.scans.text_numbers import parse_reals

Bytes = NDArray[np.uint8]
_INK = re.compile(rb"\S")
_SPACE, _LINE_FEED, _RETURN, _COMMA, _SLASH, _FIRST_BLANK, _ZERO = 32, 10, 13, 44, 47, 9, 48
_LARGEST_COUNT = 2**31


def as_bytes(text: bytearray) -> Bytes:
    """The bytes of a text for the kernels, which write to them."""
    return np.frombuffer(text, np.uint8)


def next_ink(text: bytes | bytearray, at: int) -> int:
    """Where the next byte is that is no whitespace; the end of the text if there is none."""
    match = _INK.search(text, at)
    return match.start() if match else len(text)


def read_columns(
    text: bytearray, start: int, columns: tuple[int, ...], most: int, width: int = 0
) -> tuple[NDArray[np.float64], int]:
    """Read numbers of the next lines of a text that hold anything; the text is used up.

    Args:
        text: lines, words separated by whitespace.
        start: byte to begin at.
        columns: numbers of the words wanted of every line, ascending from 0.
        most: lines to read.
        width: words that every line must have; 0 for as many as the last column needs, or more.

    Returns:
        The numbers (n, columns), NaN and infinity among them, and the byte after the last line read.

    Raises:
        ValueError: a line has too few or too many words, or one is no number.
    """
    wanted = np.zeros(width or columns[-1] + 1, np.bool_)
    wanted[list(columns)] = True
    lines, stop = keep_columns(as_bytes(text), start, wanted, most, width > 0)
    if lines < 0:
        raise ValueError("a line has too few or too many words, or one holds a comma")
    return parse_reals(text, start, stop, named=True).reshape(lines, len(columns)), stop


@kernel
def blank_comments(text: Bytes, mark: int, length: int) -> None:
    """Overwrite by blanks, up to the ends of lines, whatever follows ``length`` bytes ``mark``."""
    run, inside = 0, False
    for at in range(text.size):
        byte = text[at]
        if byte in (_LINE_FEED, _RETURN):
            run, inside = 0, False
        elif inside:
            text[at] = _SPACE
        else:
            run = run + 1 if byte == mark else 0
            if run == length:
                text[at - length + 1 : at + 1] = _SPACE
                inside = True


@kernel
def _is_blank(byte: int) -> bool:
    """Whether Python's split() separates words at it."""
    return byte == _SPACE or _FIRST_BLANK <= byte <= _RETURN


@kernel
def count_lines(text: Bytes, start: int) -> tuple[int, int]:
    """Count the lines from ``start`` on that hold anything; and the words of the first of them."""
    lines, words, ink, in_word = 0, 0, False, False
    for at in range(start, text.size):
        byte = text[at]
        if byte in (_LINE_FEED, _RETURN):
            ink = False
        elif not _is_blank(byte):
            if not ink:
                lines, ink, in_word = lines + 1, True, False
            if lines == 1 and not in_word:
                words += 1
        in_word = not _is_blank(byte)
    return lines, words


@kernel
def keep_columns(text: Bytes, start: int, wanted: NDArray[np.bool_], most: int, exact: bool) -> tuple[int, int]:
    """Overwrite by blanks, in ``most`` lines that hold anything, all words but those wanted.

    Returns:
        The number of these lines, -1 where one has fewer words than ``wanted``, more if it must be ``exact``, or a
        comma in one of them; and the byte after the last.
    """
    lines, words, in_word, at = 0, 0, False, start
    while at < text.size and (lines < most or words > 0):
        byte = text[at]
        if _is_blank(byte):
            in_word = False
            if byte in (_LINE_FEED, _RETURN):
                if 0 < words < wanted.size:
                    return -1, at
                words = 0
                if lines == most:
                    return lines, at
            else:
                text[at] = _SPACE
        else:
            if not in_word:
                lines, words, in_word = lines + (words == 0), words + 1, True
            if exact and words > wanted.size:
                return -1, at
            if words > wanted.size or not wanted[words - 1]:
                text[at] = _SPACE
            elif byte == _COMMA:
                return -1, at
        at += 1
    return (-1 if 0 < words < wanted.size else lines), at


@kernel
def keep_lines(text: Bytes, first: int, second: int) -> int:
    """Overwrite by blanks all lines but those of one key, the key itself, and comments behind #; returns their number.

    Args:
        text: lines that end in line feeds.
        first: first byte of the key.
        second: its second byte, 0 for a key of one byte.
    """
    size, lines, at = 1 + (second > 0), 0, 0
    while at < text.size:
        while at < text.size and (text[at] == _SPACE or text[at] == _FIRST_BLANK):
            at += 1
        same = at + size <= text.size and text[at] == first and (second == 0 or text[at + 1] == second)
        same = same and (at + size == text.size or _is_blank(text[at + size]))
        lines += same
        if same:
            text[at : at + size] = _SPACE
        while at < text.size and text[at] != _LINE_FEED:
            same = same and text[at] != 35
            if not same:
                text[at] = _SPACE
            at += 1
        at += 1
    return lines


@kernel
def count_lines_before(text: Bytes, first: int, second: int, counting: int) -> NDArray[np.int32]:
    """For every line that begins with ``counting``, how many lines of a key lie before it.

    Args:
        text: as in ``keep_lines``, and the key, too.
        first: as in ``keep_lines``.
        second: likewise.
        counting: a key of one byte.
    """
    size, found, lines, key, at = 1 + (second > 0), 0, 0, 0, 0
    out = np.empty(text.size // 2 + 1, np.int32)
    while at < text.size:
        while at < text.size and (text[at] == _SPACE or text[at] == _FIRST_BLANK):
            at += 1
        key = at
        while at < text.size and not _is_blank(text[at]):
            at += 1
        if at - key == size and text[key] == first and (second == 0 or text[key + 1] == second):
            found += 1
        elif at - key == 1 and text[key] == counting:
            out[lines] = found
            lines += 1
        while at < text.size and text[at] != _LINE_FEED:
            at += 1
        at += 1
    return out[:lines]


@kernel
def keep_part(text: Bytes, part: int) -> None:
    """Of words such as 3/7/1, keep the part before the first slash (0) or behind it (1); the rest becomes blanks."""
    now = 0
    for at in range(text.size):
        if _is_blank(text[at]):
            now = 0
        elif text[at] == _SLASH:
            now += 1
            text[at] = _SPACE
        elif now != part:
            text[at] = _SPACE


@kernel
def keep_counted(text: Bytes, start: int, most: int) -> int:
    """Overwrite by blanks, in ``most`` lines that hold anything, all words behind as many as the first one says.

    Returns:
        The number of these lines, -1 where one has fewer words than it says, or does not begin with a count.
    """
    lines, words, count, in_word = 0, 0, 0, False
    for at in range(start, text.size):
        byte = text[at]
        if byte in (_LINE_FEED, _RETURN):
            if 0 < words <= count:
                return -1
            words, count, in_word = 0, 0, False
        elif _is_blank(byte):
            in_word = False
            text[at] = _SPACE
        else:
            if not in_word:
                lines, words, in_word = lines + (words == 0), words + 1, True
            if lines > most:
                return -1
            if words == 1:
                digit = np.int64(byte) - _ZERO
                if not 0 <= digit <= 9 or count > _LARGEST_COUNT:
                    return -1
                count = 10 * count + digit
            elif words > count + 1:
                text[at] = _SPACE
            elif not (_ZERO <= byte <= _ZERO + 9 or byte == 43 or byte == 45):  # digits and signs
                return -1
    return -1 if 0 < words <= count else lines


@kernel
def mark_lines(text: Bytes, numbers: NDArray[np.int32], mark: int) -> NDArray[np.int32]:
    """The numbers that a text holds, and a mark after those of every line that holds any."""
    out, count, words, in_word = np.empty(2 * numbers.size, np.int32), 0, 0, False
    taken = 0
    for at in range(text.size + 1):
        if at == text.size or text[at] == _LINE_FEED:
            if words:
                out[count] = mark
                count += 1
            words, in_word = 0, False
        elif _is_blank(text[at]):
            in_word = False
        elif not in_word:
            in_word, words = True, words + 1
            out[count] = numbers[taken]
            count, taken = count + 1, taken + 1
    return out[:count]
