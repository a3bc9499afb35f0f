import numpy as np
import pytest

from gemax_cli.entropy.logarithm import weight_table
from gemax_cli.entropy.path_kernels import count_levels, look_up, walk_back
from gemax_cli.entropy.reference import full_path, paper_cuts
from gemax_cli.entropy.solver import pose_problem
from gemax_cli.errors import EmptyHistogram, InfeasibleTau
from tests.entropy import naive
from tests.entropy.samples import JIT, KINDS, histogram, instances, run_pass


def problem_of(kind, rng, levels):
    return pose_problem(histogram(kind, rng, levels), 1)


@pytest.mark.parametrize("kind", KINDS)
def test_pass_is_the_plain_recurrence(kind):
    """Values, numbers of edges and predecessors at odd penalties from none to more than any gain."""
    rng = np.random.default_rng(1)
    for _ in range(12 if JIT else 3):
        levels = int(rng.integers(1, 150 if JIT else 40))
        problem = problem_of(kind, rng, levels)
        for tau in {1, 2, int(rng.integers(1, levels + 1)), levels}:
            penalty = int(2.0 ** rng.uniform(0, 44)) | 1
            got = run_pass(problem, tau, penalty)
            expected = naive.heaviest_path(problem.below.tolist(), problem.weight, tau, penalty)
            for ours, plain in zip(got, expected, strict=True):
                assert ours.tolist() == plain, (kind, tau, penalty)


@pytest.mark.parametrize("penalty", [-1, 1, 2**50 + 1])
def test_penalties_at_the_ends(penalty):
    problem = pose_problem(np.arange(1, 41), 1)
    value, edges, previous = run_pass(problem, 7, penalty)
    assert edges[-1] == (6 if penalty > 1 else 40)  # ceil(40 / 7) edges at least, one per level at most
    assert value.dtype == np.int64
    assert (edges.dtype, previous.dtype) == (np.int32, np.int32)


def test_at_an_odd_penalty_no_two_numbers_of_edges_tie():
    """The fewest-edge and the most-edge recurrences agree at every node."""
    for _, counts, _, tau in instances(60 if JIT else 12, 40, seed=4):
        problem = pose_problem(counts, 1)
        for penalty in (1, 10**6 + 1, 2**40 - 1):
            value, edges, _ = run_pass(problem, tau, penalty)
            most = [0]
            for node in range(1, counts.size + 1):
                starts = range(max(0, node - tau), node)
                worth = {i: value[i] + problem.weight[problem.below[node] - problem.below[i]] for i in starts}
                most.append(max(most[i] + 1 for i in starts if worth[i] == max(worth.values())))
            assert edges.tolist() == most


def test_numbers_of_edges_rise_from_node_to_node():
    rng = np.random.default_rng(2)
    for kind in KINDS:
        problem = problem_of(kind, rng, 80 if JIT else 25)
        for penalty in (1, 10**9 + 1, 2**40 + 1):
            _, edges, previous = run_pass(problem, 11, penalty)
            assert np.diff(edges).min() >= 0
            assert np.diff(previous).min() >= 0


def test_smaller_penalty_never_fewer_edges():
    problem = problem_of("peaks", np.random.default_rng(5), 200 if JIT else 40)
    penalties = (2.0 ** np.arange(1, 46)).astype(np.int64) + 1
    edges = [run_pass(problem, 30, int(c))[1][-1] for c in penalties]
    assert edges == sorted(edges, reverse=True)


def test_walk_back():
    previous = np.array([0, 0, 0, 1, 2, 3, 3], np.int32)
    assert walk_back(previous, 3).tolist() == naive.walk_back(previous.tolist()) == [0, 1, 3, 6]
    assert walk_back(np.zeros(5, np.int32), 1).tolist() == [0, 4]


@pytest.mark.parametrize("levels", [1, 2, 255, 4096, 65535])
def test_levels_are_counted(levels):
    codes = np.random.default_rng(0).integers(0, 65536, 3000).astype(np.uint16)
    codes[:4] = (0, 1, 65534, 65535)
    assert np.array_equal(count_levels(codes, levels), naive.count_levels(codes, levels))


def test_no_codes_no_counts():
    assert count_levels(np.zeros(0, np.uint16), 4).tolist() == [0] * 4
    assert count_levels(np.zeros(10, np.uint16), 4).tolist() == [0] * 4


def test_every_code_finds_its_value():
    rng = np.random.default_rng(0)
    table, codes = rng.integers(0, 256, 65536).astype(np.uint8), rng.permutation(65536).astype(np.uint16)
    found = look_up(table, codes)
    assert found.dtype == np.uint8
    assert np.array_equal(found, table[codes])
    assert look_up(table, codes[:0]).shape == (0,)


def test_papers_dp_is_brute_force():
    """The yardstick itself, ties included: the leftmost of all optimal cuts."""
    for _, counts, bins, tau in instances(150 if JIT else 20, 10, seed=6):
        assert np.array_equal(paper_cuts(counts, bins, tau), naive.leftmost_cuts(counts, bins, tau)[0])


def test_papers_dp_takes_any_tau():
    counts = np.arange(1, 13)
    assert np.array_equal(paper_cuts(counts, 3, 1000), paper_cuts(counts, 3, 12))
    with pytest.raises(InfeasibleTau, match="use tau = 4 or more"):
        paper_cuts(counts, 3, 3)
    with pytest.raises(EmptyHistogram):
        paper_cuts(counts * 0, 3, 4)


def test_values_of_the_papers_dp_are_exact_in_float64():
    """Totals are at most 2^42 log2 T, so below 2^53: neighbouring whole numbers stay apart."""
    largest = int(weight_table(19)[-1]) * 24 // 19
    assert 2**46 < abs(largest) < 2**47
    assert int(float(largest - 1)) == largest - 1
    below = np.array([0, 2**20, 2**20, 2**21 - 1])
    assert full_path(below, weight_table(21), 3, 2).tolist() == [0, 1, 3]
