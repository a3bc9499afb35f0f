"""From 16-bit depth codes to the histogram of levels that the solver sees."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gemax_cli.codes import check_codes, check_levels
from gemax_cli.entropy.path_kernels import count_levels


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
