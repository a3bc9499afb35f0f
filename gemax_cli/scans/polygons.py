"""Lists of polygons with a mark between them, cut into triangles."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gemax_cli.scans.model import Points
from gemax_cli.scans.polygon_kernels import clip_ears, fan_polygons

Places = NDArray[np.int64]

MARK = np.iinfo(np.int64).min
"""Stands behind a polygon where a file has no mark of its own: no index can be taken for it."""


def polygon_bounds(indexes: NDArray[np.int32] | NDArray[np.int64], mark: int) -> tuple[Places, Places]:
    """Places in ``indexes`` where each polygon starts, and behind its end; the last may do without its mark."""
    stops = np.flatnonzero(indexes == mark)
    if indexes.size and indexes[-1] != mark:
        stops = np.append(stops, indexes.size)
    starts = np.concatenate([np.zeros(min(1, stops.size), np.int64), stops[:-1] + 1])
    return starts, stops


def fan(indexes: NDArray[np.int32] | NDArray[np.int64], mark: int) -> NDArray[np.int64]:
    """Triangles (m, 3), as places, of polygons triangulated as fans: right for convex ones.

    A polygon of less than three corners makes none.
    """
    out = np.empty((indexes.size, 3), np.int64)
    return out[: fan_polygons(indexes, mark, out)]


def clip(points: Points, indexes: NDArray[np.int32], starts: Places, stops: Places) -> NDArray[np.int64]:
    """Triangles (m, 3), as places, of polygons that may be concave; see ``clip_ears``."""
    out = np.empty((indexes.size, 3), np.int64)
    return out[: clip_ears(points, indexes, starts, stops, out)]
