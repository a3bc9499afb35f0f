from collections import Counter

import numpy as np
import pytest

from gemax_cli.synthetic.face import NO_HOLES, FaceShape, face_mesh, in_discs, procedural_scan
from gemax_cli.synthetic.subject import Identity, draw_identity, make_motion

from .naive import slant, triangles_of


@pytest.fixture(scope="module")
def face():
    return FaceShape(Identity(), make_motion("DI", 4))


@pytest.fixture(scope="module")
def mesh(face):
    return face_mesh(face, np.random.default_rng(1))


def corners(polygons):
    return [[int(i) for i in row if i >= 0] for row in polygons]


def test_vertices_lie_on_the_face(face, mesh):
    points, _ = mesh
    assert (points[:, 2] == face.depth(points[:, 0], points[:, 1])).all()
    assert face.covered(points[:, 0], points[:, 1]).all()


def test_about_eight_thousand_vertices_two_millimetres_apart(mesh):
    points, polygons = mesh
    assert 7000 < len(points) < 9000
    ends = np.array([t[:2] for t in triangles_of(corners(polygons))])
    edges = np.linalg.norm(points[ends[:, 0]] - points[ends[:, 1]], axis=1)
    assert 1.7 < np.median(edges) < 2.9


def test_every_vertex_is_used_and_every_polygon_has_distinct_corners(mesh):
    points, polygons = mesh
    rows = corners(polygons)
    assert {i for row in rows for i in row} == set(range(len(points)))
    assert all(len(set(row)) == len(row) for row in rows)
    assert len({frozenset(row) for row in rows}) == len(rows)


def test_triangles_and_some_quads(mesh):
    sizes = Counter(len(row) for row in corners(mesh[1]))
    assert set(sizes) == {3, 4}
    assert 0.02 < sizes[4] / sizes[3] < 0.10


def test_polygons_are_counter_clockwise_and_convex_from_the_front(mesh):
    points, polygons = mesh
    for row in corners(polygons):
        for k in range(len(row)):
            a, b, c = (points[row[(k + j) % len(row)], :2] for j in range(3))
            assert (b[0] - a[0]) * (c[1] - b[1]) - (b[1] - a[1]) * (c[0] - b[0]) > 0


def test_the_surface_is_a_manifold(mesh):
    directed = Counter((row[k], row[(k + 1) % len(row)]) for row in corners(mesh[1]) for k in range(len(row)))
    assert max(directed.values()) == 1


def test_every_polygon_is_seen_from_the_front(mesh):
    points, polygons = mesh
    slants = [slant(*(points[i] for i in t)) for t in triangles_of(corners(polygons))[::7]]
    assert np.median(slants) < 55
    assert max(slants) < 90


def test_triangles_of_a_procedural_scan_are_its_polygons_as_fans():
    scan = procedural_scan(3, "DI", spacing=4.0)
    random = np.random.default_rng(3)
    who = draw_identity(random)
    _, polygons = face_mesh(FaceShape(who, make_motion("DI", 4, who.style)), random, 4.0)
    assert sorted(map(tuple, scan.triangles.tolist())) == sorted(triangles_of(corners(polygons)))


def test_nothing_is_sampled_in_a_hole(face):
    hole = np.array([[30.0, 10.0, 6.0]])
    points, polygons = face_mesh(face, np.random.default_rng(1), holes=hole)
    apart = np.hypot(points[:, 0] - 30.0, points[:, 1] - 10.0)
    assert 6.0 <= apart.min() < 8.0
    assert polygons.max() == len(points) - 1


def test_in_discs_against_the_definition(random):
    x, y = random.uniform(-5, 5, (2, 60))
    discs = np.column_stack([random.uniform(-5, 5, (3, 2)), [0.0, 1.0, 2.5]])
    expected = [any((a - p) ** 2 + (b - q) ** 2 < r * r for p, q, r in discs) for a, b in zip(x, y, strict=True)]
    assert in_discs(x, y, discs).tolist() == expected
    assert not in_discs(x, y, NO_HOLES).any()


def test_order_of_vertices_is_scrambled(mesh):
    points, _ = mesh
    steps = np.linalg.norm(np.diff(points[:, :2], axis=0), axis=1)
    assert np.median(steps) > 30
