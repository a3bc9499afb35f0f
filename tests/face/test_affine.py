from __future__ import annotations

import numpy as np

from gemax_cli.face.affine import compose, transform_points

RANDOM = np.random.default_rng(1)
OUTER, INNER = RANDOM.normal(size=(3, 4)), RANDOM.normal(size=(3, 4))


def test_compose_applies_the_inner_first():
    point = np.array([1.0, -2.0, 3.0])
    moved = INNER[:, :3] @ point + INNER[:, 3]
    expected = OUTER[:, :3] @ moved + OUTER[:, 3]
    np.testing.assert_allclose(compose(OUTER, INNER) @ [*point, 1.0], expected)


def test_one_point_and_many_are_transformed_alike():
    points = RANDOM.normal(size=(5, 3))
    expected = [OUTER @ [*point, 1.0] for point in points]
    np.testing.assert_allclose(transform_points(OUTER, points), expected)
    np.testing.assert_allclose(transform_points(OUTER, points[2]), expected[2])


def test_to_transform_by_a_composition_is_to_transform_twice():
    points = RANDOM.normal(size=(5, 3))
    twice = transform_points(OUTER, transform_points(INNER, points))
    np.testing.assert_allclose(transform_points(compose(OUTER, INNER), points), twice)
