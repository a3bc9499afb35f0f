"""The two tables of ``gemax bench``: our solver against the paper's programme, and against other quantisers.

All times are of one thread: per histogram the shortest of a few rounds, then the median over the histograms.
Compilation and the preparation of a rival's input are not counted.
"""

from __future__ import annotations

import importlib
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gemax_cli.datasets.published import UNBOUNDED
from gemax_cli.entropy.figures import entropy_bits
from gemax_cli.entropy.histogram import level_histogram
from gemax_cli.entropy.reference import paper_cuts
from gemax_cli.entropy.sample import sample_depth16
from gemax_cli.entropy.solver import Solution, optimal_cuts_per_tau
from gemax_cli.errors import NothingToConvert
from gemax_cli.report.published import PUBLISHED
from gemax_cli.settings import DEFAULT_TAUS
from gemax_cli.stack.png import read_png

_SLOW_S = 0.3  # from here on one round must do

Histogram = NDArray[np.int64]
Labels = NDArray[np.int64]  # (N,) bin of each level; -1 where the quantiser was not asked

TAUS = (16, 20, 30, 40, 50, 60)
_SLOW_EDGES = 1 << 20  # N * tau from which the paper's programme takes seconds: one histogram must do
_MOST_EDGES = 1 << 25  # and from which its table of edges takes more than 256 MB: not run


@dataclass(frozen=True)
class SolverRow:
    """One tau, or several solved together, and what the paper's programme takes for the same.

    Attributes:
        tau: "20", "N", or "20 30 40 50 60".
        gemax_ms: our time, ms.
        programme_ms: the paper's programme, compiled, on this machine, ms.
        ratio: the second over the first.
        paper_s: the paper's own figure, seconds per scan on an i5-8250U.
        same_cuts: both gave the same cuts, on ``compared`` histograms.
        compared: histograms that the paper's programme was run on.
        bits: mean entropy over the histograms.
        paper_bits: the paper's own figure.
    """

    tau: str
    gemax_ms: float
    programme_ms: float | None
    ratio: float | None
    paper_s: float | None
    same_cuts: bool | None
    compared: int
    bits: float
    paper_bits: float | None


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


def sample_histograms(faces: int, levels: int = 4096) -> list[Histogram]:
    """Histograms of schematic faces (``entropy.sample``), one per seed 0, 1, ..."""
    return [level_histogram(sample_depth16(seed), levels) for seed in range(faces)]


def folder_histograms(folder: Path, faces: int, levels: int = 4096) -> list[Histogram]:
    """Histograms of up to ``faces`` depth16.png below a folder, in order of their paths.

    Raises:
        NothingToConvert: there is none, or none has data.
    """
    found = (level_histogram(read_png(path), levels) for path in sorted(folder.rglob("depth16.png"))[:faces])
    histograms = [histogram for histogram in found if histogram.any()]
    if not histograms:
        raise NothingToConvert(f"{folder}: holds no depth16.png with data: give a folder that gemax convert wrote.")
    return histograms


def _median_ms(run: Callable[[Any], object], inputs: Sequence[Any], rounds: int) -> float:
    """Round by round over all inputs, so that no run finds its own branches still predicted."""
    start = time.perf_counter()
    run(inputs[0])
    if time.perf_counter() - start > _SLOW_S:
        rounds = 1
    times = np.zeros((rounds, len(inputs)))
    for index in np.ndindex(times.shape):
        start = time.perf_counter()
        run(inputs[index[1]])
        times[index] = (time.perf_counter() - start) * 1e3
    return float(np.median(times.min(0)))


def solver_table(
    histograms: Sequence[Histogram], bins: int = 256, rounds: int = 3, compared: int = 3
) -> Iterator[SolverRow]:
    """A row per tau of Table 3 that these settings allow, one without bound, and one for the five tau of a stack.

    Args:
        histograms: (N,) each, of one N.
        bins: K.
        rounds: per histogram.
        compared: histograms that the paper's programme is run on (one, where it takes seconds).
    """
    levels = histograms[0].size
    taus = [tau for tau in (*TAUS, levels) if tau * bins >= levels]
    for tau in taus:
        edges = levels * tau
        affordable = compared if edges < _SLOW_EDGES else int(edges < _MOST_EDGES)
        yield _solver_row(histograms, bins, tau, rounds, affordable)
    stack = tuple(tau for tau in DEFAULT_TAUS if tau in taus)
    if len(stack) > 1:
        ours = _median_ms(lambda h: optimal_cuts_per_tau(h, bins, stack), histograms, rounds)
        bits = [c.entropy for h in histograms for c in optimal_cuts_per_tau(h, bins, stack)]
        name = " ".join(map(str, stack))
        yield SolverRow(name, ours, None, None, None, None, 0, statistics.fmean(bits), None)


def _solver_row(histograms: Sequence[Histogram], bins: int, tau: int, rounds: int, compared: int) -> SolverRow:
    levels = histograms[0].size
    ours = [optimal_cuts_per_tau(h, bins, (tau,))[0] for h in histograms]
    ours_ms = _median_ms(lambda h: optimal_cuts_per_tau(h, bins, (tau,)), histograms, rounds)
    times, same = _run_programme(histograms[:compared], bins, ours)
    programme = statistics.median(times) if times else None
    seconds, bits = _published(tau, levels, bins)
    return SolverRow(
        "N" if tau == levels else str(tau), ours_ms, programme, programme / ours_ms if programme else None, seconds,
        same if times else None, len(times), statistics.fmean(c.entropy for c in ours), bits,
    )  # fmt: skip


def _run_programme(histograms: Sequence[Histogram], bins: int, ours: Sequence[Solution]) -> tuple[list[float], bool]:
    """Times of the paper's programme, ms, and whether its cuts are ours."""
    paper_cuts(np.ones(2, np.int64), 1, 2)  # compiles
    times, same = [], True
    for histogram, cuts in zip(histograms, ours, strict=False):
        start = time.perf_counter()
        theirs = paper_cuts(histogram, bins, cuts.tau)
        times.append((time.perf_counter() - start) * 1e3)
        same = same and np.array_equal(theirs, cuts.cuts)
    return times, same


def _published(tau: int, levels: int, bins: int) -> tuple[float | None, float | None]:
    """Seconds and bits of the paper's Table 3, which is for N = 4096 and K = 256."""
    wanted = UNBOUNDED if tau == levels else tau
    if (levels, bins) != (4096, 256):
        return None, None
    return next(((p.seconds, p.entropy) for p in PUBLISHED if p.table == 3 and p.tau == wanted), (None, None))


@dataclass(frozen=True)
class Rival:
    """A quantiser: how its input is made, and how it is asked for the bin of each level.

    Attributes:
        package: import name; "" for our own.
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
    Rival("skimage", "scikit-image", "exposure.equalize_hist to 8 bits", "",
          _pixels, lambda m, x, k: (m.exposure.equalize_hist(x, nbins=4096) * (k - 1)).round(), _spread),
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
        try:
            module = _load(rival.package)
        except ImportError:  # not installed, or its shared libraries are not
            continue
        yield _rival_row(rival, module, histograms, bins, rounds)


def _rival_row(rival: Rival, module: Any, histograms: Sequence[Histogram], bins: int, rounds: int) -> RivalRow:
    inputs = [rival.prepare(h) for h in histograms]
    with _one_thread(module):
        answers = [rival.run(module, prepared, bins) for prepared in inputs]
        ms = _median_ms(lambda prepared: rival.run(module, prepared, bins), inputs, rounds)
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


def _load(package: str) -> Any:
    if not package:
        return None
    module = importlib.import_module(package)
    if package == "skimage":
        importlib.import_module("skimage.exposure")
    return module


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
