"""The 16-bit code of a depth image: code <-> depth in mm <-> level of the solver.

Code 65535 is the nose tip's depth, code 1 lies ``depth_mm`` behind it, code 0 is no data: v = 65535 - round(z / d *
65534). The solver sees N levels of these codes, n = (v - 1) * N // 65535. Nearer is brighter in both.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gemax_cli.errors import SettingsError

MAX_CODE = 65535
"""The nose tip's code, and the number of codes that hold data: 1 (farthest) to 65535."""


def check_codes(depth16: NDArray[np.uint16]) -> None:
    """Raise SettingsError unless the depth image holds 16-bit codes."""
    if depth16.dtype != np.uint16:
        raise SettingsError(f"the depth image has pixels of type {depth16.dtype}: give 16-bit codes (uint16).")


def check_levels(levels: int) -> None:
    """Raise SettingsError unless 1 <= N <= 65,535: more levels than codes would leave some without any."""
    if not 1 <= levels <= MAX_CODE:
        raise SettingsError(f"levels is {levels}: give 1 to {MAX_CODE}.")


def depth_step(depth_mm: float) -> float:
    """Depth between neighbouring codes of a block of ``depth_mm``, mm."""
    return depth_mm / (MAX_CODE - 1)


def depth_of_code(codes16: NDArray[np.integer], depth_mm: float) -> NDArray[np.float64]:
    """Depth behind the nose tip of each code, mm; NaN for code 0.

    Args:
        codes16: codes 0..65535, any shape.
        depth_mm: metric depth of the block.

    Returns:
        float64 of the same shape, 0 (nose tip) to ``depth_mm``.
    """
    depth = (MAX_CODE - codes16.astype(np.float64)) * depth_step(depth_mm)
    return np.where(codes16 > 0, depth, np.nan)


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
    return ((codes16.astype(np.int64) - 1) * levels // MAX_CODE).astype(np.int32)


def first_codes(cuts: NDArray[np.integer], levels: int) -> NDArray[np.int64]:
    """The lowest code at or above each cut, 1 + ceil(d * 65535 / N): bin k holds the codes from [k] to [k + 1] - 1.

    Args:
        cuts: (K + 1,) nodes, 0..N.
        levels: N.

    Returns:
        (K + 1,) int64, from 1 to 65536; strictly increasing, since every level has a code.
    """
    return 1 - -cuts.astype(np.int64) * MAX_CODE // levels
