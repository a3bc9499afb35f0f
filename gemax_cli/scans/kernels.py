"""Kernels that turn the bytes of a file into numbers, and polygons into triangles.

Kernels see bytes, never Python strings: a list of 100,000 numbers costs one call.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gemax_cli.jit import kernel

Bytes = NDArray[np.uint8]
Text = tuple[Bytes, NDArray[np.void]]
"""A text as kernels read it, see ``as_text``: its bytes, and the eight bytes that begin at each of them."""

# 10^k is exact in a double up to k = 22, and so is every integer up to 2^53. One multiplication or division of
# two exact doubles is correctly rounded (W. D. Clinger, "How to Read Floating Point Numbers Accurately", PLDI 1990).
_POWERS = np.array([float(f"1e{power}") for power in range(23)])
_LARGEST_POWER = 22
_LARGEST_EXACT = 2**53
_MOST_DIGITS = np.uint64(18)  # that fit int64, whatever they are; of more, the number overflows and is not used
_LARGEST_INDEX = 2**31 - 1
NO_ROOM = -2
_EXPONENT_CAP = 9999
_MOST_CORNERS = 64  # of a polygon that is cut ear by ear, which takes the cube of their number at worst

_SEPARATOR = np.zeros(256, dtype=np.bool_)
_SEPARATOR[list(b" \t\r\n,")] = True

# Places in a text are unsigned: signed ones could count from the end, and looking whether they do takes half the time.
_ONE, _EIGHT = np.uint64(1), np.uint64(8)
_EIGHT_BYTES = np.dtype([("word", "<u8")])  # a record, because a bare number may not begin at an odd address
_EIGHT_BLANKS = np.uint64(0x2020202020202020)


def as_text(data: bytes) -> Text:
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
def read_reals(
    text: Text, start: int, stop: int, out: NDArray[np.float64], slow: NDArray[np.int64]
) -> tuple[int, int, int]:
    """Read the decimal numbers of ``text[start:stop]``, parted by blanks, line ends or commas.

    Args:
        text: the file.
        start: first byte.
        stop: the byte after the last.
        out: room for float64; (stop - start + 1) // 2 are enough for any text.
        slow: room for rows (slot of ``out``, first byte) of the numbers of too many digits or too large an
            exponent for exact arithmetic; their slots are left for the caller to fill.

    Returns:
        Numbers read, rows of ``slow`` written, and where the first malformed number begins, or -1, or NO_ROOM where
        ``out`` or ``slow`` are full and there is more to read.
    """
    one, _ = text
    count, slow_count = 0, 0
    end = np.uint64(stop)
    at = _skip_separators(text, np.uint64(start), end)
    while at < end:
        if count == len(out) or slow_count == len(slow):
            return count, slow_count, NO_ROOM
        first = at
        negative = one[at] == 45
        if negative or one[at] == 43:
            at += _ONE
        begin, mantissa = at, np.int64(0)
        while at < end:
            digit = one[at] ^ 48  # of any other byte it is above 9
            if digit > 9:
                break
            mantissa = mantissa * 10 + digit
            at += _ONE
        digits, scale = at - begin, np.int64(0)
        if at < end and one[at] == 46:
            at += _ONE
            begin = at
            while at < end:
                digit = one[at] ^ 48
                if digit > 9:
                    break
                mantissa = mantissa * 10 + digit
                at += _ONE
            scale = -np.int64(at - begin)
            digits += at - begin
        if digits == 0:
            return count, slow_count, np.int64(first)
        if at < end and (one[at] == 101 or one[at] == 69):
            at += _ONE
            minus = at < end and one[at] == 45
            if at < end and (minus or one[at] == 43):
                at += _ONE
            begin, exponent = at, np.int64(0)
            while at < end and one[at] >= 48 and one[at] <= 57:
                exponent = min(exponent * 10 + (np.int64(one[at]) - 48), _EXPONENT_CAP)
                at += _ONE
            if at == begin:
                return count, slow_count, np.int64(first)
            scale += -exponent if minus else exponent
        if at < end and not _SEPARATOR[one[at]]:
            return count, slow_count, np.int64(first)
        if mantissa == 0:
            scale = np.int64(0)
        if digits <= _MOST_DIGITS and mantissa <= _LARGEST_EXACT and -_LARGEST_POWER <= scale <= _LARGEST_POWER:
            value = mantissa / _POWERS[-scale] if scale < 0 else mantissa * _POWERS[scale]
            out[count] = -value if negative else value
        else:
            slow[slow_count, 0], slow[slow_count, 1] = count, first
            slow_count += 1
        count += 1
        at = _skip_separators(text, at, end)
    return count, slow_count, -1


@kernel
def _capped(one: Bytes, at: np.uint64, stop: np.uint64, base: int) -> tuple[int, np.uint64]:
    """The number that digits of base 10 or 16 spell from ``at`` on, at most 2^31, and the byte after them."""
    value = np.int64(0)
    while at < stop:
        digit = np.int64(one[at]) - 48
        if digit > 9:
            digit = (np.int64(one[at]) | 32) - 87  # "a" and "A" are 10
            if digit < 10:
                break
        if digit < 0 or digit >= base:
            break
        value = min(value * base + digit, _LARGEST_INDEX + 1)
        at += _ONE
    return value, at


@kernel
def read_indexes(text: Text, start: int, stop: int, out: NDArray[np.int32]) -> tuple[int, int]:
    """Read the integers of ``text[start:stop]``, decimal or hexadecimal, parted by blanks, line ends or commas.

    Args:
        text: the file.
        start: first byte.
        stop: the byte after the last.
        out: room for int32; (stop - start + 1) // 2 are enough for any text.

    Returns:
        Numbers read, and where the first one begins that is malformed or beyond 2^31 - 1, or -1, or NO_ROOM where
        ``out`` is full and there is more to read.
    """
    one, _ = text
    count = 0
    end = np.uint64(stop)
    at = _skip_separators(text, np.uint64(start), end)
    while at < end:
        if count == len(out):
            return count, NO_ROOM
        first = at
        negative = one[at] == 45
        if negative or one[at] == 43:
            at += _ONE
        begin, value = at, np.int64(0)
        while at < end:
            digit = one[at] ^ 48
            if digit > 9:
                break
            value = value * 10 + digit
            at += _ONE
        if at > begin + _MOST_DIGITS:
            value, at = _capped(one, begin, end, 10)
        elif at < end and one[at] | 32 == 120 and value == 0 and at == begin + _ONE:
            begin = at + _ONE
            value, at = _capped(one, begin, end, 16)
        if at == begin or value > _LARGEST_INDEX or (at < end and not _SEPARATOR[one[at]]):
            return count, np.int64(first)
        out[count] = -value if negative else value
        count += 1
        at = _skip_separators(text, at, end)
    return count, -1


@kernel
def fan_polygons(indexes: NDArray[np.int32] | NDArray[np.int64], mark: int, out: NDArray[np.int64]) -> int:
    """Fan polygons from their first corner.

    Args:
        indexes: (k,) points of the corners, and a mark after every polygon; the last may do without.
        mark: no point.
        out: (k, 3) room for the places in ``indexes`` of the triangles' corners.

    Returns:
        Triangles written: corners less two of every polygon that has so many.
    """
    count, first = 0, 0
    for place in range(indexes.size):
        if indexes[place] == mark:
            first = place + 1
        elif place - first >= 2:
            out[count, 0], out[count, 1], out[count, 2] = first, place - 1, place
            count += 1
    return count


@kernel
def _plane_axes(points: NDArray[np.float64], indexes: NDArray[np.int32], start: int, stop: int) -> tuple[int, int]:
    """The two axes, in turning order, of the coordinate plane that a polygon faces most (Newell's normal)."""
    normal = np.zeros(3)
    for corner in range(start, stop):
        here = points[indexes[corner]]
        there = points[indexes[corner + 1 if corner + 1 < stop else start]]
        for axis in range(3):
            a, b = (axis + 1) % 3, (axis + 2) % 3
            normal[axis] += (here[a] - there[a]) * (here[b] + there[b])
    best = 0
    for axis in range(1, 3):
        if abs(normal[axis]) > abs(normal[best]):
            best = axis
    a, b = (best + 1) % 3, (best + 2) % 3
    return (a, b) if normal[best] >= 0 else (b, a)


@kernel
def _turn(points: NDArray[np.float64], first: int, second: int, third: int, axes: tuple[int, int]) -> float:
    """Twice the signed area of a triangle, seen along the axis that ``axes`` leave out."""
    a, b = axes
    ahead = (points[second, a] - points[first, a]) * (points[third, b] - points[first, b])
    return float(ahead - (points[third, a] - points[first, a]) * (points[second, b] - points[first, b]))


@kernel
def _find_ear(points: NDArray[np.float64], ring: NDArray[np.int64], size: int, axes: tuple[int, int]) -> int:
    """Place in ``ring`` of a corner that can be cut off; 1 where the polygon crosses itself and has none."""
    for place in range(1, size + 1):
        before, here, after = ring[place - 1], ring[place % size], ring[(place + 1) % size]
        if _turn(points, before, here, after, axes) <= 0:
            continue
        free = True
        for other in range(size):
            point = ring[other]
            if point in (before, here, after):
                continue
            if (
                _turn(points, before, here, point, axes) >= 0
                and _turn(points, here, after, point, axes) >= 0
                and _turn(points, after, before, point, axes) >= 0
            ):
                free = False
                break
        if free:
            return place % size
    return 1


@kernel
def clip_ears(
    points: NDArray[np.float64],
    indexes: NDArray[np.int32],
    starts: NDArray[np.int64],
    stops: NDArray[np.int64],
    out: NDArray[np.int64],
) -> int:
    """Cut simple polygons, concave ones too, into triangles by clipping ears (G. H. Meisters, 1975).

    A polygon is looked at along the axis it faces most. Convex ones come out as a fan from their first corner, and so
    do those of more than 64 corners.

    Args:
        points: (n, 3).
        indexes: (k,) points of the corners, every one within range.
        starts: (p,) place in ``indexes`` of each polygon's first corner.
        stops: (p,) place after its last.
        out: (k, 3) room for the places in ``indexes`` of the triangles' corners.

    Returns:
        Triangles written: corners less two of every polygon.
    """
    count = 0
    ring, place_of = np.empty(_MOST_CORNERS, np.int64), np.empty(_MOST_CORNERS, np.int64)
    for polygon in range(starts.size):
        start, size = starts[polygon], stops[polygon] - starts[polygon]
        if size <= 3 or size > _MOST_CORNERS:
            for corner in range(1, size - 1):
                out[count] = start, start + corner, start + corner + 1
                count += 1
            continue
        axes = _plane_axes(points, indexes, start, stops[polygon])
        for corner in range(size):
            ring[corner], place_of[corner] = indexes[start + corner], start + corner
        while size >= 3:
            ear = _find_ear(points, ring, size, axes) if size > 3 else 1
            out[count] = place_of[ear - 1 if ear else size - 1], place_of[ear], place_of[(ear + 1) % size]
            count += 1
            size -= 1
            for corner in range(ear, size):
                ring[corner], place_of[corner] = ring[corner + 1], place_of[corner + 1]
    return count


@kernel
def unpack_lzf(packed: Bytes, out: Bytes) -> int:
    """Unpack LZF (M. Lehmann's LibLZF, the format of compressed PCD files).

    A control byte below 32 is followed by that many literal bytes and one more; any other repeats bytes written
    before: its upper three bits, plus a byte where they are all set, are the length less 2, the lower five and the
    next byte the distance less 1.

    Args:
        packed: (n,) uint8.
        out: (m,) uint8, room for the content.

    Returns:
        Bytes written, or -1 where ``packed`` is damaged or its content is longer than ``out``.
    """
    at, to = 0, 0
    while at < packed.size:
        control = np.int64(packed[at])
        at += 1
        if control < 32:
            length = control + 1
            if at + length > packed.size or to + length > out.size:
                return -1
            for step in range(length):
                out[to + step] = packed[at + step]
            at += length
        else:
            length = control >> 5
            if length == 7 and at < packed.size:
                length += np.int64(packed[at])
                at += 1
            if at >= packed.size:
                return -1
            source = to - ((control & 31) << 8) - np.int64(packed[at]) - 1
            at += 1
            length += 2
            if source < 0 or to + length > out.size:
                return -1
            for step in range(length):  # one by one: a source may reach into what is being written
                out[to + step] = out[source + step]
        to += length
    return to
