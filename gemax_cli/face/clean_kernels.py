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
def sampled_steps(points: Floats, neighbours: Neighbours, some: int) -> Floats:
    """Distances from points to their first neighbours, of at least ``some`` points spread over those that have one."""
    count = 0
    for i in range(len(points)):
        count += neighbours[i, 0] >= 0
    stride = max(1, count // some)
    steps = np.empty(-(-count // stride))
    count, left_out = 0, stride - 1
    for i in range(len(points)):
        at = np.int64(neighbours[i, 0])
        if at < 0:
            continue
        left_out += 1
        if left_out == stride:
            x, y, z = points[i, 0] - points[at, 0], points[i, 1] - points[at, 1], points[i, 2] - points[at, 2]
            steps[count] = np.sqrt(x * x + y * y + z * z)
            count, left_out = count + 1, 0
    return steps


@kernel
def _in_order(a: float, b: float) -> tuple[float, float]:
    return (a, b) if a < b else (b, a)


@kernel
def _median(values: Floats, count: int) -> float:
    """Median of the first ``count`` of the MOST values (the upper one of two), which are overwritten.

    By a network that sorts the lower five of eight (Batcher 1968): sorting by insertion would take a branch for every
    comparison, mispredicted every other time.
    """
    for j in range(count, MOST):
        values[j] = np.inf
    a, b, c, d = values[0], values[1], values[2], values[3]
    e, f, g, h = values[4], values[5], values[6], values[7]
    a, c = _in_order(a, c)
    b, d = _in_order(b, d)
    e, g = _in_order(e, g)
    f, h = _in_order(f, h)
    a, e = _in_order(a, e)
    b, f = _in_order(b, f)
    c, g = _in_order(c, g)
    d, h = _in_order(d, h)
    a, b = _in_order(a, b)
    c, d = _in_order(c, d)
    e, f = _in_order(e, f)
    g, h = _in_order(g, h)
    c, e = _in_order(c, e)
    d, f = _in_order(d, f)
    b, e = _in_order(b, e)
    d, g = _in_order(d, g)
    b, c = _in_order(b, c)
    d, e = _in_order(d, e)
    values[0], values[1], values[2], values[3], values[4] = a, b, c, d, e
    return float(values[count // 2])


@kernel
def _is_short(points: Floats, i: int, j: int, reach: float) -> bool:
    x, y, z = points[i, 0] - points[j, 0], points[i, 1] - points[j, 1], points[i, 2] - points[j, 2]
    square = x * x + y * y + z * z
    # a root is drawn only where squares, these 2 % off, leave doubt
    return bool(square < 0.98 * reach * reach or (square <= 1.02 * reach * reach and np.sqrt(square) <= reach))


@kernel
def _stands_out(points: Floats, neighbours: Neighbours, i: int, count: int, off: float, factor: float) -> bool:
    """Whether ``off`` is more than ``factor`` times the spacing about ``i``, which has ``count`` neighbours.

    The spacing is the median over the neighbours of ``i`` of their own median distance to theirs: a spike does not
    widen it. A number is above a median if it is above more than half of the values, so none has to be sorted.
    """
    above = 0
    for j in range(count):
        at, shorter, theirs = np.int64(neighbours[i, j]), 0, 0
        while theirs < MOST and neighbours[at, theirs] >= 0:
            to = np.int64(neighbours[at, theirs])
            x, y, z = points[at, 0] - points[to, 0], points[at, 1] - points[to, 1], points[at, 2] - points[to, 2]
            shorter += off > factor * np.sqrt(x * x + y * y + z * z)
            theirs += 1
        above += shorter > theirs // 2
        if above + count - 1 - j <= count // 2:  # the others will not make it more than half
            return False
    return True


@kernel
def spikes(points: Floats, neighbours: Neighbours, least: float, factor: float) -> NDArray[np.bool_]:
    """(n,) whether a point is a spike: more than ``factor`` spacings off the component-wise median of its neighbours.

    Points closer than ``least`` to the mean of their neighbours are none, without a closer look.
    """
    found = np.zeros(len(points), np.bool_)
    room = np.empty(MOST)
    for i in range(len(points)):
        x, y, z = 0.0, 0.0, 0.0
        count = 0
        while count < MOST and neighbours[i, count] >= 0:
            at = np.int64(neighbours[i, count])
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
            square += (points[i, k] - _median(room, count)) ** 2
        found[i] = _stands_out(points, neighbours, i, count, np.sqrt(square), factor)
    return found


@kernel
def longest_edges(points: Floats, triangles: NDArray[np.int32], kept: NDArray[np.bool_], stride: int) -> Floats:
    """Longest edge of every ``stride``-th triangle, (k,); those with a corner that is not ``kept`` are left out."""
    longest = np.empty(-(-len(triangles) // stride))
    count = 0
    for t in range(0, len(triangles), stride):
        a, b, c = np.int64(triangles[t, 0]), np.int64(triangles[t, 1]), np.int64(triangles[t, 2])
        if not (kept[a] and kept[b] and kept[c]):
            continue
        ux, uy, uz = points[b, 0] - points[a, 0], points[b, 1] - points[a, 1], points[b, 2] - points[a, 2]
        vx, vy, vz = points[c, 0] - points[a, 0], points[c, 1] - points[a, 1], points[c, 2] - points[a, 2]
        wx, wy, wz = vx - ux, vy - uy, vz - uz
        square = max(ux * ux + uy * uy + uz * uz, vx * vx + vy * vy + vz * vz, wx * wx + wy * wy + wz * wz)
        longest[count] = np.sqrt(square)
        count += 1
    return longest[:count]


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
    # roots are drawn only where squares, these 2 % off, leave doubt
    surely_steep, surely_short = 1.02 * cosine * cosine, 0.98 * limit * limit
    for t in range(len(triangles)):
        a, b, c = np.int64(triangles[t, 0]), np.int64(triangles[t, 1]), np.int64(triangles[t, 2])
        if not (kept[a] and kept[b] and kept[c]):
            continue
        ux, uy, uz = points[b, 0] - points[a, 0], points[b, 1] - points[a, 1], points[b, 2] - points[a, 2]
        vx, vy, vz = points[c, 0] - points[a, 0], points[c, 1] - points[a, 1], points[c, 2] - points[a, 2]
        wx, wy, wz = vx - ux, vy - uy, vz - uz
        square = max(ux * ux + uy * uy + uz * uz, vx * vx + vy * vy + vz * vz, wx * wx + wy * wy + wz * wz)
        nx, ny, nz = uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx
        area = nx * nx + ny * ny + nz * nz
        if cosine > 0 and not nz * nz > surely_steep * area:
            area = np.sqrt(area)
            if (abs(nz) / area if area > 0 else 0.0) < cosine:
                bad[t] = True
                grazing += 1
                continue
        if not square < surely_short and np.sqrt(square) > limit:
            bad[t] = True
            long += 1
    return bad, grazing, long


@kernel
def extract(
    points: Floats,
    triangles: NDArray[np.int32],
    corners: NDArray[np.int32],
    grid: NDArray[np.int32],
    kept: NDArray[np.bool_],
    unwanted: NDArray[np.bool_],
) -> tuple[Floats, NDArray[np.int32], NDArray[np.int32], NDArray[np.int32]]:
    """The kept points, the triangles that lose no corner and are not unwanted, and what belongs to them.

    Args:
        points: (n, 3).
        triangles: (m, 3) rows of ``points``.
        corners: (m, 3) texture of the triangles; (0, 3) where there is none.
        grid: (rows, columns) rows of ``points`` or negative; (0, 0) where there is none.
        kept: (n,).
        unwanted: (m,).

    Returns:
        All four without what goes; triangles and grid in the new numbers of the points.
    """
    number = np.empty(len(points), np.int32)
    count = 0
    for i in range(len(points)):
        number[i] = -1
        count += kept[i]
    some = np.empty((count, 3))
    count = 0
    for i in range(len(points)):
        if kept[i]:
            number[i] = count
            some[count, 0], some[count, 1], some[count, 2] = points[i, 0], points[i, 1], points[i, 2]
            count += 1
    drawn, looks = np.empty_like(triangles), np.empty_like(corners)
    count = 0
    for t in range(len(triangles)):
        a, b, c = number[triangles[t, 0]], number[triangles[t, 1]], number[triangles[t, 2]]
        if unwanted[t] or a < 0 or b < 0 or c < 0:
            continue
        drawn[count, 0], drawn[count, 1], drawn[count, 2] = a, b, c
        if len(corners) > 0:
            looks[count, 0], looks[count, 1], looks[count, 2] = corners[t, 0], corners[t, 1], corners[t, 2]
        count += 1
    places = np.empty_like(grid)
    for row in range(grid.shape[0]):
        for column in range(grid.shape[1]):
            place = grid[row, column]
            places[row, column] = number[place] if place >= 0 else -1
    return some, drawn[:count], looks[: count if len(corners) > 0 else 0], places


@kernel
def hold(points: Floats, neighbours: Neighbours, kept: NDArray[np.bool_], reach: float) -> NDArray[np.bool_]:
    """(n,) which kept points hang on the surface: by steps of at most ``reach`` to two that do so, too.

    A dense cluster of spikes has no smooth neighbourhood to differ from, but hardly a short step either.
    """
    held: NDArray[np.bool_] = kept.copy()
    ties = np.empty((len(points), 2), np.int32)  # the two that a point was last seen to hang on
    for i in range(len(points)):
        ties[i, 0] = ties[i, 1] = -1
    stack = np.empty(len(points), np.int32)
    changed = True
    while changed:  # once and again, unless a point with more than MOST neighbours was not among those of another
        changed = False
        for start in range(len(points)):
            if ties[start, 0] >= 0 and held[ties[start, 0]] and held[ties[start, 1]]:
                continue
            stack[0], waiting = start, 1
            while waiting > 0:
                waiting -= 1
                i = np.int64(stack[waiting])
                if not held[i] or (ties[i, 0] >= 0 and held[ties[i, 0]] and held[ties[i, 1]]):
                    continue
                links, j = 0, 0
                while links < 2 and j < MOST and neighbours[i, j] >= 0:
                    other = np.int64(neighbours[i, j])
                    if held[other] and _is_short(points, i, other, reach):
                        ties[i, links] = other
                        links += 1
                    j += 1
                if links == 2:
                    continue
                ties[i, 0] = -1
                held[i] = False
                changed = True
                for j in range(MOST):
                    other = np.int64(neighbours[i, j])
                    if other < 0 or waiting == len(stack):
                        break
                    if ties[other, 0] == i or ties[other, 1] == i:
                        stack[waiting] = other
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
    """(n,) how many kept points hang together with each, over steps of at most ``limit``; 0 for points not kept."""
    n = len(points)
    parent = np.empty(n, np.int32)
    for i in range(n):
        parent[i] = i
    for i in range(n):
        if not kept[i]:
            continue
        mine = np.int64(parent[i])
        for j in range(MOST):
            other = np.int64(neighbours[i, j])
            if other < 0:
                break
            if parent[other] == mine or not kept[other]:
                continue
            x, y, z = points[i, 0] - points[other, 0], points[i, 1] - points[other, 1], points[i, 2] - points[other, 2]
            if x * x + y * y + z * z <= limit * limit:
                a, b = _root(parent, mine), _root(parent, other)
                mine = min(a, b)
                parent[max(a, b)] = mine
    size, out = np.zeros(n, np.int32), np.zeros(n, np.int32)
    for i in range(n):
        parent[i] = parent[parent[i]]  # numbers of parents are lower, so theirs are roots by now
        size[parent[i]] += 1  # a point that is not kept is a piece of its own
    for i in range(n):
        if kept[i]:
            out[i] = size[parent[i]]
    return out
