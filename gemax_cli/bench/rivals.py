"""The second table of ``gemax bench solver``: our solver beside other quantisers to K values that are installed.

Times are taken as in ``bench.solver``; the preparation of a rival's input is not counted.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gemax_cli.bench.solver import Histogram, median_ms
from gemax_cli.entropy.figures import entropy_bits
from gemax_cli.entropy.solver import optimal_cuts_per_tau

Labels = NDArray[np.int64]  # (N,) bin of each level; -1 where the quantiser was not asked


@dataclass(frozen=True)
class RivalRow:
    """A quantiser of one dimension to K values.

    Attributes:
        name: package and version.
        method: what it was asked for.
        optimum: what it is the best of; "" if it optimises nothing.
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


@dataclass(frozen=True)
class Rival:
    """A quantiser: how its input is made, and how it is asked for the bin of each level.

    Attributes:
        package: the module to import; "" for our own.
        distribution: its name on the package index.
        method: what it is asked for.
        optimum: what it is the best of; "" if it optimises nothing.
        prepare: histogram to its input, not timed.
        run: (module, input, K) to its answer, timed.
        labels: (histogram, answer) to the (N,) bin of each level, not timed.
    """

    package: str
    distribution: str
    method: str
    optimum: str
    prepare: Callable[[Histogram], Any]
    run: Callable[[Any, Any, int], Any]
    labels: Callable[[Histogram, Any], Labels]

    def load(self) -> Any:
        """Its module; None for our own."""
        return import_module(self.package) if self.package else None


def _pixels(histogram: Histogram) -> NDArray[np.float64]:
    return np.repeat(np.arange(histogram.size, dtype=np.float64), histogram)


def _occupied(histogram: Histogram) -> NDArray[np.float64]:
    return np.flatnonzero(histogram).astype(np.float64)


def _spread(histogram: Histogram, of_pixels: NDArray[Any]) -> Labels:
    """Labels of levels from those of the pixels, which stand in order of their levels."""
    labels = np.full(histogram.size, -1, np.int64)
    levels = np.flatnonzero(histogram)
    labels[levels] = np.asarray(of_pixels)[(np.cumsum(histogram) - 1)[levels]]
    return labels


def _assign(histogram: Histogram, of_occupied: NDArray[Any]) -> Labels:
    labels = np.full(histogram.size, -1, np.int64)
    labels[np.flatnonzero(histogram)] = of_occupied
    return labels


def _our_cuts(histogram: Histogram, bins: int, tau: int | None) -> NDArray[np.int32]:
    return optimal_cuts_per_tau(histogram, bins, (tau or histogram.size,))[0].cuts


def _labels_of_cuts(histogram: Histogram, cuts: NDArray[np.int32]) -> Labels:
    of_levels = np.repeat(np.arange(cuts.size - 1), np.diff(cuts))
    return np.where(histogram > 0, of_levels, -1)


def _ours(tau: int | None) -> Rival:
    optimum = f"entropy, bins of {tau} levels or less" if tau else "entropy"
    return Rival(
        "", "gemax-cli", f"tau = {tau or 'N'}", optimum,
        lambda h: h, lambda _, h, k: _our_cuts(h, k, tau), _labels_of_cuts,
    )  # fmt: skip


def _weighted(histogram: Histogram) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    return _occupied(histogram), histogram[histogram > 0].astype(np.float64)


RIVALS: tuple[Rival, ...] = (
    Rival("kmeans1d", "kmeans1d", "cluster, all pixels", "squared error", _pixels,
          lambda m, x, k: m.cluster(x, k).clusters, _spread),
    Rival("ckwrap", "ckwrap", "ckmeans, weighted levels", "squared error", _weighted,
          lambda m, x, k: m.ckmeans(x[0], k, weights=x[1]).labels, _assign),
    Rival("jenkspy", "jenkspy", "jenks_breaks, each level once (it takes no weights)", "squared error of the levels",
          _occupied, lambda m, x, k: m.jenks_breaks(x, k),
          lambda h, breaks: _assign(h, np.searchsorted(breaks[1:-1], _occupied(h)))),
    Rival("skimage.exposure", "scikit-image", "exposure.equalize_hist to 8 bits", "",
          _pixels, lambda m, x, k: (m.equalize_hist(x, nbins=4096) * (k - 1)).round(), _spread),
    Rival("cv2", "opencv", "equalizeHist of the 8-bit range image", "",
          lambda h: (_pixels(h) * 256 // h.size).astype(np.uint8), lambda m, x, _: m.equalizeHist(x).ravel(), _spread),
)  # fmt: skip


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
            yield rival_row(rival, rival.load(), histograms, bins, rounds)


def rival_row(rival: Rival, module: Any, histograms: Sequence[Histogram], bins: int, rounds: int) -> RivalRow:
    """Run a quantiser on all histograms; ``module`` is what it loads."""
    inputs = [rival.prepare(h) for h in histograms]
    with _one_thread(module):
        answers = [rival.run(module, prepared, bins) for prepared in inputs]
        ms = median_ms(lambda prepared: rival.run(module, prepared, bins), inputs, rounds)
    labels = [rival.labels(h, answer) for h, answer in zip(histograms, answers, strict=True)]
    counts = [_bin_counts(h, of_levels) for h, of_levels in zip(histograms, labels, strict=True)]
    return RivalRow(
        f"{rival.distribution} {_version(rival)}".strip(), rival.method, rival.optimum, ms,
        statistics.fmean(entropy_bits(c) for c in counts), max(widest_span(of_levels) for of_levels in labels),
        min(int(np.count_nonzero(c)) for c in counts), len(histograms),
    )  # fmt: skip


def _bin_counts(histogram: Histogram, labels: Labels) -> NDArray[np.int64]:
    used = labels >= 0
    return np.bincount(labels[used], weights=histogram[used]).astype(np.int64)


def widest_span(labels: Labels) -> int:
    """Levels from the first to the last of a bin, of the widest bin.

    Args:
        labels: (N,) bin of each level, -1 where a level is empty; a bin's levels are next to each other.
    """
    levels = np.flatnonzero(labels >= 0)
    starts = np.flatnonzero(np.diff(labels[levels], prepend=-1))
    ends = np.append(starts[1:], levels.size) - 1
    return int((levels[ends] - levels[starts]).max()) + 1


@contextmanager
def _one_thread(module: Any) -> Iterator[None]:
    """OpenCV is the one rival that would take more than one thread."""
    threads = module.getNumThreads() if hasattr(module, "setNumThreads") else None
    if threads is not None:
        module.setNumThreads(1)
    yield
    if threads is not None:
        module.setNumThreads(threads)


def _version(rival: Rival) -> str:
    names = ("opencv-python-headless", "opencv-python") if rival.package == "cv2" else (rival.distribution,)
    for name in names:
        try:
            return version(name)
        except PackageNotFoundError:
            continue
    return ""
