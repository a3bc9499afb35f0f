"""Cleaning before detection and rasterising: scanner errors are removed; no point is moved."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from gemax_cli.face import clean_kernels as kernels
from gemax_cli.face.surface import is_whole
from gemax_cli.scans.model import Scan, TextureMap

SPIKE_SPACINGS = 1.5  # a point is a spike if it lies farther than this from the median of its neighbours, in spacings
SUSPECT_SPACINGS = 0.4  # and is tested only if it lies this far from their mean, in usual spacings
LONG_SPACINGS = 6.0  # longer edges bridge what was not measured, in usual edges ...
LONG_SPREAD = 3.0  # ... unless the mesh is uneven by design: then in edges of its 95th percentile
WHOLE_SPACINGS = 20.0  # the same of a mesh without ragged holes, whose long edges are meant
TIED_SPACINGS, TIED_SPREAD = 3.5, 1.2  # the same for edges that tie a point to the surface: it takes two
GRAZING_COSINE = 0.1  # a range sensor does not measure surfaces that turn away by more than 84 degrees
PIECE_SHARE = 0.005  # smaller pieces, in points of the largest piece, are scraps
SAMPLED_STEPS, SAMPLED_EDGES = 1000, 8000  # distances and longest edges that tell the usual ones

Mask = NDArray[np.bool_]
COUNTS = ("spike_points", "isolated_points", "grazing_triangles", "long_triangles")


def clean_scan(scan: Scan) -> tuple[Scan, dict[str, int]]:
    """Remove spikes, isolated pieces, grazing and over-long triangles from a scan.

    Removed in this order:

    - Spikes: points far from the component-wise median of their neighbours, or without two short edges to points of the
      surface (dense clusters of spikes).
    - Triangles that bridge what was not measured: those with an edge many times the usual and, in organised scans,
      grazing ones. Grazing triangles of a scan whose axes are unknown stay, see ``drop_grazing``.
    - Isolated pieces: few points that no edge of allowed length connects to the rest.

    Points, triangles, grid and texture stay consistent; the remaining points keep their order and coordinates. Limits
    are relative to the scan's own spacing, so any unit works.

    Args:
        scan: a mesh, an organised scan or bare points.

    Returns:
        The cleaned scan (the same object where nothing is removed) and the counts ``spike_points``,
        ``isolated_points``, ``grazing_triangles`` and ``long_triangles``. A scan of which nothing would be left, or
        too few points to judge (less than 16), is returned as it is.
    """
    nothing = dict.fromkeys(COUNTS, 0)
    if len(scan.points) < 2 * kernels.MOST:
        return scan, nothing
    neighbours = _neighbours(scan)
    steps = _sampled_steps(scan, neighbours)
    usual = float(np.median(steps)) if len(steps) else 0.0
    smooth = ~kernels.find_spike_points(scan.points, neighbours, SUSPECT_SPACINGS * usual, SPIKE_SPACINGS)
    if len(scan.triangles):
        steps = kernels.longest_edges(scan.points, scan.triangles, smooth, max(1, len(scan.triangles) // SAMPLED_EDGES))
    middle, high = np.quantile(steps, (0.5, 0.95)).tolist() if len(steps) else (0.0, 0.0)
    limit, reach = max(LONG_SPACINGS * middle, LONG_SPREAD * high), max(TIED_SPACINGS * middle, TIED_SPREAD * high)
    limits = limit, reach, GRAZING_COSINE if scan.grid is not None and scan.metric else 0.0, PIECE_SHARE
    kept, bad, counts = kernels.find_damage(scan.points, scan.triangles, neighbours, smooth, limits)
    if counts[-1] and scan.grid is None and not scan.metric and is_whole(scan.points, scan.triangles):
        limits = WHOLE_SPACINGS * middle, *limits[1:]
        kept, bad, counts = kernels.find_damage(scan.points, scan.triangles, neighbours, smooth, limits)
    if not kept.any():
        return scan, nothing
    return keep_points(scan, kept, bad), dict(zip(COUNTS, counts.tolist(), strict=True))


def drop_grazing(scan: Scan) -> tuple[Scan, int]:
    """Remove and count the triangles of an organised scan that turn away from the sensor (+Z)."""
    everything = np.ones(len(scan.points), np.bool_)
    bad, grazing, _ = kernels.bad_triangles(scan.points, scan.triangles, everything, np.inf, GRAZING_COSINE)
    return keep_points(scan, everything, bad), int(grazing)


def _neighbours(scan: Scan) -> NDArray[np.int32]:
    if len(scan.triangles):
        return kernels.mesh_neighbours(len(scan.points), scan.triangles)
    from scipy.spatial import cKDTree

    _, nearest = cKDTree(scan.points).query(scan.points, k=kernels.MOST + 1)
    return np.ascontiguousarray(nearest[:, 1:], np.int32)


def _sampled_steps(scan: Scan, neighbours: NDArray[np.int32]) -> NDArray[np.float64]:
    """Distances from some points, spread over the scan, to their first neighbours."""
    some = np.arange(0, len(scan.points), max(1, len(scan.points) // SAMPLED_STEPS))
    some = some[neighbours[some, 0] >= 0]
    steps: NDArray[np.float64] = np.linalg.norm(scan.points[some] - scan.points[neighbours[some, 0]], axis=1)
    return steps


def keep_points(scan: Scan, kept: Mask, unwanted: Mask | None = None) -> Scan:
    """The scan with only some points (n,) and without some triangles (m,), the same object if nothing is removed.

    Triangles that lose a corner are removed, too; points, triangles, grid and texture stay consistent.
    """
    if unwanted is None:
        unwanted = np.zeros(len(scan.triangles), np.bool_)
    if kept.all() and not unwanted.any():
        return scan
    grid = np.empty((0, 0), np.int32) if scan.grid is None else scan.grid
    points, triangles, grid, whole = kernels.extract(scan.points, scan.triangles, grid, kept, unwanted)
    return replace(
        scan,
        points=points,
        triangles=triangles,
        grid=None if scan.grid is None else grid,
        texture=None if scan.texture is None else _keep_triangles(scan.texture, whole),
        colours=None if scan.colours is None else scan.colours[kept],
    )


def _keep_triangles(texture: TextureMap, kept: Mask) -> TextureMap:
    which = None if texture.which is None else texture.which[kept]
    return replace(texture, triangles=texture.triangles[kept], which=which)
