"""Organised scans: from the planes of a range sensor to numbered points and triangles."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gemax_cli.errors import BadFormat, EmptyScan
from gemax_cli.jit import kernel
from gemax_cli.scans.model import Points, Scan, Triangles

LARGEST_MM = 1e5  # no scanner of faces measures farther than 100 m: such a coordinate is damage
_FAR = 1e9  # mm; squares of what is farther could overflow
_FEWEST_PAIRS = 16  # below this many neighbours a median says nothing


class GridPoints(NamedTuple):
    """The measured places of an organised scan.

    Attributes:
        points: (n, 3) x, y, z in the order of ``grid``: row by row from the top, left to right.
        extras: (n, k) what further planes hold at those places.
        grid: (rows, columns) int32 number of the point, -1 where nothing was measured; row 0 is the top.
        impossible: places dropped because a coordinate is not finite or beyond ``LARGEST_MM``.
    """

    points: Points
    extras: NDArray[np.float64]
    grid: NDArray[np.int32]
    impossible: int


def gather_grid(planes: NDArray[np.float64], background: float, bottom_up: bool) -> GridPoints:
    """Number the measured places of a range sensor's planes.

    Args:
        planes: (3 + k, rows, columns) x, y, z in mm, then k further values of each place.
        background: value of z where nothing was measured. Only z counts: x and y may be valid there.
        bottom_up: the planes' first row is the lowest of the picture.
    """
    return GridPoints(*_gather(np.ascontiguousarray(planes, np.float64), float(background), bottom_up))


def triangulate_grid(grid: NDArray[np.int32], points: Points) -> Triangles:
    """Triangles (m, 3) int32 between neighbouring points of an organised scan, of any edge length.

    A cell of 2 x 2 places gives two triangles, split along its shorter diagonal in space (from top left to
    bottom right where both are equally long), one triangle where one corner is missing, else none. Corners
    run counter-clockwise as the camera (+Z) sees them, given that x grows with the column and y upwards.

    Args:
        grid: (rows, columns) number of the point, negative where there is none; row 0 is the top.
        points: (n, 3).

    Raises:
        IndexError: the grid names a point that there is not.
    """
    if grid.size and int(grid.max()) >= len(points):
        raise IndexError(f"the grid names point {int(grid.max())} of {len(points)}")
    return _triangulate(np.ascontiguousarray(grid, np.int32), np.ascontiguousarray(points, np.float64))


def gathered_scan(path: Path, kind: str, gathered: GridPoints) -> Scan:
    """The metric scan of what was gathered from a file, if it can be a face at all.

    Args:
        path: the file.
        kind: the scan's format.
        gathered: see ``gather_grid``; impossible places become a warning.

    Raises:
        EmptyScan: nothing was measured, all of it has one depth, or no cell of the grid has three corners.
        BadFormat: neighbours in the grid are no neighbours in space.
    """
    points, _, grid, impossible = gathered
    if not len(points):
        raise EmptyScan(path, "holds no measured point, only background: take another copy or leave it out.")
    if points[0, 2] == points[-1, 2] and np.ptp(points[:, 2]) == 0:
        raise EmptyScan(path, "has the same depth everywhere, so it holds no face: take another copy or leave it out.")
    triangles = triangulate_grid(grid, points)
    if not len(triangles):
        raise EmptyScan(path, f"holds {len(points)} scattered points and no surface: leave it out.")
    if not is_organised(grid, points):
        rows, columns = grid.shape
        raise BadFormat(path, f"its points form no grid of {rows} x {columns}: the header is damaged.")
    warnings = (f"points dropped for impossible coordinates: {impossible}.",) if impossible else ()
    return Scan(path, kind, points, triangles, grid=grid, metric=True, warnings=warnings)


def distance_to(points: Points, place: NDArray[np.float64]) -> float:
    """Distance from ``place`` (3,) to the nearest of ``points`` (n, 3), infinite if there is none."""
    return float(np.sqrt(_least_squared_distance(points, np.clip(place, -_FAR, _FAR))))


def is_organised(grid: NDArray[np.int32], points: Points) -> bool:
    """Whether points one above the other in the grid lie one above the other in space.

    Rows cut at a wrong length (a damaged count in a header) keep neighbours within a row, and the file keeps
    its length; but what stands below a point is then somewhere else in the row. Every sixteenth row is tested.
    """
    upper, lower = grid[:-1:16], grid[1::16]
    pairs = (upper >= 0) & (lower >= 0)
    across, along = np.abs(points[upper[pairs], :2] - points[lower[pairs], :2]).T
    return len(across) < _FEWEST_PAIRS or bool(np.median(across) <= np.median(along))


@kernel
def _gather(
    planes: NDArray[np.float64], background: float, bottom_up: bool
) -> tuple[Points, NDArray[np.float64], NDArray[np.int32], int]:
    count, rows, columns = planes.shape
    points = np.empty((rows * columns, 3))
    extras = np.empty((rows * columns, count - 3))
    grid = np.full((rows, columns), -1, np.int32)
    n = 0
    impossible = 0
    for row in range(rows):
        at = rows - 1 - row if bottom_up else row
        for column in range(columns):
            z = planes[2, at, column]
            if z == background:
                continue
            x, y = planes[0, at, column], planes[1, at, column]
            # Written so that NaN fails, too.
            if not (abs(x) <= LARGEST_MM and abs(y) <= LARGEST_MM and abs(z) <= LARGEST_MM):
                impossible += 1
                continue
            points[n, 0], points[n, 1], points[n, 2] = x, y, z
            for k in range(count - 3):
                extras[n, k] = planes[3 + k, at, column]
            grid[row, column] = n
            n += 1
    return points[:n], extras[:n], grid, impossible


@kernel
def _least_squared_distance(points: Points, place: NDArray[np.float64]) -> float:
    least = np.inf
    for i in range(len(points)):
        x, y, z = points[i, 0] - place[0], points[i, 1] - place[1], points[i, 2] - place[2]
        least = min(least, x * x + y * y + z * z)
    return least


@kernel
def _squared_distance(points: Points, i: int, j: int) -> float:
    x, y, z = points[i, 0] - points[j, 0], points[i, 1] - points[j, 1], points[i, 2] - points[j, 2]
    return float(x * x + y * y + z * z)


@kernel
def _triangulate(grid: NDArray[np.int32], points: Points) -> Triangles:
    rows, columns = grid.shape
    triangles = np.empty((2 * max(rows - 1, 0) * max(columns - 1, 0), 3), np.int32)
    n = 0
    for row in range(rows - 1):
        for column in range(columns - 1):
            a, b = grid[row, column], grid[row, column + 1]
            c, d = grid[row + 1, column], grid[row + 1, column + 1]
            # Three corners leave one half of a cell whole, if it is split between the two beside the missing one.
            rising = a < 0 or d < 0
            if not rising and b >= 0 and c >= 0:
                rising = _squared_distance(points, b, c) < _squared_distance(points, a, d)
            for i, j, k in ((a, c, b), (b, c, d)) if rising else ((a, c, d), (a, d, b)):
                if i >= 0 and j >= 0 and k >= 0:
                    triangles[n, 0], triangles[n, 1], triangles[n, 2] = i, j, k
                    n += 1
    return triangles[:n]
