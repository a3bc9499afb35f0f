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
def solve(matrix: Floats, right: Floats, terms: int) -> bool:
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
    if not solve(matrix, right, terms):
        return False
    for i in range(1, TERMS):
        found[i - 1] = right[i] if i < terms else 0.0
    return True


@kernel
def fit_quadrics(height: Floats, offsets: NDArray[np.int64], basis: Floats, inverse: Floats) -> Floats:
    """Least-squares quadric around every pixel with data.

    Args:
        height: (rows, columns), NaN where there is none.
        offsets: (m, 2) rows and columns from a pixel to the places of its window.
        basis: (m, 6) terms 1, x, y, x^2 / 2, x y, y^2 / 2 at these places.
        inverse: (5, m) of the whole window, from heights to all terms but the constant; spares the solving.

    Returns:
        (n, 5) terms b, c, d, e, f of the n pixels with data, row by row. Where too few places hold data for a
        quadric, a plane; where too few for a plane, zeros.
    """
    rows, columns = height.shape
    places = offsets.shape[0]
    found = np.zeros((np.count_nonzero(~np.isnan(height)), TERMS - 1))
    window = np.empty(places)
    n = 0
    for row in range(rows):
        for column in range(columns):
            if np.isnan(height[row, column]):
                continue
            whole = True
            for m in range(places):
                r, c = row + offsets[m, 0], column + offsets[m, 1]
                inside = 0 <= r < rows and 0 <= c < columns
                window[m] = height[r, c] - height[row, column] if inside else np.nan
                whole = whole and not np.isnan(window[m])
            if whole:
                for i in range(TERMS - 1):
                    total = 0.0
                    for m in range(places):
                        total += inverse[i, m] * window[m]
                    found[n, i] = total
            elif not fit_part(window, basis, TERMS, found[n]):
                fit_part(window, basis, PLANE, found[n])
            n += 1
    return found
