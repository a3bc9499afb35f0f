from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from gemax_cli.face.block import cut_blocks
from gemax_cli.face.raster import Frame, rasterise
from gemax_cli.face.surface import MOST_POINTS, is_whole, median_edge, triangulate_points
from gemax_cli.scans.model import Scan
from gemax_cli.settings import BlockSettings
from tests.face import naive_nose as naive
from tests.face.test_raster import grid_mesh

TIP = np.zeros(3)
FRAME = Frame.centred(np.zeros(2), 0.0, 41, 1.0)


def dome(x, y):
    return -(x * x + y * y) / 40


def cloud(seed=0, count=4000, height=dome):
    x, y = np.random.default_rng(seed).uniform(-30, 30, (2, count))
    return np.column_stack([x, y, height(x, y)])


def depth_of(points, max_edge=8.0):
    return rasterise(points, triangulate_points(points, TIP, 3.0), FRAME, 3.0, max_edge).depth


def want():
    y, x = np.mgrid[20:-21:-1, -20:21]
    return -dome(x, y)


class TestSurface:
    @pytest.mark.parametrize("seed", range(3))
    def test_a_random_cloud_becomes_the_surface_it_lies_on(self, seed):
        assert np.abs(depth_of(cloud(seed)) - want()).max() < 0.3

    def test_a_grid_becomes_the_surface_it_lies_on(self):
        y, x = np.mgrid[-30:30:0.8, -30:30:0.8]
        assert np.abs(depth_of(np.column_stack([x.ravel(), y.ravel(), dome(x, y).ravel()])) - want()).max() < 0.1

    @pytest.mark.parametrize("gap", [12.0, 40.0, 150.0])
    @pytest.mark.parametrize("density", [1, 3])
    @pytest.mark.slow
    def test_a_layer_behind_does_not_punch_through(self, gap, density):
        back = cloud(1, 4000 * density) - [0, 0, gap]
        points = np.concatenate([back, cloud(0)])
        assert np.abs(depth_of(points) - want()).max() < 0.6

    def test_what_stands_before_the_tip_lets_the_surface_behind_show(self):
        assert np.abs(depth_of(np.concatenate([cloud(0), cloud(1) + np.array([0, 0, 30.0])])) - want()).max() < 0.3

    def test_a_lone_spike_hides_nothing_and_is_not_drawn(self):
        lowered = cloud() - [0, 0, 40.0]
        points = np.concatenate([lowered, [[3.0, 4.0, -2.0]]])
        assert np.abs(depth_of(points) - 40.0 - want()).max() < 0.3

    def test_a_gap_is_not_bridged(self):
        points = cloud()
        points = points[np.hypot(points[:, 0], points[:, 1]) > 10]
        depth = depth_of(points)
        y, x = np.mgrid[-20:21, -20:21]
        assert np.isnan(depth[np.hypot(x, y) < 6]).all()

    def test_steep_surface_is_kept(self):
        ramp = cloud(0, 9000, lambda x, y: -3.0 * np.abs(x))
        x = np.arange(-20, 21)
        assert np.nanmedian(np.abs(depth_of(ramp) - 3.0 * np.abs(x))) < 0.1
        assert np.isnan(depth_of(ramp)).mean() < 0.01

    def test_repeated_points_change_nothing(self):
        points = cloud()
        twice = np.concatenate([points, points[::3], points[:100]])
        assert np.abs(depth_of(twice) - want()).max() < 0.3

    def test_of_points_at_one_place_the_frontmost_is_seen(self):
        points = cloud()
        behind = points - [0, 0, 1.0]
        seen = np.unique(triangulate_points(np.concatenate([behind, points]), TIP, 3.0))
        assert seen.min() >= len(points)

    def test_triangles_are_counter_clockwise_rows_of_the_points(self):
        points = cloud(0, 500)
        triangles = triangulate_points(points, TIP, 3.0)
        assert triangles.dtype == np.int32
        a, b, c = points[triangles[:, 0], :2], points[triangles[:, 1], :2], points[triangles[:, 2], :2]
        area = (b - a)[:, 0] * (c - a)[:, 1] - (b - a)[:, 1] * (c - a)[:, 0]
        assert (area > 0).all()
        assert len(np.unique(triangles)) == 500

    def test_the_order_of_the_points_does_not_matter(self):
        points = cloud()
        shuffled = points[np.random.default_rng(1).permutation(len(points))]
        assert np.nanmax(np.abs(depth_of(points) - depth_of(shuffled))) < 1e-9

    @pytest.mark.slow
    def test_a_dense_cloud_is_thinned(self):
        points = cloud(0, MOST_POINTS + 50_000)
        triangles = triangulate_points(points, TIP, 3.0)
        assert len(np.unique(triangles)) <= MOST_POINTS
        assert np.abs(rasterise(points, triangles, FRAME, 3.0, 2.0).depth - want()).max() < 0.1


class TestDegenerate:
    def test_three_points_are_a_triangle(self):
        assert triangulate_points(np.array([[0, 0, 0], [9, 0, 0], [0, 9, 0]], float), TIP, 3.0).shape == (1, 3)

    @pytest.mark.parametrize("count", [0, 1, 2])
    def test_fewer_are_none(self, count):
        assert triangulate_points(np.zeros((count, 3)), TIP, 3.0).shape == (0, 3)

    @pytest.mark.parametrize("count", [3, 5, 40])
    def test_points_in_a_line_are_none(self, count):
        line = np.arange(count)[:, None] * np.array([[1.0, 2.0, 0.0]])
        assert triangulate_points(line, TIP, 3.0).shape == (0, 3)

    @pytest.mark.parametrize("count", [3, 40])
    def test_one_place_over_and_over_is_none(self, count):
        assert triangulate_points(np.zeros((count, 3)), TIP, 3.0).shape == (0, 3)

    def test_points_all_before_the_tip_are_none(self):
        assert triangulate_points(cloud() + np.array([0, 0, 200.0]), TIP, 3.0).shape == (0, 3)


class TestMedianEdge:
    def test_the_median_edge(self):
        points = np.array([[0, 0, 0], [3, 0, 0], [0, 4, 0]], float)
        assert median_edge(points, np.array([[0, 1, 2]], np.int32)) == 4.0

    def test_a_large_sheet_is_sampled(self):
        points, triangles = grid_mesh(120, 120, 0.764)
        assert median_edge(points, triangles) == pytest.approx(0.764)

    def test_no_triangle_has_no_spacing(self):
        assert median_edge(np.zeros((3, 3)), np.empty((0, 3), np.int32)) == 0.0


def test_bare_points_can_be_cut():
    scan = Scan(Path("cloud.xyz"), "xyz", cloud(), np.empty((0, 3), np.int32))
    (block,) = cut_blocks(scan, TIP, BlockSettings(size=41), (60.0,))
    depth = (65535.0 - block.depth16) / 65534 * 60
    assert (block.depth16 > 0).all()
    assert np.abs(depth - want()).max() < 0.3


@pytest.mark.slow
def test_scipy_is_imported_for_bare_points_alone():
    code = "import sys; from gemax_cli.face import block; sys.exit('scipy.spatial' in sys.modules)"
    root = Path(__file__).resolve().parents[2]
    assert subprocess.run([sys.executable, "-c", code], cwd=root, check=False).returncode == 0


def half_coarse(holes=0, **kind):
    """A mesh of 2 mm with a side of 25 mm, and holes of one point in its fine part."""
    fine = naive.relief_scan(dome_of_face, 80, 160, step=2.0)
    coarse = naive.relief_scan(dome_of_face, 100, 200, step=25.0)
    triangles = np.concatenate([fine.triangles, coarse.triangles + len(fine.points)])
    right, left = np.array([42.0, 0, 0]), np.array([-48.0, 0, 0])
    points = np.concatenate([fine.points + right, coarse.points + left])
    lost = np.random.default_rng(0).choice(len(fine.points), holes, replace=False)
    return naive.scan_of(points, triangles[~np.isin(triangles, lost).any(axis=1)], **{"metric": False, **kind})


def dome_of_face(x, y):
    return -(x**2 + y**2) / 400 - 1.0


class TestWholeMeshes:
    def test_are_told_from_scans_with_ragged_holes(self):
        for holes, whole in ((0, True), (200, False)):
            scan = half_coarse(holes)
            assert is_whole(scan.points, scan.triangles) == whole

    def test_points_repeated_at_a_seam_leave_no_hole(self):
        scan = half_coarse()
        split = naive.scan_of(scan.points[scan.triangles.ravel()], np.arange(scan.triangles.size).reshape(-1, 3))
        assert is_whole(split.points, split.triangles)

    @pytest.mark.parametrize(
        ("scan", "drawn"),
        [(half_coarse(), True), (half_coarse(200), False), (half_coarse(metric=True), False)],
        ids=["registered", "ragged", "measured"],
    )
    def test_are_drawn_with_their_long_edges(self, scan, drawn):
        (block,) = cut_blocks(scan, np.zeros(3), BlockSettings(), (60.0,))
        assert bool(block.depth16[80:140, 20:80].all()) == drawn
        assert (block.counts["dropped_triangles"] == 0) == drawn

    def test_a_limit_that_is_asked_for_holds(self):
        (block,) = cut_blocks(half_coarse(), np.zeros(3), BlockSettings(max_edge_mm=12.0), (60.0,))
        assert not block.depth16[80:140, 20:80].any()
