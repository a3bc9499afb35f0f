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
        a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        _add(table, a, b)
        _add(table, b, c)
        _add(table, c, a)
        _add(table, a, c)
        _add(table, b, a)
        _add(table, c, b)
    return table


@kernel
def _add(table: Neighbours, point: int, neighbour: int) -> None:
    for j in range(MOST):
        if table[point, j] == neighbour:
            break
        if table[point, j] < 0:
            table[point, j] = neighbour
            break


@kernel
def _squared(points: Floats, i: int, j: int) -> float:
    x, y, z = points[i, 0] - points[j, 0], points[i, 1] - points[j, 1], points[i, 2] - points[j, 2]
    return float(x * x + y * y + z * z)


@kernel
def upper_median(values: Floats, count: int) -> float:
    """Median of the first ``count`` values (the upper one of two), which are sorted in place: by insertion, as few."""
    for i in range(1, count):
        value, j = values[i], i
        while j > 0 and values[j - 1] > value:
            values[j] = values[j - 1]
            j -= 1
        values[j] = value
    return float(values[count // 2])


@kernel
def _stands_out(points: Floats, neighbours: Neighbours, i: int, square: float) -> bool:
    """Whether ``square`` is above the median over the neighbours of ``i`` of their median squared distance to theirs.

    A number is above a median if it is above more than half of the values, so none has to be sorted.
    """
    above, count = 0, 0
    while count < MOST and neighbours[i, count] >= 0:
        at, shorter, theirs = neighbours[i, count], 0, 0
        while theirs < MOST and neighbours[at, theirs] >= 0:
            shorter += square > _squared(points, at, neighbours[at, theirs])
            theirs += 1
        above += shorter > theirs // 2
        count += 1
    return above > count // 2


@kernel
def find_spike_points(points: Floats, neighbours: Neighbours, least: float, factor: float) -> NDArray[np.bool_]:
    """(n,) whether a point is a spike: more than ``factor`` spacings off the component-wise median of its neighbours.

    The spacing is the median over the neighbours of their own median distance to theirs: a spike does not widen it.
    Points closer than ``least`` to the mean of their neighbours are not tested further: they are no spikes.
    """
    found = np.zeros(len(points), np.bool_)
    room = np.empty(MOST)
    for i in range(len(points)):
        x, y, z = 0.0, 0.0, 0.0
        count = 0
        while count < MOST and neighbours[i, count] >= 0:
            at = neighbours[i, count]
            x, y, z = x + points[at, 0], y + points[at, 1], z + points[at, 2]
            count += 1
        if count == 0:
            continue
        x, y, z = points[i, 0] - x / count, points[i, 1] - y / count, points[i, 2] - z / count
        if x * x + y * y + z * z < least * least:
            continue
        square = 0.0
        for k in range(3):
            for j in range(count):
                room[j] = points[neighbours[i, j], k]
            square += (points[i, k] - upper_median(room, count)) ** 2
        found[i] = _stands_out(points, neighbours, i, square / factor**2)
    return found


@kernel
def _longest_squared(points: Floats, a: int, b: int, c: int) -> float:
    return max(_squared(points, b, a), _squared(points, c, a), _squared(points, c, b))


@kernel
def longest_edges(points: Floats, triangles: NDArray[np.int32], kept: NDArray[np.bool_], stride: int) -> Floats:
    """Longest edge of every ``stride``-th triangle, (k,); those with a corner that is not ``kept`` are left out."""
    longest = np.empty(-(-len(triangles) // stride))
    count = 0
    for t in range(0, len(triangles), stride):
        a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        if kept[a] and kept[b] and kept[c]:
            longest[count] = np.sqrt(_longest_squared(points, a, b, c))
            count += 1
    return longest[:count]


@kernel
def find_damage(
    points: Floats,
    triangles: NDArray[np.int32],
    neighbours: Neighbours,
    smooth: NDArray[np.bool_],
    limits: tuple[float, float, float, float],
) -> tuple[NDArray[np.bool_], NDArray[np.bool_], NDArray[np.int64]]:
    """Select what remains of a scan: points connected to the surface, in pieces that are large enough.

    Args:
        points: (n, 3).
        triangles: (m, 3); (0, 3) for bare points, which need no connection.
        neighbours: of the points.
        smooth: (n,) points that are no spikes.
        limits: longest edge allowed, longest step that ties a point to the surface, least |cosine| allowed between a
            triangle's normal and +Z, and the smallest share of the largest piece that a piece may have.

    Returns:
        (n,) the points kept, (m,) the triangles that are grazing or too long, and (4,) how many points are spikes,
        how many are kept out as scraps, how many triangles are grazing, and how many are not but are too long.
    """
    longest, reach, cosine, share = limits
    if len(triangles) > 0:
        smooth = hold(points, neighbours, smooth, reach)
    bad, grazing, long = bad_triangles(points, triangles, smooth, longest, cosine)
    sizes = piece_sizes(points, neighbours, smooth, longest)
    kept = sizes >= max(2, int(np.ceil(share * sizes.max())))
    left = smooth.sum()
    return kept, bad, np.array([len(points) - left, left - kept.sum(), grazing, long])


@kernel
def bad_triangles(
    points: Floats, triangles: NDArray[np.int32], kept: NDArray[np.bool_], limit: float, cosine: float
) -> tuple[NDArray[np.bool_], int, int]:
    """Which triangles with kept corners alone turn away from Z or have an edge that is too long.

    Args:
        points: (n, 3).
        triangles: (m, 3).
        kept: (n,) other triangles are not judged.
        limit: longest edge allowed.
        cosine: least |cosine| allowed between a triangle's normal and +Z.

    Returns:
        (m,) True for the bad ones, how many are grazing, and how many are not but are too long.
    """
    bad = np.zeros(len(triangles), np.bool_)
    grazing, long = 0, 0
    for t in range(len(triangles)):
        a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        if not (kept[a] and kept[b] and kept[c]):
            continue
        ux, uy, uz = points[b, 0] - points[a, 0], points[b, 1] - points[a, 1], points[b, 2] - points[a, 2]
        vx, vy, vz = points[c, 0] - points[a, 0], points[c, 1] - points[a, 1], points[c, 2] - points[a, 2]
        nx, ny, nz = uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx
        if cosine > 0 and nz * nz <= cosine * cosine * (nx * nx + ny * ny + nz * nz):  # no area, no direction
            bad[t] = True
            grazing += 1
        elif _longest_squared(points, a, b, c) > limit * limit:
            bad[t] = True
            long += 1
    return bad, grazing, long


@kernel
def extract(
    points: Floats,
    triangles: NDArray[np.int32],
    grid: NDArray[np.int32],
    kept: NDArray[np.bool_],
    unwanted: NDArray[np.bool_],
) -> tuple[Floats, NDArray[np.int32], NDArray[np.int32], NDArray[np.bool_]]:
    """The kept points, and the triangles that lose no corner and are not unwanted.

    Args:
        points: (n, 3).
        triangles: (m, 3) rows of ``points``.
        grid: (rows, columns) rows of ``points`` or negative; (0, 0) where there is none.
        kept: (n,).
        unwanted: (m,).

    Returns:
        Points, triangles and grid without what goes, in the new numbers of the points, and (m,) which triangles stay.
    """
    number = np.full(len(points), -1, np.int32)
    some, count = np.empty((kept.sum(), 3)), 0
    for i in range(len(points)):
        if kept[i]:
            some[count, 0], some[count, 1], some[count, 2] = points[i, 0], points[i, 1], points[i, 2]
            number[i] = count
            count += 1
    drawn, whole = np.empty_like(triangles), np.zeros(len(triangles), np.bool_)
    count = 0
    for t in range(len(triangles)):
        a, b, c = number[triangles[t, 0]], number[triangles[t, 1]], number[triangles[t, 2]]
        if not unwanted[t] and a >= 0 and b >= 0 and c >= 0:
            drawn[count, 0], drawn[count, 1], drawn[count, 2] = a, b, c
            whole[t] = True
            count += 1
    places = np.full(grid.shape, -1, np.int32)
    for row in range(grid.shape[0]):
        for column in range(grid.shape[1]):
            if grid[row, column] >= 0:
                places[row, column] = number[grid[row, column]]
    return some, drawn[:count], places, whole


@kernel
def hold(points: Floats, neighbours: Neighbours, kept: NDArray[np.bool_], reach: float) -> NDArray[np.bool_]:
    """(n,) which kept points are connected: by steps of at most ``reach`` to two points that are connected, too.

    A dense cluster of spikes passes the median test, but its points have hardly any short steps.
    """
    held: NDArray[np.bool_] = kept.copy()
    stack = np.empty(MOST * len(points) + 1, np.int32)  # a point is removed once, and then pushes its neighbours
    changed = True
    while changed:  # again, because a removed point may be the neighbour of points that it does not list
        changed = False
        for start in range(len(points)):
            stack[0], waiting = start, 1
            while waiting > 0:
                waiting -= 1
                i, steps, j = np.int64(stack[waiting]), 0, 0
                if not held[i]:
                    continue
                while steps < 2 and j < MOST and neighbours[i, j] >= 0:
                    other = np.int64(neighbours[i, j])
                    steps += held[other] and _squared(points, i, other) <= reach * reach
                    j += 1
                if steps == 2:
                    continue
                held[i] = False
                changed |= neighbours[i, MOST - 1] >= 0
                for j in range(MOST):
                    if neighbours[i, j] >= 0:
                        stack[waiting] = neighbours[i, j]
                        waiting += 1
    return held


@kernel
def _root(parent: NDArray[np.int32], i: int) -> int:
    while parent[i] != i:
        parent[i] = parent[parent[i]]
        i = np.int64(parent[i])
    return i


@kernel
def piece_sizes(points: Floats, neighbours: Neighbours, kept: NDArray[np.bool_], limit: float) -> NDArray[np.int32]:
    """(n,) how many kept points are connected with each, over steps of at most ``limit``; 0 for points not kept."""
    n = len(points)
    parent = np.empty(n, np.int32)
    for i in range(n):
        parent[i] = i
    for i in range(n):
        if not kept[i]:
            continue
        root = _root(parent, i)
        for j in range(MOST):
            other = np.int64(neighbours[i, j])
            if other < 0:
                break
            if parent[other] != root and kept[other] and _squared(points, i, other) <= limit * limit:
                there = _root(parent, other)
                parent[max(root, there)] = root = min(root, there)
    size, out = np.zeros(n, np.int32), np.zeros(n, np.int32)
    for i in range(n):
        parent[i] = parent[parent[i]]  # numbers of parents are lower, so theirs are roots by now
        size[parent[i]] += 1  # a point that is not kept is a piece of its own
    for i in range(n):
        if kept[i]:
            out[i] = size[parent[i]]
    return out
