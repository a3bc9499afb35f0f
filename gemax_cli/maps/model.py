"""What a comparison map is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class ComparisonMap:
    """A map of another method on the grid and mask of a depth block.

    Attributes:
        name: one of ``maps.registry.COMPARISONS``; it names the file, too.
        image: (rows, columns) uint8, or (rows, columns, 3) for a map of three channels; the background is 0.
        channels: name of each channel; a grey map's is ``name`` itself.
        entropy: bits of each channel, over the valid pixels.
        convention: how the 8 bits came about: formula, range, window.
    """

    name: str
    image: NDArray[np.uint8]
    channels: tuple[str, ...]
    entropy: tuple[float, ...]
    convention: str
