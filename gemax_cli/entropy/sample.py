"""Depth images of a schematic face: enough of a face for timing the solver, and nothing of anyone's licence.

A half ellipsoid for the head, Gaussian bumps for nose, eye sockets and lips, all of a size drawn per face. Its
histogram has what makes face histograms hard to quantise: flat cheeks and forehead, a nose of few pixels, steep sides.
It is no model of a face; ``gemax_cli.synthetic`` makes those.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gemax_cli.codes import MAX_CODE

FloatArray = NDArray[np.float64]

# x, y of the centre behind the nose tip, width across and along the face, height: mm; +Y is up.
_EYE_SOCKETS = ((-31.0, 34.0, 12.0, 10.0, -7.0), (31.0, 34.0, 12.0, 10.0, -7.0))
_LIPS = (0.0, -30.0, 20.0, 7.0, 5.0)
_NOSE_BRIDGE = (0.0, 18.0, 7.0, 20.0, 8.0)
_NOSE_TIP = (0.0, 0.0, 10.0, 9.0, 20.0)


def _bump(x: FloatArray, y: FloatArray, shape: tuple[float, ...]) -> FloatArray:
    centre_x, centre_y, width, length, height = shape
    return height * np.exp(-(((x - centre_x) / width) ** 2 + ((y - centre_y) / length) ** 2) / 2)


def sample_depth(seed: int, size: int = 224) -> FloatArray:
    """Depth behind the nose tip of a schematic face, 1 mm per pixel.

    Args:
        seed: one face per number.
        size: side of the image, pixels.

    Returns:
        (size, size) float64, mm; NaN beside the head.
    """
    rng = np.random.default_rng(seed)
    half_width, half_height, half_depth = rng.uniform((66, 88, 80), (82, 108, 105))
    scale = rng.uniform(0.85, 1.15, 5)
    axis = np.arange(size) - (size - 1) / 2
    x, y = np.meshgrid(axis, -axis)
    inside = 1 - (x / half_width) ** 2 - ((y - 12) / half_height) ** 2
    surface = half_depth * np.sqrt(np.where(inside > 0, inside, np.nan))
    for factor, shape in zip(scale, (*_EYE_SOCKETS, _LIPS, _NOSE_BRIDGE, _NOSE_TIP), strict=True):
        surface += factor * _bump(x, y, shape)
    depth: FloatArray = np.nanmax(surface) - surface
    return depth


def sample_depth16(seed: int, depth_mm: float = 60.0, size: int = 224) -> NDArray[np.uint16]:
    """The same as a depth block's 16-bit codes: 65535 is the nose tip, 1 is ``depth_mm`` behind it, 0 is no data."""
    depth = sample_depth(seed, size)
    code = MAX_CODE - np.rint(depth / depth_mm * (MAX_CODE - 1))
    return np.where(depth <= depth_mm, code, 0).astype(np.uint16)
