"""Surfaces: their spacing, and one for bare points, the 2.5-D Delaunay triangulation of those that the camera sees."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gemax_cli.face.clean_kernels import longest_edges
from gemax_cli.scans.model import Points, Triangles

RAGGED = 8.0  # templates and their registered copies have 1 to 6, scans with holes 11 and more
SAMPLED = 1000  # triangles whose edges tell the spacing of a surface
MOST_POINTS = 200_000  # of a denser cloud, a regular part: four points a pixel are more than 224 x 224 pixels show
NEIGHBOURS = 6
SUPPORT = 5.0  # spacings from a point to the two that support it; a lower spike is too low to hide its surroundings
REACH = 3.0  # spacings to the points that a point may hide: sparse places must hide what lies behind them, too
STEEPEST = 6.0  # rise over run of a measured surface, about 80 degrees; what lies further behind is another layer


def median_edge(points: Points, triangles: Triangles) -> float:
    """Median edge length of a surface, mm, from some triangles spread over it; 0 for no triangles."""
    a, b, c = points[triangles[:: max(1, len(triangles) // SAMPLED)].T]
    x, y, z = np.concatenate([b - a, c - b, a - c]).T
    return float(np.sqrt(np.median(x * x + y * y + z * z))) if len(x) else 0.0


def is_whole(points: Points, triangles: Triangles) -> bool:
    """Whether a mesh is a surface without ragged holes: a registered topology rather than a triangulated scan.

    A template that was laid onto a face has a rim, eyes and a mouth at most. In a scan, every place that was not
    measured leaves a hole: its boundary edges are more than RAGGED times the square root of its number of points.
    """
    place = np.unique(points, axis=0, return_inverse=True)[1].ravel()  # a point may be repeated, at seams of a texture
    corner = place[triangles]
    ends = np.sort(np.concatenate([corner[:, [0, 1]], corner[:, [1, 2]], corner[:, [2, 0]]]), axis=1)
    uses = np.unique(ends[:, 0] * np.int64(len(points)) + ends[:, 1], return_counts=True)[1]
    return bool(np.count_nonzero(uses == 1) <= RAGGED * np.sqrt(place.max() + 1))


def longest_edge(points: Points, triangles: Triangles) -> float:
    """Longest edge of a mesh, mm; 0 for no triangles."""
    return float(longest_edges(points, triangles, np.ones(len(points), np.bool_), 1).max(initial=0.0))


def triangulate_points(points: Points, tip: NDArray[np.float64], near: float) -> Triangles:
    """Triangulate the points that a camera before the face sees.

    The triangles are Delaunay in the image plane. They cover the convex hull of the points: it is for the
    rasteriser's edge limit not to draw those that bridge gaps.

    Args:
        points: (n, 3) mm, frontal; repeated points do no harm.
        tip: (3,) nose tip.
        near: points more than this far before the tip are left out, mm, so that what lies behind shows.

    Returns:
        (m, 3) rows of ``points``, counter-clockwise; (0, 3) for fewer than three points or points in a line.
    """
    seen = _frontmost(points, np.flatnonzero(points[:, 2] <= tip[2] + near))
    if len(seen) > NEIGHBOURS:
        pitch, supported = _support(points[seen])
        seen = seen[supported]
        seen = seen[_in_front(points[seen], pitch)]
    return seen[_delaunay(points[seen, :2] - tip[:2])].astype(np.int32, copy=False)


def _frontmost(points: Points, chosen: NDArray[np.intp]) -> NDArray[np.intp]:
    """Of the chosen points at the same x and y, the frontmost; of a dense cloud, a regular part."""
    chosen = chosen[:: max(1, -(-len(chosen) // MOST_POINTS))]
    x, y, z = points[chosen].T
    order = np.lexsort((-z, y, x))
    place = points[chosen[order], :2]
    first = np.ones(len(order), np.bool_)
    first[1:] = (place[1:] != place[:-1]).any(1)
    return chosen[order[first]]


def _support(points: Points) -> tuple[float, NDArray[np.bool_]]:
    """The cloud's spacing in mm, and which points have two others near: a lone one is a spike, and hides nothing."""
    from scipy.spatial import cKDTree  # some 0.1 s to import, and needed for bare points alone

    away = cKDTree(points).query(points, k=NEIGHBOURS + 1)[0]
    # the sixth neighbour is 1.4 spacings away on a grid, and as far on average in a random cloud of its density
    pitch = float(np.median(away[:, NEIGHBOURS])) / 1.4
    return pitch, away[:, 2] <= SUPPORT * pitch


def _in_front(points: Points, pitch: float) -> NDArray[np.bool_]:
    """Points that are not hidden: no other lies before them by more than a steep surface would rise on the way."""
    from scipy.spatial import cKDTree

    pairs = cKDTree(points[:, :2]).query_pairs(REACH * pitch, output_type="ndarray")
    step = points[pairs[:, 0]] - points[pairs[:, 1]]
    run, rise = np.hypot(step[:, 0], step[:, 1]), step[:, 2]
    hides = np.abs(rise) > STEEPEST * run + 2.0 * pitch
    shown = np.ones(len(points), np.bool_)
    shown[np.where(rise > 0, pairs[:, 1], pairs[:, 0])[hides]] = False
    return shown


def _delaunay(places: NDArray[np.float64]) -> NDArray[np.int32]:
    """(m, 3) triangles over (n, 2) places; none over fewer than three, or over places in one line."""
    from scipy.spatial import Delaunay, QhullError

    if len(places) < 3:
        return np.empty((0, 3), np.int32)
    try:
        return np.asarray(Delaunay(places).simplices, np.int32)
    except QhullError:  # in one line
        return np.empty((0, 3), np.int32)
