import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gemax_cli.synthetic.capture import (
    GRID_MM,
    NEAR_TIP_MM,
    NOISE_MM,
    PHOTO_SCALE,
    POSE_LIMITS,
    HeadPose,
    draw_holes,
    draw_pose,
    noise,
    scan_mesh,
    scan_range,
)
from gemax_cli.synthetic.face import BOSPHORUS_CROP, FaceShape
from gemax_cli.synthetic.landmarks import bosphorus_landmarks
from gemax_cli.synthetic.paint import HAIRS, IRISES, SKINS, Complexion
from gemax_cli.synthetic.subject import Identity, make_motion

from .naive import turned

POSE = HeadPose(4.0, -3.5, 2.0, (12.0, -7.0, -40.0))
LOOKS = Complexion(SKINS[0], HAIRS[0], IRISES[0])
angles = st.floats(-90, 90)


@pytest.fixture(scope="module")
def face():
    return FaceShape(Identity(), make_motion("HA", 4))


@pytest.fixture(scope="module")
def mesh(face):
    return scan_mesh(face, LOOKS, POSE, np.random.default_rng(3))


@pytest.fixture(scope="module")
def ranged(face):
    return scan_range(face, LOOKS, POSE, np.random.default_rng(3))


def to_head(points):
    return (points - np.array(POSE.shift)) @ POSE.rotation


@given(angles, angles, angles, st.tuples(*[st.floats(-50, 50)] * 3))
def test_pose_turns_about_x_then_y_then_z(yaw, pitch, roll, point):
    pose = HeadPose(yaw, pitch, roll, (1.0, 2.0, 3.0))
    expected = turned(point, yaw, pitch, roll) + np.array([1.0, 2.0, 3.0])
    assert pose.to_file(np.array(point)) == pytest.approx(expected, abs=1e-9)


def test_drawn_poses_are_small_and_vary():
    poses = [draw_pose(np.random.default_rng(seed)) for seed in range(50)]
    drawn = np.array([(p.yaw, p.pitch, p.roll) for p in poses])
    assert (np.abs(drawn) <= POSE_LIMITS).all()
    assert (drawn.std(axis=0) > 1.0).all()
    assert len({p.shift for p in poses}) == 50


def test_mesh_lies_on_the_turned_face_but_for_the_noise(face, mesh):
    head = to_head(mesh.points)
    apart = head[:, 2] - face.depth(head[:, 0], head[:, 1])
    assert np.abs(apart).max() < 2.5 * NOISE_MM
    assert apart.std() == pytest.approx(NOISE_MM, rel=0.05)


def test_texture_shows_the_colour_of_the_front(face, mesh):
    """Both charts, the upright and the upside-down one, must show what the portrait shows at the same place."""
    head = to_head(mesh.points)
    rows, columns = mesh.portrait.shape[:2]
    checked = {True: 0, False: 0}
    for polygon, places in zip(mesh.polygons[::37, 0], mesh.texture_polygons[::37, 0], strict=True):
        x, y, _ = head[polygon]
        if x * x / 62**2 + y * y / 76**2 > 1:
            continue
        u, v = mesh.texture_points[places]
        texel = mesh.texture[int((1 - v) * mesh.texture.shape[0]), int(u * mesh.texture.shape[1])].astype(int)
        column, row = int(x / 0.9 + columns / 2), int(rows * 0.47 - y / 0.9)
        near = mesh.portrait[row - 2 : row + 3, column - 2 : column + 3].reshape(-1, 3).astype(int)
        assert (near.min(axis=0) - 4 <= texel).all()
        assert (texel <= near.max(axis=0) + 4).all()
        checked[bool(u > 0.5)] += 1
    assert min(checked.values()) > 50


def test_texture_polygons_follow_the_polygons_with_numbers_of_their_own(mesh):
    assert mesh.texture_polygons.shape == mesh.polygons.shape
    assert ((mesh.texture_polygons < 0) == (mesh.polygons < 0)).all()
    assert (mesh.texture_polygons != mesh.polygons).mean() > 0.5
    assert mesh.texture_polygons.max() == len(mesh.texture_points) - 1
    assert len(mesh.texture_points) > len(mesh.points)  # the seam is there twice
    assert (mesh.texture_points >= 0).all()
    assert (mesh.texture_points <= 1).all()


def test_a_polygon_lies_in_one_chart(mesh):
    used = mesh.texture_polygons[:, :3]
    left = mesh.texture_points[used, 0] <= 0.5
    assert (left.all(axis=1) | ~left.any(axis=1)).all()
    assert left.any()
    assert not left.all()


def test_range_image_is_a_regular_grid_with_the_chin_first(ranged):
    x, y = ranged.points[..., 0], ranged.points[..., 1]
    assert np.nanmax(np.abs(np.diff(x, axis=1) - GRID_MM)) < 1e-3
    assert np.nanmax(np.abs(np.diff(y, axis=0) - GRID_MM)) < 1e-3
    assert np.nanmax(np.abs(np.diff(x, axis=0))) == 0.0


def test_range_image_has_the_size_of_the_database(ranged):
    rows, columns = ranged.points.shape[:2]
    assert 200 <= rows <= 250
    assert 185 <= columns <= 230
    valid = np.isfinite(ranged.points[..., 2])
    assert 30_000 < valid.sum() < 42_000
    assert 0.17 < 1 - valid.mean() < 0.26


def test_range_image_lies_on_the_turned_face(face, ranged):
    head = to_head(ranged.points[np.isfinite(ranged.points[..., 2])])
    apart = head[:, 2] - face.depth(head[:, 0], head[:, 1])
    assert abs(np.median(apart)) < 0.01
    assert np.median(np.abs(apart)) == pytest.approx(
        0.72 * NOISE_MM, rel=0.05
    )  # of the noise alone, as ``noise`` draws it
    assert np.percentile(np.abs(apart), 99) < 0.3  # the edges of the lips are steeper than the grid resolves
    assert face.covered(head[:, 0], head[:, 1], BOSPHORUS_CROP).mean() > 0.999


def test_some_background_pixels_have_a_place_but_no_depth(ranged):
    lost = np.isfinite(ranged.points[..., 0]) & np.isnan(ranged.points[..., 2])
    assert 1 <= lost.sum() <= 5
    assert (np.isfinite(ranged.points[..., 0]) == np.isfinite(ranged.points[..., 1])).all()


def test_photo_shows_the_landmarks_where_they_are(face, ranged):
    at = bosphorus_landmarks(face)
    places = dict(zip(at, ranged.to_photo(POSE.to_file(np.array(list(at.values())))), strict=True))
    height, width = ranged.photo.shape[:2]
    assert all(0 < u < width and 0 < v < height for u, v in places.values())
    assert places["Chin middle"][1] > places["Nose tip"][1] > places["Inner left eyebrow"][1]
    u, v = places["Lower lip outer middle"].astype(int)
    red, green, _ = ranged.photo[v - 5, u].astype(int)
    assert green < 0.6 * red
    u, v = places["Middle left eyebrow"].astype(int)
    assert ranged.photo[v, u].max() < 0.6 * ranged.photo[v - 40, u].max()


def test_texture_places_lead_to_the_pixel_of_the_photo(ranged):
    rows, columns = ranged.points.shape[:2]
    height, width = ranged.photo.shape[:2]
    valid = np.argwhere(np.isfinite(ranged.points[..., 2]))[::997]
    for row, column in valid:
        a, b = ranged.texture[row, column]
        expected = ranged.to_photo(ranged.points[row, column][None])[0]
        assert [a * width, b * height] == pytest.approx(expected, abs=0.02)
    assert (ranged.texture > 0).all()
    assert (ranged.texture < 1).all()
    assert (height, width) == (rows * PHOTO_SCALE, columns * PHOTO_SCALE)


def test_noise_has_its_standard_deviation_and_a_limit(random):
    errors = noise((200, 1000), random)
    assert errors.std() == pytest.approx(NOISE_MM, rel=0.02)
    assert abs(errors.mean()) < 0.01 * NOISE_MM
    assert np.abs(errors).max() < 2.5 * NOISE_MM


def test_holes_are_small_and_never_near_the_tip(face):
    discs = [draw_holes(face, np.random.default_rng(seed)) for seed in range(60)]
    every = np.concatenate(discs)
    assert len(every) > 60
    assert (every[:, 2] < 3.0).all()
    gap = np.hypot(*(every[:, :2] - face.nose_tip[:2]).T) - every[:, 2]
    assert gap.min() > NEAR_TIP_MM


@pytest.mark.parametrize("scan_face", [scan_mesh, scan_range])
def test_holes_are_holes(face, scan_face):
    """The holes are the first that a scan draws, so that they are known here."""
    seed = next(s for s in range(20) if len(draw_holes(face, np.random.default_rng(s))) >= 2)
    holes = draw_holes(face, np.random.default_rng(seed))
    points = scan_face(face, LOOKS, POSE, np.random.default_rng(seed)).points
    head = to_head(points[np.isfinite(points[..., 2])])
    for x, y, radius in holes:
        apart = np.hypot(head[:, 0] - x, head[:, 1] - y)
        assert radius - 0.05 < apart.min() < radius + 2.5  # the noise, turned, moves a point by little
