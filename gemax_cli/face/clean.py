"""Cleaning before detection and rasterising: what a scanner sees wrongly is taken out, nothing is moved."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from gemax_cli.face import clean_kernels as kernels
from gemax_cli.scans.model import Scan

SPIKE_SPACINGS = 1.5  # a point is a spike if it lies farther than this from the median of its neighbours, in spacings
SUSPECT_SPACINGS = 0.4  # and is looked at only if it lies this far from their mean, in typical spacings
LONG_SPACINGS = 6.0  # longer edges are bridges over what was not seen, in typical edges ...
LONG_SPREAD = 3.0  # ... unless the mesh is uneven by design: then in edges of its 95th percentile
TIED_SPACINGS, TIED_SPREAD = 3.5, 1.2  # the same for edges that tie a point to the surface: it takes two
GRAZING_COSINE = 0.1  # a range sensor does not measure surfaces that turn away by more than 84 degrees
PIECE_SHARE = 0.005  # smaller pieces, in points of the largest piece, are scraps
SAMPLED_STEPS = 4000  # distances that tell the typical spacing

Mask = NDArray[np.bool_]
_NO_GRID, _NO_CORNERS = np.empty((0, 0), np.int32), np.empty((0, 3), np.int32)


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
    cosine = GRAZING_COSINE if scan.grid is not None else 0.0
    bad, grazing, long = kernels.bad_triangles(scan.points, scan.triangles, smooth, limit, cosine)
    sizes = kernels.piece_sizes(scan.points, neighbours, smooth, limit)
    kept = sizes >= max(2, math.ceil(PIECE_SHARE * int(sizes.max())))
    if not kept.any():
        return scan, counts
    left = int(np.count_nonzero(smooth))
    counts["spike_points"] = len(smooth) - left
    counts["isolated_points"] = left - int(np.count_nonzero(kept))
    counts["grazing_triangles"], counts["long_triangles"] = grazing, long
    return keep_points(scan, kept, bad), counts


def _neighbours(scan: Scan) -> NDArray[np.int32]:
    if len(scan.triangles):
        return kernels.mesh_neighbours(len(scan.points), scan.triangles)
    from scipy.spatial import cKDTree

    _, nearest = cKDTree(scan.points).query(scan.points, k=kernels.MOST + 1)
    return np.ascontiguousarray(nearest[:, 1:], np.int32)


def _edge(scan: Scan, neighbours: NDArray[np.int32]) -> float:
    steps = kernels.sampled_steps(scan.points, neighbours, SAMPLED_STEPS)
    return float(np.median(steps)) if len(steps) else 0.0


def _limits(scan: Scan, neighbours: NDArray[np.int32], smooth: Mask) -> tuple[float, float]:
    """Length from which edges are bridges, and up to which they tie a point to the surface."""
    if len(scan.triangles):
        stride = max(1, len(scan.triangles) // 8000)
        lengths = kernels.longest_edges(scan.points, scan.triangles, smooth, stride)
    else:
        lengths = kernels.sampled_steps(scan.points, neighbours, SAMPLED_STEPS)
    if not len(lengths):
        return 0.0, 0.0
    middle, high = _quantiles(lengths, (0.5, 0.95))
    return max(LONG_SPACINGS * middle, LONG_SPREAD * high), max(TIED_SPACINGS * middle, TIED_SPREAD * high)


def _quantiles(values: NDArray[np.float64], shares: tuple[float, ...]) -> list[float]:
    """What ``np.quantile`` gives, to the bit; most of the time it takes goes to its arguments."""
    last = len(values) - 1
    places = [(int(last * share), last * share % 1.0) for share in shares]
    values = np.partition(values, sorted({min(i + k, last) for i, _ in places for k in (0, 1)}))
    found = []
    for i, part in places:
        low, high = float(values[i]), float(values[min(i + 1, last)])
        found.append(low + (high - low) * part if part < 0.5 else high - (high - low) * (1.0 - part))
    return found


def keep_points(scan: Scan, kept: Mask, unwanted: Mask | None = None) -> Scan:
    """The scan with only some points (n,) and without some triangles (m,), the same object if nothing goes.

    Triangles that lose a corner go, too; points, triangles, grid and texture stay consistent.
    """
    if unwanted is None:
        unwanted = np.zeros(len(scan.triangles), np.bool_)
    if kept.all() and not unwanted.any():
        return scan
    grid = _NO_GRID if scan.grid is None else scan.grid
    corners = _NO_CORNERS if scan.texture is None else np.ascontiguousarray(scan.texture.triangles)
    points, triangles, corners, grid = kernels.extract(scan.points, scan.triangles, corners, grid, kept, unwanted)
    return replace(
        scan,
        points=points,
        triangles=triangles,
        grid=None if scan.grid is None else grid,
        texture=None if scan.texture is None else replace(scan.texture, triangles=corners),
    )
