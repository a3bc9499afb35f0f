"""From triangles to a range image: the pixel frame, the orthographic z-buffer, what triangle a pixel sees."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gemax_cli.face import block_kernels as kernels
from gemax_cli.scans.model import Points, Triangles

DepthMap = NDArray[np.float64]  # (rows, columns) mm behind the nose tip, NaN where there is no data


@dataclass(frozen=True)
class Frame:
    """Where the pixels of a square image lie in a frontal scan (+X right, +Y up, +Z to the camera, mm).

    Attributes:
        size: pixels a side.
        mm_per_pixel: pitch of the pixel centres.
        left: x of the centres of column 0.
        top: y of the centres of row 0.
        tip_z: z of the nose tip, from which depth is measured away from the camera.
    """

    size: int
    mm_per_pixel: float
    left: float
    top: float
    tip_z: float

    @classmethod
    def centred(cls, centre: NDArray[np.float64], tip_z: float, size: int, mm_per_pixel: float) -> Frame:
        """The frame whose middle (between the two middle pixels, for an even size) is at x, y of ``centre``."""
        half = 0.5 * (size - 1) * mm_per_pixel
        return cls(size, mm_per_pixel, float(centre[0]) - half, float(centre[1]) + half, float(tip_z))

    def finer(self, k: int) -> Frame:
        """The frame whose pixels are k x k in each pixel of this one."""
        pitch = self.mm_per_pixel / k
        inset = 0.5 * (self.mm_per_pixel - pitch)
        return Frame(self.size * k, pitch, self.left - inset, self.top + inset, self.tip_z)

    @property
    def to_scan(self) -> NDArray[np.float64]:
        """(3, 4) affine from (column, row, depth in mm, 1) to the scan's axes."""
        pitch = self.mm_per_pixel
        return np.array([[pitch, 0.0, 0.0, self.left], [0.0, -pitch, 0.0, self.top], [0.0, 0.0, -1.0, self.tip_z]])

    def project(self, points: Points) -> NDArray[np.float64]:
        """(n, 3) columns, rows and depths of points; columns and rows to the nearest 2^-20 pixel."""
        place = np.array([self.left, self.top, self.mm_per_pixel, self.tip_z])
        return kernels.project(as_kernel_array(points, np.float64), place)


class Drawing(NamedTuple):
    """What ``rasterise`` draws: its arguments.

    Attributes:
        points: (n, 3) mm, frontal.
        triangles: (m, 3).
        frame: where the pixels lie.
        near: surface more than this far before the nose tip is not drawn, mm.
        max_edge_mm: triangles with a longer edge are not drawn.
    """

    points: Points
    triangles: Triangles
    frame: Frame
    near: float
    max_edge_mm: float


@dataclass(frozen=True, eq=False)
class RangeImage:
    """What the z-buffer leaves.

    Attributes:
        depth: metric depth of the nearest surface, NaN for none.
        dropped_triangles: triangles of the whole scan that were too long to draw.
        front_pixels: pixels without depth because all surface there lies too far before the nose tip.
        triangle: (rows, columns) int32 number of the visible triangle, -1 for none; None where not asked for.
    """

    depth: DepthMap
    dropped_triangles: int
    front_pixels: int
    triangle: NDArray[np.int32] | None = None


def rasterise(
    points: Points,
    triangles: Triangles,
    frame: Frame,
    near: float,
    max_edge_mm: float = np.inf,
    want_triangle: bool = False,
) -> RangeImage:
    """Draw a surface as an orthographic range image by a z-buffer over its triangles.

    A pixel's depth is that of the surface at its centre, never an average. Triangles are visible from both sides;
    those that share an edge leave no crack along it. The depths do not depend on the triangles' order.

    Args:
        points: (n, 3) mm, frontal.
        triangles: (m, 3).
        frame: where the pixels lie.
        near: fragments more than this far before the nose tip are not drawn, mm, so that what lies behind shows.
        max_edge_mm: triangles with a longer edge are not drawn.
        want_triangle: also say which triangle each pixel sees (of equally deep ones, the one of lowest number).
    """
    shape = (frame.size, frame.size)
    depth = np.full(shape, np.inf)
    triangle = np.full(shape if want_triangle else (0, 0), -1, np.int32)
    limits = np.array([near, max_edge_mm, frame.mm_per_pixel])
    dropped, front = kernels.draw(frame.project(points), as_kernel_array(triangles, np.int32), limits, depth, triangle)
    return RangeImage(depth, int(dropped), int(front), triangle if want_triangle else None)


def as_kernel_array(array: NDArray[Any], dtype: type[np.generic]) -> NDArray[Any]:
    """``array``, or a copy, as the kernels were compiled for it: writable, row by row, of this type."""
    return np.require(array, dtype, ["C", "W"])
