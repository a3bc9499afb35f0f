"""How the next penalty is chosen: it decides the time, never the result; and it must always end."""

import math

import numpy as np
import pytest

from gemax_cli.entropy import solver
from gemax_cli.entropy.histogram import level_histogram
from gemax_cli.entropy.sample import sample_depth16
from gemax_cli.entropy.solver import _chord, _End, _estimate, _fluid_penalty, _trivial_ends, pose_problem
from tests.entropy.samples import JIT, KINDS, histogram, instances, run_pass


def corner(problem, tau, penalty):
    value, edges, _ = run_pass(problem, tau, penalty)
    return _End(int(edges[-1]), int(value[-1]) + int(edges[-1]) * penalty, penalty)


@pytest.mark.parametrize(
    ("gain", "edges", "penalty"), [(12, 1, 13), (12, 2, 7), (12, 4, 3), (10, 4, 3), (0, 5, 1), (2, 3, 1)]
)
def test_chord_is_the_odd_penalty_above_the_even_slope(gain, edges, penalty):
    assert _chord(_End(3, -100, 99), _End(3 + edges, -100 + gain, -1)) == penalty


@pytest.mark.parametrize("kind", KINDS)
def test_chord_finds_a_corner_between_or_a_straight_line(kind):
    rng = np.random.default_rng(0)
    for _ in range(10 if JIT else 3):
        problem = pose_problem(histogram(kind, rng, int(rng.integers(4, 60 if JIT else 25))), 1)
        tau = int(rng.integers(2, problem.levels + 1))
        few, many = corner(problem, tau, 2**46 + 1), _trivial_ends(problem, tau)[1]
        while few.edges < many.edges:
            chord = _chord(few, many)
            assert many.penalty < chord <= few.penalty
            found = corner(problem, tau, chord)
            assert few.edges <= found.edges < many.edges
            if found.edges == few.edges:
                slope, rest = divmod(many.total - few.total, many.edges - few.edges)
                assert (slope, rest) == (chord - 1, 0), "no corner between, and the chord is the hull"
                break
            few = found


def test_trivial_ends_enclose_every_corner():
    for _, counts, _, tau in instances(60 if JIT else 20, 40, seed=8):
        problem = pose_problem(counts, 1)
        few, many = _trivial_ends(problem, tau)
        first, last = corner(problem, tau, few.penalty), corner(problem, tau, -1)
        assert (first.edges, last.edges) == (few.edges, many.edges)
        assert few.total <= first.total
        assert many.total == last.total
        assert few.penalty % 2 == 1
        assert few.penalty > _chord(few, many) if few.edges < many.edges else True


def test_estimate_of_a_power_law_is_right_at_the_second_pass():
    def penalty(edges):
        return int(1e12 * edges**-1.8) | 1

    first, second = (_End(edges, 0, penalty(edges)) for edges in (200, 300))
    assert _estimate(second, first, 256) == pytest.approx(penalty(256), rel=1e-6)
    assert _estimate(first, second, 256) == pytest.approx(penalty(256), rel=1e-6)


def test_estimate_after_one_pass_is_on_the_right_side():
    last = _End(300, 0, 10**9 + 1)
    assert _estimate(last, None, 256) > last.penalty > _estimate(last, None, 400)
    assert _estimate(last, _End(300, 0, 10**9 + 7), 256) > last.penalty


def test_estimate_of_a_cliff_stays_finite():
    before, last = _End(100, 0, 2**46 + 1), _End(101, 0, 1)
    assert _estimate(last, before, 1) <= 101.0**8 + 1
    assert _estimate(last, before, 65535) == 1


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("bins", [1, 7, 30])
def test_first_penalty_is_positive_and_finite(kind, bins):
    problem = pose_problem(histogram(kind, np.random.default_rng(1), 30), bins)
    for tau in (-(-30 // bins), 30):
        assert 0 <= _fluid_penalty(problem, tau) < math.inf


@pytest.mark.parametrize("tau", [20, 30, 60, 4096])
def test_first_penalty_of_a_face_is_near(tau):
    """Within a fifth of the penalty that K = 256 takes."""
    problem = pose_problem(level_histogram(sample_depth16(0), 4096), 256)
    _, penalty = solver._search(problem, min(tau, 3841), 2**33 + 1)
    assert _fluid_penalty(problem, tau) == pytest.approx(penalty, rel=0.2)


def test_blocks_are_all_pixels_and_levels_densest_first():
    counts = np.random.default_rng(0).integers(0, 99, 103)
    problem = pose_problem(counts, 10)
    assert problem.block_mass.sum() == counts.sum()
    assert sorted(problem.block_width.tolist()) == [3, *[10] * 10]
    assert (np.diff(problem.block_mass / problem.block_width) <= 0).all()
