from __future__ import annotations

from dataclasses import replace

import numba
import numpy as np
import pytest

from gemax_cli.face.model import FrontalScan, NoseTip, Pose
from gemax_cli.face.nose import turn
from gemax_cli.face.pose import align_if_turned, align_scan, estimate_pose
from gemax_cli.settings import NoseSettings
from tests.face import naive_nose as naive

pytestmark = pytest.mark.skipif(bool(numba.config.DISABLE_JIT), reason="whole scans take minutes without the compiler")

AT = np.array([12.0, -30.0, 50.0])


def landmark(pose=None):
    return NoseTip(AT, "landmark", 1.0, pose=pose)


def frontal(scan):
    return FrontalScan(scan, np.eye(3, 4))


class TestEstimate:
    @pytest.mark.parametrize("angles", [(0, 0, 0), (30, 0, 0), (-45, 10, 0), (0, 22, 0), (15, -20, 8)])
    def test_finds_the_pose_at_a_landmark(self, angles):
        scan = naive.face_scan(*angles, at=AT, noise=0.2)
        pose = estimate_pose(scan, landmark())
        np.testing.assert_allclose((pose.yaw, pose.pitch, pose.roll), angles, atol=6)

    def test_takes_the_pose_that_was_found_with_the_tip(self):
        pose = Pose(1.0, 2.0, 3.0)
        assert estimate_pose(naive.face_scan(30.0, at=AT), landmark(pose)) is pose

    def test_is_zero_where_there_is_no_face(self):
        assert estimate_pose(naive.scan_of(np.zeros((100, 3))), landmark()) == Pose(0.0, 0.0, 0.0)


class TestAlign:
    def test_undoes_the_turn_about_the_tip(self):
        upright, turned = naive.face_scan(at=AT), naive.face_scan(40.0, -15.0, 10.0, at=AT)
        aligned = align_scan(turned, landmark(), Pose(40.0, -15.0, 10.0))
        np.testing.assert_allclose(aligned.scan.points, upright.points, atol=1e-9)

    def test_the_tip_and_the_landmarks_go_along(self):
        marks = {"Nose tip": AT, "Chin middle": AT + turn(25, 0, 0) @ [0, -60, -10]}
        scan = replace(naive.face_scan(25.0, at=AT), landmarks=marks)
        moved = align_scan(scan, landmark(), Pose(25.0, 0.0, 0.0)).scan.landmarks
        np.testing.assert_allclose(moved["Nose tip"], AT, atol=1e-9)
        np.testing.assert_allclose(moved["Chin middle"], AT + np.array([0, -60, -10]), atol=1e-9)

    def test_to_raw_leads_back(self):
        scan = naive.face_scan(-30.0, 12.0, 4.0, at=AT)
        aligned = align_scan(scan, landmark(), Pose(-30.0, 12.0, 4.0))
        back = aligned.scan.points @ aligned.to_raw[:, :3].T + aligned.to_raw[:, 3]
        np.testing.assert_allclose(back, scan.points, atol=1e-9)

    def test_keeps_the_surface(self):
        scan = naive.relief_scan(naive.template_height, 100, 60, step=4.0, grid=True)
        aligned = align_scan(scan, landmark(), Pose(10.0, 0.0, 0.0)).scan
        assert aligned.triangles is scan.triangles
        assert aligned.grid is scan.grid
        assert aligned.metric


class TestAlignIfTurned:
    @pytest.mark.parametrize(
        ("align", "yaw", "turned"),
        [
            ("none", 40.0, False),
            ("none", 0.0, False),
            ("auto", 40.0, True),
            ("auto", 3.0, False),
            ("always", 40.0, True),
            ("always", 3.0, True),
        ],
    )
    def test_does_as_asked(self, align, yaw, turned):
        scan = naive.face_scan(yaw, at=AT)
        got, tip, was_turned = align_if_turned(frontal(scan), landmark(Pose(yaw, 0.0, 0.0)), NoseSettings(align=align))
        assert was_turned is turned
        assert (got.scan is scan) is not turned
        np.testing.assert_array_equal(tip.position, AT)
        assert tip.pose == Pose(yaw, 0.0, 0.0)

    def test_none_does_not_even_estimate(self):
        assert align_if_turned(frontal(naive.face_scan(at=AT)), landmark(), NoseSettings(align="none"))[1].pose is None

    def test_estimates_the_pose_where_it_is_not_known(self):
        _, tip, turned = align_if_turned(frontal(naive.face_scan(35.0, at=AT)), landmark(), NoseSettings(align="auto"))
        assert turned
        assert abs(tip.pose.yaw - 35) < 6

    @pytest.mark.parametrize("angles", [(0, 18, 0), (0, 0, -20)])
    def test_pitch_and_roll_count_as_turned(self, angles):
        scan = naive.face_scan(*angles, at=AT)
        assert align_if_turned(frontal(scan), landmark(Pose(*map(float, angles))), NoseSettings(align="auto"))[2]

    def test_to_raw_of_both_steps(self):
        raw_axes = turn(90, 0, 0)
        shift = np.array([1.0, 2.0, 3.0])
        scan = naive.face_scan(40.0, at=AT)
        before = FrontalScan(scan, np.column_stack([raw_axes, shift]), ("a sentence",))
        after, _, _ = align_if_turned(before, landmark(Pose(40.0, 0.0, 0.0)), NoseSettings(align="always"))
        in_raw = after.scan.points @ after.to_raw[:, :3].T + after.to_raw[:, 3]
        np.testing.assert_allclose(in_raw, scan.points @ raw_axes.T + shift, atol=1e-9)
        assert after.assumptions == ("a sentence",)
