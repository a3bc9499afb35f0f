"""Cleaning of a depth map: spikes, islands, small holes. Everything happens in metric depth, before quantisation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gemax_cli.face import block_kernels as kernels
from gemax_cli.face.raster import DepthMap

MEMBRANE_MM = 1e-4  # the membrane is at rest when no pixel moves farther than this


@dataclass(frozen=True)
class Limits:
    """Limits of cleaning: what is too small to be face, or too large to be filled.

    Attributes:
        hole: holes of up to this many pixels are filled.
        speck: pieces of surface of up to this many pixels are removed.
        step: neighbouring pixels whose depths differ by more, mm, belong to different pieces.
        reach: radius of a spike's surroundings, pixels.
        height: a spike stands off its surroundings by more than this, mm.
    """

    hole: float
    speck: float
    step: float
    reach: int
    height: float


@dataclass(frozen=True, eq=False)
class CleanedDepth:
    """A cleaned depth map.

    Attributes:
        raw: (rows, columns) mm, as it came from the z-buffer, NaN for no data.
        depth: (rows, columns) mm, cleaned.
        filled: True where a small hole was filled; where a spike or a speck was removed from the surface, too.
        spikes: True where a spike was removed.
        specks: True where a speck was removed.
    """

    raw: DepthMap
    depth: DepthMap
    filled: NDArray[np.bool_]
    spikes: NDArray[np.bool_]
    specks: NDArray[np.bool_]


def clean_depth(raw: DepthMap, limits: Limits) -> CleanedDepth:
    """Remove spikes and specks, then fill the small interior holes, those that the removal left included.

    Spikes go first. Specks are connected pieces of surface, never the largest one. A step in depth separates pieces, so
    a small one before or behind the rest is a speck. Holes are enclosed by the surface: none touches the image's
    border.
    """
    depth = raw.copy()
    spikes = kernels.find_spike_pixels(depth, limits.reach, limits.height)
    depth[spikes] = np.nan
    specks = kernels.small_regions(depth, limits.step, False, limits.speck)
    depth[specks] = np.nan
    filled = kernels.small_regions(depth, np.inf, True, limits.hole)
    kernels.stretch_membrane(depth, filled, MEMBRANE_MM)
    return CleanedDepth(raw, depth, filled, spikes, specks)
