"""Lists of polygons with a mark between them, cut into triangles by kernels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gemax_cli.jit import kernel
from gemax_cli.scans.model import Points

MARK = int(np.iinfo(np.int32).min)
"""Stands behind a polygon where a file has no mark of its own: no index can be taken for it."""
MOST_CORNERS = 64  # of a polygon that is cut ear by ear, which takes the cube of their number at worst


@kernel
def count_triangles(indexes: NDArray[np.int32], mark: int) -> int:
    """How many triangles ``fan`` and ``clip`` make."""
    count, first = 0, 0
    for place in range(indexes.size):
        if indexes[place] == mark:
            first = place + 1
        elif place - first >= 2:
            count += 1
    return count


@kernel
def fan(indexes: NDArray[np.int32], mark: int) -> NDArray[np.int32]:
    """Triangulate polygons as fans, which is right for convex ones.

    Args:
        indexes: (k,) points of the corners, and a mark after every polygon; the last may do without.
        mark: no point.

    Returns:
        (m, 3) places in ``indexes`` of the triangles' corners: corners less two of every polygon that has so many.
    """
    out, count, first = np.empty((count_triangles(indexes, mark), 3), np.int32), 0, 0
    for place in range(indexes.size):
        if indexes[place] == mark:
            first = place + 1
        elif place - first >= 2:
            out[count, 0], out[count, 1], out[count, 2] = first, place - 1, place
            count += 1
    return out


@kernel
def marks_behind(counted: NDArray[np.int32]) -> None:
    """Turn polygons that begin with their numbers of corners into polygons with MARK behind, in place."""
    at = 0
    while at < counted.size:
        corners = counted[at]
        for place in range(at, at + corners):
            counted[place] = counted[place + 1]
        counted[at + corners] = MARK
        at += corners + 1


@kernel
def _flattened(corners: NDArray[np.float64]) -> NDArray[np.float64]:
    """Corners (k, 2) on the coordinate plane that a polygon (k, 3) faces most (Newell's normal), turning left."""
    normal = np.zeros(3)
    for corner in range(len(corners)):
        here, there = corners[corner], corners[(corner + 1) % len(corners)]
        for axis in range(3):
            a, b = (axis + 1) % 3, (axis + 2) % 3
            normal[axis] += (here[a] - there[a]) * (here[b] + there[b])
    best = np.argmax(np.abs(normal))
    a, b = (best + 1) % 3, (best + 2) % 3
    if normal[best] < 0:
        a, b = b, a
    return np.column_stack((corners[:, a], corners[:, b]))


@kernel
def _turn(flat: NDArray[np.float64], first: int, second: int, third: int) -> float:
    """Twice the signed area of a triangle."""
    a, b, c = flat[first], flat[second], flat[third]
    return float((b[0] - a[0]) * (c[1] - a[1]) - (c[0] - a[0]) * (b[1] - a[1]))


@kernel
def _is_ear(flat: NDArray[np.float64], numbers: NDArray[np.int32], ring: NDArray[np.int64], at: int) -> bool:
    """Whether a corner turns left and no other point of the polygon lies in its triangle."""
    before, here, after = ring[at - 1], ring[at], ring[(at + 1) % len(ring)]
    if _turn(flat, before, here, after) <= 0:
        return False
    for other in ring:
        if numbers[other] not in (numbers[before], numbers[here], numbers[after]) and (
            _turn(flat, before, here, other) >= 0
            and _turn(flat, here, after, other) >= 0
            and _turn(flat, after, before, other) >= 0
        ):
            return False
    return True


@kernel
def _find_ear(flat: NDArray[np.float64], numbers: NDArray[np.int32], ring: NDArray[np.int64]) -> int:
    """Place in ``ring`` of a corner that can be cut off; 1 where the polygon crosses itself and has none."""
    for place in range(1, len(ring) + 1):
        if _is_ear(flat, numbers, ring, place % len(ring)):
            return place % len(ring)
    return 1


@kernel
def clip(points: Points, indexes: NDArray[np.int32], mark: int) -> NDArray[np.int32]:
    """Cut simple polygons, concave ones too, into triangles by clipping ears (G. H. Meisters, 1975).

    A polygon is projected along the axis it faces most. Convex ones come out as a fan from their first corner, and so
    do those of more than MOST_CORNERS corners.

    Args:
        points: (n, 3).
        indexes: as in ``fan``, every one within range.
        mark: no point.

    Returns:
        As ``fan``.
    """
    out, count, start = np.empty((count_triangles(indexes, mark), 3), np.int32), 0, 0
    for stop in range(indexes.size + 1):
        if stop < indexes.size and indexes[stop] != mark:
            continue
        numbers, ring = indexes[start:stop], np.arange(stop - start)
        if 3 < len(ring) <= MOST_CORNERS:
            flat = _flattened(points[numbers])
            while len(ring) > 3:
                ear = _find_ear(flat, numbers, ring)
                for corner in range(-1, 2):
                    out[count, corner + 1] = start + ring[(ear + corner) % len(ring)]
                count += 1
                ring = np.delete(ring, ear)
        for corner in range(1, len(ring) - 1):
            out[count] = start + ring[0], start + ring[corner], start + ring[corner + 1]
            count += 1
        start = stop + 1
    return out[:count]
