from __future__ import annotations

import csv
from dataclasses import replace

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gemax_cli.face import clean_kernels as kernels
from gemax_cli.face.clean import COUNTS, clean_scan, drop_grazing, keep_points
from gemax_cli.scans.model import TextureMap
from gemax_cli.scans.read import read_scan
from tests.face import naive_nose as naive

compiled = pytest.mark.skipif(bool(numba.config.DISABLE_JIT), reason="whole scans take minutes without the compiler")
few = settings(max_examples=25, deadline=None)
seeds = st.integers(0, 10_000)


def random_triangles(seed, count=40, many=60):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(count, 3)) * 10, rng.integers(0, count, (many, 3)).astype(np.int32)


def hill(x, y):
    return 60 - 0.006 * (x**2 + 0.7 * y**2)


def raised(scan, which, by):
    points = scan.points.copy()
    points[which, 2] += by
    return replace(scan, points=points)


class TestKernels:
    @few
    @given(seeds)
    def test_neighbours_are_those_along_edges(self, seed):
        points, triangles = random_triangles(seed)
        wanted = naive.neighbours_of(len(points), triangles)
        for row, near in zip(naive.rows_of(kernels.mesh_neighbours(len(points), triangles)), wanted, strict=True):
            assert len(row) == len(set(row))
            assert set(row) - {wanted.index(near)} <= near
            assert len(row) >= min(len(near), kernels.MOST)

    @few
    @given(seeds, st.floats(0, 8), st.floats(0.5, 3))
    def test_spikes_equal_the_reference(self, seed, least, factor):
        points, triangles = random_triangles(seed)
        table = kernels.mesh_neighbours(len(points), triangles)
        got = kernels.find_spike_points(points, table, least, factor)
        np.testing.assert_array_equal(got, naive.spikes(points, table, least, factor))

    @given(st.lists(st.integers(-3, 3).map(float), min_size=1, max_size=kernels.MOST))
    def test_the_median_is_the_upper_one(self, values):
        room = np.full(kernels.MOST, -9.0)
        room[: len(values)] = values
        assert kernels.upper_median(room, len(values)) == naive.upper_median(values)

    @few
    @given(seeds, st.floats(0, 40))
    def test_points_hold_only_by_what_holds_itself_however_many_neighbours(self, seed, reach):
        points, triangles = random_triangles(seed, count=16, many=80)  # more neighbours than the table has room for
        table = kernels.mesh_neighbours(len(points), triangles)
        kept = np.ones(len(points), np.bool_)
        got = kernels.hold(points, table, kept, reach)
        np.testing.assert_array_equal(got, naive.hold(points, table, kept, reach))

    @few
    @given(seeds, st.integers(1, 7))
    def test_longest_edges_equal_the_reference(self, seed, stride):
        points, triangles = random_triangles(seed)
        kept = np.random.default_rng(seed).random(len(points)) < 0.8
        wanted = naive.triangle_shapes(points, triangles[::stride], kept)[0]
        got = kernels.longest_edges(points, triangles, kept, stride)
        np.testing.assert_allclose(got, wanted[wanted >= 0], atol=1e-12)

    @pytest.mark.parametrize("reach", [4.999999, 5.0, 5.000001])
    def test_a_step_of_just_the_reach_holds(self, reach):
        points = np.array([[0.0, 0, 1], [3, 4, 1], [-1, 7, 1], [-4, 3, 1]])  # a square
        table = kernels.mesh_neighbours(4, np.array([[0, 1, 2], [0, 2, 3]], np.int32))
        assert kernels.hold(points, table, np.ones(4, np.bool_), reach).tolist() == [reach >= 5.0] * 4
        assert kernels.hold(0 * points, table, np.ones(4, np.bool_), 0.0).all()  # no step is no long one

    @few
    @given(seeds, st.floats(1, 40), st.sampled_from([0.0, 0.1, 0.5, 0.9]))
    def test_bad_triangles_equal_the_reference(self, seed, limit, cosine):
        points, triangles = random_triangles(seed)
        kept = np.random.default_rng(seed).random(len(points)) < 0.8
        longest, facing = naive.triangle_shapes(points, triangles, kept)
        grazing = facing < cosine
        long = ~grazing & (longest > limit)
        bad, grazing_count, long_count = kernels.bad_triangles(points, triangles, kept, limit, cosine)
        np.testing.assert_array_equal(bad, grazing | long)
        assert (grazing_count, long_count) == (grazing.sum(), long.sum())

    @pytest.mark.parametrize("limit", [4.999999, 5.0, 5.000001])
    def test_an_edge_of_the_limit_is_not_too_long(self, limit):
        points, triangles = np.array([[0.0, 0, 0], [3, 0, 0], [3, 4, 0]]), np.array([[0, 1, 2]], np.int32)
        assert kernels.bad_triangles(points, triangles, np.ones(3, np.bool_), limit, 0.1)[2] == (limit < 5)

    @pytest.mark.parametrize("cosine", [0.1 - 1e-9, 0.1 + 1e-9])
    def test_a_triangle_that_just_does_not_graze(self, cosine):
        points = np.array([[0.0, 0, 0], [1, 0, np.sqrt(99.0)], [0, 1, 0]])  # of a cosine of 0.1
        _, facing = naive.triangle_shapes(points, np.array([[0, 1, 2]]), np.ones(3, np.bool_))
        found = kernels.bad_triangles(points, np.array([[0, 1, 2]], np.int32), np.ones(3, np.bool_), 99.0, cosine)[1]
        assert found == (facing[0] < cosine)

    @few
    @given(seeds, st.floats(0, 40))
    def test_pieces_equal_the_reference(self, seed, limit):
        points, triangles = random_triangles(seed, many=25)
        table = kernels.mesh_neighbours(len(points), triangles)
        kept = np.random.default_rng(seed).random(len(points)) < 0.8
        got = kernels.piece_sizes(points, table, kept, limit)
        np.testing.assert_array_equal(got, naive.piece_sizes(points, table, kept, limit))

    @few
    @given(seeds, st.floats(0, 30))
    def test_held_points_equal_the_reference(self, seed, reach):
        points, triangles = random_triangles(seed)
        table = kernels.mesh_neighbours(len(points), triangles)
        kept = np.random.default_rng(seed).random(len(points)) < 0.9
        got = kernels.hold(points, table, kept, reach)
        np.testing.assert_array_equal(got, naive.hold(points, table, kept, reach))

    @few
    @given(seeds)
    def test_extracting_equals_the_reference(self, seed):
        points, triangles = random_triangles(seed)
        rng = np.random.default_rng(seed)
        kept, unwanted = rng.random(len(points)) < 0.7, rng.random(len(triangles)) < 0.3
        grid = rng.permutation(np.concatenate([np.arange(len(points)), np.full(8, -1)])).reshape(6, 8).astype(np.int32)
        wanted = ~unwanted & kept[triangles].all(1)
        number = np.append(np.where(kept, np.cumsum(kept) - 1, -1), -1)
        got = kernels.extract(points, triangles, grid, kept, unwanted)
        np.testing.assert_array_equal(got[0], points[kept])
        np.testing.assert_array_equal(got[1], number[triangles[wanted]])
        np.testing.assert_array_equal(got[2], number[grid])
        np.testing.assert_array_equal(got[3], wanted)

    def test_no_points_and_no_triangles(self):
        points, triangles = np.zeros((0, 3)), np.zeros((0, 3), np.int32)
        table = kernels.mesh_neighbours(0, triangles)
        assert table.shape == (0, kernels.MOST)
        assert len(kernels.find_spike_points(points, table, 1.0, 1.0)) == 0
        assert len(kernels.piece_sizes(points, table, np.zeros(0, np.bool_), 1.0)) == 0

    def test_degenerate_triangles_have_no_direction(self):
        points = np.array([[0.0, 0, 0], [1, 0, 0], [2, 0, 0]])
        triangles = np.array([[0, 1, 2], [0, 0, 0]], np.int32)
        assert kernels.longest_edges(points, triangles, np.ones(3, np.bool_), 1).tolist() == [2.0, 0.0]
        bad, grazing, long = kernels.bad_triangles(points, triangles, np.ones(3, np.bool_), 1.5, 0.1)
        assert (bad.tolist(), grazing, long) == ([True, True], 2, 0)


class TestCleanScan:
    def test_leaves_a_clean_surface_as_it_is(self):
        scan = naive.relief_scan(hill, step=4.0, grid=True)
        cleaned, counts = clean_scan(scan)
        assert cleaned is scan
        assert counts == dict.fromkeys(COUNTS, 0)

    @pytest.mark.parametrize("grid", [True, False])
    @pytest.mark.parametrize("by", [30.0, -12.0])
    def test_takes_single_spikes_out(self, grid, by):
        scan = naive.relief_scan(hill, step=4.0, grid=grid)
        which = np.array([333, 700, 1111])
        cleaned, counts = clean_scan(raised(scan, which, by))
        assert counts["spike_points"] == 3
        np.testing.assert_array_equal(cleaned.points, np.delete(scan.points, which, axis=0))

    def test_takes_spikes_out_of_bare_points(self):
        scan = naive.scan_of(naive.relief_scan(hill, step=4.0).points)
        cleaned, counts = clean_scan(raised(scan, np.array([400, 900]), 25.0))
        assert counts["spike_points"] + counts["isolated_points"] == 2
        assert len(cleaned.points) == len(scan.points) - 2
        assert cleaned.triangles.shape == (0, 3)

    def test_takes_a_rough_cluster_out(self):
        scan = naive.relief_scan(hill, 70, 70, step=0.8)  # as dense as a range sensor
        cluster = np.flatnonzero(np.linalg.norm(scan.points[:, :2] - [20.0, 20.0], axis=1) < 5)
        spiky = raised(scan, cluster, np.random.default_rng(0).uniform(8, 34, len(cluster)))
        cleaned, _ = clean_scan(spiky)
        there = cleaned.points[np.linalg.norm(cleaned.points[:, :2] - [20.0, 20.0], axis=1) < 8]
        assert (np.abs(there[:, 2] - hill(there[:, 0], there[:, 1])) > 3).sum() <= len(cluster) / 4

    def test_takes_scraps_out_and_keeps_large_pieces(self):
        face = naive.relief_scan(hill, step=3.0)
        hand = naive.relief_scan(lambda x, y: 90 + 0 * x, 50, 50, step=3.0)
        scrap = np.array([[100.0, 100, 0], [102, 100, 0], [100, 102, 0]])
        points = np.vstack([face.points, hand.points, scrap])
        first, second = len(face.points), len(face.points) + len(hand.points)
        triangles = np.vstack([face.triangles, hand.triangles + first, [[second, second + 1, second + 2]]])
        cleaned, counts = clean_scan(naive.scan_of(points, triangles))
        assert counts["isolated_points"] == 3
        np.testing.assert_array_equal(cleaned.points, points[:second])
        np.testing.assert_array_equal(cleaned.triangles, triangles[:-1])

    def test_takes_unused_points_out_of_a_mesh(self):
        face = naive.relief_scan(hill, step=4.0)
        scan = naive.scan_of(np.vstack([face.points, [[0.0, 0, 200]]]), face.triangles)
        cleaned, counts = clean_scan(scan)
        assert sum(counts.values()) == 1
        assert len(cleaned.points) == len(face.points)

    def test_takes_bridges_over_a_step_out(self):
        scan = naive.relief_scan(lambda x, y: np.where(x > 0, 40.0, 0.0), step=2.0)
        cleaned, counts = clean_scan(scan)
        assert counts["long_triangles"] >= 2 * 98
        assert len(cleaned.points) >= len(scan.points) - 2  # corners may lose their second neighbour
        heights = cleaned.points[cleaned.triangles][:, :, 2]
        assert (np.ptp(heights, axis=1) == 0).all()

    def test_takes_grazing_triangles_out_of_sensor_grids_only(self):
        def steep(x, y):
            return 11.0 * np.clip(x, 0, 2)  # short enough, but turned away by 85 degrees

        counts = [clean_scan(naive.relief_scan(steep, step=2.0, grid=grid))[1] for grid in (True, False)]
        assert counts[0]["grazing_triangles"] > 0
        assert counts[1]["grazing_triangles"] == 0

    def test_grazing_triangles_wait_until_the_axes_are_known(self):
        scan = naive.relief_scan(lambda x, y: 11.0 * np.clip(x, 0, 2), step=2.0, grid=True)
        known, counts = clean_scan(scan)
        unknown, later = clean_scan(replace(scan, metric=False))
        assert later["grazing_triangles"] == 0
        np.testing.assert_array_equal(drop_grazing(unknown)[0].triangles, known.triangles)
        assert drop_grazing(scan)[1] >= counts["grazing_triangles"] > 0

    def test_keeps_the_triangles_of_a_mesh_that_is_uneven_by_design(self):
        fine = naive.relief_scan(hill, 60, 60, step=2.0)
        coarse = naive.relief_scan(hill, 240, 240, step=16.0)
        points = np.vstack([fine.points, coarse.points])
        triangles = np.vstack([fine.triangles, coarse.triangles + len(fine.points)])
        _, counts = clean_scan(naive.scan_of(points, triangles))
        assert counts["long_triangles"] == 0

    def test_any_unit_gives_the_same(self):
        spiky = raised(naive.relief_scan(hill, step=3.0), np.array([99, 500]), 20.0)
        wanted = clean_scan(spiky)[1]
        for unit in (0.001, 0.1, 1000.0):
            assert clean_scan(replace(spiky, points=spiky.points * unit))[1] == wanted

    def test_cleaning_twice_takes_little_more(self):
        spiky = raised(naive.relief_scan(hill, step=3.0), np.arange(50, 2000, 97), 20.0)
        once, _ = clean_scan(spiky)
        twice, _ = clean_scan(once)
        assert len(once.points) - len(twice.points) <= 5

    def test_grid_and_texture_stay_consistent(self):
        scan = naive.relief_scan(hill, step=4.0, grid=True)
        rng = np.random.default_rng(0)
        uv = rng.random((len(scan.points), 2))
        scan = replace(scan, texture=TextureMap("a.png", uv, scan.triangles.copy()))
        cleaned, _ = clean_scan(raised(scan, np.array([200, 640]), 30.0))
        assert cleaned.texture is not None
        assert cleaned.grid is not None
        # a texture corner still belongs to the point that it belonged to
        before = {tuple(point): tuple(place) for point, place in zip(scan.points, uv, strict=True)}
        corners = cleaned.points[cleaned.triangles].reshape(-1, 3)
        places = cleaned.texture.coordinates[cleaned.texture.triangles].reshape(-1, 2)
        assert all(before[tuple(p)] == tuple(q) for p, q in zip(corners, places, strict=True))
        rows, columns = np.nonzero(cleaned.grid >= 0)
        assert sorted(cleaned.grid[rows, columns].tolist()) == list(range(len(cleaned.points)))
        old = scan.points[scan.grid[rows, columns]]
        np.testing.assert_array_equal(cleaned.points[cleaned.grid[rows, columns]], old)

    @pytest.mark.parametrize(
        "points",
        [
            np.zeros((1, 3)),
            np.zeros((500, 3)),
            np.outer(np.arange(300.0), [1, 0, 0]),
            np.random.default_rng(0).normal(size=(15, 3)),
        ],
        ids=["one", "all the same", "line", "too few"],
    )
    def test_degenerate_scans_pass(self, points):
        cleaned, counts = clean_scan(naive.scan_of(points))
        assert len(cleaned.points) > 0
        assert set(counts) == set(COUNTS)

    def test_a_scan_of_scraps_alone_is_left_as_it_is(self):
        points = np.random.default_rng(0).uniform(-1e3, 1e3, (60, 3))
        scan = naive.scan_of(points, np.zeros((5, 3)))
        assert clean_scan(scan)[0] is scan

    def test_landmarks_stay(self):
        marks = {"Nose tip": np.array([1.0, 2, 3])}
        scan = replace(raised(naive.relief_scan(hill, step=4.0), np.array([333]), 30.0), landmarks=marks)
        assert clean_scan(scan)[0].landmarks is marks


class TestKeepPoints:
    @few
    @given(seeds)
    def test_keeps_triangles_whose_corners_are_kept(self, seed):
        scan = naive.relief_scan(hill, 40, 40, step=4.0)
        kept = np.random.default_rng(seed).random(len(scan.points)) < 0.9
        got = keep_points(scan, kept)
        np.testing.assert_array_equal(got.points, scan.points[kept])
        wanted = scan.triangles[kept[scan.triangles].all(1)]
        np.testing.assert_array_equal(got.points[got.triangles], scan.points[wanted])

    def test_keeping_all_is_the_same_object(self):
        scan = naive.relief_scan(hill, 40, 40, step=4.0)
        assert keep_points(scan, np.ones(len(scan.points), np.bool_)) is scan

    def test_bare_points(self):
        scan = naive.scan_of(np.eye(3))
        np.testing.assert_array_equal(keep_points(scan, np.array([True, False, True])).points, np.eye(3)[[0, 2]])


@compiled
class TestSampleFaces:
    @pytest.mark.slow
    def test_nothing_of_nose_lips_and_chin_goes(self, raw):
        with (raw / "truth.csv").open(newline="") as handle:
            truths = list(csv.DictReader(handle))
        assert truths
        for truth in truths:
            scan = read_scan(raw / truth["path"])
            tip = np.array([float(truth[f"nose_{axis}"]) for axis in "xyz"])
            cleaned, _ = clean_scan(scan)
            for drop, reach in ((0.0, 15.0), (-30.0, 12.0), (-65.0, 12.0)):
                centre = tip + np.array([0.0, drop, 0.0])
                before, after = (
                    (np.linalg.norm(s.points[:, :2] - centre[:2], axis=1) < reach).sum() for s in (scan, cleaned)
                )
                assert after >= 0.97 * before
