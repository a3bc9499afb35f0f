"""Slow, obvious ways to measure a map."""

from __future__ import annotations

import math
from collections import Counter, defaultdict


def bits(values):
    counts = Counter(int(value) for value in values)
    total = sum(counts.values())
    return -sum(n / total * math.log2(n / total) for n in counts.values())


def widest(values, levels):
    spans = defaultdict(list)
    for value, level in zip(values, levels, strict=True):
        spans[int(value)].append(int(level))
    return max((max(span) - min(span) + 1 for span in spans.values()), default=0)


def depth_of_code(code, depth_mm):
    return (65535 - int(code)) / 65534 * depth_mm


def level_of_code(code, levels):
    return (int(code) - 1) * levels // 65535


def error_with_cuts(values, codes, cuts, levels, depth_mm, first_code=0):
    """Mean distance of each pixel's depth from the middle of the depths that its bin may hold."""
    by_bin = defaultdict(list)
    bounds = list(cuts)
    for code in range(1, 65536):
        level = level_of_code(code, levels)
        by_bin[max(k for k in range(len(bounds) - 1) if bounds[k] <= level)].append(code)
    half = depth_mm / 65534 / 2
    middle = {}
    for k, held in by_bin.items():
        far = min(depth_of_code(min(held), depth_mm) + half, depth_mm)
        near = max(depth_of_code(max(held), depth_mm) - half, 0.0)
        middle[k] = (far + near) / 2
    errors = [abs(middle[int(v) - first_code] - depth_of_code(c, depth_mm)) for v, c in zip(values, codes, strict=True)]
    return sum(errors) / len(errors)


def error_by_range(values, codes, depth_mm):
    spans = defaultdict(list)
    for value, code in zip(values, codes, strict=True):
        spans[int(value)].append(depth_of_code(code, depth_mm))
    middle = {value: (max(span) + min(span)) / 2 for value, span in spans.items()}
    errors = [abs(middle[int(v)] - depth_of_code(c, depth_mm)) for v, c in zip(values, codes, strict=True)]
    return sum(errors) / len(errors)
