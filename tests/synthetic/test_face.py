from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gemax_cli.errors import SettingsError
from gemax_cli.scans.model import Scan
from gemax_cli.synthetic.face import BOSPHORUS_CROP, BU3DFE_CROP, FaceShape, procedural_scan
from gemax_cli.synthetic.subject import EXPRESSIONS, Identity, draw_identity, make_motion

GOLDEN_DEPTHS = [0.738186, -20.447964, -18.505998, -13.536728, -31.59908, -24.922075, -35.584121, -21.77603,
                 -56.006499, -19.976874, -22.545005]  # fmt: skip
X, Y = np.meshgrid(np.arange(-78.0, 78.5, 1.5), np.arange(-108.0, 112.0, 1.5))


def face_of(seed, expression="NE", level=0):
    who = draw_identity(np.random.default_rng(seed))
    return FaceShape(who, make_motion(expression, level, who.style))


def cases(seeds=range(4)):
    return [(seed, e) for seed in seeds for e in EXPRESSIONS]


@pytest.mark.parametrize(("seed", "expression"), cases())
def test_nose_tip_is_the_most_protruding_point_of_the_face(seed, expression):
    face = face_of(seed, expression, 4)
    shown = face.covered(X, Y)
    tip = face.nose_tip
    assert face.depth(X, Y)[shown].max() <= tip[2] + 1e-9
    around = 0.5 * np.exp(2j * np.pi * np.arange(12) / 12)
    assert (face.depth(tip[0] + around.real, tip[1] + around.imag) < tip[2]).all()
    assert face.depth(*tip[:2, None])[0] == pytest.approx(tip[2], abs=1e-12)


@pytest.mark.parametrize(("seed", "expression"), cases())
def test_nose_tip_is_a_cap_like_a_nose(seed, expression):
    face = face_of(seed, expression, 4)
    x, y, z = face.nose_tip
    angle = 2j * np.pi * np.arange(24) / 24

    def fall(radius):
        ring = radius * np.exp(angle)
        return float((z - face.depth(x + ring.real, y + ring.imag)).mean())

    # Mean radius of curvature over a cap of 4 mm, from the sphere's r^2 / 2R.
    assert 5.0 < 16.0 / (2 * fall(4.0)) < 14.0
    assert fall(12.0) > 6.0


@pytest.mark.parametrize("seed", range(12))
def test_faces_have_the_size_of_faces(seed):
    face = face_of(seed)
    shown = face.covered(X, Y)
    assert 130 < np.ptp(X[shown]) < 165
    assert 165 < np.ptp(Y[shown]) < 215
    depth = face.depth(X, Y)[shown]
    assert 60 < np.ptp(depth) < 130
    x, y, z = face.nose_tip
    cheeks = face.depth(np.array([x - 34, x + 34]), np.array([y, y]))
    assert (z - cheeks > 15).all()
    assert (z - cheeks < 42).all()
    lip = face.depth(np.array([x]), np.array([y - 18.0]))[0]
    assert 8 < z - lip < 24


def test_golden_depths():
    # Only + - * / and sqrt lie behind these, apart from the solution of a small linear system.
    face = FaceShape(Identity(), make_motion("HA", 3))
    x = np.array([0.0, 0.0, 0.0, 15.0, -31.0, 31.0, 45.0, -25.0, 60.0, 0.0, 0.0])
    y = np.array([0.0, -35.0, -68.0, -4.0, 35.0, 50.0, 12.0, -30.0, 0.0, 40.0, 90.0])
    assert face.depth(x, y) == pytest.approx(GOLDEN_DEPTHS, abs=1e-6)


def test_a_straight_nose_makes_a_symmetric_face():
    face = FaceShape(replace(Identity(), nose_skew=0.0), make_motion("DI", 4))
    assert face.depth(X, Y) == pytest.approx(face.depth(-X, Y), abs=1e-12)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 50), st.sampled_from(EXPRESSIONS), st.integers(1, 40))
def test_depth_of_a_point_does_not_depend_on_the_others(seed, expression, count):
    face = face_of(seed, expression, 4)
    x, y = X.ravel()[::397], Y.ravel()[::397]
    assert (face.depth(x, y)[:count] == face.depth(x[:count], y[:count])).all()


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from(EXPRESSIONS), st.integers(0, 4))
@pytest.mark.slow
def test_no_face_has_a_cliff_or_a_gap(seed, expression, level):
    face = face_of(seed, expression, level)
    x, y = np.meshgrid(np.arange(-70.0, 70.0, 0.5), np.arange(-88.0, 100.0, 0.5))
    depth = face.depth(x, y)
    assert np.isfinite(depth).all()
    shown = face.covered(x, y)
    steps = [np.abs(np.diff(depth, axis=axis)) for axis in (0, 1)]
    assert steps[0][shown[1:]].max() < 7.0  # mm on half a millimetre: the edge of a wide open mouth
    assert steps[1][shown[:, 1:]].max() < 7.0


def test_expressions_are_told_apart():
    depths = {e: face_of(1, e, 4).depth(X, Y) for e in EXPRESSIONS}
    shown = face_of(1).covered(X, Y)
    for one, other in combinations(EXPRESSIONS, 2):
        apart = np.abs(depths[one] - depths[other])[shown]
        assert apart.max() > 2.0, (one, other)
        assert np.sqrt((apart**2).mean()) > 0.25, (one, other)


@pytest.mark.parametrize("expression", EXPRESSIONS[1:])
def test_higher_levels_are_farther_from_neutral(expression):
    neutral = face_of(2).depth(X, Y)
    shown = face_of(2).covered(X, Y)
    apart = [np.abs(face_of(2, expression, level).depth(X, Y) - neutral)[shown].mean() for level in (1, 2, 3, 4)]
    assert apart == sorted(apart)
    assert apart[3] > 1.5 * apart[0] > 0


def test_subjects_differ():
    depths = [face_of(seed).depth(X, Y) for seed in range(6)]
    shown = face_of(0).covered(X, Y)
    for one, other in combinations(depths, 2):
        assert np.abs(one - other)[shown].mean() > 0.5


def test_a_dropped_jaw_lengthens_the_face():
    lower = [face.covered(X, Y)[:, X.shape[1] // 2] for face in (face_of(0), face_of(0, "SU", 4))]
    heights = [Y[column, 0].min() for column in lower]
    assert 10 < heights[0] - heights[1] < 30


@pytest.mark.parametrize("crop", [BU3DFE_CROP, BOSPHORUS_CROP])
def test_extent_holds_all_that_is_covered(crop):
    for seed, expression in cases(range(3)):
        face = face_of(seed, expression, 4)
        shown = face.covered(X, Y, crop)
        half, low, high = face.extent(crop)
        assert np.abs(X[shown]).max() < half
        assert low < Y[shown].min()
        assert Y[shown].max() < high


def test_mouth_opens_with_surprise_and_not_with_anger():
    def hollow(expression):
        face = face_of(4, expression, 4)
        upper, lower = (float(edge[0]) for edge in face.relief.lips(np.zeros(1)))
        length = face.identity.length
        inside, lip = face.depth(np.zeros(2), length * np.array([(upper + lower) / 2, lower - 3.0]))
        return lip - inside

    assert hollow("SU") > 6.0 > 4.0 > hollow("AN")


class TestProceduralScan:
    def test_is_a_metric_scan_without_a_file(self):
        scan = procedural_scan(7)
        assert isinstance(scan, Scan)
        assert scan.metric
        assert not scan.path.exists()
        assert 6500 < len(scan.points) < 9500
        assert scan.points.dtype == np.float64
        assert scan.triangles.dtype == np.int32
        assert scan.triangles.min() == 0
        assert scan.triangles.max() == len(scan.points) - 1

    def test_nose_tip_is_on_the_surface_and_the_frontmost_point(self):
        for seed in range(5):
            scan = procedural_scan(seed, "FE")
            tip = scan.landmarks["Nose tip"]
            front = scan.points[scan.points[:, 2].argmax()]
            assert np.linalg.norm(front - tip) < 2.2
            assert front[2] <= tip[2] + 1e-9
            assert np.linalg.norm(tip) > 1.0

    def test_same_arguments_same_scan(self):
        first, again, other = procedural_scan(1, "HA"), procedural_scan(1, "HA"), procedural_scan(2, "HA")
        assert (first.points == again.points).all()
        assert (first.triangles == again.triangles).all()
        assert first.points.shape != other.points.shape or not (first.points == other.points).all()

    def test_shows_the_peak_of_the_expression(self):
        calm, surprised = procedural_scan(1), procedural_scan(1, "SU")
        assert len(surprised.points) > len(calm.points)
        fall = [np.ptp(scan.points[:, 1]) for scan in (calm, surprised)]
        assert 10 < fall[1] - fall[0] < 30

    def test_spacing_sets_the_number_of_points(self):
        count = [len(procedural_scan(1, spacing=s).points) for s in (4.1, 2.05)]
        assert count[1] == pytest.approx(4 * count[0], rel=0.1)

    def test_unknown_expression_is_refused(self):
        with pytest.raises(SettingsError, match="expression"):
            procedural_scan(0, "ZZ")
