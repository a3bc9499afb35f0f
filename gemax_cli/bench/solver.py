"""The first table of ``gemax bench solver``: our solver against the paper's dynamic programming (DP).

All times are of one thread: per histogram the shortest of a few rounds, then the median over the histograms.
Compilation is not counted.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from gemax_cli.datasets.published import UNBOUNDED
from gemax_cli.entropy.histogram import level_histogram
from gemax_cli.entropy.reference import paper_cuts
from gemax_cli.entropy.sample import sample_depth16
from gemax_cli.entropy.solver import Solution, optimal_cuts_per_tau
from gemax_cli.errors import NothingToConvert
from gemax_cli.reports.published import PUBLISHED
from gemax_cli.settings import DEFAULT_TAUS
from gemax_cli.stack.naming import DEPTH16
from gemax_cli.stack.png import read_png

Histogram = NDArray[np.int64]
Input = TypeVar("Input")

SLOW_SECONDS = 0.3  # from here on one round must do
TAUS = (16, 20, 30, 40, 50, 60)
SLOW_EDGES = 1 << 20  # N * tau from which the paper's DP takes seconds: one histogram must do
MOST_EDGES = 1 << 25  # and from which its table of edges takes more than 256 MB: not run


@dataclass(frozen=True)
class SolverRow:
    """One tau, or several solved together, and what the paper's DP takes for the same.

    Attributes:
        tau: "20", "N", or "20 30 40 50 60".
        gemax_ms: our time, ms.
        dp_ms: the paper's DP, compiled, on this machine, ms.
        ratio: the second over the first.
        paper_s: the paper's own figure, seconds per scan on an i5-8250U.
        same_cuts: both gave the same cuts, on ``compared`` histograms.
        compared: histograms that the paper's DP was run on.
        bits: mean entropy over the histograms.
        paper_bits: the paper's own figure.
    """

    tau: str
    gemax_ms: float
    dp_ms: float | None
    ratio: float | None
    paper_s: float | None
    same_cuts: bool | None
    compared: int
    bits: float
    paper_bits: float | None


def sample_histograms(faces: int, levels: int = 4096) -> list[Histogram]:
    """Histograms of schematic faces (``entropy.sample``), one per seed 0, 1, ..."""
    return [level_histogram(sample_depth16(seed), levels) for seed in range(faces)]


def folder_histograms(folder: Path, faces: int, levels: int = 4096) -> list[Histogram]:
    """Histograms of up to ``faces`` depth16.png below a folder, in order of their paths.

    Raises:
        NothingToConvert: there is none, or none has data.
    """
    found = (level_histogram(read_png(path), levels) for path in sorted(folder.rglob(DEPTH16))[:faces])
    histograms = [histogram for histogram in found if histogram.any()]
    if not histograms:
        raise NothingToConvert(f"{folder}: holds no {DEPTH16} with data: give a folder that gemax convert wrote.")
    return histograms


def median_ms(run: Callable[[Input], object], inputs: Sequence[Input], rounds: int) -> float:
    """Time ``run``, ms. Rounds go over all inputs, so the branch predictor does not know an input already."""
    start = time.perf_counter()
    run(inputs[0])
    if time.perf_counter() - start > SLOW_SECONDS:
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
        compared: histograms that the paper's DP is run on (one, where it takes seconds).
    """
    levels = histograms[0].size
    taus = [tau for tau in (*TAUS, levels) if tau * bins >= levels]
    for tau in taus:
        edges = levels * tau
        affordable = compared if edges < SLOW_EDGES else int(edges < MOST_EDGES)
        yield _solver_row(histograms, bins, tau, rounds, affordable)
    stack = tuple(tau for tau in DEFAULT_TAUS if tau in taus)
    if len(stack) > 1:
        ours = median_ms(lambda h: optimal_cuts_per_tau(h, bins, stack), histograms, rounds)
        bits = [c.entropy for h in histograms for c in optimal_cuts_per_tau(h, bins, stack)]
        name = " ".join(map(str, stack))
        yield SolverRow(name, ours, None, None, None, None, 0, statistics.fmean(bits), None)


def _solver_row(histograms: Sequence[Histogram], bins: int, tau: int, rounds: int, compared: int) -> SolverRow:
    levels = histograms[0].size
    ours = [optimal_cuts_per_tau(h, bins, (tau,))[0] for h in histograms]
    ours_ms = median_ms(lambda h: optimal_cuts_per_tau(h, bins, (tau,)), histograms, rounds)
    times, same = _run_dp(histograms[:compared], bins, ours)
    dp = statistics.median(times) if times else None
    seconds, bits = _published(tau, levels, bins)
    return SolverRow(
        "N" if tau == levels else str(tau), ours_ms, dp, dp / ours_ms if dp else None, seconds,
        same if times else None, len(times), statistics.fmean(c.entropy for c in ours), bits,
    )  # fmt: skip


def _run_dp(histograms: Sequence[Histogram], bins: int, ours: Sequence[Solution]) -> tuple[list[float], bool]:
    """Times of the paper's DP, ms, and whether its cuts are ours."""
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
