"""Registration of the upper face: simulated sequences with known motion and expression."""

import math
import os

import numpy as np
import pytest

from gemax_cli.face.register import WINDOW, smooth_motions
from gemax_cli.pipeline import UNREGISTERED, convert_scan
from gemax_cli.sequences import stabilise_sequence
from gemax_cli.settings import BlockSettings, Settings
from gemax_cli.synthetic.capture import HeadPose
from gemax_cli.synthetic.face import FaceShape, face_mesh
from gemax_cli.synthetic.subject import draw_identity, make_motion
from gemax_cli.synthetic.writers import write_wrl
from tests.sequences.stability import differences, static_points, write_sequence

MOST_MM = 0.2  # rms difference of static points between any two frames
FRAMES = 30


def motions_of(poses):
    """(n, 4, 4) of HeadPose."""
    found = np.repeat(np.eye(4)[None], len(poses), axis=0)
    for motion, pose in zip(found, poses, strict=True):
        motion[:3, :3], motion[:3, 3] = pose.rotation, pose.shift
    return found


class TestSmoothing:
    def test_even_motion_is_kept_also_far_from_the_origin(self):
        n = np.arange(20.0)
        poses = [HeadPose(0.5 * k, -0.3 * k, 0.0, (0.01 * k * k, 2.0 * k, -0.5 * k)) for k in n]
        motions, centre = motions_of(poses), np.array([50.0, -80.0, 900.0])
        for motion in motions:
            motion[:3, 3] -= motion[:3, :3] @ centre  # about the centre
        smooth = smooth_motions(motions, np.ones(20, np.bool_), centre)
        before, after = (m[:, :3, :3] @ centre + m[:, :3, 3] for m in (motions, smooth))
        np.testing.assert_allclose(before, after, atol=1e-9)
        np.testing.assert_allclose(motions[:, :3, :3], smooth[:, :3, :3], atol=2e-3)
        np.testing.assert_allclose(
            smooth[:, :3, :3] @ smooth[:, :3, :3].transpose(0, 2, 1), np.tile(np.eye(3), (20, 1, 1)), atol=1e-12
        )

    def test_noise_becomes_less(self):
        random = np.random.default_rng(5)
        poses = [HeadPose(*random.normal(0, 0.01, 3), tuple(random.normal(0, 0.05, 3))) for _ in range(400)]
        smooth = smooth_motions(motions_of(poses), np.ones(400, np.bool_), np.zeros(3))
        ratio = smooth[:, :3, 3].std() / 0.05
        assert ratio == pytest.approx(math.sqrt(17 / 35), rel=0.1)  # of the local parabola over five

    def test_a_head_that_turns_fast_keeps_its_own_motion(self):
        poses = [HeadPose(0.0, 0.0, 0.0, (9.0 * (k % 2), 0.0, 0.0)) for k in range(10)]
        motions = motions_of(poses)
        np.testing.assert_allclose(smooth_motions(motions, np.ones(10, np.bool_), np.zeros(3)), motions, atol=1e-12)

    def test_frames_that_are_not_registered_lie_between_their_neighbours(self):
        poses = [HeadPose(0.0, 0.0, 0.0, (float(k), 0.0, 0.0)) for k in range(WINDOW - 1)]
        poses[2] = HeadPose(90.0, 0.0, 0.0, (1e6, 0.0, 0.0))
        smooth = smooth_motions(motions_of(poses), np.array([True, True, False, True]), np.zeros(3))
        np.testing.assert_allclose(smooth[:, :3, 3], [[k, 0, 0] for k in range(4)], atol=1e-9)
        np.testing.assert_allclose(smooth[2, :3, :3], np.eye(3), atol=1e-12)


def write_turned(folder, yaws, seed=7):
    """Frames of one face at rest whose head is turned; returns the files and the poses."""
    random = np.random.default_rng(seed)
    face = FaceShape(draw_identity(random), make_motion("NE", 4))
    poses = [HeadPose(yaw, yaw / 3, -yaw / 4, (yaw, -yaw / 2, 5.0)) for yaw in yaws]
    for number, pose in enumerate(poses):
        points, polygons = face_mesh(face, random, spacing=2.6)
        write_wrl(folder / f"{number:03d}.wrl", pose.to_file(points), polygons)
    return [folder / f"{n:03d}.wrl" for n in range(len(yaws))], poses, face


class TestWithoutOpen3d:
    def test_none_places_nothing(self, tmp_path):
        assert stabilise_sequence([tmp_path / "0.wrl"], Settings(sequence="none")) == [None]

    def test_frames_that_show_no_face_have_no_placement(self, tmp_path):
        paths, _, _ = write_turned(tmp_path, [0, 1, 2])
        paths[0].write_bytes(b"#VRML V2.0 utf8\n")
        first, second, third = stabilise_sequence([*paths], Settings(sequence="first"))
        assert first is None
        assert second.frames == third.frames == 2
        assert second.matrix == third.matrix == ((1, 0, 0, 0), (0, 1, 0, 0), (0, 0, 1, 0))
        assert stabilise_sequence(paths[:1], Settings(sequence="first")) == [None]

    def test_the_origin_is_the_first_tip_at_the_most_forward_depth(self, tmp_path):
        paths, _, face = write_turned(tmp_path, [0, 2, 4])
        for path, z in zip(paths, (0.0, 7.0, -3.0), strict=True):
            points, polygons = face_mesh(face, np.random.default_rng(1), spacing=2.6)
            write_wrl(path, points + np.array([0.0, 0.0, z]), polygons)
        placements = stabilise_sequence(paths, Settings(sequence="first"))
        assert len({p.origin for p in placements}) == 1
        aside, up, forward = np.array(placements[0].origin) - face.nose_tip
        assert np.hypot(aside, up) < 4.0  # as exact as the detector
        assert forward == pytest.approx(7.0, abs=0.5)


@pytest.mark.slow
class TestRigid:
    @pytest.fixture(autouse=True, scope="class")
    def open3d(self):
        return pytest.importorskip("open3d", reason="Open3D registers the upper face", exc_type=ImportError)

    @pytest.mark.parametrize(("seed", "expression"), [(51, "SU"), (52, "FE"), (53, "AN"), (54, "HA")])
    def test_static_points_of_the_forehead_stay_where_they_are(self, tmp_path, seed, expression):
        paths, truths = write_sequence(tmp_path, seed, expression, FRAMES)
        any_two, following = differences(static_points(paths, truths, "rigid"))
        assert any_two <= MOST_MM
        assert following <= MOST_MM / 2
        assert differences(static_points(paths, truths, "first"))[0] > 10 * MOST_MM

    def test_a_head_that_turns_far_is_followed(self, tmp_path):
        paths, poses, face = write_turned(tmp_path, [0, 12, 24, 30, 20, 8, 0])
        placements = stabilise_sequence(paths)
        assert all(p.registered for p in placements)
        tips = [
            np.array(p.matrix) @ [*pose.to_file(face.nose_tip), 1] for p, pose in zip(placements, poses, strict=True)
        ]
        assert np.linalg.norm(np.array(tips) - tips[0], axis=1).max() < 1.0

    def test_a_frame_whose_upper_face_is_not_there_is_placed_between_its_neighbours(self, tmp_path):
        paths, poses, face = write_turned(tmp_path, [0, 1, 2, 3, 4, 5, 6])
        points, polygons = face_mesh(face, np.random.default_rng(1), spacing=2.6)
        points[points[:, 1] > 50, 2] -= 40.0 + 8 * np.sin(points[points[:, 1] > 50, 0])
        write_wrl(paths[3], poses[3].to_file(points), polygons)
        placements = stabilise_sequence(paths)
        assert [p.registered for p in placements] == [True] * 3 + [False] + [True] * 3
        tips = [
            np.array(p.matrix) @ [*pose.to_file(face.nose_tip), 1] for p, pose in zip(placements, poses, strict=True)
        ]
        assert np.linalg.norm(np.array(tips) - tips[0], axis=1).max() < 1.0
        small = Settings((20,), block=BlockSettings(size=48, mm_per_pixel=4.0))
        assert UNREGISTERED in convert_scan(paths[3], small, placements[3]).warnings

    def test_the_same_frames_give_the_same_placements_on_any_number_of_cores(self, tmp_path, open3d):
        paths, _, _ = write_turned(tmp_path, [0, 3, 6, 4])
        one = stabilise_sequence(paths)
        before = open3d.utility.get_max_threads()
        open3d.utility.set_max_threads(1 if before > 1 else os.cpu_count())
        try:
            assert stabilise_sequence(paths) == one
        finally:
            open3d.utility.set_max_threads(before)

    def test_nothing_is_printed(self, tmp_path, capfd):
        paths, _, _ = write_turned(tmp_path, [0, 3])
        stabilise_sequence(paths)
        assert capfd.readouterr() == ("", "")
