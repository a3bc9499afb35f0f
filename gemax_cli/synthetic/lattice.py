"""A face sampled at scattered points and meshed, as stereo scanners deliver it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from gemax_cli.scans.model import Points, Triangles
from gemax_cli.synthetic.curves import Array

if TYPE_CHECKING:
    from gemax_cli.synthetic.face import FaceShape

Polygons = NDArray[np.int32]  # (m, 4); the last column is -1 for triangles
QUAD_SHARE = 0.08
_BUNCHING = 2.4e-5  # draws the columns together towards the steep sides: x = s - 2.4e-5 s^3, mm


def face_mesh(
    face: FaceShape, random: np.random.Generator, spacing: float = 2.05, holes: Array | None = None
) -> tuple[Points, Polygons]:
    """Sample the face about every ``spacing`` mm along its surface and join the samples to polygons.

    Args:
        face: the surface.
        random: source of the samples' jitter, of the choice of quads and of the order of the vertices.
        spacing: mm between neighbours.
        holes: (k, 3) rows x, y, radius of discs, mm, where nothing is measured.

    Returns:
        Points (n, 3) in the axes of the head, in random order, and polygons, counter-clockwise from the front.
    """
    x, y = _lattice(face, random, spacing)
    kept = face.covered(x, y) & ~in_discs(x, y, holes)
    polygons = _polygons(kept, random)
    used, polygons = _renumber(polygons, random)
    return face.on_surface(x.ravel()[used], y.ravel()[used]), polygons


def in_discs(x: Array, y: Array, discs: Array | None) -> NDArray[np.bool_]:
    """Whether each (x, y) lies in one of the discs (k, 3) of rows x, y, radius."""
    inside: NDArray[np.bool_] = np.zeros(np.shape(x), dtype=np.bool_)
    for at_x, at_y, radius in () if discs is None else discs:
        inside |= (x - at_x) ** 2 + (y - at_y) ** 2 < radius * radius
    return inside


def triangulate(polygons: Polygons) -> Triangles:
    """Triangles (t, 3) of polygons (m, 4), quads cut along the diagonal of their first corner."""
    quads = polygons[polygons[:, 3] >= 0]
    return np.concatenate([polygons[:, :3], quads[:, [0, 2, 3]]])


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


def _renumber(polygons: Polygons, random: np.random.Generator) -> tuple[NDArray[np.int64], Polygons]:
    used = np.unique(polygons[polygons >= 0])
    used = used[np.argsort(random.random(len(used)))]
    place = np.full(int(used.max()) + 2, -1, dtype=np.int32)
    place[used] = np.arange(len(used), dtype=np.int32)
    return used.astype(np.int64), place[polygons]  # -1 picks the last entry, which stays -1
