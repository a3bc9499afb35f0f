from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from gemax_cli.errors import BadFormat, EmptyScan
from gemax_cli.scans.grid import (
    GridPoints,
    distance_to,
    gather_grid,
    gathered_scan,
    is_organised,
    triangulate_grid,
)
from tests.scans import naive_grid
from tests.scans.organised_files import BACKGROUND, face_planes

SHAPES = st.tuples(st.integers(1, 7), st.integers(1, 7))


def random_planes(seed, shape, extra=2, share=0.3):
    rng = np.random.default_rng(seed)
    planes = rng.normal(0, 40, (3 + extra, *shape))
    planes[2][rng.random(shape) < share] = BACKGROUND
    return planes


def canonical(triangles):
    return sorted(naive_grid.rotated([int(c) for c in row]) for row in triangles)


def check_gather(planes, background, bottom_up):
    points, extras, grid, impossible = naive_grid.gather(planes, background, bottom_up)
    found = gather_grid(planes, background, bottom_up)
    assert found.points.shape == (len(points), 3)
    assert found.extras.shape == (len(points), len(planes) - 3)
    assert found.points.tolist() == points
    np.testing.assert_array_equal(found.extras, np.reshape(extras, found.extras.shape))
    assert found.grid.tolist() == grid
    assert found.grid.dtype == np.int32
    assert found.impossible == impossible
    return found


@settings(max_examples=80, deadline=None)
@given(st.integers(0, 2**32 - 1), SHAPES, st.sampled_from([0.0, 0.3, 0.8, 1.0]), st.booleans(), st.integers(0, 2))
def test_gathering_and_triangles_equal_the_slow_reference(seed, shape, share, bottom_up, extra):
    found = check_gather(random_planes(seed, shape, extra, share), BACKGROUND, bottom_up)
    triangles = triangulate_grid(found.grid, found.points)
    assert triangles.dtype == np.int32
    assert triangles.shape[1] == 3
    assert canonical(triangles) == sorted(naive_grid.triangulate(found.grid.tolist(), found.points.tolist()))


@settings(max_examples=60, deadline=None)
@given(hnp.arrays(np.float64, st.tuples(st.just(3), st.integers(1, 4), st.integers(1, 4))), st.booleans())
def test_any_floats_are_gathered_as_by_the_reference(planes, bottom_up):
    found = check_gather(planes, BACKGROUND, bottom_up)
    assert np.isfinite(found.points).all()


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e300, -1.1e5, 1e9])
@pytest.mark.parametrize("plane", [0, 1, 2])
def test_an_impossible_coordinate_is_dropped_and_counted(bad, plane):
    planes = face_planes()
    planes[plane, 6, 4] = bad
    found = check_gather(planes, BACKGROUND, True)
    assert found.impossible == 1
    assert found.grid[5, 4] == -1


def test_only_z_tells_the_background():
    planes = face_planes()
    before = gather_grid(planes, BACKGROUND, True)
    planes[2, 6, 4] = BACKGROUND
    found = gather_grid(planes, BACKGROUND, True)
    assert len(found.points) == len(before.points) - 1
    assert found.impossible == 0


def test_a_background_that_is_not_a_number_leaves_numbers_alone():
    found = gather_grid(np.zeros((3, 2, 2)), float("nan"), False)
    assert found.grid.tolist() == [[0, 1], [2, 3]]


def test_points_are_numbered_from_the_top_left():
    planes = np.arange(12.0).reshape(3, 2, 2)
    up = gather_grid(planes, BACKGROUND, True)
    down = gather_grid(planes, BACKGROUND, False)
    assert up.grid.tolist() == down.grid.tolist() == [[0, 1], [2, 3]]
    assert up.points[0].tolist() == [2.0, 6.0, 10.0]
    assert down.points[0].tolist() == [0.0, 4.0, 8.0]


def test_planes_of_any_memory_order_and_type_are_taken():
    planes = random_planes(1, (5, 4))
    want = gather_grid(planes, BACKGROUND, True)
    views = [np.asfortranarray(planes), planes[:, ::-1][:, ::-1], planes.astype(">f8")]
    for view in views:
        np.testing.assert_array_equal(gather_grid(view, BACKGROUND, True).points, want.points)


def square(z=(0.0, 0.0, 0.0, 0.0)):
    """Top left, top right, bottom left, bottom right."""
    return np.array([[0, 1, z[0]], [1, 1, z[1]], [0, 0, z[2]], [1, 0, z[3]]], float)


FULL = np.array([[0, 1], [2, 3]], np.int32)


def test_equal_diagonals_are_split_from_top_left_to_bottom_right():
    assert canonical(triangulate_grid(FULL, square())) == [(0, 2, 3), (0, 3, 1)]


def test_the_shorter_diagonal_in_space_is_taken():
    assert canonical(triangulate_grid(FULL, square((5.0, 0, 0, 0)))) == [(0, 2, 1), (1, 2, 3)]
    assert canonical(triangulate_grid(FULL, square((0, 5.0, 0, 0)))) == [(0, 2, 3), (0, 3, 1)]


@pytest.mark.parametrize("missing", range(4))
def test_three_corners_make_one_triangle_that_faces_the_camera(missing):
    grid = FULL.copy()
    grid.ravel()[missing] = -1
    triangles = triangulate_grid(grid, square())
    assert len(triangles) == 1
    assert set(triangles[0].tolist()) == set(range(4)) - {missing}
    assert facing(triangles, square()).min() > 0


@pytest.mark.parametrize("grid", [[[0, -1], [-1, 1]], [[-1, -1], [-1, -1]], [[0, 1]], [[0], [1]]])
def test_fewer_than_three_corners_make_none(grid):
    assert triangulate_grid(np.array(grid, np.int32), square()).shape == (0, 3)


@pytest.mark.parametrize("shape", [(0, 0), (0, 5), (5, 0), (1, 1)])
def test_grids_without_a_cell_make_none(shape):
    assert triangulate_grid(np.full(shape, -1, np.int32), np.empty((0, 3))).shape == (0, 3)


def facing(triangles, points):
    a, b, c = (points[triangles[:, k], :2] for k in range(3))
    u, v = b - a, c - a
    return u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0]


@pytest.mark.parametrize("bottom_up", [True, False])
def test_all_triangles_of_a_face_are_counter_clockwise(bottom_up):
    planes = face_planes(20, 17)
    found = gather_grid(planes if bottom_up else planes[:, ::-1], BACKGROUND, bottom_up)
    triangles = triangulate_grid(found.grid, found.points)
    assert len(triangles) > 300
    assert (facing(triangles, found.points) > 0).all()


def test_the_area_of_a_whole_grid_is_that_of_its_outline():
    planes = face_planes(9, 6)
    planes[2] = 1.0
    planes[0], planes[1] = np.meshgrid(np.arange(6.0), np.arange(9.0))
    found = gather_grid(planes, BACKGROUND, True)
    triangles = triangulate_grid(found.grid, found.points)
    assert facing(triangles, found.points).sum() / 2 == pytest.approx(5 * 8)


def test_no_triangle_is_degenerate_or_doubled():
    found = gather_grid(random_planes(5, (15, 13), share=0.2), BACKGROUND, True)
    triangles = triangulate_grid(found.grid, found.points)
    assert len(set(canonical(triangles))) == len(triangles)
    assert all(len(set(row)) == 3 for row in triangles.tolist())


def test_infinite_lengths_fall_to_the_tie_rule():
    assert canonical(triangulate_grid(FULL, square((1e200, -1e200, 1e200, -1e200)))) == [(0, 2, 3), (0, 3, 1)]


def test_a_grid_that_names_a_point_too_many_is_refused():
    with pytest.raises(IndexError, match="point 3 of 3"):
        triangulate_grid(FULL, square()[:3])


@pytest.mark.parametrize("count", [0, 1, 2, 50])
@pytest.mark.parametrize("place", [(0.0, 0.0, 0.0), (1e8, -3.0, 4.0), (0.5, -0.25, 7.0)])
def test_the_distance_is_that_of_the_reference(count, place):
    points = np.random.default_rng(count).normal(0, 50, (count, 3))
    assert distance_to(points, np.array(place)) == pytest.approx(naive_grid.distance(points, place), rel=1e-12)


def test_any_distance_is_a_number():
    assert distance_to(np.zeros((1, 3)), np.array([1e308, -1e308, 1e308])) > 1e8


# ------------------------------------------------------------------------------------------- is it a surface


def gathered(planes):
    return gather_grid(planes, BACKGROUND, True)


def reshaped(rows, columns, wrong):
    """A face of rows x columns, its rows cut at a wrong length."""
    return gathered(face_planes(rows, columns).reshape(5, *wrong))


@pytest.mark.parametrize(("shape", "wrong"), [((24, 30), (30, 24)), ((24, 30), (36, 20)), ((30, 20), (25, 24))])
def test_rows_of_a_wrong_length_are_noticed(shape, wrong):
    found = reshaped(*shape, wrong)
    assert not is_organised(found.grid, found.points)
    with pytest.raises(BadFormat, match=f"form no grid of {wrong[0]} x {wrong[1]}"):
        gathered_scan(Path("a.bnt"), "bnt", found)


@pytest.mark.parametrize("shape", [(24, 30), (30, 24), (200, 7), (7, 200), (2, 2), (1, 9), (5, 1)])
def test_rows_of_the_right_length_pass(shape):
    found = gathered(face_planes(*shape))
    assert is_organised(found.grid, found.points)


def test_a_turned_noisy_face_passes():
    rng = np.random.default_rng(0)
    planes = face_planes(30, 25)
    measured = planes[2] != BACKGROUND
    planes[2, measured] += 3.0 * planes[0, measured] + rng.normal(0, 2, measured.sum())
    planes[:2, measured] += rng.normal(0, 0.2, (2, measured.sum()))
    found = gathered(planes)
    assert is_organised(found.grid, found.points)


@given(st.integers(0, 10_000), st.sampled_from([0.2, 0.9, 1.0, 1.1, 5.0]))
@settings(max_examples=60, deadline=None)
def test_points_are_organised_where_the_median_says_so(seed, stretch):
    rng = np.random.default_rng(seed)
    planes = rng.exponential(1.0, (3, 9, int(rng.integers(2, 60)))).cumsum(axis=1)
    planes[0] *= stretch
    found = gathered(planes)
    across, along = np.median(naive_grid.steps_down(found.grid.tolist(), found.points.tolist()), axis=1)
    assert is_organised(found.grid, found.points) == (planes.shape[2] < 16 or across <= along)


def flat_at_both_ends():
    planes = face_planes()
    z = planes[2]
    places = np.argwhere(z != BACKGROUND)
    z[tuple(places[0])] = z[tuple(places[-1])]
    return planes


def test_a_face_that_begins_and_ends_at_one_depth_is_none_the_less_one():
    assert len(gathered_scan(Path("a.bnt"), "bnt", gathered(flat_at_both_ends())).triangles)


def test_a_face_is_given_its_triangles():
    found = gathered(face_planes())
    np.testing.assert_array_equal(
        gathered_scan(Path("a.bnt"), "bnt", found).triangles, triangulate_grid(found.grid, found.points)
    )


def all_background():
    planes = face_planes()
    planes[2] = BACKGROUND
    return planes


def flat():
    planes = face_planes()
    planes[2][planes[2] != BACKGROUND] = 4.0
    return planes


def scattered():
    planes = all_background()
    planes[2, ::3, ::3] = np.arange(12.0).reshape(4, 3)
    planes[:2, ::3, ::3] = 1.0
    return planes


@pytest.mark.parametrize(
    ("make", "sentence"),
    [(all_background, "no measured point"), (flat, "same depth everywhere"), (scattered, "12 scattered points")],
)
def test_what_is_no_surface_is_an_error(make, sentence):
    with pytest.raises(EmptyScan, match=f"a.bnt: .*{sentence}"):
        gathered_scan(Path("a.bnt"), "bnt", gathered(make()))


def test_a_gathered_grid_is_plain_data():
    found = gathered(face_planes())
    assert isinstance(found, GridPoints)
    assert found.grid.max() == len(found.points) - 1
    assert (np.diff(found.grid[found.grid >= 0]) == 1).all()
