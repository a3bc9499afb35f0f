"""Grey maps by range compression: stretched, equalised, contrast-limited."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gemax_cli.codes import level_of_code
from gemax_cli.entropy.histogram import CodePool, level_histogram
from gemax_cli.errors import SettingsError, not_installed

Bytes = NDArray[np.uint8]
CLIP_LIMIT = 0.01  # scikit-image's own default, share of a tile's pixels
CLAHE_BINS = 256
TILES = 8  # per side


def stretched(depth16: NDArray[np.uint16], values: int = 256, pool: CodePool | None = None) -> NDArray[np.int64]:
    """Codes of the valid pixels stretched from their lowest and highest to 0 .. ``values`` - 1, rounded, (n,).

    With a ``pool``, lowest and highest are those of its scope. A block of a single depth is all 0.
    """
    codes = depth16[depth16 > 0].astype(np.int64)
    low, high = (pool.low, pool.high) if pool else (int(codes.min(initial=1 << 16)), int(codes.max(initial=0)))
    span = max(1, high - low)
    return (2 * (codes - low) * (values - 1) + span) // (2 * span)


def equalised(
    depth16: NDArray[np.uint16], levels: int, values: int = 256, pool: CodePool | None = None
) -> NDArray[np.int64]:
    """Histogram equalisation of the N levels of the valid pixels to 0 .. ``values`` - 1, (n,).

    With C the cumulative counts, level n gives round((C_n - C_min) / (T - C_min) * (values - 1)), where C_min is the
    count of the lowest level that occurs (Gonzalez and Woods, Digital Image Processing, section 3.3, as in OpenCV).
    With a ``pool``, the counts are those of its scope. A block of a single level is all 0.
    """
    total = np.cumsum(pool.counts if pool else level_histogram(depth16, levels))
    lowest = int(total[np.argmax(total > 0)])
    span = max(1, int(total[-1]) - lowest)
    table = (2 * np.maximum(total - lowest, 0) * (values - 1) + span) // (2 * span)
    return table[level_of_code(depth16[depth16 > 0], levels)]


def clahe_tile(side: int) -> int:
    """Side of a tile in pixels for an image of ``side`` pixels."""
    return max(1, side // TILES)


def contrast_limited(depth16: NDArray[np.uint16], levels: int) -> NDArray[np.float64]:
    """Contrast-limited adaptive equalisation (Zuiderveld 1994) of the valid pixels by scikit-image, (n,) in 0..1.

    The background takes the nearest valid pixel's level beforehand: it would otherwise count in the tiles as surface
    at the far end of the block.

    Raises:
        SettingsError: scikit-image is not installed.
    """
    from scipy.ndimage import distance_transform_edt

    try:
        from skimage.exposure import equalize_adapthist
    except ImportError as error:
        raise SettingsError(not_installed("clahe", "scikit-image")) from error
    valid = depth16 > 0
    nearest = distance_transform_edt(~valid, return_distances=False, return_indices=True)
    level = level_of_code(depth16[tuple(nearest)], levels) / max(1, levels - 1)
    tile = tuple(clahe_tile(side) for side in depth16.shape)
    even = equalize_adapthist(level, kernel_size=tile, clip_limit=CLIP_LIMIT, nbins=CLAHE_BINS)
    return np.asarray(even[valid], np.float64)
