"""The few smooth functions every feature of the face is made of.

Only ``+ - * /`` and ``sqrt`` are used, whose results IEEE 754 fixes to the last bit, and the solution of a small linear
system for each spline: a face is the same on every platform, but for last bits that no file shows. All functions take
and return arrays (or floats) of any one shape.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline

Array = NDArray[np.float64]

TABLE_MM = 0.25  # between the nodes of a curve's table


def bump(u: Array, v: Array | float = 0.0) -> Array:
    """Round hill (1 - u^2 - v^2)^3: 1 at the middle, exactly 0 outside the unit circle, smooth to the second order."""
    inside = np.asarray(1.0 - u * u - v * v)
    np.maximum(inside, 0.0, out=inside)
    return inside * inside * inside


def step(t: Array) -> Array:
    """Smooth step t^2 (3 - 2t): 0 below 0, 1 above 1."""
    t = np.clip(t, 0.0, 1.0)
    return t * t * (3.0 - 2.0 * t)


def window(t: Array, low: Array | float, high: Array | float, soft: float) -> Array:
    """One between ``low`` and ``high``, falling to zero within ``soft`` outside of them."""
    return step((t - low) / soft + 1.0) * step((high - t) / soft + 1.0)


def soft_positive(t: Array, soft: float) -> Array:
    """max(t, 0) with its corner rounded over about ``soft``."""
    return 0.5 * (t + np.sqrt(t * t + soft * soft))


def soft_max(a: Array, b: Array, soft: float) -> Array:
    """max(a, b) with the crease between the two surfaces rounded over about ``soft`` mm."""
    return b + soft_positive(a - b, soft)


def cone(square: Array, slope: float, radius: Array | float) -> Array:
    """Drop of a cone with a round apex at the squared distance ``square`` (mm^2) from it.

    A hyperboloid: radius of curvature ``radius`` mm at the apex, slope ``slope`` far from it.
    """
    blunt = slope * radius
    return np.asarray(slope * (np.sqrt(square + blunt * blunt) - blunt))


def curve(knots: Mapping[float, float]) -> Callable[[Array], Array]:
    """Natural cubic spline through a few knots, constant beyond them.

    The spline is tabulated once; between the table's nodes, a quarter of a millimetre apart, it is linear.
    """
    at = sorted(knots)
    nodes = np.arange(at[0], at[-1] + TABLE_MM / 2, TABLE_MM)
    table = CubicSpline(at, [knots[t] for t in at], bc_type="natural")(nodes)
    return lambda t: np.interp(t, nodes, table)
