"""``gemax bench images``: GEMax beside other ways from many levels to 8 bits, on four simulated HDR images.

All see the same N levels. Each but CLAHE is one curve for the whole image; its distortion is its widest bin, the levels
from the lowest to the highest that one grey value stands for.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gemax_cli.entropy.figures import entropy_bits
from gemax_cli.entropy.sample import sample_depth
from gemax_cli.entropy.solver import optimal_cuts
from gemax_cli.images.levels import Counter, level_grid
from gemax_cli.images.settings import ImageSettings
from gemax_cli.synthetic.images import sar_image, smooth_field, thermal_image

LEVELS, GREYS = 4096, 256
TAUS = (20, 40, 60)
PERCENT = 0.1  # clipped at each end by the percentile stretch
CLIP_LIMIT = 0.01  # of CLAHE, scikit-image's own default
MOST_SLOPE = 1.0  # grey values per level that OCTM may spend: more would leave grey values unused
Levels = NDArray[np.int64]
Grey = NDArray[np.int64]


@dataclass(frozen=True)
class ImageBenchRow:
    """One method on one image.

    Attributes:
        image: thermal, SAR, CT or depth.
        method: its name.
        bits: entropy of the 8-bit image.
        widest_bin: levels from the lowest to the highest that one grey value stands for.
        distortion: the same as a share of N.
        ms: time from levels to the 8-bit image, ms; the shortest of the rounds.
    """

    image: str
    method: str
    bits: float
    widest_bin: int
    distortion: float
    ms: float


def bench_images(size: int = 512, seed: int = 0) -> Iterator[tuple[str, Levels]]:
    """Yield name and (size, size) levels 0..4095 of four simulated images."""
    rng = np.random.default_rng([seed, 3])
    yield "thermal", levels_of(thermal_image(seed, size)[0], ImageSettings(levels=LEVELS))
    yield "SAR, dB", levels_of(sar_image(seed, size)[0], ImageSettings(scale="db", levels=LEVELS))
    yield "CT", levels_of(_ct_image(rng, size), ImageSettings(levels=LEVELS))
    depth = np.nan_to_num(sample_depth(seed, size), nan=120.0)
    yield "depth", levels_of(depth + rng.normal(0, 0.2, depth.shape), ImageSettings(levels=LEVELS))


def _ct_image(rng: np.random.Generator, size: int) -> NDArray[np.int16]:
    """A slice through a schematic chest, Hounsfield units: air, lungs, soft tissue with texture, bone, noise."""
    y, x = np.mgrid[0:size, 0:size] / size - 0.5
    units = np.full((size, size), -1000.0)
    units[(x / 0.42) ** 2 + (y / 0.32) ** 2 < 1] = 45.0
    for side in (-1, 1):
        units[((x - side * 0.19) / 0.13) ** 2 + (y / 0.2) ** 2 < 1] = -850.0
    units[(x / 0.05) ** 2 + ((y - 0.2) / 0.06) ** 2 < 1] = 700.0
    units += np.where(units > -900, 25.0, 5.0) * smooth_field(rng, size, size / 50)
    return np.rint(units + rng.normal(0, 12, units.shape)).astype(np.int16)


def levels_of(image: NDArray[np.generic], settings: ImageSettings) -> Levels:
    """The levels of the pixels of an image."""
    counter = Counter(image.dtype)
    counter.add(image.ravel())
    return level_grid(counter.result(), settings).level_of(image)


# --- the methods: (rows, columns) levels to grey values 0..255


def by_gemax(level: Levels, tau: int) -> Grey:
    """The optimal cuts for a bound."""
    cuts = optimal_cuts(_histogram(level), GREYS, tau).cuts
    grey: Grey = np.repeat(np.arange(GREYS), np.diff(cuts))[level]
    return grey


def by_uniform(level: Levels) -> Grey:
    """Even bins."""
    return level * GREYS // LEVELS


def by_percentile(level: Levels) -> Grey:
    """A linear stretch that clips 0.1 % of the pixels at each end."""
    low, high = np.percentile(level, [PERCENT, 100 - PERCENT])
    curve = np.clip((np.arange(LEVELS) - low) / max(high - low, 1), 0, 1)
    return _rounded(curve)[level]


def by_equalisation(level: Levels) -> Grey:
    """Histogram equalisation."""
    return _equalised(_histogram(level))[level]


def by_plateau(level: Levels) -> Grey:
    """Plateau equalisation (Vickers 1996): counts above a plateau are cut; here the median of the local maxima."""
    counts = _histogram(level)
    used = counts[counts > 0]
    peaks = used[1:-1][(used[1:-1] >= used[:-2]) & (used[1:-1] > used[2:])]
    plateau = int(np.median(peaks)) if peaks.size else int(used.max())
    return _equalised(np.minimum(counts, max(plateau, 1)))[level]


def by_clahe(level: Levels) -> Grey:
    """Contrast-limited adaptive equalisation by scikit-image, 8 x 8 tiles."""
    from skimage.exposure import equalize_adapthist

    even = equalize_adapthist(level / (LEVELS - 1), clip_limit=CLIP_LIMIT, nbins=GREYS)
    grey: Grey = np.rint(even * (GREYS - 1)).astype(np.int64)
    return grey


def by_octm(level: Levels, tau: int) -> Grey:
    """Optimal contrast-tone mapping (Wu 2011), by SciPy's HiGHS.

    Maximise the sum of p_j s_j over the slopes s_j of the curve, 0 <= s_j <= 1, of sum 255 at most, such that any tau
    neighbouring levels rise by one grey value or more: its bound on distortion.
    """
    from scipy.optimize import linprog
    from scipy.sparse import diags, vstack

    share = _histogram(level) / level.size
    # Variables are the curve's values C_0 = 0 .. C_N, so that every constraint has two of them.
    gain = np.diff(np.concatenate(([0.0], share, [0.0])))
    steps = diags([-1.0, 1.0], offsets=[0, 1], shape=(LEVELS, LEVELS + 1))
    windows = diags([-1.0, 1.0], offsets=[0, tau], shape=(LEVELS + 1 - tau, LEVELS + 1))
    matrix = vstack([-steps, steps, -windows], format="csr")
    bound = np.concatenate([np.zeros(LEVELS), np.full(LEVELS, MOST_SLOPE), -np.ones(LEVELS + 1 - tau)])
    ends = [(0.0, 0.0), *[(0.0, GREYS - 1.0)] * LEVELS]
    found = linprog(gain, matrix, bound, bounds=ends, method="highs")
    if not found.success:
        raise ValueError(found.message)
    curve = np.clip(np.floor(found.x[:-1] + 0.5), 0, GREYS - 1)
    grey: Grey = curve.astype(np.int64)[level]
    return grey


def _histogram(level: Levels) -> NDArray[np.int64]:
    return np.bincount(level.ravel(), minlength=LEVELS)


def _equalised(counts: NDArray[np.int64]) -> Grey:
    below = np.cumsum(counts) - counts[np.argmax(counts > 0)]
    return _rounded(np.maximum(below, 0) / max(int(below[-1]), 1))


def _rounded(curve: NDArray[np.float64]) -> Grey:
    return np.rint(curve * (GREYS - 1)).astype(np.int64)


METHODS: tuple[tuple[str, Callable[[Levels], Grey]], ...] = (
    ("uniform", by_uniform),
    (f"percentile {PERCENT}", by_percentile),
    ("HE", by_equalisation),
    ("plateau HE", by_plateau),
    ("CLAHE", by_clahe),
    *((f"OCTM, d = {tau}", lambda level, tau=tau: by_octm(level, tau)) for tau in TAUS),
    *((f"GEMax, tau = {tau}", lambda level, tau=tau: by_gemax(level, tau)) for tau in TAUS),
    ("GEMax, tau = N", lambda level: by_gemax(level, LEVELS)),
)


def image_table(size: int = 512, seed: int = 0, rounds: int = 3) -> Iterator[ImageBenchRow]:
    """A row per image and method; CLAHE is left out where scikit-image is not installed.

    Args:
        size: side of the images, pixels.
        seed: of the images.
        rounds: runs of each; methods that take more than a second run once.
    """
    for image, level in bench_images(size, seed):
        for method, make in METHODS:
            with suppress(ImportError):
                make(level[:2, :2])  # imports and compiles
                yield _row(image, method, level, make, rounds)


def _row(image: str, method: str, level: Levels, make: Callable[[Levels], Grey], rounds: int) -> ImageBenchRow:
    times: list[float] = []
    grey = level
    while len(times) < rounds and sum(times) < 1.0:
        start = time.perf_counter()
        grey = make(level)
        times.append(time.perf_counter() - start)
    width = widest_bin(level, grey)
    return ImageBenchRow(
        image, method, entropy_bits(np.bincount(grey.ravel())), width, width / LEVELS, 1e3 * min(times)
    )  # fmt: skip


def widest_bin(level: Levels, grey: Grey) -> int:
    """Levels from the lowest to the highest pixel of the widest grey value, both counted."""
    low, high = np.full(GREYS, LEVELS), np.full(GREYS, -1)
    np.minimum.at(low, grey.ravel(), level.ravel())
    np.maximum.at(high, grey.ravel(), level.ravel())
    return int((high - low).max()) + 1
