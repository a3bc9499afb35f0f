"""Slow, obvious references of the images room: one value at a time."""

from __future__ import annotations

import math

SCALES = {
    "linear": (lambda x: x, lambda s: s),
    "sqrt": (math.sqrt, lambda s: s * s),
    "log": (math.log, math.exp),
    "db": (lambda x: 10 * math.log10(x), lambda s: 10 ** (s / 10)),
}


def level_of(value, low, high, levels, scale):
    """The level of a value of a continuous range, by the definition; within one of a limit's rounding."""
    to, _ = SCALES[scale]
    share = (to(min(max(value, low), high)) - to(low)) / (to(high) - to(low))
    return min(math.floor(share * levels), levels - 1)


def entropy(values):
    """Bits of a list of grey values."""
    counts = {}
    for value in values:
        counts[value] = counts.get(value, 0) + 1
    return -sum(c / len(values) * math.log2(c / len(values)) for c in counts.values())
