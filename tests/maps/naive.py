"""Slow and obvious references."""

from __future__ import annotations

import math

import numpy as np


def quadric(depth16, depth, pitch, radius):
    """(n, 5) z_x, z_y, z_xx, z_xy, z_yy by numpy's least squares in mm around each valid pixel."""
    rows, columns = depth16.shape
    found = []
    for r, c in np.argwhere(depth16 > 0):
        places = [
            ((j - c) * pitch, (r - i) * pitch, -(65535 - int(depth16[i, j])) / 65534 * depth)
            for i in range(rows)
            for j in range(columns)
            if depth16[i, j] and (i - r) ** 2 + (j - c) ** 2 <= (radius / pitch) ** 2 + 1e-9
        ]
        found.append(_fit(np.array(places)))
    return np.array(found).reshape(-1, 5)


def _fit(places):
    x, y, z = places.T
    terms = np.stack([np.ones_like(x), x, y, x * x / 2, x * y, y * y / 2], axis=1)
    for count in (6, 3):
        if np.linalg.matrix_rank(terms[:, :count], tol=1e-6) == count:
            solved = np.linalg.lstsq(terms[:, :count], z, rcond=None)[0]
            return np.concatenate([solved[1:], np.zeros(6 - count)])
    return np.zeros(5)


def equalised(levels_of_pixels, values):
    """Textbook histogram equalisation of whole numbers, pixel by pixel."""
    pixels = sorted(levels_of_pixels)
    total, lowest = len(pixels), sum(p == pixels[0] for p in pixels)
    if total == lowest:
        return [0] * total
    return [
        math.floor((sum(q <= p for q in pixels) - lowest) * (values - 1) / (total - lowest) + 0.5)
        for p in levels_of_pixels
    ]
