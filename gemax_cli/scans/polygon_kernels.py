"""Kernels that cut polygons into triangles."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gemax_cli.jit import kernel

MOST_CORNERS = 64  # of a polygon that is cut ear by ear, which takes the cube of their number at worst


@kernel
def fan_polygons(indexes: NDArray[np.int32] | NDArray[np.int64], mark: int, out: NDArray[np.int64]) -> int:
    """Fan polygons from their first corner.

    Args:
        indexes: (k,) points of the corners, and a mark after every polygon; the last may do without.
        mark: no point.
        out: (k, 3) room for the places in ``indexes`` of the triangles' corners.

    Returns:
        Triangles written: corners less two of every polygon that has so many.
    """
    count, first = 0, 0
    for place in range(indexes.size):
        if indexes[place] == mark:
            first = place + 1
        elif place - first >= 2:
            out[count, 0], out[count, 1], out[count, 2] = first, place - 1, place
            count += 1
    return count


@kernel
def _plane_axes(points: NDArray[np.float64], indexes: NDArray[np.int32], start: int, stop: int) -> tuple[int, int]:
    """The two axes, in turning order, of the coordinate plane that a polygon faces most (Newell's normal)."""
    normal = np.zeros(3)
    for corner in range(start, stop):
        here = points[indexes[corner]]
        there = points[indexes[corner + 1 if corner + 1 < stop else start]]
        for axis in range(3):
            a, b = (axis + 1) % 3, (axis + 2) % 3
            normal[axis] += (here[a] - there[a]) * (here[b] + there[b])
    best = 0
    for axis in range(1, 3):
        if abs(normal[axis]) > abs(normal[best]):
            best = axis
    a, b = (best + 1) % 3, (best + 2) % 3
    return (a, b) if normal[best] >= 0 else (b, a)


@kernel
def _turn(points: NDArray[np.float64], first: int, second: int, third: int, axes: tuple[int, int]) -> float:
    """Twice the signed area of a triangle, seen along the axis that ``axes`` leave out."""
    a, b = axes
    ahead = (points[second, a] - points[first, a]) * (points[third, b] - points[first, b])
    return float(ahead - (points[third, a] - points[first, a]) * (points[second, b] - points[first, b]))


@kernel
def _find_ear(points: NDArray[np.float64], ring: NDArray[np.int64], size: int, axes: tuple[int, int]) -> int:
    """Place in ``ring`` of a corner that can be cut off; 1 where the polygon crosses itself and has none."""
    for place in range(1, size + 1):
        before, here, after = ring[place - 1], ring[place % size], ring[(place + 1) % size]
        if _turn(points, before, here, after, axes) <= 0:
            continue
        free = True
        for other in range(size):
            point = ring[other]
            if point in (before, here, after):
                continue
            if (
                _turn(points, before, here, point, axes) >= 0
                and _turn(points, here, after, point, axes) >= 0
                and _turn(points, after, before, point, axes) >= 0
            ):
                free = False
                break
        if free:
            return place % size
    return 1


@kernel
def clip_ears(
    points: NDArray[np.float64],
    indexes: NDArray[np.int32],
    starts: NDArray[np.int64],
    stops: NDArray[np.int64],
    out: NDArray[np.int64],
) -> int:
    """Cut simple polygons, concave ones too, into triangles by clipping ears (G. H. Meisters, 1975).

    A polygon is looked at along the axis it faces most. Convex ones come out as a fan from their first corner, and so
    do those of more than 64 corners.

    Args:
        points: (n, 3).
        indexes: (k,) points of the corners, every one within range.
        starts: (p,) place in ``indexes`` of each polygon's first corner.
        stops: (p,) place after its last.
        out: (k, 3) room for the places in ``indexes`` of the triangles' corners.

    Returns:
        Triangles written: corners less two of every polygon.
    """
    count = 0
    ring, place_of = np.empty(MOST_CORNERS, np.int64), np.empty(MOST_CORNERS, np.int64)
    for polygon in range(starts.size):
        start, size = starts[polygon], stops[polygon] - starts[polygon]
        if size <= 3 or size > MOST_CORNERS:
            for corner in range(1, size - 1):
                out[count] = start, start + corner, start + corner + 1
                count += 1
            continue
        axes = _plane_axes(points, indexes, start, stops[polygon])
        for corner in range(size):
            ring[corner], place_of[corner] = indexes[start + corner], start + corner
        while size >= 3:
            ear = _find_ear(points, ring, size, axes) if size > 3 else 1
            out[count] = place_of[ear - 1 if ear else size - 1], place_of[ear], place_of[(ear + 1) % size]
            count += 1
            size -= 1
            for corner in range(ear, size):
                ring[corner], place_of[corner] = ring[corner + 1], place_of[corner + 1]
    return count
