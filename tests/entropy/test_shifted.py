"""Histograms of more than 2^24 pixels: exact in units of 2^s pixels, and next to exact in pixels."""

import math

import numpy as np
import pytest

from gemax_cli.entropy.figures import entropy_bits
from gemax_cli.entropy.logarithm import MAX_PIXELS
from gemax_cli.entropy.reference import paper_cuts
from gemax_cli.entropy.solver import MOST_PIXELS, optimal_cuts, optimal_cuts_per_tau
from gemax_cli.errors import SettingsError


def large_histogram(rng, levels, pixels):
    """About ``pixels`` pixels in shapes that scenes have: some levels empty, some crowded."""
    kind = rng.integers(3)
    shape = rng.random(levels) ** 6 if kind == 0 else np.exp(-((np.arange(levels) / levels - rng.random()) ** 2) * 40)
    shape = shape * (rng.random(levels) < 0.7) if kind == 2 else shape
    counts = np.floor(shape / shape.sum() * pixels).astype(np.int64)
    counts[rng.integers(levels)] += pixels - counts.sum()
    return counts


def best_bits(counts, bins, tau):
    """The largest entropy by the paper's DP on the true counts, in float64: no shift, no table."""
    below = np.concatenate(([0], np.cumsum(counts)))
    levels, total = len(counts), int(below[-1])
    value = np.full(levels + 1, -np.inf)
    value[0] = 0.0
    for _ in range(bins):
        longer = np.full(levels + 1, -np.inf)
        for step in range(1, min(tau, levels) + 1):
            share = (below[step:] - below[:-step]) / total
            terms = -share * np.log2(np.where(share > 0, share, 1.0))
            longer[step:] = np.maximum(longer[step:], value[:-step] + terms)
        value = longer
    return float(value[-1])


@pytest.mark.parametrize("seed", range(12))
def test_the_entropy_of_the_true_counts_is_within_a_millionth_of_a_bit(seed):
    rng = np.random.default_rng([seed, 18])
    levels, bins = int(rng.integers(100, 500)), int(rng.integers(8, 60))
    tau = int(rng.integers(-(-levels // bins), levels))
    counts = large_histogram(rng, levels, MAX_PIXELS + int(rng.integers(1, 1 << int(rng.integers(1, 44)))))
    found = optimal_cuts(counts, bins, tau)
    assert found.max_bin <= tau
    of_bins = np.add.reduceat(counts, found.cuts[:-1])
    assert found.entropy == pytest.approx(entropy_bits(of_bins), abs=1e-12)
    assert abs(best_bits(counts, bins, tau) - found.entropy) <= 1e-6
    assert np.array_equal(found.cuts, paper_cuts(counts, bins, tau))


@pytest.mark.parametrize("pixels", [MAX_PIXELS + 1, 3 * MAX_PIXELS, (1 << 30) - 1, 1 << 40])
def test_exact_for_the_histogram_in_units_of_shifted_pixels(pixels):
    counts = large_histogram(np.random.default_rng(pixels), 600, pixels)
    shift = math.ceil(math.log2(pixels)) - 24
    units = np.diff(np.concatenate(([0], np.cumsum(counts))) >> shift)
    assert units.sum() <= MAX_PIXELS
    large, small = optimal_cuts_per_tau(counts, 40, (15, 20, 600)), optimal_cuts_per_tau(units, 40, (15, 20, 600))
    for found, of_units in zip(large, small, strict=True):
        assert np.array_equal(found.cuts, of_units.cuts)
        assert found.objective == of_units.objective


def test_nothing_changes_up_to_the_largest_table():
    counts = large_histogram(np.random.default_rng(3), 500, MAX_PIXELS)
    assert np.array_equal(optimal_cuts(counts, 32, 20).cuts, paper_cuts(counts, 32, 20))
    assert optimal_cuts(counts, 32, 20).entropy == pytest.approx(best_bits(counts, 32, 20), abs=1e-9)


def test_counts_that_could_overflow_are_refused():
    with pytest.raises(SettingsError, match="above"):
        optimal_cuts(np.full(300, MOST_PIXELS + 1), 20, 20)
    assert optimal_cuts(np.full(65535, MOST_PIXELS), 256, 256).entropy == pytest.approx(8, abs=1e-4)
