"""The surface of a depth image as a mesh."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gemax_cli.face.block import STEEPEST
from gemax_cli.scans.grid import triangulate_grid
from gemax_cli.scans.model import Triangles


class DepthMesh(NamedTuple):
    """Valid pixels and the triangles between them.

    Attributes:
        pixels: (n, 3) column, row, depth in mm behind the nose tip, row by row.
        triangles: (m, 3) int32, counter-clockwise as the camera sees them.
    """

    pixels: NDArray[np.float64]
    triangles: Triangles


def mesh_of_depth(depth: NDArray[np.floating], mm_per_pixel: float) -> DepthMesh:
    """Join neighbouring valid pixels, except over steps of the surface: where the nose hides the cheek, there is a gap.

    Args:
        depth: (rows, columns) mm, NaN where there is no data.
        mm_per_pixel: pixel pitch.
    """
    valid = ~np.isnan(depth)
    rows, columns = np.nonzero(valid)
    pixels = np.column_stack([columns, rows, depth[valid].astype(np.float64)])
    grid = np.where(valid, np.cumsum(valid).reshape(valid.shape) - 1, -1).astype(np.int32)
    triangles = triangulate_grid(grid, pixels * [mm_per_pixel, mm_per_pixel, 1.0])
    steps = np.ptp(pixels[triangles, 2], axis=1)
    return DepthMesh(pixels, triangles[steps <= STEEPEST * mm_per_pixel])
