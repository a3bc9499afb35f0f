"""From 16-bit depth codes to the histogram of levels that the solver sees."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gemax_cli.codes import MAX_CODE, check_codes, check_levels
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


@dataclass(frozen=True, eq=False)
class CodePool:
    """The codes of the depth images of a scope, counted together.

    Attributes:
        counts: (N,) int64, valid pixels per level.
        low: lowest code; 65536 where there is none.
        high: highest code; 0 where there is none.
    """

    counts: NDArray[np.int64]
    low: int = MAX_CODE + 1
    high: int = 0

    @classmethod
    def of(cls, depth16: NDArray[np.uint16], levels: int) -> CodePool:
        """The codes of one depth image. Raises SettingsError as ``level_histogram``."""
        codes = depth16[depth16 > 0]
        low, high = int(codes.min(initial=MAX_CODE)), int(codes.max(initial=0))
        return cls(level_histogram(depth16, levels), low if codes.size else MAX_CODE + 1, high)

    def __add__(self, other: CodePool) -> CodePool:
        return CodePool(self.counts + other.counts, min(self.low, other.low), max(self.high, other.high))


def pooled_histogram(images: Iterable[NDArray[np.uint16]], levels: int) -> NDArray[np.int64]:
    """Valid pixels per level of several depth images together, for one mapping of all.

    Args:
        images: codes of any shape; 0 is no data and takes no part.
        levels: N, 1..65535.

    Returns:
        (N,) int64; all zero without data.

    Raises:
        SettingsError: an image is not uint16, or N is out of its range.
    """
    check_levels(levels)
    return sum((level_histogram(image, levels) for image in images), np.zeros(levels, np.int64))
