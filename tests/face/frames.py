"""Faces in the frames that files of unknown axes and unit have, with the truth: axes, origins, units."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from gemax_cli.face.nose import turn
from gemax_cli.face.orient import EVERY_AXES, axes
from gemax_cli.scans.model import Scan

UNITS = (1000.0, 10.0, 1.0, 0.001)  # mm per unit: metres, centimetres, millimetres, micrometres
# Where the face lies, mm, along its right, up and forward: its middle or the nose at the origin, a body, a floor, a
# room, a camera.
ORIGINS = ((0, 0, 0), (0, 0, 90), (0, 1600, 30), (1500, 0, 0), (-900, 1200, 1400), (0, 400, -800), (30, -40, -700))
SLIGHT_DEG = 12.0  # standard deviation of the head's own yaw; half of it of pitch and roll


@dataclass(frozen=True, eq=False)
class Framed:
    """A face in a frame: ``rotation`` and ``tip`` lead from the frontal face to the file, mm."""

    scan: Scan
    up: str
    forward: str
    mm_per_unit: float
    tip: np.ndarray


def framed(face: Scan, tip: np.ndarray, rng: np.random.Generator) -> Framed:
    """A frontal face, mm, in random axes, at a random origin and in a random unit."""
    up, forward = EVERY_AXES[rng.integers(len(EVERY_AXES))]
    origin = np.array(ORIGINS[rng.integers(len(ORIGINS))]) * rng.uniform(0.8, 1.2)
    unit = UNITS[rng.integers(len(UNITS))]
    yaw, pitch, roll = np.clip(rng.normal(0, 1, 3), -2, 2) * SLIGHT_DEG * [1.0, 0.5, 0.5]
    turned, frame = turn(yaw, pitch, roll), axes(up, forward)
    points = ((face.points - tip) @ turned.T + origin) @ frame.T / unit
    scan = replace(face, points=np.ascontiguousarray(points), metric=False, landmarks={}, texture=None)
    return Framed(scan, up, forward, unit, frame @ origin)


def many_framed(faces: list[tuple[Scan, np.ndarray]], count: int, seed: int) -> Iterator[Framed]:
    """``count`` frames of faces with their tips, in turn."""
    rng = np.random.default_rng(seed)
    for number in range(count):
        yield framed(*faces[number % len(faces)], rng)
