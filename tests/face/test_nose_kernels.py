from __future__ import annotations

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gemax_cli.face import nose_kernels as kernels
from gemax_cli.face.nose import FACE_TEMPLATE, turn
from tests.face import naive_nose as naive

few = settings(max_examples=25, deadline=None)
compiled = pytest.mark.skipif(bool(numba.config.DISABLE_JIT), reason="a map of millions of cells")
angles = st.floats(-180, 180)
seeds = st.integers(0, 10_000)


def cloud(seed, count=200, spread=20.0):
    return np.random.default_rng(seed).normal(size=(count, 3)) * spread


class TestSampleTriangles:
    def test_keeps_the_vertices_first(self):
        scan = naive.relief_scan(lambda x, y: 0.1 * x, step=10.0)
        samples = kernels.sample_triangles(scan.points, scan.triangles, 3.0, 50_000)
        np.testing.assert_array_equal(samples[: len(scan.points)], scan.points)

    def test_leaves_no_gap_wider_than_about_the_step(self):
        from scipy.spatial import cKDTree

        scan = naive.relief_scan(lambda x, y: 0.5 * x + 0.2 * y, 60, 60, step=11.0)
        samples = kernels.sample_triangles(scan.points, scan.triangles, 2.0, 50_000)
        rng = np.random.default_rng(0)
        low, high = scan.points[:, :2].min(0), scan.points[:, :2].max(0)
        places = rng.uniform(low, high, (2000, 2))
        on_surface = np.column_stack([places, 0.5 * places[:, 0] + 0.2 * places[:, 1]])
        assert cKDTree(samples).query(on_surface)[0].max() < 2.0

    def test_samples_lie_on_the_surface(self):
        scan = naive.relief_scan(lambda x, y: 0.5 * x - y, 60, 60, step=9.0)
        x, y, z = kernels.sample_triangles(scan.points, scan.triangles, 2.0, 50_000).T
        np.testing.assert_allclose(z, 0.5 * x - y, atol=1e-9)

    def test_stays_below_the_limit(self):
        scan = naive.relief_scan(lambda x, y: 0.0 * x, 400, 400, step=40.0)
        samples = kernels.sample_triangles(scan.points, scan.triangles, 0.1, 5000)
        assert len(scan.points) + 1000 < len(samples) <= len(scan.points) + 5000

    def test_adds_nothing_to_a_fine_mesh(self):
        scan = naive.relief_scan(lambda x, y: 0.0 * x, 20, 20, step=1.0)
        assert len(kernels.sample_triangles(scan.points, scan.triangles, 2.0, 5000)) == len(scan.points)


class TestHeightMap:
    @few
    @given(seeds, angles, st.floats(-60, 60))
    def test_equals_the_reference(self, seed, yaw, pitch):
        samples, rotation = cloud(seed), turn(yaw, pitch, 0.0)
        heights, origin = kernels.height_map(samples, rotation, 4.0)
        wanted, corner = naive.height_map(samples, rotation, 4.0)
        np.testing.assert_allclose(heights, wanted, atol=1e-9)
        np.testing.assert_allclose(origin, corner, atol=1e-9)

    def test_place_says_where_a_sample_lies(self):
        samples = np.array([[0.0, 0, 0], [30, 60, 5]])
        heights, (right, up, cell) = kernels.height_map(samples, np.eye(3), 3.0)
        row, column = np.argwhere(heights == 5.0)[0]
        assert abs(right + column * cell - 30) <= 1.5
        assert abs(up + row * cell - 60) <= 1.5

    def test_one_point_and_a_line(self):
        for samples in (np.zeros((1, 3)), np.outer(np.arange(50.0), [1, 0, 0])):
            heights, _ = kernels.height_map(samples, np.eye(3), 3.0)
            assert np.nanmax(heights) == 0.0

    @compiled
    def test_an_outlier_far_away_does_not_fill_the_memory(self):
        samples = np.vstack([cloud(0), [[1e9, 1e9, 0.0]]])
        heights, origin = kernels.height_map(samples, np.eye(3), 3.0)
        assert heights.size <= kernels.LARGEST_MAP
        assert origin[2] > 3.0


class TestDepthAt:
    @few
    @given(st.floats(-60, 60), st.floats(-40, 70))
    def test_equals_bilinear_interpolation(self, x, y):
        depth = kernels.depth_at(FACE_TEMPLATE, x, y)[0]
        wanted = naive.bilinear(FACE_TEMPLATE, x, y)
        assert depth == (-1.0 if wanted is None else pytest.approx(wanted, abs=1e-9))

    @few
    @given(st.floats(-50, 50), st.floats(-34, 64))
    def test_slopes_are_those_of_the_surface(self, x, y):
        if min(abs(x) % 6, 6 - abs(x) % 6, y % 6, 6 - y % 6) < 0.01:
            return  # on a line of the table the slope jumps
        _, dx, dy = kernels.depth_at(FACE_TEMPLATE, x, y)
        ahead = [
            kernels.depth_at(FACE_TEMPLATE, x + h, y + k)[0] for h, k in ((1e-5, 0), (-1e-5, 0), (0, 1e-5), (0, -1e-5))
        ]
        assert dx == pytest.approx((ahead[0] - ahead[1]) / 2e-5, abs=1e-3)
        assert dy == pytest.approx((ahead[2] - ahead[3]) / 2e-5, abs=1e-3)

    @pytest.mark.parametrize(
        "point", [(1e9, 0.0), (0.0, 1e9), (0.0, -1e9), (np.nan, 0.0), (0.0, np.nan), (np.inf, 0.0)]
    )
    def test_far_off_is_outside(self, point):
        assert kernels.depth_at(FACE_TEMPLATE, *point)[0] < 0

    def test_the_tip_is_the_nearest_place(self):
        assert FACE_TEMPLATE.min() == 0.0
        assert kernels.depth_at(FACE_TEMPLATE, 0.0, 0.0)[0] == 0.0


class TestCandidates:
    @few
    @given(seeds, st.floats(-1, 1), st.integers(1, 4))
    def test_resemblance_equals_the_reference(self, seed, roll, every):
        rng = np.random.default_rng(seed)
        heights = rng.normal(0, 8, (30, 28))
        heights[rng.random(heights.shape) < 0.2] = np.nan
        heights[14, 13] = 10.0
        got = kernels.resemblance(heights, 14, 13, 4.0, FACE_TEMPLATE, roll, every)
        assert got == pytest.approx(naive.resemblance(heights, 14, 13, 4.0, FACE_TEMPLATE, roll, every), abs=1e-12)

    @few
    @given(seeds)
    def test_are_the_peaks_of_the_reference(self, seed):
        rng = np.random.default_rng(seed)
        heights = np.rint(rng.normal(0, 5, (25, 22)))  # ties
        heights[rng.random(heights.shape) < rng.uniform(0.2, 0.7)] = np.nan
        origin = np.array([5.0, -7.0, 3.0])
        found = kernels.candidates(heights, origin, FACE_TEMPLATE, np.zeros(1), 400)
        found = found[found[:, 0] > 0]
        cells = {(round((up + 7) / 3), round((right - 5) / 3)) for _, right, up, _, _ in found}
        assert cells == set(naive.peaks(heights, 2, 4))
        assert (np.diff(found[:, 0]) <= 0).all()

    def test_keeps_the_best(self):
        heights = np.random.default_rng(1).normal(0, 5, (20, 20))
        origin = np.array([0.0, 0.0, 3.0])
        every = kernels.candidates(heights, origin, FACE_TEMPLATE, np.zeros(1), 400)
        assert 3 < np.count_nonzero(every[:, 0]) <= kernels.SHORTLIST
        np.testing.assert_array_equal(kernels.candidates(heights, origin, FACE_TEMPLATE, np.zeros(1), 3), every[:3])

    @pytest.mark.parametrize("roll", [-20.0, 0.0, 20.0])
    def test_the_template_face_resembles_itself(self, roll):
        scan = naive.face_scan(roll=roll)
        heights, origin = kernels.height_map(scan.points, np.eye(3), 3.0)
        best = kernels.candidates(heights, origin, FACE_TEMPLATE, np.radians([-20.0, 0.0, 20.0]), 2)[0]
        assert best[0] > 0.8
        assert np.linalg.norm(best[1:4]) < 5.0
        assert np.degrees(best[4]) == pytest.approx(roll)

    def test_a_nose_among_hundreds_of_peaks(self):
        points = naive.face_scan().points
        clutter = np.random.default_rng(2).normal(0, 6, (200, 200))
        heights, origin = kernels.height_map(points, np.eye(3), 3.0)
        clutter[60 : 60 + heights.shape[0], 90 : 90 + heights.shape[1]] = np.where(np.isnan(heights), 0, heights)
        assert np.count_nonzero(kernels.candidates(clutter, origin, FACE_TEMPLATE, np.zeros(1), 999)[:, 0]) > 300
        best = kernels.candidates(clutter, origin, FACE_TEMPLATE, np.zeros(1), 1)[0]
        assert np.linalg.norm(best[1:3] - 3.0 * np.array([90, 60])) < 5.0
        assert best[0] > 0.8

    def test_nothing_on_an_empty_map(self):
        empty = np.full((9, 9), np.nan)
        assert not kernels.candidates(empty, np.array([0.0, 0, 3]), FACE_TEMPLATE, np.zeros(1), 4).any()


class TestSolve:
    @few
    @given(seeds, st.integers(1, 8))
    def test_equals_numpy(self, seed, n):
        rng = np.random.default_rng(seed)
        root = rng.normal(size=(n, n))
        matrix, right = root @ root.T + 0.1 * np.eye(n), rng.normal(size=n)
        wanted = np.linalg.solve(matrix, right)
        assert kernels.solve_cholesky(matrix.copy(), right)
        np.testing.assert_allclose(right, wanted, rtol=1e-6, atol=1e-9)

    @pytest.mark.parametrize("matrix", [np.zeros((3, 3)), -np.eye(3), np.ones((3, 3)), np.full((3, 3), np.nan)])
    def test_refuses_what_is_not_definite(self, matrix):
        assert not kernels.solve_cholesky(matrix.copy(), np.ones(3))


class TestNear:
    @few
    @given(seeds, st.floats(1, 80))
    def test_equals_the_reference(self, seed, radius):
        samples, centre = cloud(seed), np.array([3.0, -4.0, 5.0])
        wanted = samples[np.linalg.norm(samples - centre, axis=1) < radius]
        np.testing.assert_array_equal(kernels.near(samples, centre, radius, 1000), wanted)

    def test_thins_evenly(self):
        samples = cloud(0, 1000)
        thin = kernels.near(samples, np.zeros(3), 1e6, 300)
        np.testing.assert_array_equal(thin, samples[::4])

    def test_nothing_is_near_nothing(self):
        assert kernels.near(np.zeros((0, 3)), np.zeros(3), 5.0, 0).shape == (0, 3)


class TestInView:
    @few
    @given(seeds, angles)
    def test_equals_the_reference(self, seed, yaw):
        samples, rotation = cloud(seed), turn(yaw, 10.0, 0.0)
        heights, origin = kernels.height_map(samples, rotation, 6.0)
        got = kernels.in_view(samples, kernels.View(rotation, heights, origin))
        np.testing.assert_array_equal(got, naive.in_view(samples, rotation, heights, origin))

    def test_hides_the_back_of_a_ball_and_not_its_front(self):
        points = naive.ball().points
        heights, origin = kernels.height_map(points, np.eye(3), 6.0)
        kept = kernels.in_view(points, kernels.View(np.eye(3), heights, origin))
        assert (kept[:, 2] > 70).sum() == (points[:, 2] > 70).sum() > 500  # on the rim one cell spans 10 mm of depth
        assert (kept[:, 2] < -30).mean() < 0.01

    def test_samples_beside_the_map_are_kept(self):
        heights, origin = kernels.height_map(np.zeros((3, 3)), np.eye(3), 3.0)
        far = np.array([[1e6, 0.0, -99.0], [-1e6, -1e6, -99.0]])
        np.testing.assert_array_equal(kernels.in_view(far, kernels.View(np.eye(3), heights, origin)), far)


SIGMAS = np.array([8.0, 6, 5, 4, 4, 4, 4, 4])
FREE = np.array([1.0, 1, 1, 1, 1, 1, 10, 10])


def noisy_face(rng, share=0.7):
    points = naive.face_points(5.0) + rng.normal(0, 2, (len(naive.face_points(5.0)), 3))
    return points[rng.random(len(points)) < share]


class TestFitFrame:
    @settings(max_examples=8, deadline=None)
    @given(seeds)
    def test_a_round_equals_the_reference(self, seed):
        rng = np.random.default_rng(seed)
        local = noisy_face(rng)
        local[::7, 2] += rng.uniform(-60, 60, len(local[::7]))
        frame = naive.frame_of(rng.uniform(-3, 3, 3), turn(*rng.uniform(-6, 6, 3)), rng.uniform(0.9, 1.1), 1.1)
        wanted = naive.fit_round(local, frame, FACE_TEMPLATE, 5.0, FREE)
        kernels.fit_frame(local, frame, FACE_TEMPLATE, np.array([5.0]), FREE)
        np.testing.assert_allclose(frame, wanted, atol=1e-5)

    @settings(max_examples=12, deadline=None)
    @given(st.floats(-12, 12), st.floats(-12, 12), st.floats(-12, 12), seeds)
    def test_finds_where_a_template_face_was_put(self, yaw, pitch, roll, seed):
        shift = np.random.default_rng(seed).uniform(-6, 6, 3)
        local = naive.face_points(3.0) @ turn(yaw, pitch, roll).T + shift
        frame = naive.frame_of()
        kernels.fit_frame(local, frame, FACE_TEMPLATE, SIGMAS, FREE)
        assert np.linalg.norm(frame[:3] - shift) < 1.0
        assert np.trace(frame[3:12].reshape(3, 3).T @ turn(yaw, pitch, roll)) > 1 + 2 * np.cos(np.radians(2))

    def test_finds_size_and_relief(self):
        local = naive.face_points(3.0, relief=1.1, size=1.08)
        frame = naive.frame_of()
        kernels.fit_frame(local, frame, FACE_TEMPLATE, np.full(12, 4.0), FREE)
        assert frame[12] == pytest.approx(1.08, abs=0.02)
        assert frame[13] == pytest.approx(1.1, abs=0.03)

    def test_stiffness_holds_the_size_it_starts_with(self):
        frame = naive.frame_of(size=0.9, relief=1.05)
        stiff = np.array([1.0, 1, 1, 1, 1, 1, 1e9, 1e9])
        kernels.fit_frame(naive.face_points(3.0), frame, FACE_TEMPLATE, SIGMAS, stiff)
        assert frame[12:] == pytest.approx([0.9, 1.05], abs=1e-3)

    @settings(max_examples=8, deadline=None)
    @given(seeds)
    @pytest.mark.slow
    def test_lessens_the_distances_and_keeps_a_rotation(self, seed):
        rng = np.random.default_rng(seed)
        local = naive.face_points(4.0) + rng.normal(0, 0.5, (len(naive.face_points(4.0)), 3))
        frame = naive.frame_of(rng.uniform(-4, 4, 3), turn(*rng.uniform(-8, 8, 3)))
        before = np.nanmedian(np.abs(naive.residuals(local, frame, FACE_TEMPLATE)))
        kernels.fit_frame(local, frame, FACE_TEMPLATE, SIGMAS, FREE)
        after = np.nanmedian(np.abs(naive.residuals(local, frame, FACE_TEMPLATE)))
        assert after < before
        rotation = frame[3:12].reshape(3, 3)
        np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-9)
        assert np.linalg.det(rotation) == pytest.approx(1.0)

    def test_outliers_do_not_pull(self):
        local = naive.face_points(3.0)
        local[::5, 2] += 15.0
        frame = naive.frame_of((2.0, -2.0, 3.0))
        kernels.fit_frame(local, frame, FACE_TEMPLATE, SIGMAS, FREE)
        assert np.linalg.norm(frame[:3]) < 1.5

    def test_without_samples_nothing_moves(self):
        frame = naive.frame_of((1.0, 2.0, 3.0))
        kernels.fit_frame(np.zeros((0, 3)), frame, FACE_TEMPLATE, SIGMAS, FREE)
        np.testing.assert_allclose(frame, naive.frame_of((1.0, 2.0, 3.0)))


class TestFitTemplateAndRefineTip:
    @settings(max_examples=5, deadline=None)
    @given(seeds)
    def test_they_are_their_parts_in_turn(self, seed):
        rng = np.random.default_rng(seed)
        samples = np.concatenate([noisy_face(rng), cloud(seed, 300, 60.0)])
        view = kernels.View(turn(10.0, 0.0, 0.0), *kernels.height_map(samples, turn(10.0, 0.0, 0.0), 6.0))
        frame = naive.frame_of(rng.uniform(-3, 3, 3))
        around = kernels.in_view(kernels.near(samples, frame[:3], kernels.REACH_MM, 9999), view)
        local = kernels.near(around, frame[:3], kernels.REACH_MM, kernels.MOST_FITTED)
        wanted = frame.copy()
        kernels.fit_frame(local, wanted, FACE_TEMPLATE, SIGMAS, FREE)
        agreement = kernels.fit_template(samples, view, frame, FACE_TEMPLATE, SIGMAS, FREE)
        np.testing.assert_array_equal(frame, wanted)
        np.testing.assert_array_equal(agreement, kernels.agreement(local, frame, FACE_TEMPLATE))
        about = kernels.in_view(kernels.near(samples, frame[:3], 32.0, kernels.MOST_LOCAL), view)
        tip, support = kernels.refine_tip(samples, view, frame, WINDOWS, 8.0)
        np.testing.assert_array_equal(tip, kernels.refine_peak(about, frame, WINDOWS))
        assert support == (np.linalg.norm(about - tip[:3], axis=1) < 8.0).sum()


class TestAgreement:
    @settings(max_examples=8, deadline=None)
    @given(seeds)
    def test_equals_the_reference(self, seed):
        rng = np.random.default_rng(seed)
        local = naive.face_points(5.0) + rng.normal(0, 2, (len(naive.face_points(5.0)), 3))
        local = local[rng.random(len(local)) < 0.7]
        frame = naive.frame_of(rng.uniform(-2, 2, 3), turn(*rng.uniform(-5, 5, 3)), rng.uniform(0.9, 1.1), 1.1)
        got = kernels.agreement(local, frame, FACE_TEMPLATE)
        np.testing.assert_allclose(got, naive.agreement(local, frame, FACE_TEMPLATE), atol=2e-3)

    def test_is_full_on_the_template_face_itself(self):
        got = kernels.agreement(naive.face_points(2.0), naive.frame_of(), FACE_TEMPLATE)
        assert (got[[0, 2]] > 0.999).all()
        assert got[1] == 1.0

    def test_is_nothing_without_samples(self):
        np.testing.assert_array_equal(kernels.agreement(np.zeros((0, 3)), naive.frame_of(), FACE_TEMPLATE), np.zeros(5))

    def test_a_dome_on_a_round_surface_lacks_the_detail_of_a_face(self):
        face = kernels.agreement(naive.face_points(2.0), naive.frame_of(), FACE_TEMPLATE)[4]
        x, y = naive.face_points(2.0)[:, :2].T
        nose = 18 * np.exp(-((x / 12) ** 2) - ((y - 8) / 18) ** 2)
        dome = np.column_stack([x, y, nose - 18 - 0.006 * (x**2 + 0.7 * y**2)])
        assert face > 0.999
        assert kernels.agreement(dome, naive.frame_of(), FACE_TEMPLATE)[4] < face - 0.1


WINDOWS = np.array([16.0, 12, 9, 8, 8])


def dome(apex, radius=15.0, count=1500, seed=0, noise=0.0):
    rng = np.random.default_rng(seed)
    xy = rng.uniform(-20, 20, (count, 2))
    z = -(xy**2).sum(1) / (2 * radius) + rng.normal(0, 1, count) * noise
    return np.column_stack([xy, z]) + apex


class TestRefinePeak:
    @few
    @given(seeds, st.floats(6, 25))
    def test_quadric_equals_least_squares(self, seed, window):
        u = cloud(seed, 300, 8.0)
        u[:, 2] = 0.02 * u[:, 0] ** 2 - 0.03 * u[:, 0] * u[:, 1] + np.random.default_rng(seed).normal(0, 0.3, 300)
        got = kernels.fit_quadric(u, 1.0, -2.0, 0.5, window)
        wanted = naive.quadric(u, (1.0, -2.0, 0.5), window)
        if wanted[6] >= 30:
            np.testing.assert_allclose(got, wanted, rtol=1e-5, atol=1e-6)

    @few
    @given(st.floats(-6, 6), st.floats(-6, 6), seeds)
    def test_finds_the_apex_of_a_dome(self, x, y, seed):
        apex = np.array([x, y, 40.0])
        out = kernels.refine_peak(dome(apex, seed=seed, noise=0.2), naive.frame_of((0, 0, 41)), WINDOWS)
        assert np.linalg.norm(out[:3] - apex) < 0.5
        assert out[3:5] == pytest.approx([1 / 15, 1 / 15], abs=0.015)
        assert out[5] > 100

    def test_rests_of_a_spike_do_not_pull(self):
        points = dome(np.zeros(3))
        beside = np.linalg.norm(points[:, :2] - [0.0, 9.0], axis=1) < 2.5
        points[beside, 2] += np.random.default_rng(0).uniform(0, 20, beside.sum())
        assert np.linalg.norm(kernels.refine_peak(points, naive.frame_of(), WINDOWS)[:3]) < 0.7

    @few
    @given(angles, angles, angles)
    def test_goes_along_with_a_rotation(self, yaw, pitch, roll):
        points, rotation = dome(np.array([3.0, 1.0, 0.0])), turn(yaw, pitch, roll)
        upright = kernels.refine_peak(points, naive.frame_of(), WINDOWS)
        turned = kernels.refine_peak(points @ rotation.T, naive.frame_of(rotation=rotation), WINDOWS)
        np.testing.assert_allclose(turned[:3], rotation @ upright[:3], atol=1e-6)

    def test_a_bowl_is_no_tip(self):
        points = dome(np.zeros(3)) * [1, 1, -1]
        out = kernels.refine_peak(points, naive.frame_of(), WINDOWS)
        assert out[4] < 0
        assert np.linalg.norm(out[:2]) == 0.0

    def test_too_few_points_leave_it_where_it_is(self):
        out = kernels.refine_peak(np.zeros((3, 3)), naive.frame_of((1, 2, 3)), WINDOWS)
        np.testing.assert_array_equal(out, [1, 2, 3, 0, 0, 0])
