"""From the arrays of a reader to a Scan that has been checked."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gemax_cli.errors import BadFormat, EmptyScan
from gemax_cli.scans.grid import triangulate_grid
from gemax_cli.scans.model import Points, Scan, TextureMap, Triangles
from gemax_cli.scans.polygons import MARK, count_triangles, fan

LARGEST = 1e9
"""Coordinates beyond it are damage in any unit: a face is 2e5 micrometres wide."""

SMALL_MESH = 500_000  # triangles, or points; up to so many are taken from a file of any size


def check_triangles(path: Path, triangles: int, size: int) -> None:
    """Refuse more triangles than a surface can have in a file of ``size`` bytes: they would take the memory.

    A triangle of its own takes at least eight bytes of text, and twenty in a scan of a face. Polygons of many corners,
    and shapes used again and again, take less.

    Raises:
        BadFormat: more than half a million, and more than one in four bytes.
    """
    if triangles > max(SMALL_MESH, size // 4):
        raise BadFormat(path, f"makes {triangles:,} triangles of {size:,} bytes: it is no face scan.")


def check_points(path: Path, points: Points) -> float:
    """Refuse points that cannot be a surface; returns the longest side of their bounding box.

    Raises:
        EmptyScan: there is no point, or all points are the same (zero, most often).
        BadFormat: a coordinate is not finite or beyond ``LARGEST``.
    """
    if not len(points):
        raise EmptyScan(path, "holds no point: take another copy or leave it out.")
    # column by column: along the first axis of so narrow an array, numpy takes five times as long
    lowest, highest = (np.array([f(column) for column in points.T]) for f in (np.min, np.max))
    # Written so that NaN fails, too.
    if not (lowest.min() >= -LARGEST and highest.max() <= LARGEST):
        raise BadFormat(path, "holds coordinates that are not numbers, or too large: export the scan again.")
    if np.array_equal(lowest, highest):
        raise EmptyScan(path, "all its points are the same, so it holds no surface: export the scan again.")
    return float((highest - lowest).max())


def as_points(columns: Sequence[NDArray[Any]]) -> Points:
    """Points (n, 3) of float64 from three columns of any type, each copied once."""
    points = np.empty((columns[0].size, 3))
    with np.errstate(invalid="ignore"):  # NaN that signals
        for axis, column in enumerate(columns):
            points[:, axis] = column.reshape(-1)
    return points


def all_finite(points: Points) -> NDArray[np.bool_]:
    """Whether each point (n, 3) is finite, (n,); column by column, because that takes less memory."""
    finite: NDArray[np.bool_] = np.logical_and.reduce([np.isfinite(column) for column in points.T])
    return finite


def mesh_scan(
    path: Path,
    points: Points,
    triangles: Triangles,
    texture: TextureMap | None = None,
    warnings: tuple[str, ...] = (),
) -> Scan:
    """A Scan of unknown unit and axes from a mesh, or from bare points where there is no triangle.

    Args:
        path: the file; its suffix names the format.
        points: (n, 3).
        triangles: (m, 3), m may be 0.
        texture: see Scan.
        warnings: see Scan.

    Raises:
        EmptyScan, BadFormat: as ``check_points``, and for triangles of points that there are not.
    """
    points = np.ascontiguousarray(points, np.float64)
    triangles = np.ascontiguousarray(triangles, np.int32).reshape(-1, 3)
    check_points(path, points)
    if triangles.size and not 0 <= triangles.min() <= triangles.max() < len(points):
        raise BadFormat(path, f"a face names a point beyond the last of {len(points)}: export it again.")
    return Scan(path, _format(path), points, triangles, texture=texture, warnings=warnings)


def polygon_scan(path: Path, points: Points, corners: NDArray[np.int32], size: int) -> Scan:
    """A Scan from polygons, triangulated as fans, or of bare points where there is none.

    Args:
        path: the file.
        points: (n, 3).
        corners: points of the polygons' corners, MARK after every polygon.
        size: of the file, bytes.

    Raises:
        EmptyScan, BadFormat: as ``mesh_scan`` and ``check_triangles``.
    """
    if not corners.size:
        return cloud_scan(path, points)
    wrong = corners[((corners < 0) & (corners != MARK)) | (corners >= len(points))]
    if wrong.size:
        raise BadFormat(path, f"a face names point {wrong[0]}, but there are {len(points)}: export it again.")
    check_triangles(path, count_triangles(corners, MARK), size)
    triangles = corners[fan(corners, MARK)]
    if not len(triangles):
        raise BadFormat(path, "none of its faces has three corners: export it again.")
    return mesh_scan(path, points, triangles)


def cloud_scan(path: Path, points: Points, warnings: tuple[str, ...] = ()) -> Scan:
    """A Scan of bare points of unknown unit and axes; those that are not finite are left out, and it says so.

    Raises:
        EmptyScan, BadFormat: as ``check_points``.
    """
    finite = all_finite(points)
    if not finite.all():
        warnings = (*warnings, f"{int((~finite).sum())} points are not finite and are left out.")
        points = points[finite]
    return mesh_scan(path, points, np.empty((0, 3), np.int32), warnings=warnings)


def organised_scan(path: Path, planes: NDArray[np.float64], measured: NDArray[np.bool_], metric: bool) -> Scan:
    """A Scan of points in rows and columns, and the triangles between neighbours.

    Args:
        path: the file; its suffix names the format.
        planes: (rows, columns, 3) coordinates; row 0 is the top of the picture.
        measured: (rows, columns) where there is a point.
        metric: see Scan.

    Raises:
        EmptyScan, BadFormat: as ``check_points``, and where no three neighbours make a triangle.
    """
    points = np.ascontiguousarray(planes[measured], np.float64)
    check_points(path, points)
    grid = np.full(measured.shape, -1, np.int32)
    grid[measured] = np.arange(len(points), dtype=np.int32)
    triangles = triangulate_grid(grid, points)
    if not len(triangles):
        raise EmptyScan(path, f"holds {len(points)} scattered points and no surface: leave it out.")
    return Scan(path, _format(path), points, triangles, grid=grid, metric=metric)


def _format(path: Path) -> str:
    return path.suffix.lower().removeprefix(".")
