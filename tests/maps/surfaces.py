"""Surfaces whose curvatures are known, as depth images."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

DEPTH = 60.0
SIDE = 41


@dataclass(frozen=True)
class Analytic:
    """A depth image, and exact derivatives of its surface at the valid pixels, row by row."""

    depth16: np.ndarray
    x: np.ndarray
    y: np.ndarray
    zx: np.ndarray
    zy: np.ndarray
    mean: np.ndarray
    gaussian: np.ndarray

    def inner(self, radius):
        """Valid pixels that lie at least ``radius`` mm within the disc that the surface covers."""
        return np.hypot(self.x, self.y) <= np.hypot(self.x, self.y).max() - radius


def codes(height, depth=DEPTH):
    """16-bit codes of heights 0 .. -depth; 0 where NaN."""
    share = np.where(np.isnan(height), 0.0, -height / depth)
    assert share.min() >= 0
    assert share.max() <= 1
    return np.where(np.isnan(height), 0, 65535 - np.rint(share * 65534)).astype(np.uint16)


def grid(pitch=1.0, side=SIDE):
    axis = (np.arange(side) - side // 2) * pitch
    return np.meshgrid(axis, -axis)


def _analytic(height, zx, zy, mean, gaussian, pitch, reach):
    x, y = grid(pitch)
    disc = np.hypot(x, y) <= reach * pitch
    full = [np.broadcast_to(np.asarray(a, float), x.shape)[disc] for a in (x, y, zx, zy, mean, gaussian)]
    return Analytic(codes(np.where(disc, height, np.nan)), *full)


def plane(a=0.3, b=-0.2, pitch=1.0, reach=19.0):
    x, y = grid(pitch)
    return _analytic(a * x + b * y - 25.0, a, b, 0.0, 0.0, pitch, reach)


def sphere(radius=40.0, sign=1.0, pitch=1.0, reach=19.0):
    """A dome (a cup for ``sign`` -1)."""
    x, y = grid(pitch)
    z = np.sqrt(radius**2 - np.minimum(x**2 + y**2, radius**2 / 2))
    return _analytic(
        sign * (z - radius) - 25.0, -sign * x / z, -sign * y / z, -sign / radius, 1 / radius**2, pitch, reach
    )


def cylinder(radius=40.0, sign=1.0, pitch=1.0, reach=19.0):
    """A ridge along y (a rut for ``sign`` -1)."""
    x, _ = grid(pitch)
    z = np.sqrt(radius**2 - np.minimum(x**2, radius**2 / 2))
    return _analytic(sign * (z - radius) - 25.0, -sign * x / z, 0.0, -sign / (2 * radius), 0.0, pitch, reach)


def saddle(radius=40.0, pitch=1.0, reach=19.0):
    """z = (x^2 - y^2) / (2 R)."""
    x, y = grid(pitch)
    zx, zy, square = x / radius, -y / radius, 1 + (x**2 + y**2) / radius**2
    mean = ((1 + zx**2) * -1 + (1 + zy**2)) / radius / (2 * square**1.5)
    return _analytic((x**2 - y**2) / (2 * radius) - 25.0, zx, zy, mean, -1 / radius**2 / square**2, pitch, reach)
