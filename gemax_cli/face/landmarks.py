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
    inverse, shift = np.linalg.inv(block.to_scan[:, :3]), block.to_scan[:, 3]
    return tuple(_landmark(block, name, inverse @ (place - shift)) for name, place in landmarks.items())


def _landmark(block: DepthBlock, name: str, place: NDArray[np.float64]) -> PixelLandmark:
    column, row, depth = place.tolist()
    return PixelLandmark(name, column, row, depth, _is_visible(block, column, row, depth))


def _is_visible(block: DepthBlock, column: float, row: float, depth: float) -> bool:
    size = len(block.depth16)
    if not (-0.5 <= column < size - 0.5 and -0.5 <= row < size - 0.5):
        return False
    (left, right), (top, bottom) = ((max(0, round(at) - AROUND), round(at) + AROUND + 1) for at in (column, row))
    codes = block.depth16[top:bottom, left:right]
    gaps = np.abs(depth_of_code(codes[codes > 0], block.depth_mm) - depth)
    return bool(gaps.min(initial=np.inf) <= max(VISIBLE_MM, VISIBLE_PIXELS * block.mm_per_pixel))
