"""Exact entropy maximisation under the distortion bound tau, in a few passes of O(N log N), whatever K and tau.

**The problem** (equations 4 to 6 of the paper). S_i pixels of T lie below level i. Find cuts 0 = d_0 < ... < d_K =
N with d_{k+1} - d_k <= tau that maximise the sum of f(S_{d_{k+1}} - S_{d_k}), f(c) = -(c / T) log2(c / T): the
heaviest path of K edges from node 0 to node N, an edge (i, j) with 1 <= j - i <= tau weighing w(i, j) = f(S_j -
S_i). Since the counts of all edges sum to T, it is the same to maximise the sum of -c log2 c, which does not depend
on T; that, in whole numbers, is the table of ``logarithm.weight_table``. All that follows needs only that the table
is concave, and it is exactly so.

**Monge.** For i < i' < j < j', w(i, j) + w(i', j') >= w(i, j') + w(i', j): crossing edges outweigh nested ones.
With a, b, c pixels between these nodes it says f(a + b) - f(b) >= f(a + b + c) - f(b + c), which is concavity.
**Band.** Forbid edges longer than tau: if the outer one of two nested edges is allowed, so are both crossing ones.
Nothing is lost.

**Splice.** Let A have a edges and B b >= a edges, both from 0 to N, and 0 <= s <= b - a. Take the first i with
A[i+1] >= B[i+1+s] (i = a - 1 at the latest). Then A[i] <= B[i+s], so that B's edge from B[i+s] lies within A's edge
from A[i]. Exchange: B[0..i+s] + A[i+1..a] has a + s edges, A[0..i] + B[i+1+s..b] has b - s; their two new edges
cross, are no longer than A's, and by Monge the two paths together weigh no less. Four things follow.

1. *Concavity in K.* The best weight W(K) satisfies W(a + s) + W(b - s) >= W(a) + W(b).
2. *All counts between.* Subtract a penalty lambda per edge. If A and B are optimal at the same lambda, so is the
   splice: there are optimal paths of a, a + 1, ..., b edges. It holds for the paths to any node in place of N.
3. *Counts rise.* The same exchange between a path to node x and one of fewer edges to x' > x, counted from their ends,
   shows that the fewest and the most edges of the optimal paths to a node never fall from one node to the next.
4. *Lattice* (a = b, s = 0 at each crossing). With two optimal paths of K edges, the path of the smaller of their
   k-th nodes for every k is optimal too. Hence there is one **leftmost** optimal path, whose every cut is as low as
   in any other.

**Tie rule: the leftmost optimal cuts are the result.** They are a property of the histogram, not of the search: any
start, any order of tau, any platform gives the same. Empty levels weigh nothing and use up width; they too go where
this rule says.

**Lagrange.** By concavity the best path of K edges is also the best of any number of edges, once each edge is
given a penalty lambda between W(K + 1) - W(K) and W(K) - W(K - 1). W never falls with K (cutting a bin in two never
loses entropy), so that lambda >= 0. The weights are even and a penalty is odd: at an odd penalty no two numbers of
edges tie, to any node. If W(K + 1) - W(K) and W(K) - W(K - 1) differ, an odd penalty between them finds K, and the
smallest optimal predecessors lead along the leftmost path. If they are equal, no penalty finds K alone: lambda is
this gain, the penalties lambda + 1 and lambda - 1 find the corners a < K < b of the hull, and the leftmost splice is
taken from the counts that can reach and leave each node.

**A pass** (``path_kernels.heaviest_path``). By Monge, a newer predecessor that beats an older one at some node beats it
at all later ones: a monotone queue holds the predecessors in the order in which they take over; each is put in once
and its first node is found by doubling and halving: O(N log tau).

**The search.** The ends of the bracket are corners (edges, weight) on either side of K. The penalty just above the
slope of their chord finds a corner strictly between them, unless none is above the chord: then K is a tie, which a
repeated penalty shows. Where the penalty is a smooth function of the number of edges, a power law through the last
two passes gets there sooner; the chord takes over when it does not. The first penalty is that of a fluid histogram,
corrected by the ratio of final to estimated penalty at the last tau. On faces, K = 256 takes two or three passes.

**Cost.** O(N log N) per pass, no factor K or tau; a tie costs three passes more. Memory: five rows of N numbers,
beside the weight table, which depends on the size of T alone and is shared by all tau and all scans. The paper's
DP (``reference``) takes O(K N tau) time and O(K N) memory.

**More than 2^24 pixels.** The table would be too large, so the cumulative counts are shifted right by as many bits s
as leave 2^24 or less. They still rise, so all of the above holds: the cuts are optimal, and leftmost, for a histogram
in units of 2^s pixels. Each bin's count is off by less than one unit, 2^-23 of all pixels; near the optimum that moves
the entropy by some 1e-8 bits. Entropies are reported from the true counts.

**Exactness.** The integer objective is the largest there is; the table's rounding is worth less than 1e-9 bits of
entropy. Nothing overflows: a penalty is at most 2^42 log2 N, what the best entropy can differ by, a total of weights
2^42 log2 T, and N < 2^16 penalties and one total stay below 2^63.

Sources: Wu, "Optimal quantization by matrix searching", J. Algorithms 12 (1991); Aggarwal, Schieber, Tokuyama,
"Finding a minimum-weight k-link path in graphs with the concave Monge property", Discrete Comput. Geom. 12 (1994);
Galil, Park, "Dynamic programming with convexity, concavity and sparsity", Theor. Comput. Sci. 92 (1992), for the
queue.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import count
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gemax_cli.codes import MAX_CODE
from gemax_cli.entropy.figures import entropies_bits, max_bin
from gemax_cli.entropy.logarithm import MAX_BITS, WEIGHT_BITS, weight_table
from gemax_cli.entropy.mapping import uniform_cuts
from gemax_cli.entropy.path_kernels import heaviest_path, walk_back
from gemax_cli.errors import EmptyHistogram, InfeasibleTau, SettingsError

MOST_PIXELS = 1 << 46  # of one level, so that the sum over 65,535 levels fits in 63 bits

# How the next penalty is chosen decides the number of passes and nothing else.
_FIRST_EXPONENT = 1.2  # of the penalty against the number of edges, before two passes have shown it
_LARGEST_EXPONENT = 8.0
_SHORT_GAP = 3  # edges between the two ends, from where on the chord is best
_PATIENCE = 5  # passes, after which every second penalty is the chord


@dataclass(frozen=True, eq=False)
class Solution:
    """The best cuts of a histogram for one tau, and what they reach.

    Attributes:
        cuts: (K + 1,) int32, read-only, 0 = d_0 < ... < d_K = N; bin k holds the levels d_k..d_{k+1} - 1.
        entropy: bits, from the final counts.
        max_bin: width of the widest bin, levels; at most tau.
        tau: the bound that was asked for, levels.
        levels: N.
        objective: the integer that was maximised: the sum of the weights of the bins (``logarithm.weight_table``), for
            more than 2^24 pixels those of the shifted counts.
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
class CutProblem:
    """What every tau of a histogram shares.

    Attributes:
        pixels_below: (N + 1,) int64, pixels below each level.
        below: (N + 1,) int64, S of the theory: the same, shifted right where there are more than 2^24 pixels.
        weight: concave weight of an edge over c pixels, for c = 0..T and beyond.
        bins: K.
        best: total weight if every level is a bin of its own.
        block_mass: pixels (shifted) of each block of about N / K levels, the densest block first.
        block_width: levels of each of these blocks.
        value: (N + 1,) and
        rows: (4, N + 1), what the last pass left (``path_kernels.heaviest_path``).
    """

    pixels_below: NDArray[np.int64]
    below: NDArray[np.int64]
    weight: NDArray[np.int64]
    bins: int
    best: int
    block_mass: NDArray[np.int64]
    block_width: NDArray[np.int64]
    value: NDArray[np.int64]
    rows: NDArray[np.int32]

    @property
    def levels(self) -> int:
        """N."""
        return self.below.size - 1


class _End(NamedTuple):
    """A corner of the concave hull of total weight against number of edges, and a penalty that finds it."""

    edges: int
    total: int
    penalty: int


def _blocks(below: NDArray[np.int64], levels: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Pixels and levels of blocks of ``levels`` levels (the last may be shorter), the densest first."""
    ends = np.append(np.arange(0, below.size - 1, levels), below.size - 1)
    mass, width = np.diff(below[ends]), np.diff(ends)
    densest_first = np.argsort(-mass / width, kind="stable")
    return mass[densest_first], width[densest_first]


def pose_problem(histogram: NDArray[np.integer], bins: int) -> CutProblem:
    """Check a histogram and set up what all its tau share.

    Args:
        histogram: (N,) pixels per level, 1 <= N <= 65,535.
        bins: K >= 1.

    Raises:
        EmptyHistogram: there is no pixel.
        SettingsError: the histogram is no row of counts, or holds too many levels or pixels, or K < 1.
    """
    if histogram.ndim != 1 or histogram.dtype.kind not in "iu" or not 1 <= histogram.size <= MAX_CODE:
        raise SettingsError(f"the histogram must be a row of 1 to {MAX_CODE} whole numbers: give pixels per level.")
    if bins < 1:
        raise SettingsError(f"bins is {bins}: give 1 or more.")
    if histogram.min() < 0 or histogram.max() > MOST_PIXELS:
        raise SettingsError(f"a count of the histogram is below 0 or above {MOST_PIXELS}: give the pixels per level.")
    pixels_below = np.zeros(histogram.size + 1, np.int64)
    np.cumsum(histogram, out=pixels_below[1:])
    if not pixels_below[-1]:
        raise EmptyHistogram("there is no valid pixel to take an entropy of: give a depth image with data.")
    below = _shifted(pixels_below)
    weight = weight_table((int(below[-1]) - 1).bit_length())
    blocks = _blocks(below, max(histogram.size // bins, 1))
    scratch = np.empty(below.size, np.int64), np.empty((4, below.size), np.int32)
    best = int(weight[np.diff(below)].sum())
    return CutProblem(pixels_below, below, weight, bins, best, *blocks, *scratch)


def _shifted(pixels_below: NDArray[np.int64]) -> NDArray[np.int64]:
    """Cumulative counts, shifted right until the last is no more than the weight table holds."""
    shift = max((int(pixels_below[-1]) - 1).bit_length() - MAX_BITS, 0)
    return pixels_below >> shift


def check_tau(problem: CutProblem, tau: int) -> None:
    """Raise InfeasibleTau unless K <= N <= K * tau."""
    if not problem.bins <= problem.levels <= problem.bins * tau:
        raise InfeasibleTau(problem.levels, problem.bins, tau)


def _pass(problem: CutProblem, tau: int, penalty: int) -> _End:
    """The corner that a penalty finds; the paths are in ``problem.value`` and ``problem.rows``."""
    heaviest_path(problem.below, problem.weight, tau, penalty, problem.value, problem.rows)
    edges = int(problem.rows[0, -1])
    return _End(edges, int(problem.value[-1]) + edges * penalty, penalty)


def _splice(problem: CutProblem, tau: int, multiplier: int) -> NDArray[np.int32]:
    """The leftmost optimal path of K edges, where paths of fewer and of more edges tie at ``multiplier`` (even).

    A node takes place k on some optimal path of K edges if and only if it lies on an optimal path, can be reached
    over k edges and can be left over K - k. Both ranges of counts are whole (splice) and move up with the node, so
    the first node that k is not too late for is the leftmost one at place k; and all leftmost ones together are a
    path (lattice).
    """
    mirrored = replace(problem, below=problem.below[-1] - problem.below[::-1])
    _pass(problem, tau, multiplier - 1)
    value, most = problem.value - problem.rows[0], problem.rows[0].copy()  # undo the per-edge bonus
    _pass(mirrored, tau, multiplier - 1)
    value_after = mirrored.value - mirrored.rows[0]
    _pass(mirrored, tau, multiplier + 1)
    fewest_after = mirrored.rows[0]
    through = value + value_after[::-1]
    nodes = np.flatnonzero(through == through[0])
    latest_place = np.minimum(most, problem.bins - fewest_after[::-1])[nodes]
    return nodes[np.searchsorted(latest_place, np.arange(problem.bins + 1))].astype(np.int32)


def _chord(few: _End, many: _End) -> int:
    """The odd penalty just above the slope of the chord between two corners, rounded down to an integer multiplier."""
    return 2 * ((many.total - few.total) // (2 * (many.edges - few.edges))) + 1


def _estimate(last: _End, before: _End | None, bins: int) -> int:
    """An odd penalty for K edges, from a power law of penalty against edges through the last two passes."""
    exponent = _FIRST_EXPONENT
    if before and before.edges != last.edges:
        exponent = math.log(before.penalty / last.penalty) / math.log(last.edges / before.edges)
    return int(last.penalty * (last.edges / bins) ** min(exponent, _LARGEST_EXPONENT)) | 1


def _trivial_ends(problem: CutProblem, tau: int) -> tuple[_End, _End]:
    """Corners that need no pass: fewest edges (its total bounded from below by one bin's), and all single levels."""
    levels, worst = problem.levels, int(problem.weight[problem.below[-1]])
    return _End(-(-levels // tau), worst, problem.best - worst + 3), _End(levels, problem.best, -1)


def _search(problem: CutProblem, tau: int, penalty: int) -> tuple[NDArray[np.int32], int]:
    """The cuts for one tau, and the penalty that the search ended with.

    Every penalty lies strictly between those of the two ends, and a chord finds a new corner or proves a tie; so it
    ends.
    """
    few, many = _trivial_ends(problem, tau)
    penalty = min(max(penalty, 1), few.penalty)
    before: _End | None = None
    for passes in count(1):
        last = _pass(problem, tau, penalty)
        if last.edges == problem.bins:
            break
        few, many = (last, many) if last.edges < problem.bins else (few, last)
        chord = _chord(few, many)
        if chord == few.penalty:
            return _splice(problem, tau, chord - 1), penalty
        penalty = _estimate(last, before, problem.bins)
        stuck = passes >= _PATIENCE and passes % 2 == 1
        if stuck or many.edges - few.edges <= _SHORT_GAP or not many.penalty < penalty < few.penalty:
            penalty = chord
        before = last
    return walk_back(problem.rows[1], problem.bins), penalty


def _fluid_penalty(problem: CutProblem, tau: int) -> float:
    """The penalty for K edges if a level could be cut anywhere: equal bins, but for the sparse blocks that tau forces.

    The densest j blocks are cut into bins of one mass m, the others into bins of tau levels; K bins in all make m =
    M_j / (K - rest_j / tau). The j wanted is the last whose own block is dense enough. One bin more then adds m /
    ln 2 bits (per pixel).
    """
    mass, width = problem.block_mass, problem.block_width
    free_bins = np.maximum(problem.bins - (problem.levels - width.cumsum()) / tau, 1e-3)
    bin_mass = mass.cumsum() / free_bins
    dense = np.flatnonzero(mass * tau >= bin_mass * width)
    bits = float(bin_mass[dense[-1] if dense.size else -1]) / math.log(2)
    return bits * 2.0 ** (WEIGHT_BITS + 1) / (problem.weight.size - 1)


def _solve(problem: CutProblem, tau: int, correction: float) -> tuple[NDArray[np.int32], float]:
    """The cuts for one tau, and the ratio of the final penalty to the estimate."""
    levels, bins = problem.levels, problem.bins
    if levels in (bins, bins * tau):
        return uniform_cuts(levels, bins), correction  # the only path there is
    longest = min(tau, levels - bins + 1)  # the other edges take a level each
    estimate = _fluid_penalty(problem, longest)
    cuts, penalty = _search(problem, longest, int(estimate * correction) | 1)
    return cuts, penalty / estimate


def _finish(problem: CutProblem, found: dict[int, NDArray[np.int32]]) -> dict[int, Solution]:
    """The figures of the cuts of every tau, together."""
    cuts_of_all = np.stack(list(found.values()))
    counts = np.diff(problem.pixels_below[cuts_of_all])
    objectives = problem.weight[np.diff(problem.below[cuts_of_all])].sum(1).tolist()
    for cuts in found.values():
        cuts.setflags(write=False)
    return {
        tau: Solution(cuts, bits, max_bin(cuts), tau, problem.levels, objective)
        for (tau, cuts), bits, objective in zip(found.items(), entropies_bits(counts), objectives, strict=True)
    }


def optimal_cuts_per_tau(histogram: NDArray[np.integer], bins: int, taus: Iterable[int]) -> tuple[Solution, ...]:
    """The cuts of largest entropy for each tau (equation 6 of the paper), sharing all that does not depend on tau.

    Each search starts from an estimate that the previous search corrected. The result does not depend on the start: a
    single tau gives the same cuts.

    Args:
        histogram: (N,) valid pixels per level, N <= 65,535.
        bins: K.
        taus: largest bin widths, levels, in any order; N or more is no bound.

    Returns:
        One Solution per tau, in the order given. Of several optimal cuts, the leftmost: every cut as low as in any of
        them.

    Raises:
        InfeasibleTau: not K <= N <= K * tau, for any of the tau.
        EmptyHistogram: there is no pixel.
        SettingsError: the histogram is no row of counts, or holds too many levels or pixels.
    """
    wanted = [int(tau) for tau in taus]
    problem = pose_problem(histogram, bins)
    for tau in wanted:
        check_tau(problem, tau)
    found: dict[int, NDArray[np.int32]] = {}
    correction = 1.0
    for tau in sorted(set(wanted), reverse=True):
        found[tau], correction = _solve(problem, tau, correction)
    results = _finish(problem, found) if found else {}
    return tuple(results[tau] for tau in wanted)


def optimal_cuts(histogram: NDArray[np.integer], bins: int, tau: int) -> Solution:
    """The cuts of largest entropy among those with K bins of 1..tau levels (equation 6 of the paper).

    Args, errors: as ``optimal_cuts_per_tau``.
    """
    return optimal_cuts_per_tau(histogram, bins, (tau,))[0]
