"""The second table of ``gemax bench solver``: our solver beside other quantisers to K values that are installed.

Times are taken as in ``bench.solver``. They count the call and the lookup of every level's bin in its answer (some ten
microseconds), not the preparation of its input.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.metadata import PackageNotFoundError, packages_distributions, version
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gemax_cli.bench.solver import Histogram, median_ms
from gemax_cli.entropy.figures import entropy_bits
from gemax_cli.entropy.solver import optimal_cuts_per_tau

Labels = NDArray[np.int64]  # (m,) bin of each of the m levels in use, in their order
Call = Callable[[], Labels]


@dataclass(frozen=True)
class RivalRow:
    """A quantiser of one dimension to K values.

    Attributes:
        name: package and version.
        method: what it was asked for.
        optimum: the criterion that it optimises exactly; "" if none.
        ms: time, ms.
        bits: mean entropy over the histograms.
        max_bin: levels that its widest bin spans, the most over the histograms: the distortion.
        bins: grey values it leaves in use, the fewest.
        histograms: it was run on.
    """

    name: str
    method: str
    optimum: str
    ms: float
    bits: float
    max_bin: int
    bins: int
    histograms: int


class Rival(NamedTuple):
    """A quantiser: the module to import, what it is asked for, what that is the best of, and how it is asked.

    ``ask`` takes the module, a histogram and K, prepares the input, and gives the call that is timed.
    """

    module: str
    method: str
    optimum: str
    ask: Callable[[Any, Histogram, int], Call]


def _pixels(histogram: Histogram) -> tuple[NDArray[np.float64], Labels]:
    """The level of every pixel, in ascending order, and where the last pixel of each level in use stands."""
    last = np.cumsum(histogram)[histogram > 0] - 1
    return np.repeat(np.arange(histogram.size, dtype=np.float64), histogram), last


def _kmeans1d(module: Any, histogram: Histogram, bins: int) -> Call:
    pixels, last = _pixels(histogram)
    return lambda: np.asarray(module.cluster(pixels, bins).clusters)[last]


def _ckwrap(module: Any, histogram: Histogram, bins: int) -> Call:
    levels = np.flatnonzero(histogram)
    values, weights = levels.astype(np.float64), histogram[levels].astype(np.float64)
    return lambda: np.asarray(module.ckmeans(values, bins, weights=weights).labels)


def _jenkspy(module: Any, histogram: Histogram, bins: int) -> Call:
    levels = np.flatnonzero(histogram).astype(np.float64)
    return lambda: np.searchsorted(module.jenks_breaks(levels, bins)[1:-1], levels)


def _skimage(module: Any, histogram: Histogram, bins: int) -> Call:
    pixels, last = _pixels(histogram)
    return lambda: (module.equalize_hist(pixels, nbins=4096) * (bins - 1)).round()[last].astype(np.int64)


def _opencv(module: Any, histogram: Histogram, _bins: int) -> Call:
    pixels, last = _pixels(histogram)
    image = (pixels * 256 // histogram.size).astype(np.uint8)
    return lambda: module.equalizeHist(image).ravel()[last].astype(np.int64)


def _ours(tau: int | None) -> Rival:
    def ask(_module: Any, histogram: Histogram, bins: int) -> Call:
        """The bin of every level, from the optimal cuts."""
        levels, taus = np.flatnonzero(histogram), (tau or histogram.size,)
        return lambda: np.searchsorted(optimal_cuts_per_tau(histogram, bins, taus)[0].cuts, levels, side="right")

    optimum = f"entropy, bins of {tau} levels or less" if tau else "entropy"
    return Rival("gemax_cli", f"tau = {tau or 'N'}", optimum, ask)


RIVALS = (
    Rival("kmeans1d", "cluster, all pixels", "squared error", _kmeans1d),
    Rival("ckwrap", "ckmeans, weighted levels", "squared error", _ckwrap),
    Rival("jenkspy", "jenks_breaks, each level once (it takes no weights)", "squared error of the levels", _jenkspy),
    Rival("skimage.exposure", "exposure.equalize_hist to 8 bits", "", _skimage),
    Rival("cv2", "equalizeHist of the 8-bit range image", "", _opencv),
)


def rival_table(histograms: Sequence[Histogram], bins: int = 256, rounds: int = 3) -> Iterator[RivalRow]:
    """A row per quantiser that is installed, after three of our own; nothing is installed for it.

    Args:
        histograms: (N,) each, of one N; those with K levels in use or fewer are left out.
        bins: K.
        rounds: per histogram.
    """
    histograms = [h for h in histograms if np.count_nonzero(h) > bins]
    if not histograms:
        return
    ours = [_ours(tau) for tau in (20, 60, None) if tau is None or tau * bins >= histograms[0].size]
    for rival in (*ours, *RIVALS):
        with suppress(ImportError):  # not installed, or its shared libraries are not
            yield rival_row(rival, histograms, bins, rounds)


def rival_row(rival: Rival, histograms: Sequence[Histogram], bins: int, rounds: int) -> RivalRow:
    """Run a quantiser on all histograms; raises ImportError where it is not installed."""
    module = import_module(rival.module)
    calls = [rival.ask(module, h, bins) for h in histograms]
    labels = [call() for call in calls]
    ms = median_ms(lambda call: call(), calls, rounds)
    counts = [np.bincount(x, weights=h[h > 0]).astype(np.int64) for x, h in zip(labels, histograms, strict=True)]
    spans = [widest_span(np.flatnonzero(h), x) for x, h in zip(labels, histograms, strict=True)]
    return RivalRow(
        _name(rival.module), rival.method, rival.optimum, ms, statistics.fmean(map(entropy_bits, counts)), max(spans),
        min(int(np.count_nonzero(c)) for c in counts), len(histograms),
    )  # fmt: skip


def widest_span(levels: NDArray[np.int64], labels: Labels) -> int:
    """Levels from the first to the last of a bin, of the widest bin.

    Args:
        levels: (m,) levels in use, ascending.
        labels: (m,) the bin of each; a bin's levels are next to each other.
    """
    starts = np.flatnonzero(np.diff(labels, prepend=labels[0] - 1))
    ends = np.append(starts[1:], levels.size) - 1
    return int((levels[ends] - levels[starts]).max()) + 1


@cache
def _name(module: str) -> str:
    """The package that a module comes from, and its version where that is known."""
    package = packages_distributions().get(module.partition(".")[0], [module.replace("_", "-")])[0]
    try:
        return f"{package} {version(package)}"
    except PackageNotFoundError:
        return package
