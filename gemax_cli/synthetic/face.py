"""A face as a smooth surface z(x, y), as a mesh, and as a clean scan without a file.

Axes of the head: +X to the viewer's right, +Y up, +Z to the camera, mm; the nose tip lies near the origin.
"""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gemax_cli.scans.model import Points, Scan
from gemax_cli.synthetic.curves import Array
from gemax_cli.synthetic.relief import Relief
from gemax_cli.synthetic.subject import Identity, Motion, draw_identity, make_motion

BU3DFE_CROP = (76.0, -90.0, 106.0)
BOSPHORUS_CROP = (73.0, -84.0, 90.0)
Crop = tuple[float, float, float]
Polygons = NDArray[np.int32]  # (m, 4); the last column is -1 for triangles

QUAD_SHARE = 0.08
NO_HOLES = np.empty((0, 3))
_BUNCHING = 2.4e-5  # draws the columns together towards the steep sides: x = s - 2.4e-5 s^3, mm


class FaceShape:
    """One subject in one pose of the face.

    Args:
        identity: the subject's measures.
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


def face_mesh(
    face: FaceShape, random: np.random.Generator, spacing: float = 2.05, holes: Array = NO_HOLES
) -> tuple[Points, Polygons]:
    """Sample the face about every ``spacing`` mm along its surface and join the samples, as stereo scanners do.

    Args:
        face: the surface.
        random: source of the samples' jitter, of the choice of quads and of the order of the vertices.
        spacing: mm between neighbours.
        holes: (k, 3) rows x, y, radius of discs, mm, where nothing is measured.

    Returns:
        Points (n, 3) in the axes of the head, in random order, and polygons, counter-clockwise from the front.
    """
    x, y = _lattice(face, random, spacing)
    polygons = _polygons(face.covered(x, y) & ~in_discs(x, y, holes), random)
    used, corners = np.unique(polygons, return_inverse=True)  # the first is -1, no corner
    order = np.argsort(random.random(len(used) - 1))
    place = np.append(np.argsort(order), -1).astype(np.int32)
    used = used[1:][order]
    return face.on_surface(x.ravel()[used], y.ravel()[used]), place[corners.reshape(polygons.shape) - 1]


def in_discs(x: Array, y: Array, discs: Array) -> NDArray[np.bool_]:
    """Whether each (x, y) lies in one of the discs (k, 3) of rows x, y, radius."""
    squares = (x[..., None] - discs[:, 0]) ** 2 + (y[..., None] - discs[:, 1]) ** 2
    return np.asarray((squares < discs[:, 2] ** 2).any(axis=-1))


def procedural_scan(seed: int, expression: str = "NE", *, spacing: float = 2.05) -> Scan:
    """A clean frontal face as a scan: no noise, no hole, no file.

    Args:
        seed: of the subject.
        expression: NE AN DI FE HA SA or SU, at its peak.
        spacing: between points, mm; 2.05 gives about 8,000 points.

    Returns:
        A metric scan with the landmark "Nose tip"; the nose is not at the origin.

    Raises:
        SettingsError: no such expression.
    """
    random = np.random.default_rng(seed)
    who = draw_identity(random)
    face = FaceShape(who, make_motion(expression, 4, who.style))
    points, polygons = face_mesh(face, random, spacing)
    quads = polygons[polygons[:, 3] >= 0]
    shift = np.round(40.0 * (random.random(3) - 0.5) + np.array([0.0, 0.0, -30.0]), 3)
    return Scan(
        path=Path(f"procedural_{seed}_{expression}"),
        format="procedural",
        points=points + shift,
        triangles=np.concatenate([polygons[:, :3], quads[:, [0, 2, 3]]]),
        landmarks={"Nose tip": face.nose_tip + shift},
        metric=True,
    )


def _lattice(face: FaceShape, random: np.random.Generator, spacing: float) -> tuple[Array, Array]:
    half, low, high = face.extent()
    rows = np.arange(low, high, spacing * 0.87)
    columns = np.arange(-1.35 * half, 1.35 * half, spacing)
    aside, y = np.meshgrid(columns, rows)
    aside[1::2] += spacing / 2.0
    jitter = 0.3 * spacing * (random.random((2, *y.shape)) - 0.5)
    aside = np.clip(aside + jitter[0], -115.0, 115.0)
    return aside - _BUNCHING * aside**3, y + jitter[1]


def _polygons(kept: NDArray[np.bool_], random: np.random.Generator) -> Polygons:
    number = np.where(kept, np.arange(kept.size).reshape(kept.shape), -1).astype(np.int32)
    a, b, d, e = number[:-1, :-1], number[:-1, 1:], number[1:, :-1], number[1:, 1:]
    whole = (a >= 0) & (b >= 0) & (d >= 0) & (e >= 0)
    as_quad = whole & (random.random(a.shape) < QUAD_SHARE)
    # Odd rows are shifted by half a column, so the short diagonal of a cell changes with the row.
    even = (np.arange(a.shape[0]) % 2 == 0)[:, None]
    none = np.full_like(a, -1)
    lower = np.stack([a, b, np.where(even, d, e), none], axis=-1)
    upper = np.stack([np.where(even, b, a), e, d, none], axis=-1)
    cells = np.stack([np.where(as_quad[..., None], np.stack([a, b, e, d], axis=-1), lower), upper], axis=2)
    good: NDArray[np.bool_] = np.all(cells[..., :3] >= 0, axis=-1)
    good[:, :, 1] &= ~as_quad
    return np.ascontiguousarray(cells[good])
