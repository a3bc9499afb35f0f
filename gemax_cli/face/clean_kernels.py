"""The loops of cleaning: neighbours, residuals to the local median, triangle shapes, connected pieces."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gemax_cli.jit import kernel

Floats = NDArray[np.float64]
Neighbours = NDArray[np.int32]  # (n, MOST), numbers of points, padded with -1

MOST = 8  # neighbours kept per point


@kernel
def mesh_neighbours(count: int, triangles: NDArray[np.int32]) -> Neighbours:
    """Up to MOST neighbours of each of ``count`` points along the edges of ``triangles``, first come, first kept."""
    table = np.full((count, MOST), -1, np.int32)
    for t in range(len(triangles)):
        for k in range(6):
            a, b = triangles[t, k % 3], triangles[t, (k + 1 + k // 3) % 3]
            for j in range(MOST):
                if table[a, j] == b:
                    break
                if table[a, j] < 0:
                    table[a, j] = b
                    break
    return table


@kernel
def _median(values: Floats, count: int) -> float:
    """Median of the first ``count`` values (the upper one of two), which are sorted in place."""
    for i in range(1, count):
        value = values[i]
        j = i
        while j > 0 and values[j - 1] > value:
            values[j] = values[j - 1]
            j -= 1
        values[j] = value
    return values[count // 2]


@kernel
def residuals(points: Floats, neighbours: Neighbours) -> tuple[Floats, Floats]:
    """How far each point lies from the local median, and the local spacing.

    Returns:
        (n,) distance from the component-wise median of the neighbours, and (n,) the median over the
        neighbours of their own median distance to theirs: a spike does not widen its own spacing. Both 0 where
        a point has no neighbour.
    """
    n = len(points)
    off, near, spacing = np.zeros(n), np.zeros(n), np.zeros(n)
    sorted_ = np.empty(MOST)
    for i in range(n):
        count = 0
        while count < MOST and neighbours[i, count] >= 0:
            count += 1
        if count == 0:
            continue
        square = 0.0
        for k in range(3):
            for j in range(count):
                sorted_[j] = points[neighbours[i, j], k]
            square += (points[i, k] - _median(sorted_, count)) ** 2
        off[i] = np.sqrt(square)
        for j in range(count):
            at = neighbours[i, j]
            sorted_[j] = (
                (points[i, 0] - points[at, 0]) ** 2
                + (points[i, 1] - points[at, 1]) ** 2
                + (points[i, 2] - points[at, 2]) ** 2
            )
        near[i] = np.sqrt(_median(sorted_, count))
    for i in range(n):
        count = 0
        while count < MOST and neighbours[i, count] >= 0:
            sorted_[count] = near[neighbours[i, count]]
            count += 1
        if count:
            spacing[i] = _median(sorted_, count)
    return off, spacing


@kernel
def triangle_shapes(points: Floats, triangles: NDArray[np.int32]) -> tuple[Floats, Floats]:
    """(m,) longest edge of each triangle, and (m,) |cosine| between its normal and +Z (0 if it has no area)."""
    longest, facing = np.empty(len(triangles)), np.empty(len(triangles))
    for t in range(len(triangles)):
        a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        ux, uy, uz = points[b, 0] - points[a, 0], points[b, 1] - points[a, 1], points[b, 2] - points[a, 2]
        vx, vy, vz = points[c, 0] - points[a, 0], points[c, 1] - points[a, 1], points[c, 2] - points[a, 2]
        wx, wy, wz = vx - ux, vy - uy, vz - uz
        square = max(ux * ux + uy * uy + uz * uz, vx * vx + vy * vy + vz * vz, wx * wx + wy * wy + wz * wz)
        nx, ny, nz = uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx
        area = np.sqrt(nx * nx + ny * ny + nz * nz)
        longest[t] = np.sqrt(square)
        facing[t] = abs(nz) / area if area > 0 else 0.0
    return longest, facing


@kernel
def _root(parent: NDArray[np.int32], i: int) -> int:
    while parent[i] != i:
        parent[i] = parent[parent[i]]
        i = parent[i]
    return i


@kernel
def piece_sizes(points: Floats, neighbours: Neighbours, kept: NDArray[np.bool_], limit: float) -> NDArray[np.int32]:
    """(n,) how many kept points hang together with each, over steps of at most ``limit``; 0 for points not kept."""
    n = len(points)
    parent = np.arange(n).astype(np.int32)
    for i in range(n):
        if not kept[i]:
            continue
        for j in range(MOST):
            other = neighbours[i, j]
            if other < 0:
                break
            square = 0.0
            for k in range(3):
                square += (points[i, k] - points[other, k]) ** 2
            if kept[other] and square <= limit * limit:
                a, b = _root(parent, i), _root(parent, other)
                parent[max(a, b)] = min(a, b)
    size = np.zeros(n, np.int32)
    for i in range(n):
        if kept[i]:
            size[_root(parent, i)] += 1
    out = np.zeros(n, np.int32)
    for i in range(n):
        if kept[i]:
            out[i] = size[_root(parent, i)]
    return out
