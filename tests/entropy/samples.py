"""Random and adversarial histograms for the solver."""

from __future__ import annotations

import os

import numpy as np

from gemax_cli.entropy.path_kernels import heaviest_path

JIT = not int(os.environ.get("NUMBA_DISABLE_JIT", "0") or 0)
TABLE_3 = (16, 20, 30, 40, 50, 60)


def _sparse(rng, levels):
    return rng.integers(0, 50, levels) * (rng.random(levels) < 0.2)


def _gap(rng, levels):
    histogram = rng.integers(1, 30, levels)
    first, last = sorted(rng.integers(0, levels + 1, 2))
    histogram[first:last] = 0
    return histogram


def _plateaus(rng, levels):
    return np.repeat(rng.integers(0, 5, levels // 5 + 1), 5)[:levels]


def _spike(rng, levels):
    histogram = rng.integers(0, 2, levels)
    histogram[rng.integers(levels)] = 10_000
    return histogram


def _one_level(rng, levels):
    histogram = np.zeros(levels, np.int64)
    histogram[rng.integers(levels)] = rng.integers(1, 1000)
    return histogram


def _peaks(rng, levels):
    centre = rng.random(3) * levels
    place = np.arange(levels)
    return sum(rng.integers(1, 400) * np.exp(-(((place - c) / (0.02 * levels + 1)) ** 2)) for c in centre).astype(int)


KINDS = {
    "uniform": lambda rng, n: rng.integers(0, 1000, n),
    "small counts": lambda rng, n: rng.integers(0, 4, n),
    "two-valued": lambda rng, n: rng.integers(0, 2, n) * 6 + 1,
    "zero or one": lambda rng, n: rng.integers(0, 2, n),
    "constant": lambda rng, n: np.full(n, rng.integers(1, 10)),
    "sparse": _sparse,
    "gap": _gap,
    "plateaus": _plateaus,
    "spike": _spike,
    "one level": _one_level,
    "peaks": _peaks,
    "ramp": lambda rng, n: np.arange(n) * rng.integers(1, 9),
    "geometric": lambda rng, n: np.minimum(2.0 ** np.arange(n), 2e3).astype(np.int64),
    "alternating": lambda rng, n: np.arange(n) % 2 * rng.integers(1, 50),
    "heavy tail": lambda rng, n: np.minimum(rng.zipf(1.5, n), 2_000),
}


def histogram(kind, rng, levels):
    """A histogram of a kind, of one pixel at least."""
    counts = np.asarray(KINDS[kind](rng, levels), np.int64)
    if not counts.any():
        counts[rng.integers(levels)] = 1
    return counts


def setting(rng, levels):
    """Feasible (bins, tau); a third of them at an end of what is feasible."""
    bins = int(rng.choice([1, 2, levels, max(levels - 1, 1), *rng.integers(1, levels + 1, 8)]))
    bins = min(bins, levels)
    smallest = -(-levels // bins)
    tau = int(rng.choice([smallest, smallest + 1, levels, *rng.integers(smallest, levels + 1, 6)]))
    return bins, max(tau, smallest)


def instances(number, most_levels, seed=0):
    """(kind, histogram, bins, tau), kind after kind."""
    rng = np.random.default_rng(seed)
    kinds = list(KINDS)
    for i in range(number):
        kind = kinds[i % len(kinds)]
        levels = int(rng.integers(1, most_levels + 1))
        yield kind, histogram(kind, rng, levels), *setting(rng, levels)


def run_pass(problem, tau, penalty):
    """Values, numbers of edges and predecessors of one pass, in arrays of its own."""
    value = np.full(problem.levels + 1, -7, np.int64)
    rows = np.full((4, problem.levels + 1), -7, np.int32)
    heaviest_path(problem.below, problem.weight, tau, penalty, value, rows)
    return value, rows[0], rows[1]
