import itertools
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gemax_cli.entropy import solver
from gemax_cli.entropy.figures import entropy_bits
from gemax_cli.entropy.histogram import level_histogram
from gemax_cli.entropy.logarithm import MAX_PIXELS
from gemax_cli.entropy.mapping import apply_cuts, uniform_cuts
from gemax_cli.entropy.reference import paper_cuts
from gemax_cli.entropy.sample import sample_depth16
from gemax_cli.entropy.solver import optimal_cuts, optimal_cuts_per_tau, pose_problem
from gemax_cli.errors import EmptyHistogram, InfeasibleTau, SettingsError
from tests.entropy import naive
from tests.entropy.samples import JIT, KINDS, TABLE_3, histogram, instances, setting

INSTANCES, MOST_LEVELS = (2400, 90) if JIT else (600, 40)


@pytest.fixture
def counted(monkeypatch):
    """Counts passes and splices."""
    calls = {"pass": 0, "splice": 0}

    def count(name, function):
        def counting(*arguments):
            calls[name] += 1
            return function(*arguments)

        return counting

    monkeypatch.setattr(solver, "heaviest_path", count("pass", solver.heaviest_path))
    monkeypatch.setattr(solver, "_splice", count("splice", solver._splice))
    return calls


@pytest.fixture(scope="module")
def faces():
    return [level_histogram(sample_depth16(seed), 4096) for seed in range(4)]


def check_cuts(found, counts, bins, tau):
    """Whatever the solver returns is a feasible path, and its figures are those of its cuts."""
    widths = np.diff(found.cuts)
    assert found.cuts.dtype == np.int32
    assert found.cuts[0] == 0
    assert found.cuts[-1] == len(counts) == found.levels
    assert found.bins == bins == widths.size
    assert widths.min() >= 1
    assert found.max_bin == widths.max() <= tau == found.tau
    of_bins = naive.counts_of(counts, found.cuts.tolist())
    assert found.entropy == pytest.approx(naive.entropy(of_bins), abs=1e-12)
    weight = pose_problem(counts, bins).weight
    assert found.objective == sum(int(weight[c]) for c in of_bins)
    assert not found.cuts.flags.writeable


def test_cuts_are_those_of_the_papers_dp(counted):
    """Cut by cut, and so the integer objective; on a third of the instances and more only a splice finds K edges."""
    for kind, counts, bins, tau in instances(INSTANCES, MOST_LEVELS):
        found = optimal_cuts(counts, bins, tau)
        expected = paper_cuts(counts, bins, tau)
        assert np.array_equal(found.cuts, expected), (kind, counts.tolist(), bins, tau)
    assert counted["splice"] >= INSTANCES / 4


@pytest.mark.parametrize("kind", KINDS)
def test_result_is_feasible_and_its_figures_are_right(kind):
    rng = np.random.default_rng(7)
    for _ in range(20 if JIT else 3):
        counts = histogram(kind, rng, int(rng.integers(1, 300 if JIT else 30)))
        bins, tau = setting(rng, counts.size)
        check_cuts(optimal_cuts(counts, bins, tau), counts, bins, tau)


@pytest.mark.parametrize("seed", range(5))
def test_entropy_is_that_of_brute_force(seed):
    """500 random histograms of up to 40 levels, as many bins as leave brute force some thousand cuts."""
    rng = np.random.default_rng(seed)
    for i in range(100 if JIT else 10):
        levels = int(rng.integers(2, 41))
        counts = histogram(list(KINDS)[i % len(KINDS)], rng, levels)
        few = max(k for k in range(1, 5) if k <= levels and (k < 4 or levels <= 24))
        bins = int(rng.integers(1, few + 1))
        bins = levels - bins if rng.random() < 0.3 and levels - bins > 0 else bins
        tau = int(rng.integers(-(-levels // bins), levels + 1))
        found = optimal_cuts(counts, bins, tau).entropy
        assert found == pytest.approx(naive.best_entropy(counts, bins, tau), abs=1e-12), (counts, bins, tau)


def test_tie_rule_every_cut_is_as_low_as_in_any_optimum(counted):
    rng, tied = np.random.default_rng(3), 0
    for i in range(600 if JIT else 60):
        levels = int(rng.integers(1, 12))
        counts = histogram(list(KINDS)[i % len(KINDS)], rng, levels)
        bins, tau = setting(rng, levels)
        expected, optima = naive.leftmost_cuts(counts, bins, tau)
        assert np.array_equal(optimal_cuts(counts, bins, tau).cuts, expected), (counts, bins, tau)
        tied += optima > 1
    assert tied > (100 if JIT else 5)
    assert counted["splice"] > (60 if JIT else 3)


@settings(max_examples=150 if JIT else 20, deadline=None)
@given(
    counts=st.lists(st.integers(0, 6), min_size=1, max_size=14).filter(any),
    data=st.data(),
)
def test_any_small_histogram(counts, data):
    counts = np.array(counts)
    bins = data.draw(st.integers(1, counts.size))
    tau = data.draw(st.integers(-(-counts.size // bins), counts.size + 2))
    found = optimal_cuts(counts, bins, tau)
    check_cuts(found, counts, bins, tau)
    assert found.entropy == pytest.approx(naive.best_entropy(counts, bins, tau), abs=1e-12)


@pytest.mark.skipif(not JIT, reason="the paper's DP takes minutes uncompiled")
@pytest.mark.parametrize("tau", TABLE_3)
@pytest.mark.slow
def test_faces_as_the_papers_dp(faces, tau):
    for counts in faces[:2]:
        assert np.array_equal(optimal_cuts(counts, 256, tau).cuts, paper_cuts(counts, 256, tau))


@pytest.mark.skipif(not JIT, reason="the paper's DP takes minutes uncompiled")
def test_a_face_without_a_bound_as_the_papers_dp():
    counts = level_histogram(sample_depth16(0), 1024)
    for bins in (2, 64, 200):
        assert np.array_equal(optimal_cuts(counts, bins, 1024).cuts, paper_cuts(counts, bins, 1024))


def test_no_path_but_one():
    counts = np.arange(1, 13)
    assert optimal_cuts(counts, 12, 5).cuts.tolist() == list(range(13))  # N = K
    assert optimal_cuts(counts, 4, 3).cuts.tolist() == [0, 3, 6, 9, 12]  # N = K tau
    assert optimal_cuts(counts, 1, 12).cuts.tolist() == [0, 12]
    assert optimal_cuts(np.array([5]), 1, 1).cuts.tolist() == [0, 1]


def test_tau_16_is_the_range_image():
    for seed in range(3):
        depth16 = sample_depth16(seed)
        counts = level_histogram(depth16, 4096)
        found = optimal_cuts(counts, 256, 16)
        assert np.array_equal(found.cuts, uniform_cuts(4096, 256))
        uniform = np.where(depth16 > 0, (depth16.astype(np.int64) - 1) * 4096 // 65535 // 16, 0)
        assert np.array_equal(apply_cuts(depth16, found.cuts, 4096), uniform)


def test_entropy_never_falls_as_tau_grows(faces):
    taus = range(16, 60, 2) if JIT else (16, 20, 60)
    for counts in faces[: 4 if JIT else 1]:
        entropies = [c.entropy for c in optimal_cuts_per_tau(counts, 256, (*taus, 4096))]
        assert entropies == sorted(entropies)
        assert entropies[0] < entropies[-1] <= 8


def test_entropy_never_falls_as_bins_grow(faces):
    counts = faces[0].reshape(-1, 8).sum(1)
    entropies = [optimal_cuts(counts, bins, 40).entropy for bins in range(13, 60, 3)]
    assert entropies == sorted(entropies)
    gains = [
        optimal_cuts(counts, bins + 1, 40).objective - optimal_cuts(counts, bins, 40).objective
        for bins in range(13, 60)
    ]
    assert gains == sorted(gains, reverse=True), "the optimum is concave in K"


def test_tau_beyond_the_longest_edge_is_no_bound(faces):
    bounds = (4096 - 255, 4096, 60_000)
    results = optimal_cuts_per_tau(faces[0], 256, bounds)
    assert all(np.array_equal(r.cuts, results[0].cuts) for r in results)
    assert [r.tau for r in results] == list(bounds)


def test_result_depends_on_no_other_tau(faces):
    """Not on the company, the order or the start of the search: the leftmost optimum is a property of the histogram."""
    alone = {tau: optimal_cuts(faces[1], 256, tau) for tau in (20, 30, 60)}
    for taus in itertools.permutations(alone):
        for tau, together in zip(taus, optimal_cuts_per_tau(faces[1], 256, taus), strict=True):
            assert np.array_equal(together.cuts, alone[tau].cuts)
            assert (together.tau, together.objective) == (tau, alone[tau].objective)
    again = optimal_cuts_per_tau(faces[1], 256, [20, 20])
    assert np.array_equal(again[0].cuts, again[1].cuts)


@pytest.mark.parametrize("penalty", [1, 3, 10**6 + 1, 10**10 + 1, 2**45 + 1])
def test_any_start_finds_the_same(penalty):
    rng = np.random.default_rng(11)
    for kind in KINDS:
        counts = histogram(kind, rng, 60 if JIT else 20)
        problem = pose_problem(counts, 9)
        expected, _ = solver._search(problem, 13, int(solver._fluid_penalty(problem, 13)) | 1)
        assert np.array_equal(solver._search(problem, 13, penalty)[0], expected), kind


def test_few_passes(faces, counted):
    for counts in faces:
        optimal_cuts_per_tau(counts, 256, (20, 30, 40, 50, 60, 4096))
    assert counted["pass"] / (6 * len(faces)) < 6
    assert counted["splice"] == 0


def test_passes_stay_few_on_adversarial_histograms(counted):
    worst = 0
    for _, counts, bins, tau in instances(300 if JIT else 30, 200 if JIT else 30, seed=9):
        counted["pass"] = 0
        optimal_cuts(counts, bins, tau)
        worst = max(worst, counted["pass"])
    assert worst <= 30


@pytest.mark.skipif(not JIT, reason="too many levels for Python")
@pytest.mark.parametrize(
    ("bins", "tau"), [(256, 65535), (256, 300), (32768, 2), (21846, 3), (65534, 65535), (2, 40000)]
)
@pytest.mark.slow
def test_largest_problem(bins, tau):
    """Most levels and most pixels: nothing overflows, and a random change of the cuts never helps."""
    rng = np.random.default_rng(bins)
    counts = rng.integers(0, 200, 65535)
    counts[rng.integers(65535)] += MAX_PIXELS - counts.sum()
    found = optimal_cuts(counts, bins, tau)
    check_cuts(found, counts, bins, tau)
    assert found.entropy >= entropy_bits(counts_in(counts, uniform_cuts(65535, bins)))
    weight, below = pose_problem(counts, bins).weight, np.concatenate(([0], np.cumsum(counts)))
    for place in rng.integers(1, bins, 300):
        before, here, after = (int(n) for n in found.cuts[place - 1 : place + 2])
        moved = int(rng.integers(max(before + 1, after - tau), min(after, before + tau + 1)))
        gain = [int(weight[below[n] - below[before]] + weight[below[after] - below[n]]) for n in (here, moved)]
        assert gain[1] < gain[0] or (gain[1] == gain[0] and moved >= here)


def counts_in(counts, cuts):
    return np.diff(np.concatenate(([0], np.cumsum(counts)))[cuts])


def test_one_pixel():
    counts = np.zeros(50, np.int64)
    counts[20] = 1
    found = optimal_cuts(counts, 10, 8)
    check_cuts(found, counts, 10, 8)
    assert found.entropy == 0
    assert found.cuts.tolist() == [0, 1, 2, 3, 4, 10, 18, 26, 34, 42, 50]
    assert np.array_equal(found.cuts, paper_cuts(counts, 10, 8))


def test_constant_histogram_is_shared_out_evenly():
    found = optimal_cuts(np.full(64, 3), 16, 64)
    assert np.diff(found.cuts).tolist() == [4] * 16
    assert found.entropy == 4


@pytest.mark.parametrize("dtype", [np.int32, np.uint16, np.uint64, np.int64])
def test_any_kind_of_integers(dtype):
    counts = np.arange(40) % 7
    expected = optimal_cuts(counts, 8, 9).cuts
    assert np.array_equal(optimal_cuts(counts.astype(dtype), 8, 9).cuts, expected)


@pytest.mark.parametrize(
    ("levels", "bins", "tau", "sentence"),
    [
        (100, 10, 9, "use tau = 10 or more"),
        (100, 7, 14, "use tau = 15 or more"),
        (10, 11, 5, "use at least 11 levels or fewer bins"),
        (10, 2, 0, "use tau = 5 or more"),
        (10, 2, -3, "use tau = 5 or more"),
    ],
)
def test_infeasible_tau_names_the_smallest_that_works(levels, bins, tau, sentence):
    counts = np.ones(levels, np.int64)
    with pytest.raises(InfeasibleTau, match=sentence) as caught:
        optimal_cuts_per_tau(counts, bins, (levels, tau))
    if bins <= levels:
        assert optimal_cuts(counts, bins, caught.value.smallest_tau).max_bin <= caught.value.smallest_tau


@pytest.mark.parametrize(
    "counts",
    [
        np.zeros((2, 2), np.int64),
        np.array([], np.int64),
        np.array([0.5, 2.0]),
        np.array([True, False]),
        np.ones(65536, np.int64),
        np.array([3, -1]),
        np.array([2**46 + 1, 1]),
        np.array([2**62, 2**62, 2**62]),
        np.array([2**63 + 5, 1], np.uint64),
    ],
)
def test_no_histogram(counts):
    with pytest.raises(SettingsError):
        optimal_cuts(counts, 1, 100_000)


def test_no_bins():
    with pytest.raises(SettingsError, match="bins is 0"):
        optimal_cuts(np.ones(4, np.int64), 0, 4)


@pytest.mark.parametrize("levels", [1, 4096])
def test_no_pixel(levels):
    with pytest.raises(EmptyHistogram, match="no valid pixel"):
        optimal_cuts(np.zeros(levels, np.int64), 1, levels)


def test_no_tau_no_cuts():
    assert optimal_cuts_per_tau(np.ones(4, np.int64), 2, ()) == ()


@pytest.mark.skipif(JIT, reason="compiled code's memory is not traced")
@pytest.mark.parametrize("bins", [8, 200])
def test_memory_is_a_few_rows_of_levels(bins):
    """Whatever K: beside the weight table, less than forty numbers per level."""
    counts = np.arange(2000) % 11 + 1
    optimal_cuts(counts, bins, 2000)
    tracemalloc.start()
    optimal_cuts(counts, bins, 2000)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 40 * 8 * 2000 + 100_000
