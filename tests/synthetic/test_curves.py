import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gemax_cli.synthetic.curves import TABLE_MM, bump, cone, curve, soft_max, soft_positive, step, window

reals = st.floats(-1e3, 1e3)


def one(function, *values):
    return float(function(*(np.array([v]) for v in values))[0])


@given(reals, reals)
def test_bump_is_a_hill_on_the_unit_disc(u, v):
    value = one(bump, u, v)
    assert 0.0 <= value <= 1.0
    assert (value > 0.0) == (1.0 - u * u - v * v > 0.0) or value < 1e-300


def test_bump_has_no_edge_at_its_rim():
    r = np.linspace(0.9, 1.1, 2001)
    second = np.diff(bump(r), 2) / np.diff(r)[0] ** 2
    assert np.abs(np.diff(second)).max() < 0.02  # a kink of first or second order would jump by 1 or more


def test_bump_of_one_argument_is_a_ridge():
    assert one(bump, 0.5) == one(bump, 0.5, 0.0) == 0.75**3


@given(reals, reals)
def test_step_never_falls(a, b):
    low, high = sorted((a, b))
    assert 0.0 <= one(step, low) <= one(step, high) + 1e-15 <= 1.0 + 1e-14


@given(reals)
def test_step_is_symmetric(t):
    assert one(step, t) + one(step, 1.0 - t) == pytest.approx(1.0)


def test_window_is_one_inside_and_zero_well_outside():
    t = np.array([-3.1, -2.5, -2.0, 0.0, 4.0, 4.5, 5.1])
    assert window(t, -2.0, 4.0, 1.0).tolist() == [0.0, 0.5, 1.0, 1.0, 1.0, 0.5, 0.0]


@given(reals, st.floats(0.01, 50))
def test_soft_positive_stays_above_max_by_half_its_softness(t, soft):
    value = one(lambda a: soft_positive(a, soft), t)
    assert max(t, 0.0) - 1e-9 <= value <= max(t, 0.0) + soft / 2 + 1e-9


@given(reals, reals, st.floats(0.01, 50))
def test_soft_max_hardly_leaves_the_upper_surface(a, b, soft):
    value = one(lambda p, q: soft_max(p, q, soft), a, b)
    assert max(a, b) - 1e-9 <= value <= max(a, b) + soft / 2 + 1e-9


@pytest.mark.parametrize(("slope", "radius"), [(1.0, 5.0), (2.5, 9.0), (4.0, 3.0)])
def test_cone_has_its_radius_at_the_apex_and_its_slope_far_off(slope, radius):
    h = 1e-2
    assert 2.0 * one(lambda s: cone(s, slope, radius), h * h) / (h * h) == pytest.approx(1.0 / radius, rel=1e-3)
    far = 1e5
    rise = one(lambda s: cone(s, slope, radius), (far + 1) ** 2) - one(lambda s: cone(s, slope, radius), far**2)
    assert rise == pytest.approx(slope, rel=1e-4)


def test_curve_is_the_natural_spline():
    interpolate = pytest.importorskip("scipy.interpolate")
    knots = {-4.0: 1.0, -1.0: 3.0, 0.5: -2.0, 6.0: 0.25, 9.0: 0.0}
    oracle = interpolate.CubicSpline(list(knots), list(knots.values()), bc_type="natural")
    t = np.linspace(-4.0, 9.0, 400)
    between = TABLE_MM**2 / 8 * np.abs(oracle(t, 2)).max()  # error of the table's straight pieces
    assert np.abs(curve(knots)(t) - oracle(t)).max() <= between + 1e-9


def test_curve_passes_through_its_knots_and_ends_flat():
    knots = {0.0: 1.0, 2.0: 5.0, 3.0: -1.0}
    line = curve(knots)
    assert line(np.array(list(knots))) == pytest.approx(list(knots.values()))
    assert line(np.array([-9.0, 99.0])) == pytest.approx([1.0, -1.0])


def test_curve_does_not_mind_the_order_of_its_knots():
    t = np.linspace(0, 3, 13)
    assert (curve({3.0: -1.0, 0.0: 1.0, 2.0: 5.0})(t) == curve({0.0: 1.0, 2.0: 5.0, 3.0: -1.0})(t)).all()
