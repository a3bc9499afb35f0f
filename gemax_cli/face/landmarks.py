"""Landmarks on the pixel grid of a depth block."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gemax_cli.codes import MAX_CODE, depth_step
from gemax_cli.face.model import DepthBlock
from gemax_cli.jit import kernel

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
    places = np.array([*landmarks.values()], np.float64).reshape(-1, 3)
    inverse = np.linalg.inv(block.to_scan[:, :3])
    at = (inverse * (places - block.to_scan[:, 3])[:, None]).sum(axis=2)
    near = max(VISIBLE_MM, VISIBLE_PIXELS * block.mm_per_pixel)
    visible = _are_visible(block.depth16, depth_step(block.depth_mm), at, near)
    marks = zip(landmarks, at.tolist(), visible.tolist(), strict=True)
    return tuple(PixelLandmark(name, column, row, depth, shown) for name, (column, row, depth), shown in marks)


@kernel
def _are_visible(codes: NDArray[np.uint16], step: float, at: NDArray[np.float64], near: float) -> NDArray[np.bool_]:
    """Which landmarks, (k, 3) column, row and depth, have a pixel of a depth within ``near`` AROUND them."""
    size, visible = len(codes), np.zeros(len(at), np.bool_)
    for i, (x, y, depth) in enumerate(at):
        if -0.5 <= x < size - 0.5 and -0.5 <= y < size - 0.5:
            column, row = int(np.rint(x)), int(np.rint(y))
            for r in range(max(0, row - AROUND), min(size, row + AROUND + 1)):
                for c in range(max(0, column - AROUND), min(size, column + AROUND + 1)):
                    if codes[r, c] > 0 and abs((MAX_CODE - codes[r, c]) * step - depth) <= near:
                        visible[i] = True
    return visible
