"""Affines of space as (3, 4) arrays: a matrix, and a shift behind it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Affine = NDArray[np.float64]  # (3, 4)


def compose(outer: Affine, inner: Affine) -> Affine:
    """The affine that applies ``inner`` first and ``outer`` second."""
    composed = outer[:, :3] @ inner
    composed[:, 3] += outer[:, 3]
    return composed


def transform_points(affine: Affine, points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Points (..., 3) moved by an affine: one, or any number of them."""
    moved: NDArray[np.float64] = points @ affine[:, :3].T + affine[:, 3]
    return moved
