"""From 16-bit depth codes to the N levels that the solver sees."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gemax_cli.entropy.path_kernels import count_levels
from gemax_cli.errors import SettingsError
from gemax_cli.settings import MAX_LEVELS

CODES = 65535  # codes that hold data: 1 (farthest) to 65535 (nose tip)


def check_levels(levels: int) -> None:
    """Raise SettingsError unless 1 <= N <= 65,535: more levels than codes would leave some without any."""
    if not 1 <= levels <= MAX_LEVELS:
        raise SettingsError(f"levels is {levels}: give 1 to {MAX_LEVELS}.")


def check_codes(depth16: NDArray[np.uint16]) -> None:
    """Raise SettingsError unless the depth image holds 16-bit codes."""
    if depth16.dtype != np.uint16:
        raise SettingsError(f"the depth image has pixels of type {depth16.dtype}: give 16-bit codes (uint16).")


def level_of_code(codes16: NDArray[np.integer], levels: int) -> NDArray[np.int32]:
    """Level of each code, n = (v - 1) * N // 65535; -1 for code 0, which is no data.

    Args:
        codes16: codes 0..65535, any shape.
        levels: N, 1..65535.

    Returns:
        int32 of the same shape; 0 (farthest) to N - 1 (nose tip).

    Raises:
        SettingsError: N is out of its range.
    """
    check_levels(levels)
    return ((codes16.astype(np.int64) - 1) * levels // CODES).astype(np.int32)


def level_lut(levels: int) -> NDArray[np.int32]:
    """Level of every code 0..65535 as a (65536,) look-up table; -1 for code 0."""
    return level_of_code(np.arange(CODES + 1), levels)


def first_codes(cuts: NDArray[np.integer], levels: int) -> NDArray[np.int64]:
    """The lowest code at or above each cut, 1 + ceil(d * 65535 / N): bin k holds the codes from [k] to [k + 1] - 1.

    Args:
        cuts: (K + 1,) nodes, 0..N.
        levels: N.

    Returns:
        (K + 1,) int64, from 1 to 65536; strictly increasing, since every level has a code.
    """
    return 1 - -cuts.astype(np.int64) * CODES // levels


def level_histogram(depth16: NDArray[np.uint16], levels: int) -> NDArray[np.int64]:
    """Valid pixels per level, the one thing that the solver needs to know of a scan.

    Args:
        depth16: codes of any shape; 0 is no data and takes no part.
        levels: N, 1..65535.

    Returns:
        (N,) int64; all zero for an image without data.

    Raises:
        SettingsError: the image is not uint16, or N is out of its range.
    """
    check_levels(levels)
    check_codes(depth16)
    return count_levels(depth16.ravel(), levels)
