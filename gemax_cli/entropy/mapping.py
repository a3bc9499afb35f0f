"""Cuts to 8-bit maps, and back to metric depth within a stated error."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gemax_cli.codes import MAX_CODE, check_codes, check_levels, depth_step, first_codes
from gemax_cli.errors import SettingsError

GREY_VALUES = 256


def uniform_cuts(levels: int, bins: int) -> NDArray[np.int32]:
    """Cuts of the range image, d_k = k * N // K; where K divides N this is what tau = N / K leaves.

    Returns:
        (K + 1,) int32.

    Raises:
        SettingsError: there are fewer levels than bins.
    """
    check_levels(levels)
    if not 1 <= bins <= levels:
        raise SettingsError(f"{bins} bins cannot be cut from {levels} levels: give 1 to {levels} bins.")
    return (np.arange(bins + 1, dtype=np.int64) * levels // bins).astype(np.int32)


def check_cuts(cuts: NDArray[np.integer], levels: int) -> None:
    """Raise SettingsError unless 0 = d_0 < d_1 < ... < d_K = N."""
    check_levels(levels)
    if cuts.ndim != 1 or cuts.size < 2 or cuts[0] != 0 or cuts[-1] != levels or np.diff(cuts).min() < 1:
        raise SettingsError(f"the cuts do not rise from 0 to {levels}: give those that the solver returned.")


def map_lut(cuts: NDArray[np.integer], levels: int, first_code: int = 0) -> NDArray[np.uint8]:
    """Grey value of every 16-bit code (equation 5 of the paper): bin k is ``first_code + k``, no data is 0.

    Args:
        cuts: (K + 1,) nodes, 0 = d_0 < ... < d_K = N.
        levels: N.
        first_code: grey value of the farthest bin; 1 where value 0 is kept for the background.

    Returns:
        (65536,) uint8.

    Raises:
        SettingsError: the cuts do not rise from 0 to N, or the grey values do not fit in 8 bits.
    """
    check_cuts(cuts, levels)
    bins = cuts.size - 1
    if first_code < 0 or first_code + bins > GREY_VALUES:
        raise SettingsError(f"{bins} bins from grey value {first_code} do not fit in 8 bits: give 256 values or fewer.")
    values = np.arange(first_code, first_code + bins, dtype=np.int64).astype(np.uint8)
    lut = np.zeros(MAX_CODE + 1, np.uint8)
    lut[1:] = np.repeat(values, np.diff(first_codes(cuts, levels)))
    return lut


def apply_cuts(
    depth16: NDArray[np.uint16], cuts: NDArray[np.integer], levels: int, first_code: int = 0
) -> NDArray[np.uint8]:
    """The 8-bit map of a depth image; background is 0 (tell it from bin 0 by ``depth16 > 0``).

    Args:
        depth16: 16-bit codes of any shape, 0 is no data.
        cuts: (K + 1,) nodes, 0 = d_0 < ... < d_K = N.
        levels: N.
        first_code: grey value of the farthest bin.

    Returns:
        uint8 image of the same shape.

    Raises:
        SettingsError: as ``map_lut``, or the image is not uint16.
    """
    from gemax_cli.entropy.path_kernels import look_up  # numba takes 0.2 s to import; inverting does without

    check_codes(depth16)
    return look_up(map_lut(cuts, levels, first_code), depth16.ravel()).reshape(depth16.shape)


def bin_depths(
    cuts: NDArray[np.integer], levels: int, depth_mm: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Metric depth of each bin: its centre, and how far from it the depth of a pixel in it can lie.

    The code of depth z is v = 65535 - round(z / d * 65534), so a code stands for depths up to half a step of d /
    65534 to either side. Bin k holds the codes a..b; its depths therefore lie between (65535 - b - 1/2) and (65535
    - a + 1/2) steps, and within 0..d.

    Args:
        cuts: (K + 1,) nodes.
        levels: N.
        depth_mm: d, metric depth of the block.

    Returns:
        (K,) float64 centres and (K,) float64 half widths, mm; bin 0 is the farthest.

    Raises:
        SettingsError: the cuts do not rise from 0 to N.
    """
    check_cuts(cuts, levels)
    first = first_codes(cuts, levels)
    step = depth_step(depth_mm)
    far = np.minimum((MAX_CODE - first[:-1] + 0.5) * step, depth_mm)
    near = np.maximum((MAX_CODE - (first[1:] - 1) - 0.5) * step, 0.0)
    return (far + near) / 2, (far - near) / 2


def distortion_bound_mm(cuts: NDArray[np.integer], levels: int, depth_mm: float) -> float:
    """The largest error of ``invert_map``, mm: half the widest bin, 16-bit rounding and float32 included.

    It holds for every depth in 0..d; surface before the tip, clipped to depth 0, is not told apart from it.
    """
    float32_rounding = float(np.spacing(np.float32(depth_mm))) / 2
    return float(bin_depths(cuts, levels, depth_mm)[1].max()) + float32_rounding


def invert_map(
    image: NDArray[np.uint8],
    mask: NDArray[np.bool_],
    cuts: NDArray[np.integer],
    levels: int,
    depth_mm: float,
    first_code: int = 0,
) -> NDArray[np.float32]:
    """Metric depth behind the nose tip of an 8-bit map, right to ``distortion_bound_mm``.

    Args:
        image: uint8 map that ``apply_cuts`` made.
        mask: same shape, True where there is data.
        cuts: (K + 1,) nodes that the map was made with.
        levels: N.
        depth_mm: d, metric depth of the block.
        first_code: grey value of the farthest bin.

    Returns:
        float32 of the same shape, mm, the centre of each pixel's bin; NaN where there is no data.

    Raises:
        SettingsError: a grey value that these cuts cannot have given, or mask and image differ in shape.
    """
    centres, _ = bin_depths(cuts, levels, depth_mm)
    if image.shape != mask.shape:
        raise SettingsError(f"the map is {image.shape} and its mask {mask.shape}: give two of the same shape.")
    bins = image[mask].astype(np.int64) - first_code
    if bins.size and not 0 <= bins.min() <= bins.max() < centres.size:
        raise SettingsError(
            f"the map has grey values outside {first_code}..{first_code + centres.size - 1}: "
            "give the cuts it was made with."
        )
    depth = np.full(image.shape, np.nan, np.float32)
    depth[mask] = centres[bins]
    return depth
