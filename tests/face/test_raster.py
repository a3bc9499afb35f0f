from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gemax_cli.face import block_kernels as kernels
from gemax_cli.face.raster import Frame, rasterise
from tests.face import naive_raster as naive

SMALL = Frame(12, 1.0, 0.0, 11.0, 0.0)  # pixel centres at integers, y = 11 at the top


def random_mesh(seed, count=30, low=-4.0, high=16.0, reach=6.0):
    rng = np.random.default_rng(seed)
    centre = rng.uniform(low, high, (count, 1, 3))
    points = (centre + rng.uniform(-reach, reach, (count, 3, 3))).reshape(-1, 3)
    return points, np.arange(3 * count, dtype=np.int32).reshape(-1, 3)


def grid_mesh(rows, columns, pitch=1.0):
    """A flat sheet of squares, cut along alternating diagonals."""
    y, x = np.mgrid[:rows, :columns] * pitch
    number = np.arange(rows * columns).reshape(rows, columns)
    a, b, c, d = (v.ravel() for v in (number[:-1, :-1], number[:-1, 1:], number[1:, :-1], number[1:, 1:]))
    even = (a % 2 == 0)[:, None]
    first = np.where(even, np.stack([a, c, b], 1), np.stack([a, c, d], 1))
    second = np.where(even, np.stack([b, c, d], 1), np.stack([a, d, b], 1))
    return np.stack([x, y, 0 * x], -1).reshape(-1, 3), np.concatenate([first, second]).astype(np.int32)


def sphere(radius, rings, sides):
    polar, turn = np.linspace(0, np.pi, rings), np.linspace(0, 2 * np.pi, sides + 1)
    p, t = np.meshgrid(polar, turn, indexing="ij")
    points = radius * np.stack([np.sin(p) * np.cos(t), np.sin(p) * np.sin(t), np.cos(p)], -1).reshape(-1, 3)
    number = np.arange(rings * (sides + 1)).reshape(rings, sides + 1)
    a, b, c, d = (v.ravel() for v in (number[:-1, :-1], number[:-1, 1:], number[1:, :-1], number[1:, 1:]))
    return points, np.concatenate([np.stack([a, c, b], 1), np.stack([b, c, d], 1)]).astype(np.int32)


class TestFrame:
    def test_the_centre_lies_between_the_two_middle_pixels_of_an_even_size(self):
        frame = Frame.centred(np.array([10.0, 20.0]), 5.0, 224, 0.5)
        middle = frame.to_scan @ [111.5, 111.5, 0.0, 1.0]
        assert middle.tolist() == [10.0, 20.0, 5.0]

    def test_the_centre_is_the_middle_pixel_of_an_odd_size(self):
        frame = Frame.centred(np.array([10.0, 20.0]), 5.0, 9, 2.0)
        assert (frame.to_scan @ [4, 4, 0, 1]).tolist() == [10.0, 20.0, 5.0]

    def test_columns_go_right_rows_go_down_and_depth_goes_away(self):
        frame = Frame.centred(np.zeros(2), 0.0, 9, 2.0)
        assert (frame.to_scan @ [5, 4, 0, 1]).tolist() == [2.0, 0.0, 0.0]
        assert (frame.to_scan @ [4, 5, 0, 1]).tolist() == [0.0, -2.0, 0.0]
        assert (frame.to_scan @ [4, 4, 7, 1]).tolist() == [0.0, 0.0, -7.0]

    @settings(deadline=None)  # the first example compiles the kernel
    @given(st.integers(0, 2**32 - 1))
    def test_projecting_undoes_to_scan(self, seed):
        rng = np.random.default_rng(seed)
        frame = Frame(50, rng.uniform(0.1, 3), *rng.uniform(-200, 200, 3))
        pixels = np.column_stack([rng.uniform(-10, 60, (7, 2)), rng.uniform(-5, 90, 7), np.ones(7)])
        back = frame.project(pixels @ frame.to_scan.T)
        assert np.abs(back - pixels[:, :3]).max() < 1e-6

    def test_projection_matches_the_reference(self):
        points, _ = random_mesh(0)
        frame = Frame(12, 0.37, -3.3, 12.1, 4.4)
        want = [[float(v) for v in naive.project(p, frame)] for p in points]
        assert (frame.project(points) == want).all()


class TestAgainstTheReference:
    @pytest.mark.parametrize("seed", range(12))
    @pytest.mark.slow
    def test_random_triangles(self, seed):
        points, triangles = random_mesh(seed)
        self.check(points, triangles, SMALL, near=8.0)

    @pytest.mark.parametrize("seed", range(6))
    @pytest.mark.slow
    def test_vertices_on_pixel_centres(self, seed):
        points, triangles = random_mesh(seed, count=20)
        points[:, :2] = np.rint(points[:, :2])
        self.check(points, triangles, SMALL, near=np.inf)

    @pytest.mark.parametrize("seed", range(4))
    @pytest.mark.slow
    def test_slivers_and_triangles_without_area(self, seed):
        points, triangles = random_mesh(seed, count=20)
        points[2::3] = points[0::3] + (points[1::3] - points[0::3]) * 0.37
        points[2::6] += 1e-5
        self.check(points, triangles, SMALL, near=np.inf)

    def test_triangles_far_larger_than_the_image(self):
        points, triangles = random_mesh(3, count=12, reach=4000.0)
        self.check(points, triangles, SMALL, near=np.inf, tolerance=1e-7)

    def test_a_fine_pixel_grid_far_from_the_origin(self):
        points, triangles = random_mesh(5)
        frame = Frame(12, 0.21, 1000.3, -2000.1, 77.7)
        self.check(points * 0.2 + [1000.3, -2002.1, 75.0], triangles, frame, near=3.0)

    @settings(max_examples=40, deadline=None)
    @given(st.integers(0, 2**32 - 1), st.floats(0.3, 30.0), st.floats(0.0, 10.0))
    @pytest.mark.slow
    def test_edge_limit_and_near_limit(self, seed, max_edge, near):
        points, triangles = random_mesh(seed, count=6)
        self.check(points, triangles, SMALL, near, max_edge)

    @staticmethod
    def check(points, triangles, frame, near, max_edge=np.inf, tolerance=1e-9):
        image = rasterise(points, triangles, frame, near, max_edge)
        depth, dropped, front = naive.rasterise(points, triangles, frame, near, max_edge)
        assert (image.dropped_triangles, image.front_pixels) == (dropped, front)
        assert (np.isnan(image.depth) == np.isnan(depth)).all()
        assert np.nanmax(np.abs(image.depth - depth), initial=0.0) < tolerance


class TestWatertight:
    @pytest.mark.parametrize("pitch", [0.5, 0.764, 1.0, 3.0, 1 / 3])
    def test_a_sheet_of_squares_has_no_crack(self, pitch):
        points, triangles = grid_mesh(40, 40, pitch)
        side = int(39 * pitch)
        image = rasterise(points, triangles, Frame(side, 1.0, 0.0, side - 1.0, 0.0), 0.0)
        assert (image.depth == 0.0).all()

    @pytest.mark.parametrize("turn", [0.0, 0.1, 0.5, np.pi / 4, 1.0])
    def test_a_turned_sheet_with_vertices_on_pixel_centres_has_no_crack(self, turn):
        points, triangles = grid_mesh(41, 41, 1.0)
        points[:, :2] -= 20.0
        c, s = np.cos(turn), np.sin(turn)
        points[:, :2] = points[:, :2] @ [[c, s], [-s, c]]
        image = rasterise(points, triangles, Frame.centred(np.zeros(2), 0.0, 25, 1.0), 0.0)
        assert not np.isnan(image.depth).any()

    @pytest.mark.parametrize("seed", range(5))
    def test_an_uneven_triangulation_has_no_crack(self, seed):
        from scipy.spatial import Delaunay

        rng = np.random.default_rng(seed)
        places = np.concatenate([rng.uniform(-5, 70, (4000, 2)), rng.integers(-5, 70, (200, 2)) * 1.0])
        places = np.concatenate([places, [[-9, -9], [-9, 79], [79, -9], [79, 79]]])
        triangles = Delaunay(places).simplices.astype(np.int32)
        points = np.column_stack([places, rng.normal(0, 5, len(places))])
        image = rasterise(points, triangles, Frame(64, 1.0, 0.0, 63.0, 0.0), np.inf)
        assert not np.isnan(image.depth).any()

    def test_an_edge_through_pixel_centres_belongs_to_both_neighbours(self):
        points = np.array([[0, 0, 1], [8, 0, 1], [8, 8, 1], [0, 8, 1]], float)
        for triangles in ([[0, 1, 2]], [[0, 2, 3]]):
            image = rasterise(points, np.array(triangles, np.int32), SMALL, np.inf)
            assert not np.isnan(image.depth[[11 - k for k in range(9)], range(9)]).any()


class TestZBuffer:
    def test_the_nearest_surface_wins_whatever_the_order(self):
        points, triangles = random_mesh(8)
        image = rasterise(points, triangles, SMALL, np.inf)
        for seed in range(5):
            order = np.random.default_rng(seed).permutation(len(triangles))
            other = rasterise(points, triangles[order], SMALL, np.inf)
            assert other.depth.tobytes() == image.depth.tobytes()

    def test_both_sides_of_a_triangle_are_seen(self):
        points, triangles = random_mesh(9)
        image = rasterise(points, triangles, SMALL, np.inf)
        assert rasterise(points, triangles[:, [0, 2, 1]], SMALL, np.inf).depth.tobytes() == image.depth.tobytes()

    def test_what_stands_too_far_before_the_tip_lets_the_surface_behind_show(self):
        sheet, triangles = grid_mesh(13, 13)
        points = np.concatenate([sheet - np.array([0, 0, 20.0]), sheet + np.array([0, 0, 3.5])])
        both = np.concatenate([triangles, triangles + len(sheet)])
        image = rasterise(points, both, SMALL, 3.0)
        assert (image.depth == 20.0).all()
        assert image.front_pixels == 0
        assert (rasterise(points, both, SMALL, 3.5).depth == -3.5).all()

    def test_pixels_of_which_all_surface_stands_too_far_before_the_tip_are_counted(self):
        sheet, triangles = grid_mesh(13, 13)
        image = rasterise(sheet + np.array([0, 0, 3.5]), triangles, SMALL, 3.0, want_triangle=True)
        assert np.isnan(image.depth).all()
        assert image.front_pixels == image.depth.size
        assert (image.triangle == -1).all()

    def test_a_triangle_is_cut_at_the_near_limit_fragment_by_fragment(self):
        points = np.array([[-1, 0, -1], [40, 0, 40], [-1, 40, -1]], float)  # z = x
        image = rasterise(points, np.array([[0, 1, 2]], np.int32), SMALL, 5.0)
        drawn = ~np.isnan(image.depth)
        assert drawn[:, :6].all()
        assert not drawn[:, 6:].any()

    def test_an_edge_of_just_the_limit_is_drawn(self):
        points = np.array([[0, 0, 0], [3, 0, 4], [0, 3, 0]], float)
        triangle = np.array([[0, 1, 2]], np.int32)
        just = np.sqrt(34.0)
        assert rasterise(points, triangle, SMALL, 9.0, just + 1e-9).dropped_triangles == 0
        assert rasterise(points, triangle, SMALL, 9.0, just - 1e-9).dropped_triangles == 1

    def test_the_edge_limit_is_in_millimetres_whatever_the_pixel(self):
        points = np.array([[0, 0, 0], [5, 0, 0], [0, 5, 0]], float)
        triangle = np.array([[0, 1, 2]], np.int32)
        for pitch in (0.1, 1.0, 2.5):
            frame = Frame(12, pitch, 0.0, 11 * pitch, 0.0)
            assert rasterise(points, triangle, frame, 9.0, 7.0).dropped_triangles == 1
            assert rasterise(points, triangle, frame, 9.0, 7.1).dropped_triangles == 0

    def test_nothing_drawn_is_all_nan(self):
        nothing = np.empty((0, 3), np.int32)
        assert np.isnan(rasterise(np.zeros((4, 3)), nothing, SMALL, 3.0).depth).all()

    def test_input_need_not_be_writable_ordered_or_of_the_kernels_type(self):
        points, triangles = random_mesh(2)
        points = np.rint(points * 8) / 8
        image = rasterise(points, triangles, SMALL, np.inf)
        sealed, shut = points.copy(), triangles.copy()
        sealed.flags.writeable = shut.flags.writeable = False
        for p, t in ((sealed, shut), (np.asfortranarray(points), triangles.astype(np.int64))):
            assert rasterise(p, t, SMALL, np.inf).depth.tobytes() == image.depth.tobytes()
        for compiled in (kernels.draw, kernels.project):  # once, not once more for every kind of array
            assert len(getattr(compiled, "signatures", [None])) == 1


class TestAnalyticSurfaces:
    @settings(max_examples=30, deadline=None)
    @given(st.floats(-4, 4), st.floats(-4, 4), st.floats(0.4, 2.5))
    def test_a_plane_is_exact_to_a_nanometre(self, slope_x, slope_y, pitch):
        points, triangles = grid_mesh(30, 30, pitch)
        points[:, 2] = slope_x * points[:, 0] + slope_y * points[:, 1] - 500
        frame = Frame(10, pitch, 3.3 * pitch, 17.9 * pitch, 0.0)
        row, column = np.mgrid[:10, :10]
        want = 500 - slope_x * (frame.left + column * pitch) - slope_y * (frame.top - row * pitch)
        # a vertex is snapped by up to 2^-21 pixel, and a slope turns that into depth
        assert np.abs(rasterise(points, triangles, frame, 0.0).depth - want).max() < 2e-5

    def test_a_sphere_lies_between_its_inner_and_outer_radius(self):
        points, triangles = sphere(40.0, 120, 240)
        frame = Frame.centred(np.zeros(2), 40.0, 64, 1.0)
        depth = rasterise(points, triangles, frame, 0.0).depth
        row, column = np.nonzero(~np.isnan(depth))
        there = np.column_stack([column, row, depth[row, column], np.ones(len(row))]) @ frame.to_scan.T
        radius = np.linalg.norm(there, axis=1)
        sagitta = 40.0 * (1 - np.cos(np.pi / 119) * np.cos(np.pi / 240))
        assert radius.max() <= 40.0 + 1e-6
        assert radius.min() >= 40.0 - sagitta - 1e-6
        away = np.hypot(*np.mgrid[-31.5:32.5, -31.5:32.5])
        assert not np.isnan(depth[away < 39.9]).any()
        assert np.isnan(depth[away > 40.0]).all()


class TestTriangleSeen:
    def test_the_triangle_seen_gives_back_the_depth(self):
        points, triangles = random_mesh(4)
        image = rasterise(points, triangles, SMALL, 8.0, want_triangle=True)
        assert ((image.triangle >= 0) == ~np.isnan(image.depth)).all()
        for row, column in np.argwhere(image.triangle >= 0):
            corners = [naive.project(points[i], SMALL) for i in triangles[image.triangle[row, column]]]
            share = naive.weights(corners, int(column), int(row))
            assert min(share) >= 0
            depth = sum(w * corner[2] for w, corner in zip(share, corners, strict=True))
            assert abs(float(depth) - image.depth[row, column]) < 1e-9

    def test_of_equally_deep_triangles_the_first_is_named(self):
        points = np.array([[-1, -1, 0], [30, -1, 0], [-1, 30, 0]], float)
        image = rasterise(points, np.array([[0, 1, 2]] * 3, np.int32), SMALL, 1.0, want_triangle=True)
        assert (image.triangle == 0).all()

    def test_depths_are_the_same_with_and_without_it(self):
        points, triangles = random_mesh(6)
        with_it = rasterise(points, triangles, SMALL, 8.0, want_triangle=True)
        without = rasterise(points, triangles, SMALL, 8.0)
        assert with_it.depth.tobytes() == without.depth.tobytes()
        assert without.triangle is None


class TestOpen3DRayCasting:
    """Parallel rays of Open3D's RaycastingScene (Embree) against the z-buffer."""

    @staticmethod
    def cast(points, triangles, frame):
        o3d = pytest.importorskip("open3d", exc_type=ImportError)
        scene = o3d.t.geometry.RaycastingScene()
        scene.add_triangles(points.astype(np.float32), triangles.astype(np.uint32))
        row, column = np.mgrid[: frame.size, : frame.size]
        start = np.stack([column, row, np.full(row.shape, -200.0), np.ones(row.shape)], -1) @ frame.to_scan.T
        rays = np.concatenate([start, np.broadcast_to([0.0, 0.0, -1.0], start.shape)], -1).astype(np.float32)
        hit = scene.cast_rays(o3d.core.Tensor(rays))["t_hit"].numpy().astype(float)
        return np.where(np.isfinite(hit), hit - 200.0, np.nan)

    @staticmethod
    def compare(ours, theirs, tolerance=1e-4):
        both = ~np.isnan(ours) & ~np.isnan(theirs)
        assert both.sum() > 500
        # at a silhouette, single precision may decide otherwise: there, and there only
        differing = np.isnan(ours) != np.isnan(theirs)
        inner = _erode(both | differing) & ~_grow(differing)
        assert np.abs(ours - theirs)[inner & both].max() < tolerance
        assert differing.mean() < 0.002

    @pytest.mark.parametrize("seed", range(3))
    @pytest.mark.slow
    def test_spheres(self, seed):
        rng = np.random.default_rng(seed)
        points, triangles = sphere(rng.uniform(15, 28), 40, 70)
        points += rng.uniform(-3, 3, 3)
        frame = Frame.centred(np.zeros(2), 30.0, 64, 1.0)
        ours = rasterise(points, triangles, frame, np.inf).depth
        self.compare(ours, self.cast(points, triangles, frame))

    @pytest.mark.parametrize("seed", range(3))
    def test_random_relief(self, seed):
        from scipy.spatial import Delaunay

        rng = np.random.default_rng(seed)
        places = rng.uniform(-30, 30, (1500, 2))
        triangles = Delaunay(places).simplices.astype(np.int32)
        points = np.column_stack([places, 3 * np.sin(places[:, 0] / 5) + rng.normal(0, 0.3, 1500)])
        frame = Frame.centred(np.zeros(2), 5.0, 64, 1.0)
        ours = rasterise(points, triangles, frame, np.inf).depth
        self.compare(ours, self.cast(points, triangles, frame))

    def test_triangles_that_hide_one_another(self):
        points, triangles = random_mesh(1, count=60, low=-25, high=25, reach=15)
        frame = Frame.centred(np.zeros(2), 0.0, 64, 0.8)
        ours, theirs = rasterise(points, triangles, frame, np.inf).depth, self.cast(points, triangles, frame)
        close = np.abs(ours - theirs) < 1e-4
        assert (close | (np.isnan(ours) & np.isnan(theirs))).mean() > 0.998


def _grow(mask):
    padded = np.pad(mask, 1)
    rows, columns = mask.shape
    return np.any([padded[r : r + rows, c : c + columns] for r in range(3) for c in range(3)], axis=0)


def _erode(mask):
    return ~_grow(~mask)
