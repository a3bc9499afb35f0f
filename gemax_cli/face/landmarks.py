"""Landmarks on the pixel grid of a depth block."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gemax_cli.codes import depth_of_code
from gemax_cli.face.model import DepthBlock

VISIBLE_MM = 3.0  # a landmark is visible if the depth map has surface this near its depth ...
VISIBLE_PIXELS = 2.0  # ... or this many pixels' width near, where pixels are coarse, ...
AROUND = 1  # ... at one of the pixels up to this many columns and rows from it


@dataclass(frozen=True)
class PixelLandmark:
    """A landmark in the images of a depth block.

    Attributes:
        name: as the scan's file names it; "bnd_0" to "bnd_82" of BU-3DFE, whose points have numbers alone.
        column: in pixels, 0 at the centre of the first; outside the image for landmarks that lie outside.
        row: the same, downwards.
        depth: mm behind the nose tip.
        visible: the depth map has surface there, at this depth.
    """

    name: str
    column: float
    row: float
    depth: float
    visible: bool


def landmarks_in(block: DepthBlock, landmarks: Mapping[str, NDArray[np.float64]]) -> tuple[PixelLandmark, ...]:
    """The landmarks of a block, in the order given.

    A landmark is visible if one of the 3 x 3 pixels about it has a depth within VISIBLE_MM of the landmark's own (or
    VISIBLE_PIXELS, where that is more): a surface before it hides it, and where nothing was measured nothing shows.

    Args:
        block: with the affine from its pixels to the axes of the landmarks.
        landmarks: name to (3,) position.
    """
    names, places = list(landmarks), np.array([*landmarks.values()], np.float64).reshape(-1, 3)
    inverse = np.linalg.inv(block.to_scan[:, :3])
    at = (inverse * (places - block.to_scan[:, 3])[:, None]).sum(axis=2)
    marks = zip(names, at.tolist(), _are_visible(block, at).tolist(), strict=True)
    return tuple(PixelLandmark(name, column, row, depth, visible) for name, (column, row, depth), visible in marks)


def _are_visible(block: DepthBlock, at: NDArray[np.float64]) -> NDArray[np.bool_]:
    inside = np.asarray(((at[:, :2] >= -0.5) & (at[:, :2] < len(block.depth16) - 0.5)).all(axis=1))
    column, row = np.rint(np.where(inside[:, None], at[:, :2], 0)).astype(np.intp).T[..., None, None]
    down, right = np.indices((2 * AROUND + 1, 2 * AROUND + 1))
    codes = np.pad(block.depth16, AROUND)[row + down, column + right]
    gaps = np.abs(depth_of_code(codes, block.depth_mm) - at[:, 2, None, None])  # NaN where nothing was measured
    near = gaps <= max(VISIBLE_MM, VISIBLE_PIXELS * block.mm_per_pixel)
    return np.asarray(inside & near.any(axis=(1, 2)))
