"""Cleaning before detection and rasterising: what a scanner sees wrongly is taken out, nothing is moved."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from gemax_cli.face import clean_kernels as kernels
from gemax_cli.scans.model import Points, Scan, TextureMap

SPIKE_SPACINGS = 1.5  # a point is a spike if it lies farther than this from the median of its neighbours, in spacings
SUSPECT_SPACINGS = 0.4  # and is looked at only if it lies this far from their mean, in typical spacings
LONG_SPACINGS = 6.0  # longer edges are bridges over what was not seen, in typical edges ...
LONG_SPREAD = 3.0  # ... unless the mesh is uneven by design: then in edges of its 95th percentile
TIED_SPACINGS, TIED_SPREAD = 3.5, 1.2  # the same for edges that tie a point to the surface: it takes two
GRAZING_COSINE = 0.1  # a range sensor does not measure surfaces that turn away by more than 84 degrees
PIECE_SHARE = 0.005  # smaller pieces, in points of the largest piece, are scraps

Mask = NDArray[np.bool_]


def clean_scan(scan: Scan) -> tuple[Scan, dict[str, int]]:
    """Take spikes, isolated pieces, grazing and over-long triangles out of a scan.

    In this order: spikes are points far from the component-wise median of their neighbours, or without two short edges
    to points of the surface (dense clusters of spikes); triangles of organised scans that turn away from the sensor,
    and triangles with an edge many times the usual, bridge what was not seen; pieces of few points that no edge of
    bearable length ties to the rest are scraps. Points that go are taken out of points, triangles, grid and texture
    alike; the others keep their order and coordinates. Limits are relative to the scan's own spacing, so any unit will
    do; the viewing axis of an organised scan is taken to be Z.

    Args:
        scan: a mesh, an organised scan or bare points.

    Returns:
        The cleaned scan (the very same object where nothing had to go) and the counts ``spike_points``,
        ``isolated_points``, ``grazing_triangles`` and ``long_triangles``. A scan of which nothing would be left, or
        too few points to judge (less than 16), is returned as it is.
    """
    counts = {"spike_points": 0, "isolated_points": 0, "grazing_triangles": 0, "long_triangles": 0}
    if len(scan.points) < 2 * kernels.MOST:
        return scan, counts
    neighbours = _neighbours(scan)
    smooth = ~kernels.spikes(scan.points, neighbours, SUSPECT_SPACINGS * _edge(scan, neighbours), SPIKE_SPACINGS)
    limit, reach = _limits(scan, neighbours, smooth)
    if len(scan.triangles):
        smooth = kernels.hold(scan.points, neighbours, smooth, reach)
    grazing, long = _bad_triangles(scan, smooth, limit)
    sizes = kernels.piece_sizes(scan.points, neighbours, smooth, limit)
    kept = sizes >= max(2.0, PIECE_SHARE * sizes.max())
    if not kept.any():
        return scan, counts
    counts["spike_points"] = int((~smooth).sum())
    counts["isolated_points"] = int((smooth & ~kept).sum())
    counts["grazing_triangles"], counts["long_triangles"] = int(grazing.sum()), int(long.sum())
    return keep_points(scan, kept, ~(grazing | long)), counts


def _neighbours(scan: Scan) -> NDArray[np.int32]:
    if len(scan.triangles):
        return kernels.mesh_neighbours(len(scan.points), scan.triangles)
    from scipy.spatial import cKDTree

    _, nearest = cKDTree(scan.points).query(scan.points, k=kernels.MOST + 1)
    return np.ascontiguousarray(nearest[:, 1:], np.int32)


def _sampled_steps(scan: Scan, neighbours: NDArray[np.int32]) -> NDArray[np.float64]:
    """Distances from some 4000 points to their first neighbours."""
    some = np.flatnonzero(neighbours[:, 0] >= 0)
    some = some[:: max(1, len(some) // 4000)]
    steps: NDArray[np.float64] = np.linalg.norm(scan.points[some] - scan.points[neighbours[some, 0]], axis=1)
    return steps


def _edge(scan: Scan, neighbours: NDArray[np.int32]) -> float:
    steps = _sampled_steps(scan, neighbours)
    return float(np.median(steps)) if len(steps) else 0.0


def _limits(scan: Scan, neighbours: NDArray[np.int32], smooth: Mask) -> tuple[float, float]:
    """Length from which edges are bridges, and up to which they tie a point to the surface."""
    if len(scan.triangles):
        some = scan.triangles[:: max(1, len(scan.triangles) // 8000)]
        lengths = kernels.triangle_shapes(scan.points, some, smooth)[0]
        lengths = lengths[lengths >= 0]
    else:
        lengths = _sampled_steps(scan, neighbours)
    if not len(lengths):
        return 0.0, 0.0
    middle, high = (float(v) for v in np.percentile(lengths, (50, 95)))
    return max(LONG_SPACINGS * middle, LONG_SPREAD * high), max(TIED_SPACINGS * middle, TIED_SPREAD * high)


def _bad_triangles(scan: Scan, smooth: Mask, limit: float) -> tuple[Mask, Mask]:
    """Masks of the grazing and of the over-long triangles among smooth points."""
    longest, facing = kernels.triangle_shapes(scan.points, scan.triangles, smooth)
    grazing = facing < (GRAZING_COSINE if scan.grid is not None else 0.0)
    return grazing, ~grazing & (longest > limit)


def keep_points(scan: Scan, kept: Mask, kept_triangles: Mask | None = None) -> Scan:
    """The scan with only some points (n,) and triangles (m,; all by default), the same object if that is all of them.

    Triangles that lose a corner go, too; points, triangles, grid and texture stay consistent.
    """
    if kept_triangles is None:
        kept_triangles = np.ones(len(scan.triangles), np.bool_)
    if kept.all() and kept_triangles.all():
        return scan
    number = np.cumsum(kept, dtype=np.int32) - 1
    number[~kept] = -1
    triangles, wanted = kernels.renumber(scan.triangles, number, kept_triangles)
    points: Points = scan.points[kept]
    return replace(
        scan,
        points=points,
        triangles=triangles,
        grid=None if scan.grid is None else _renumber_grid(scan.grid, number),
        texture=_texture_without(scan.texture, wanted),
    )


def _renumber_grid(grid: NDArray[np.int32], number: NDArray[np.int32]) -> NDArray[np.int32]:
    return np.where(grid >= 0, number[grid], np.int32(-1))


def _texture_without(texture: TextureMap | None, wanted: Mask) -> TextureMap | None:
    if texture is None or not len(wanted):
        return texture
    return replace(texture, triangles=texture.triangles[wanted])
