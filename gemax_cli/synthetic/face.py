"""A face as a smooth surface z(x, y) that can be asked anywhere, and as a clean scan without any file.

Axes of the head: +X to the viewer's right, +Y up, +Z to the camera, mm; the nose tip lies near the origin.
"""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gemax_cli.scans.model import Points, Scan
from gemax_cli.synthetic.curves import Array
from gemax_cli.synthetic.lattice import face_mesh, triangulate
from gemax_cli.synthetic.person import Identity, Motion, draw_identity, make_motion
from gemax_cli.synthetic.relief import Relief

BU3DFE_CROP = (76.0, -90.0, 106.0)
BOSPHORUS_CROP = (73.0, -84.0, 90.0)
Crop = tuple[float, float, float]


class FaceShape:
    """One person in one pose of the face.

    Args:
        identity: the person's measures.
        motion: what the muscles do; at rest if left out.
    """

    def __init__(self, identity: Identity, motion: Motion | None = None) -> None:
        self.identity, self.motion = identity, motion or Motion()
        self.relief = Relief(self.identity, self.motion)

    def depth(self, x: Array, y: Array) -> Array:
        """Height of the surface towards the camera at (x, y), mm; any shape, any place."""
        return self.relief.depth(x / self.identity.width, y / self.identity.length)

    def on_surface(self, x: Array, y: Array) -> Points:
        """Points (n, 3) of the surface at (x, y)."""
        return np.stack([x, y, self.depth(x, y)], axis=-1)

    @cached_property
    def nose_tip(self) -> Points:
        """(3,) most protruding point of the nose, head upright and frontal (pronasale), to 0.02 mm."""
        x, y = self.identity.nose_skew * self.identity.width, 0.0
        for spacing in (1.0, 0.2, 0.02):
            side = np.arange(-8, 9) * spacing
            grid_x, grid_y = np.meshgrid(x + side, y + side)
            best = int(np.argmax(self.depth(grid_x, grid_y)))
            x, y = float(grid_x.flat[best]), float(grid_y.flat[best])
        return self.on_surface(np.array(x), np.array(y))

    def covered(self, x: Array, y: Array, crop: Crop = BU3DFE_CROP) -> NDArray[np.bool_]:
        """Where a scan cropped to an oval shows the face.

        Args:
            x: sideways, mm.
            y: upwards, mm.
            crop: half the oval's width, and the heights of its lower and upper end, on a mean face at rest;
                the lower end goes down with the jaw.
        """
        half_width, bottom, top = crop
        u, v = np.abs(x) / self.identity.width, y / self.identity.length
        low = v + self.relief.drop(u, v)
        middle, half_height = (bottom + top) / 2.0, (top - bottom) / 2.0
        return np.asarray((u / half_width) ** 2 + ((low - middle) / half_height) ** 2 < 1.0)

    def extent(self, crop: Crop = BU3DFE_CROP) -> tuple[float, float, float]:
        """Half width, lowest and highest y of the covered part, mm, rounded up by about a millimetre."""
        who = self.identity
        lowest = crop[1] - self.motion.jaw
        return crop[0] * who.width + 1.0, lowest * who.length - 1.0, crop[2] * who.length + 1.0


def procedural_scan(seed: int, expression: str = "NE", level: int | None = None, *, spacing: float = 2.05) -> Scan:
    """A clean frontal face as a scan: no noise, no hole, no file.

    Args:
        seed: of the person.
        expression: NE AN DI FE HA SA or SU.
        level: 0 to 4; left out, 0 for NE and 4 for the others.
        spacing: between points, mm; 2.05 gives about 8,000 points.

    Returns:
        A metric scan with the landmark "Nose tip"; the nose is not at the origin.

    Raises:
        SettingsError: no such expression or level.
    """
    random = np.random.default_rng(seed)
    who = draw_identity(random)
    level = (0 if expression == "NE" else 4) if level is None else level
    face = FaceShape(who, make_motion(expression, level, who.style))
    points, polygons = face_mesh(face, random, spacing)
    shift = np.round(40.0 * (random.random(3) - 0.5) + np.array([0.0, 0.0, -30.0]), 3)
    return Scan(
        path=Path(f"procedural_{seed}_{expression}{level:02d}"),
        format="procedural",
        points=points + shift,
        triangles=triangulate(polygons),
        landmarks={"Nose tip": face.nose_tip + shift},
        metric=True,
    )
