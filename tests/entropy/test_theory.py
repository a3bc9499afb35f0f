"""Every claim of the solver's page, on small instances where it can be looked at in full."""

from itertools import combinations, pairwise

import numpy as np
import pytest

from gemax_cli.entropy.logarithm import weight_table
from gemax_cli.entropy.solver import pose_problem
from tests.entropy import naive
from tests.entropy.samples import JIT, KINDS, histogram

ROUNDS = 12 if JIT else 4


def weigh(problem, path):
    return sum(int(problem.weight[problem.below[b] - problem.below[a]]) for a, b in pairwise(path))


def random_problem(rng, kind, most_levels=11):
    levels = int(rng.integers(2, most_levels + 1))
    return pose_problem(histogram(kind, rng, levels), 1), int(rng.integers(1, levels + 1))


def paths_by_edges(problem, tau, node=None):
    """All allowed paths from node 0 to ``node``, by their number of edges."""
    node = problem.levels if node is None else node
    return {edges: list(naive.every_cuts(node, edges, tau)) for edges in range(-(-node // tau), node + 1)}


def best_weights(problem, tau):
    """W(K) for all feasible K."""
    return {edges: max(weigh(problem, path) for path in paths) for edges, paths in paths_by_edges(problem, tau).items()}


def splice(a, b, shift):
    """The splice of the page: from path ``a`` of fewer and ``b`` of more edges, one of ``len(a) - 1 + shift``."""
    first = next(i for i in range(len(a) - 1) if a[i + 1] >= b[i + 1 + shift])
    return b[: first + shift + 1] + a[first + 1 :], a[: first + 1] + b[first + 1 + shift :]


@pytest.mark.parametrize("kind", KINDS)
def test_weights_are_monge(kind):
    """Crossing edges outweigh nested ones, for every four nodes."""
    rng = np.random.default_rng(0)
    for _ in range(3):
        problem, _ = random_problem(rng, kind, 14)
        for i, i2, j, j2 in combinations(range(problem.levels + 1), 4):
            crossing = weigh(problem, (i, j)) + weigh(problem, (i2, j2))
            assert crossing >= weigh(problem, (i, j2)) + weigh(problem, (i2, j))


def test_weight_of_two_parts_is_no_less_than_of_the_whole():
    table = weight_table(6)
    for whole in range(65):
        for part in range(whole + 1):
            assert table[part] + table[whole - part] >= table[whole]


@pytest.mark.parametrize("kind", KINDS)
def test_best_weight_is_concave_in_the_number_of_edges_and_never_falls(kind):
    rng = np.random.default_rng(1)
    for _ in range(ROUNDS):
        gains = np.diff(list(best_weights(*random_problem(rng, kind)).values()))
        assert (gains >= 0).all()
        assert (np.diff(gains) <= 0).all()
        assert not (gains % 2).any()


@pytest.mark.parametrize("kind", KINDS)
def test_splice_is_allowed_and_two_spliced_paths_weigh_no_less(kind):
    rng = np.random.default_rng(2)
    for _ in range(ROUNDS):
        problem, tau = random_problem(rng, kind)
        paths = paths_by_edges(problem, tau)
        for _ in range(30):
            few, many = sorted(rng.choice(list(paths), 2))
            a, b = (paths[k][rng.integers(len(paths[k]))] for k in (few, many))
            shift = int(rng.integers(0, many - few + 1))
            first, second = splice(a, b, shift)
            assert (len(first) - 1, len(second) - 1) == (few + shift, many - shift)
            assert min(np.diff(first).min(), np.diff(second).min()) >= 1
            assert max(np.diff(first).max(), np.diff(second).max()) <= tau
            assert weigh(problem, first) + weigh(problem, second) >= weigh(problem, a) + weigh(problem, b)


@pytest.mark.parametrize("kind", KINDS)
def test_optimal_paths_of_as_many_edges_are_a_lattice(kind):
    """The lower and the higher ends of two optimal paths are optimal paths again."""
    rng = np.random.default_rng(3)
    for _ in range(ROUNDS):
        problem, tau = random_problem(rng, kind, 9)
        for paths in paths_by_edges(problem, tau).values():
            best = max(weigh(problem, path) for path in paths)
            optimal = {path for path in paths if weigh(problem, path) == best}
            for a, b in combinations(sorted(optimal)[:12], 2):
                assert tuple(map(min, a, b)) in optimal
                assert tuple(map(max, a, b)) in optimal


@pytest.mark.parametrize("kind", ["zero or one", "constant", "gap", "plateaus", "one level"])
def test_all_numbers_of_edges_between_are_optimal_and_rise_with_the_node(kind):
    """At a gain of W: an interval of numbers of edges is optimal to every node, and its ends never fall."""
    rng = np.random.default_rng(4)
    for _ in range(ROUNDS):
        problem, tau = random_problem(rng, kind, 9)
        gains = np.diff(list(best_weights(problem, tau).values()))
        penalty = int(rng.choice(gains)) if gains.size else 0
        ends = []
        for node in range(1, problem.levels + 1):
            worth = {
                edges: max(weigh(problem, path) for path in paths) - edges * penalty
                for edges, paths in paths_by_edges(problem, tau, node).items()
            }
            optimal = [edges for edges, value in worth.items() if value == max(worth.values())]
            assert optimal == list(range(optimal[0], optimal[-1] + 1))
            ends.append((optimal[0], optimal[-1]))
        assert (np.diff(ends, axis=0) >= 0).all()


@pytest.mark.parametrize("kind", KINDS)
def test_newer_predecessor_stays_ahead(kind):
    """What the queue rests on: once a newer predecessor beats an older one, it does at every later node."""
    rng = np.random.default_rng(5)
    problem, _ = random_problem(rng, kind, 40)
    for old, new in combinations(range(problem.levels), 2):
        nodes = np.arange(new + 1, problem.levels + 1)
        lead = problem.weight[problem.below[nodes] - problem.below[new]]
        lead = lead - problem.weight[problem.below[nodes] - problem.below[old]]
        assert (np.diff(lead) >= 0).all()
