"""Kernel of the local quadric fit."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gemax_cli.jit import kernel

Floats = NDArray[np.float64]
TERMS = 6  # of z = a + b x + c y + d x^2 / 2 + e x y + f y^2 / 2
PLANE = 3  # the first of them
SINGULAR = 1e-9  # a pivot below this share of its diagonal: the pixels do not fix the term


@kernel
def solve_normal_equations(matrix: Floats, right: Floats, terms: int) -> bool:
    """Solve the leading ``terms`` normal equations in place by Cholesky; False where they are singular."""
    for i in range(terms):
        for j in range(i + 1):
            value = matrix[i, j]
            for k in range(j):
                value -= matrix[i, k] * matrix[j, k]
            if i > j:
                matrix[i, j] = value / matrix[j, j]
            elif value <= SINGULAR * matrix[i, i]:
                return False
            else:
                matrix[i, i] = np.sqrt(value)
    for i in range(terms):
        for k in range(i):
            right[i] -= matrix[i, k] * right[k]
        right[i] /= matrix[i, i]
    for i in range(terms - 1, -1, -1):
        for k in range(i + 1, terms):
            right[i] -= matrix[k, i] * right[k]
        right[i] /= matrix[i, i]
    return True


@kernel
def fit_part(window: Floats, basis: Floats, terms: int, found: Floats) -> bool:
    """Least squares over the places of a window that hold data, by the first ``terms`` terms.

    ``window`` is (m,) heights, NaN where there is none; ``basis`` (m, 6). Writes all but the constant term to ``found``
    (5,), 0 for the terms left out; returns False, and writes nothing, where the places do not fix the terms.
    """
    matrix, right = np.zeros((TERMS, TERMS)), np.zeros(TERMS)
    for m in range(window.size):
        if not np.isnan(window[m]):
            for i in range(terms):
                right[i] += basis[m, i] * window[m]
                for j in range(i + 1):
                    matrix[i, j] += basis[m, i] * basis[m, j]
    if not solve_normal_equations(matrix, right, terms):
        return False
    for i in range(1, TERMS):
        found[i - 1] = right[i] if i < terms else 0.0
    return True


@kernel
def fit_quadrics(
    height: Floats, pixels: NDArray[np.int64], offsets: NDArray[np.int64], basis: Floats, inverse: Floats
) -> Floats:
    """Least-squares quadric around every pixel asked for.

    Args:
        height: (h,) heights of an image row by row, NaN where there is none; with a margin as wide as the window.
        pixels: (n,) places in ``height`` to fit at, which hold data.
        offsets: (m,) from a pixel to the places of its window.
        basis: (m, 6) terms 1, x, y, x^2 / 2, x y, y^2 / 2 at these places.
        inverse: (m, 5) of the whole window, from heights to all terms but the constant; spares the solving.

    Returns:
        (n, 5) terms b, c, d, e, f. Where too few places hold data for a quadric, a plane; where too few for a plane,
        zeros.
    """
    found = np.zeros((pixels.size, TERMS - 1))
    window = np.empty(offsets.size)
    for n in range(pixels.size):
        b, c, d, e, f = 0.0, 0.0, 0.0, 0.0, 0.0
        for m in range(offsets.size):
            window[m] = height[pixels[n] + offsets[m]] - height[pixels[n]]
            b += inverse[m, 0] * window[m]
            c += inverse[m, 1] * window[m]
            d += inverse[m, 2] * window[m]
            e += inverse[m, 3] * window[m]
            f += inverse[m, 4] * window[m]
        if not np.isnan(b):  # no place lacked data
            found[n, 0], found[n, 1], found[n, 2], found[n, 3], found[n, 4] = b, c, d, e, f
        elif not fit_part(window, basis, TERMS, found[n]):
            fit_part(window, basis, PLANE, found[n])
    return found
