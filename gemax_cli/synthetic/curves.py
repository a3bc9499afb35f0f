"""The few smooth functions every feature of the face is made of.

Only ``+ - * /`` and ``sqrt`` are used, whose results IEEE 754 fixes to the last bit: a face is the same on every
platform. All functions take and return arrays (or floats) of any one shape.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


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


class Curve:
    """Natural cubic spline through a few knots, constant beyond them.

    The spline is tabulated once; between the table's nodes, a quarter of a millimetre apart, it is linear.
    """

    spacing = 0.25

    def __init__(self, knots: dict[float, float]) -> None:
        at = np.array(sorted(knots), dtype=np.float64)
        value = np.array([knots[k] for k in sorted(knots)], dtype=np.float64)
        self.nodes = np.arange(at[0], at[-1] + self.spacing / 2, self.spacing)
        self.values = _natural_spline(at, value, self.nodes)

    def __call__(self, t: Array) -> Array:
        """Values at ``t``; the end values go on for ever outside the knots."""
        return np.interp(t, self.nodes, self.values)


def _natural_spline(at: Array, value: Array, t: Array) -> Array:
    gap, rise = np.diff(at), np.diff(value)
    system = np.eye(len(at))
    right = np.zeros(len(at))
    for i in range(1, len(at) - 1):
        system[i, i - 1 : i + 2] = gap[i - 1], 2 * (gap[i - 1] + gap[i]), gap[i]
        right[i] = 6 * (rise[i] / gap[i] - rise[i - 1] / gap[i - 1])
    bend = np.linalg.solve(system, right)
    k = np.clip(np.searchsorted(at, t, side="right") - 1, 0, len(at) - 2)
    before, after, h = t - at[k], at[k + 1] - t, gap[k]
    curved = (bend[k] * after**3 + bend[k + 1] * before**3) / (6 * h)
    straight = (value[k] / h - bend[k] * h / 6) * after + (value[k + 1] / h - bend[k + 1] * h / 6) * before
    return np.asarray(curved + straight)
