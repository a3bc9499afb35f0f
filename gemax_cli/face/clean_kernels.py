"""The loops of cleaning: neighbours, residuals to the local median, triangle shapes, connected pieces, renumbering."""

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
    return float(values[count // 2])


@kernel
def _distance(points: Floats, i: int, j: int) -> float:
    x, y, z = points[i, 0] - points[j, 0], points[i, 1] - points[j, 1], points[i, 2] - points[j, 2]
    return float(np.sqrt(x * x + y * y + z * z))


@kernel
def _spacing(points: Floats, neighbours: Neighbours, i: int, room: Floats) -> float:
    """Median over the neighbours of ``i`` of their own median distance to theirs: a spike does not widen it."""
    own = np.empty(MOST)
    count = 0
    while count < MOST and neighbours[i, count] >= 0:
        at, theirs = neighbours[i, count], 0
        while theirs < MOST and neighbours[at, theirs] >= 0:
            room[theirs] = _distance(points, at, neighbours[at, theirs])
            theirs += 1
        own[count] = _median(room, theirs)
        count += 1
    return _median(own, count)


@kernel
def spikes(points: Floats, neighbours: Neighbours, least: float, factor: float) -> NDArray[np.bool_]:
    """(n,) whether a point is a spike: more than ``factor`` spacings off the component-wise median of its neighbours.

    Points closer than ``least`` to the mean of their neighbours are none, without a closer look.
    """
    found = np.zeros(len(points), np.bool_)
    room, middle = np.empty(MOST), np.empty(3)
    for i in range(len(points)):
        middle[:] = 0.0
        count = 0
        while count < MOST and neighbours[i, count] >= 0:
            for k in range(3):
                middle[k] += points[neighbours[i, count], k]
            count += 1
        square = 0.0
        for k in range(3):
            square += (points[i, k] - middle[k] / max(count, 1)) ** 2
        if count == 0 or square < least * least:
            continue
        square = 0.0
        for k in range(3):
            for j in range(count):
                room[j] = points[neighbours[i, j], k]
            square += (points[i, k] - _median(room, count)) ** 2
        found[i] = np.sqrt(square) > factor * _spacing(points, neighbours, i, room)
    return found


@kernel
def triangle_shapes(points: Floats, triangles: NDArray[np.int32], kept: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """(m,) longest edge of each triangle, and (m,) |cosine| between its normal and +Z (0 if it has no area).

    Triangles with a corner that is not ``kept`` have the length -1.
    """
    longest, facing = np.full(len(triangles), -1.0), np.ones(len(triangles))
    for t in range(len(triangles)):
        a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        if not (kept[a] and kept[b] and kept[c]):
            continue
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
def renumber(
    triangles: NDArray[np.int32], number: NDArray[np.int32], wanted: NDArray[np.bool_]
) -> tuple[NDArray[np.int32], NDArray[np.bool_]]:
    """The wanted triangles all of whose corners have a new number, in new numbers; and (m,) which these are."""
    out, kept = np.empty_like(triangles), np.zeros(len(triangles), np.bool_)
    count = 0
    for t in range(len(triangles)):
        a, b, c = number[triangles[t, 0]], number[triangles[t, 1]], number[triangles[t, 2]]
        if wanted[t] and a >= 0 and b >= 0 and c >= 0:
            out[count, 0], out[count, 1], out[count, 2] = a, b, c
            kept[t] = True
            count += 1
    return out[:count], kept


@kernel
def hold(points: Floats, neighbours: Neighbours, kept: NDArray[np.bool_], reach: float) -> NDArray[np.bool_]:
    """(n,) which kept points hang on the surface: by steps of at most ``reach`` to two that do so, too.

    A dense cluster of spikes has no smooth neighbourhood to differ from, but hardly a short step either.
    """
    held: NDArray[np.bool_] = kept.copy()
    changed = True
    while changed:
        changed = False
        for i in range(len(points)):
            links, j = 0, 0
            while held[i] and links < 2 and j < MOST and neighbours[i, j] >= 0:
                other = neighbours[i, j]
                links += held[other] and _distance(points, i, other) <= reach
                j += 1
            if held[i] and links < 2:
                held[i] = False
                changed = True
    return held


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
