"""Polygons between marks, against the slow reference."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gemax_cli.scans.polygons import MARK, clip, count_triangles, fan, marks_behind
from tests.scans.naive_vrml import naive_fan


@pytest.mark.parametrize("mark", [-1, 0])
@pytest.mark.parametrize(
    "indexes",
    [[], [5], [5, 6], [5, 6, 7], [5, 6, 7, 8, 9], ["|"], ["|", "|"], ["|", 5, 6, 7], [5, "|", 6, 7, 8, "|", 9, 9]],
)
def test_few_corners(indexes: list[int | str], mark: int) -> None:
    numbers = [mark if index == "|" else int(index) for index in indexes]
    assert fan(np.array(numbers, np.int32), mark).tolist() == [list(t) for t in naive_fan(numbers, mark)]


@settings(max_examples=200, deadline=None)
@given(st.lists(st.integers(-1, 6), max_size=40), st.sampled_from([-1, MARK]))
def test_any_list_is_fanned_as_by_the_reference(numbers: list[int], mark: int) -> None:
    numbers = [mark if number == -1 else number for number in numbers]
    indexes = np.array(numbers, np.int32)
    fanned = fan(indexes, mark)
    assert fanned.dtype == np.int32
    assert fanned.shape[1:] == (3,)
    assert fanned.tolist() == [list(triangle) for triangle in naive_fan(numbers, mark)]
    assert len(fanned) == count_triangles(indexes, mark)


@given(st.lists(st.lists(st.integers(-9, 9), max_size=5), max_size=8))
def test_counts_become_marks(polygons: list[list[int]]) -> None:
    counted = np.array([number for polygon in polygons for number in (len(polygon), *polygon)], np.int32)
    marks_behind(counted)
    assert counted.tolist() == [number for polygon in polygons for number in (*polygon, MARK)]


@settings(max_examples=100, deadline=None)
@given(st.lists(st.lists(st.integers(0, 8), max_size=3), max_size=12))
def test_triangles_that_are_clipped_stay_as_they_are(polygons: list[list[int]]) -> None:
    indexes = np.array([number for polygon in polygons for number in [*polygon, -1]], np.int32)
    points = np.random.default_rng(3).normal(size=(9, 3))
    np.testing.assert_array_equal(clip(points, indexes, -1), fan(indexes, -1))
