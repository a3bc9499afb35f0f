"""Slopes and curvatures of a depth block, by a quadric fitted around every pixel."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from gemax_cli.codes import depth_of_code
from gemax_cli.maps.quadric_kernels import TERMS, fit_quadrics

Values = NDArray[np.float64]
NORMAL_RADIUS_MM = 2.0  # 13 pixels at 1 mm: wide enough for a scanner's noise, narrower than a lip
CURVATURE_RADIUS_MM = 5.0  # 81 pixels at 1 mm: second derivatives need more of them
LEAST_PIXELS = 1.5  # a radius of this many pixels is the 3 x 3 neighbourhood, the least that fixes a quadric
MOST_PIXELS = 20.0  # a finer pitch than a twentieth of the radius tells no more, and costs its square


@dataclass(frozen=True, eq=False)
class SurfaceFit:
    """Derivatives of the height z(x, y) in mm at each valid pixel, row by row: (n,) float64 each.

    x is to the right, y up, z towards the camera. Slopes are pure numbers, second derivatives per mm.

    Attributes:
        radius_mm: of the disc of pixels that each quadric was fitted to.
    """

    zx: Values
    zy: Values
    zxx: Values
    zxy: Values
    zyy: Values
    radius_mm: float


@dataclass(frozen=True, eq=False)
class Curvatures:
    """Curvatures at each valid pixel, row by row: (n,) float64 each, per mm (``gaussian``: per mm^2).

    The normal points to the camera, so domes (the nose tip) have negative mean and principal curvatures: a sphere of
    radius R has k1 = k2 = -1/R.

    Attributes:
        mean: H.
        gaussian: K.
        k1: the larger principal curvature.
        k2: the smaller one.
    """

    mean: Values
    gaussian: Values
    k1: Values
    k2: Values


def heights(depth16: NDArray[np.uint16], depth_mm: float) -> Values:
    """Height over the nose tip's depth in mm, 0 to ``-depth_mm``, in the shape of ``depth16``; NaN for no data."""
    return -depth_of_code(depth16, depth_mm)


def fit_surface(depth16: NDArray[np.uint16], depth_mm: float, mm_per_pixel: float, radius_mm: float) -> SurfaceFit:
    """Fit a quadric to the valid pixels within ``radius_mm`` of each valid pixel.

    Every pixel weighs the same. The radius is kept between 1.5 and 20 pixels. Where too few pixels are valid for a
    quadric, a plane is fitted; at a lone pixel all derivatives are 0.

    Args:
        depth16: (rows, columns) codes; 0 is no data and takes no part.
        depth_mm: metric depth of the block.
        mm_per_pixel: pixel pitch.
        radius_mm: of the window.
    """
    radius = min(max(radius_mm / mm_per_pixel, LEAST_PIXELS), MOST_PIXELS)
    window = _window(radius)
    height = np.pad(heights(depth16, depth_mm), int(radius), constant_values=np.nan)
    offsets = window.rows * height.shape[1] + window.columns
    pixels = np.flatnonzero(~np.isnan(height))
    terms = fit_quadrics(height.ravel(), pixels, offsets, window.basis, window.inverse).T
    slope, bend = 1.0 / (radius * mm_per_pixel), 1.0 / (radius * mm_per_pixel) ** 2
    zx, zy = slope * terms[:2]
    zxx, zxy, zyy = bend * terms[2:]
    return SurfaceFit(zx, zy, zxx, zxy, zyy, radius * mm_per_pixel)


@dataclass(frozen=True, eq=False)
class _Window:
    """A disc of m pixels: (m,) rows and columns from its centre, (m, 6) basis in its radius, (m, 5) inverse."""

    rows: NDArray[np.int64]
    columns: NDArray[np.int64]
    basis: Values
    inverse: Values


@lru_cache(maxsize=8)
def _window(radius: float) -> _Window:
    reach = int(radius)
    rows, columns = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    inside = rows**2 + columns**2 <= radius**2
    rows, columns = rows[inside].astype(np.int64), columns[inside].astype(np.int64)
    x, y = columns / radius, -rows / radius
    basis = np.stack([np.ones(len(x)), x, y, x * x / 2, x * y, y * y / 2], axis=1)
    return _Window(rows, columns, basis, np.ascontiguousarray(np.linalg.pinv(basis)[1:TERMS].T))


def normals(fit: SurfaceFit) -> Values:
    """Unit normals (-z_x, -z_y, 1) / sqrt(1 + z_x^2 + z_y^2), (n, 3): right, up, to the camera."""
    length = np.sqrt(1.0 + fit.zx**2 + fit.zy**2)
    return np.stack([-fit.zx / length, -fit.zy / length, 1.0 / length], axis=1)


def curvatures(fit: SurfaceFit) -> Curvatures:
    """Mean, Gaussian and principal curvatures of the graph of z (do Carmo, Differential Geometry, section 3-3).

    H = [(1 + z_x^2) z_yy - 2 z_x z_y z_xy + (1 + z_y^2) z_xx] / (2 (1 + z_x^2 + z_y^2)^(3/2)),
    K = (z_xx z_yy - z_xy^2) / (1 + z_x^2 + z_y^2)^2, k1, k2 = H +- sqrt(max(H^2 - K, 0)).
    """
    zx, zy, zxx, zxy, zyy = fit.zx, fit.zy, fit.zxx, fit.zxy, fit.zyy
    square = 1.0 + zx**2 + zy**2
    mean = ((1.0 + zx**2) * zyy - 2.0 * zx * zy * zxy + (1.0 + zy**2) * zxx) / (2.0 * square * np.sqrt(square))
    gaussian = (zxx * zyy - zxy**2) / square**2
    root = np.sqrt(np.maximum(mean**2 - gaussian, 0.0))
    return Curvatures(mean, gaussian, mean + root, mean - root)


def shape_index(curved: Curvatures) -> Values:
    """S = 1/2 - atan((k1 + k2) / (k1 - k2)) / pi (Koenderink and van Doorn 1992, in 0..1), (n,).

    0 is a cup, 1/4 a rut, 1/2 a saddle, 3/4 a ridge, 1 a dome. A plane has no shape; it gets 1/2.
    """
    return 0.5 - np.arctan2(curved.k1 + curved.k2, curved.k1 - curved.k2) / np.pi
