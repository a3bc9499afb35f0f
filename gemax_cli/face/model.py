"""What lies between a scan and its maps: nose tip, frame, depth block."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from gemax_cli.face.raster import Drawing
from gemax_cli.scans.model import Scan

LAST_ROW = np.array([[0.0, 0.0, 0.0, 1.0]])
"""What makes a (3, 4) affine a (4, 4) one, so that another can be applied after it by a product."""

NoseSource = Literal["landmark", "outline", "detected"]


@dataclass(frozen=True)
class Pose:
    """Head angles in degrees, right-handed: P_file = Rz(roll) Ry(yaw) Rx(pitch) P_frontal.

    yaw > 0 turns the nose to +X, pitch > 0 turns it down, roll > 0 is counter-clockwise.
    """

    yaw: float
    pitch: float
    roll: float


@dataclass(frozen=True, eq=False)
class NoseTip:
    """The nose tip, the origin of the depth block.

    Attributes:
        position: (3,) mm, in the axes of the scan it was found in.
        source: a landmark of the file, the detector within the file's nose outline, or the detector alone.
        confidence: 0..1, the estimate that it is right within 10 mm: 1 for landmarks that the detector confirms.
        runner_up: (3,) second best candidate of the detector, or None.
        pose: estimated head pose, or None where it was not estimated.
        warnings: sentences; a scan with any of them should be inspected.
    """

    position: NDArray[np.float64]
    source: NoseSource
    confidence: float
    runner_up: NDArray[np.float64] | None = None
    pose: Pose | None = None
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class FrontalScan:
    """A scan brought to +X right, +Y up, +Z to the camera, millimetres.

    Attributes:
        scan: the scan in the new axes (the same object where nothing had to change).
        to_raw: (3, 4) affine from the new axes to the raw file's axes in millimetres.
        assumptions: sentences on what was recognised rather than known: unit, axes.
        detected: the nose tip by which the axes were recognised, in the new axes, if the detector would find the
            same in ``scan``; None if the detector must still run.
        mm_per_unit: of the raw file's coordinates.
    """

    scan: Scan
    to_raw: NDArray[np.float64]
    assumptions: tuple[str, ...] = ()
    detected: NoseTip | None = None
    mm_per_unit: float = 1.0


@dataclass(frozen=True, eq=False)
class DepthBlock:
    """A depth block on its pixel grid (stage S1 and the 16-bit quantisation).

    Attributes:
        depth16: (size, size) uint16; 65535 is the nose tip's depth, 1 is ``depth_mm`` behind it, 0 is no data.
        depth_mm: metric depth of the block.
        mm_per_pixel: of this block (with ``frame="fit"`` it differs from scan to scan).
        to_scan: (3, 4) affine from (column, row, depth in mm, 1) to the axes of the scan that was rasterised.
        counts: filled_pixels (of small holes), hole_pixels (enclosed and without a code: open mouth, nostrils, surface
            deeper than the block), spike_pixels and speck_pixels (removed), front_pixels (left empty because the
            surface there lies too far before the nose tip), dropped_triangles (too long an edge).
        filled: (size, size), where a small hole was filled: depth that was not measured.
        drawing: the surface and the grid, to draw more of it.
    """

    depth16: NDArray[np.uint16]
    depth_mm: float
    mm_per_pixel: float
    to_scan: NDArray[np.float64]
    counts: dict[str, int]
    filled: NDArray[np.bool_]
    drawing: Drawing
