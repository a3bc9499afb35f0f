"""Exact entropy maximisation under the distortion bound tau, in O(N log N) whatever K and tau.

THEORY PLACEHOLDER
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import count
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gemax_cli.entropy.figures import entropy_bits, max_bin
from gemax_cli.entropy.kernels import heaviest_path, walk_back
from gemax_cli.entropy.logarithm import MAX_PIXELS, WEIGHT_BITS, weight_table
from gemax_cli.entropy.mapping import uniform_cuts
from gemax_cli.errors import EmptyHistogram, InfeasibleTau, SettingsError
from gemax_cli.settings import MAX_LEVELS

# How the next charge is chosen decides the number of passes and nothing else.
_FIRST_EXPONENT = 1.5  # of the charge against the number of edges, before two passes have shown it
_LARGEST_EXPONENT = 8.0
_SHORT_GAP = 3  # edges between the two ends, from where on the chord is best
_PATIENCE = 5  # passes, after which every second charge is the chord


@dataclass(frozen=True, eq=False)
class Cuts:
    """The best cuts of a histogram for one tau.

    Attributes:
        cuts: (K + 1,) int32, read-only, 0 = d_0 < ... < d_K = N; bin k holds the levels d_k..d_{k+1} - 1.
        entropy: bits, from the final counts.
        max_bin: width of the widest bin, levels; at most tau.
        tau: the bound that was asked for, levels.
        levels: N.
        objective: the integer that was maximised: the sum of the weights of the bins (``logarithm.weight_table``).
    """

    cuts: NDArray[np.int32]
    entropy: float
    max_bin: int
    tau: int
    levels: int
    objective: int

    @property
    def bins(self) -> int:
        """K."""
        return self.cuts.size - 1


@dataclass(frozen=True, eq=False)
class Problem:
    """What every tau of a histogram shares.

    Attributes:
        below: (N + 1,) int64, pixels below each level: S of the theory.
        weight: concave weight of an edge over c pixels, for c = 0..T and beyond.
        bins: K.
    """

    below: NDArray[np.int64]
    weight: NDArray[np.int64]
    bins: int

    @property
    def levels(self) -> int:
        """N."""
        return self.below.size - 1


class _End(NamedTuple):
    """A corner of the concave hull of total weight against number of edges, and a charge that finds it."""

    edges: int
    total: int
    charge: int


def pose_problem(histogram: NDArray[np.integer], bins: int) -> Problem:
    """Check a histogram and set up what all its tau share.

    Args:
        histogram: (N,) pixels per level, 1 <= N <= 65,535.
        bins: K >= 1.

    Raises:
        EmptyHistogram: there is no pixel.
        SettingsError: the histogram is no row of counts, or holds too many levels or pixels, or K < 1.
    """
    if histogram.ndim != 1 or histogram.dtype.kind not in "iu" or not 1 <= histogram.size <= MAX_LEVELS:
        raise SettingsError(f"the histogram must be a row of 1 to {MAX_LEVELS} whole numbers: give pixels per level.")
    if bins < 1:
        raise SettingsError(f"bins is {bins}: give 1 or more.")
    if histogram.min() < 0 or histogram.max() > MAX_PIXELS or histogram.sum(dtype=np.int64) > MAX_PIXELS:
        raise SettingsError(f"the histogram's counts must be 0 or more and {MAX_PIXELS} at most in sum: give pixels.")
    below = np.zeros(histogram.size + 1, np.int64)
    np.cumsum(histogram, out=below[1:])
    pixels = int(below[-1])
    if not pixels:
        raise EmptyHistogram("there is no valid pixel to take an entropy of: give a depth image with data.")
    return Problem(below, weight_table((pixels - 1).bit_length()), bins)


def _check_tau(problem: Problem, tau: int) -> None:
    if not problem.bins <= problem.levels <= problem.bins * tau:
        raise InfeasibleTau(problem.levels, problem.bins, tau)


def _splice(problem: Problem, tau: int, multiplier: int) -> NDArray[np.int32]:
    """The leftmost optimal path of K edges, where paths of fewer and of more edges tie at ``multiplier`` (even).

    A node takes place k on some optimal path of K edges if and only if it lies on an optimal path, can be reached over k
    edges and can be left over K - k. Both ranges of counts are whole (splice) and move up with the node, so the first
    node that k is not too late for is the leftmost one at place k; and all leftmost ones together are a path (lattice).
    """
    mirrored = problem.below[-1] - problem.below[::-1]
    value, most, _ = heaviest_path(problem.below, problem.weight, tau, multiplier - 1)
    value_after, most_after, _ = heaviest_path(mirrored, problem.weight, tau, multiplier - 1)
    _, fewest_after, _ = heaviest_path(mirrored, problem.weight, tau, multiplier + 1)
    through = (value - most) + (value_after - most_after)[::-1]  # what was saved on each edge is paid back
    nodes = np.flatnonzero(through == through[0])
    latest_place = np.minimum(most, problem.bins - fewest_after[::-1])[nodes]
    return nodes[np.searchsorted(latest_place, np.arange(problem.bins + 1))].astype(np.int32)


def _chord(few: _End, many: _End) -> int:
    """The odd charge just above the slope of the chord between two corners, rounded down to an integer multiplier."""
    return 2 * ((many.total - few.total) // (2 * (many.edges - few.edges))) + 1


def _estimate(last: _End, before: _End | None, bins: int) -> int:
    """An odd charge for K edges, the charge taken as a power of the number of edges through the last two passes."""
    exponent = _FIRST_EXPONENT
    if before and before.edges != last.edges:
        exponent = math.log(before.charge / last.charge) / math.log(last.edges / before.edges)
    return int(last.charge * (last.edges / bins) ** min(exponent, _LARGEST_EXPONENT)) | 1


def _trivial_ends(problem: Problem, tau: int) -> tuple[_End, _End]:
    """Corners that need no pass: fewest edges (its total bounded from below by one bin's), and all single levels."""
    levels, pixels = problem.levels, int(problem.below[-1])
    worst, best = int(problem.weight[pixels]), int(problem.weight[np.diff(problem.below)].sum())
    return _End(-(-levels // tau), worst, 2 * (best - worst) + 3), _End(levels, best, -1)


def _search(problem: Problem, tau: int, charge: int) -> tuple[NDArray[np.int32], int]:
    """The cuts for one tau, and the charge that the search ended with.

    Every charge lies strictly between those of the two ends, and a chord finds a new corner or proves a tie; so it ends.
    """
    few, many = _trivial_ends(problem, tau)
    charge = min(max(charge, 1), few.charge)
    before: _End | None = None
    for passes in count(1):
        value, edges, previous = heaviest_path(problem.below, problem.weight, tau, charge)
        last = _End(int(edges[-1]), int(value[-1]) + int(edges[-1]) * charge, charge)
        if last.edges == problem.bins:
            break
        few, many = (last, many) if last.edges < problem.bins else (few, last)
        chord = _chord(few, many)
        if chord == few.charge:
            return _splice(problem, tau, chord - 1), charge
        charge = _estimate(last, before, problem.bins)
        stuck = passes >= _PATIENCE and passes % 2 == 1
        if stuck or many.edges - few.edges <= _SHORT_GAP or not many.charge < charge < few.charge:
            charge = chord
        before = last
    return walk_back(previous, problem.bins), charge


def _fluid_charge(problem: Problem, tau: int) -> float:
    """The charge for K edges if a level could be cut anywhere: equal bins, but for the sparse blocks that tau forces.

    Of blocks of N / K levels, the densest j are cut into bins of one mass m, the others into bins of tau levels; K bins
    in all make m = M_j / (K - rest_j / tau). The j wanted is the last whose own block is dense enough. Entropy then grows
    by m / ln 2 (per pixel) with one bin more.
    """
    levels, bins = problem.levels, problem.bins
    ends = np.append(np.arange(0, levels, max(levels // bins, 1)), levels)
    mass, width = np.diff(problem.below[ends]), np.diff(ends)
    densest_first = np.argsort(-mass / width, kind="stable")
    mass, width = mass[densest_first], width[densest_first]
    free_bins = np.maximum(bins - (levels - np.cumsum(width)) / tau, 1e-3)
    bin_mass = np.cumsum(mass) / free_bins
    dense = np.flatnonzero(mass * tau >= bin_mass * width)
    return float(bin_mass[dense[-1] if dense.size else -1]) / math.log(2) * _units_per_bit(problem)


def _units_per_bit(problem: Problem) -> float:
    """What one bit of one pixel is in a weight table: twice its scale."""
    return 2.0 ** (WEIGHT_BITS + 1) / (problem.weight.size - 1)


def _solve(problem: Problem, tau: int, correction: float) -> tuple[NDArray[np.int32], float]:
    """The cuts for one tau, and by how much the charge it took is off the estimate."""
    levels, bins = problem.levels, problem.bins
    if levels in (bins, bins * tau):
        return uniform_cuts(levels, bins), correction  # the only path there is
    longest = min(tau, levels - bins + 1)  # the other edges take a level each
    estimate = _fluid_charge(problem, longest)
    cuts, charge = _search(problem, longest, int(estimate * correction) | 1)
    return cuts, charge / estimate


def _finish(problem: Problem, tau: int, cuts: NDArray[np.int32]) -> Cuts:
    counts = np.diff(problem.below[cuts])
    cuts.setflags(write=False)
    objective = int(problem.weight[counts].sum())
    return Cuts(cuts, entropy_bits(counts), max_bin(cuts), tau, problem.levels, objective)


def optimal_cuts_per_tau(histogram: NDArray[np.integer], bins: int, taus: Iterable[int]) -> tuple[Cuts, ...]:
    """The cuts of largest entropy for each tau (equation 6 of the paper), sharing all that does not depend on tau.

    Each search starts from an estimate that the search before has corrected. The result does not depend on the start: a
    tau alone gives the same cuts.

    Args:
        histogram: (N,) valid pixels per level, N <= 65,535.
        bins: K.
        taus: largest bin widths, levels, in any order; N or more is no bound.

    Returns:
        One Cuts per tau, in the order given. Of several optimal cuts, the leftmost: every cut as low as in any of them.

    Raises:
        InfeasibleTau: not K <= N <= K * tau, for any of the tau.
        EmptyHistogram: there is no pixel.
        SettingsError: the histogram is no row of counts, or holds too many levels or pixels.
    """
    wanted = [int(tau) for tau in taus]
    problem = pose_problem(histogram, bins)
    for tau in wanted:
        _check_tau(problem, tau)
    found: dict[int, Cuts] = {}
    correction = 1.0
    for tau in sorted(set(wanted), reverse=True):
        cuts, correction = _solve(problem, tau, correction)
        found[tau] = _finish(problem, tau, cuts)
    return tuple(found[tau] for tau in wanted)


def optimal_cuts(histogram: NDArray[np.integer], bins: int, tau: int) -> Cuts:
    """The cuts of largest entropy among those with K bins of 1..tau levels (equation 6 of the paper).

    Args, errors: as ``optimal_cuts_per_tau``.
    """
    return optimal_cuts_per_tau(histogram, bins, (tau,))[0]
