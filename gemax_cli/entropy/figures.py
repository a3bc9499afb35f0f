"""Entropy and distortion figures of a map, in float64 from final counts."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from gemax_cli.entropy.logarithm import log2
from gemax_cli.errors import EmptyHistogram, SettingsError


def entropy_bits(counts: NDArray[np.integer]) -> float:
    """Shannon entropy -sum P log2 P (equation 1 of the paper), bits; the same float on every platform.

    Args:
        counts: pixels per grey value, any shape; zeros weigh nothing.

    Raises:
        EmptyHistogram: all counts are zero.
        SettingsError: a count is negative.
    """
    if counts.size and counts.min() < 0:
        raise SettingsError("a count is negative: give the number of pixels per grey value.")
    return entropies_bits(counts.reshape(1, -1))[0]


def entropies_bits(counts: NDArray[np.integer]) -> list[float]:
    """``entropy_bits`` of every row of (m, K) counts, none of them negative.

    Raises:
        EmptyHistogram: a row is all zero.
    """
    pixels = counts.sum(1, keepdims=True)
    if not pixels.all():
        raise EmptyHistogram("there is no valid pixel to take an entropy of: give an image with data.")
    share = counts / pixels
    terms = share * log2(np.where(share > 0, share, 1.0))
    return [abs(math.fsum(row)) for row in terms.tolist()]


def map_entropy(image: NDArray[np.uint8], mask: NDArray[np.bool_] | None = None) -> float:
    """Entropy of the valid pixels of an 8-bit map, bits, 0..8.

    Args:
        image: uint8 map.
        mask: same shape, True where there is data; None counts every pixel.

    Raises:
        EmptyHistogram: the mask leaves no pixel.
        SettingsError: the image is not uint8, or mask and image differ in shape.
    """
    if image.dtype != np.uint8:
        raise SettingsError(f"the map has pixels of type {image.dtype}: give an 8-bit image (uint8).")
    if mask is not None and mask.shape != image.shape:
        raise SettingsError(f"the map is {image.shape} and its mask {mask.shape}: give two of the same shape.")
    return entropy_bits(np.bincount(image.ravel() if mask is None else image[mask]))


def max_bin(cuts: NDArray[np.integer]) -> int:
    """Width of the widest bin, levels: the distortion that tau bounds."""
    return int(np.diff(cuts).max())
