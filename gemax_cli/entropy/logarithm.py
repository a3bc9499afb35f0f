"""Base-2 logarithms that are the same bits on every machine, and the weight table made of them.

The C library's log2 differs between platforms in its last bit, and a compiler may fuse a product and a sum. Here
every step is one numpy operation that IEEE 754 rounds correctly (+, -, *, /, and the exact frexp and rint), on
whole arrays, so that nothing can be fused or reordered.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

WEIGHT_BITS = 41  # a weight table's largest count times its scale: values times 65,535 edges still fit in 63 bits
MAX_BITS = 24  # a table of 2^24 counts takes 134 MB
MAX_PIXELS = 1 << MAX_BITS
_CHUNK = 1 << 20
_TWO_OVER_LN2 = 2.8853900817779268
_SQRT_HALF = 0.7071067811865476


def _log2_of_ratio(z: FloatArray, terms: int) -> FloatArray:
    """log2((1 + z) / (1 - z)) = (2 / ln 2) (z + z^3 / 3 + z^5 / 5 + ...), Horner's way."""
    square = z * z
    series = np.full_like(z, 1.0 / (2 * terms - 1))
    for odd in range(2 * terms - 3, 0, -2):
        series *= square
        series += 1.0 / odd
    series *= z
    series *= _TWO_OVER_LN2
    return series


def log2(values: FloatArray) -> FloatArray:
    """log2 of positive numbers, right to about an ulp; exact for powers of two."""
    mantissa, exponent = np.frexp(values)
    small = mantissa < _SQRT_HALF
    mantissa = np.where(small, mantissa * 2.0, mantissa)
    z = (mantissa - 1.0) / (mantissa + 1.0)  # |z| < 0.1716, so that ten terms leave less than 2^-54
    return (exponent - small) + _log2_of_ratio(z, 10)


def _weight_steps(first: int, last: int, scale: float) -> NDArray[np.int64]:
    """round(scale * (h(c) - h(c - 1))) of h(c) = c log2 c, for c = first..last - 1, first >= 2.

    The difference is taken as log2(c) + (c - 1) log2(c / (c - 1)), which loses nothing to cancellation.
    """
    count = np.arange(first, last, dtype=np.float64)
    z = 1.0 / (2.0 * count - 1.0)  # z <= 1/3, so that seventeen terms leave less than 2^-54
    step = log2(count) + (count - 1.0) * _log2_of_ratio(z, 17)
    return np.rint(step * scale).astype(np.int64)


@lru_cache(maxsize=8)
def weight_table(bits: int) -> NDArray[np.int64]:
    """What an edge over c pixels weighs, w(c) = -2 round(2^(41 - bits) c log2 c), for c = 0..2^bits.

    The rounding is applied to the first differences, which are then summed: differences of h fall at least 1.4 / c
    apart, far more than their error, and rounding is monotone, so that the table is exactly concave. It strays from
    h by at most half a unit per step (a random walk: some 30 units at c = 10,000, below 2^-35 bits of entropy). The
    weights are even, so that an odd penalty never equals a gain. The table does not depend on the scan, and is kept
    for the next one.

    Args:
        bits: at least log2 of the number of pixels, 0..24.

    Returns:
        (2^bits + 1,) int64, read-only.
    """
    size = (1 << bits) + 1
    table = np.zeros(size, np.int64)
    scale = 2.0 ** (WEIGHT_BITS - bits)
    for first in range(2, size, _CHUNK):
        last = min(first + _CHUNK, size)
        table[first:last] = _weight_steps(first, last, scale)
    np.cumsum(table, out=table)
    table *= -2
    table.setflags(write=False)
    return table
