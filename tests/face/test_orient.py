from __future__ import annotations

from dataclasses import replace

import numba
import numpy as np
import pytest

from gemax_cli.errors import NoNoseTip
from gemax_cli.face import nose, orient
from gemax_cli.face.clean import clean_scan
from gemax_cli.face.nose import SURE, detect_nose_tip, find_nose_tip, turn
from gemax_cli.face.orient import AXES, axes, orient_scan
from gemax_cli.scans.read import read_scan
from gemax_cli.settings import NoseSettings
from tests.face import naive_nose as naive

pytestmark = pytest.mark.skipif(bool(numba.config.DISABLE_JIT), reason="whole scans take minutes without the compiler")

AUTO = NoseSettings()
FACE = naive.face_scan(step=2.0, noise=0.2)


def generic(points, **more):
    return naive.scan_of(points, metric=False, **more)


def as_file(up, forward, mm_per_unit=1.0, points=None):
    """A face as a file has it whose axes ``up`` and ``forward`` point up and out of the face."""
    return generic((FACE.points if points is None else points) @ axes(up, forward).T / mm_per_unit)


def tip_of(frontal):
    return find_nose_tip(clean_scan(frontal.scan)[0], NoseSettings(mode="detect"))


class TestAxes:
    @pytest.mark.parametrize("forward", AXES)
    @pytest.mark.parametrize("up", AXES)
    def test_are_rotations_onto_the_named_axes(self, up, forward):
        if up[1] == forward[1]:
            return
        rotation = axes(up, forward)
        assert np.linalg.det(rotation) == pytest.approx(1.0)
        for column, name in ((1, up), (2, forward)):
            assert rotation["xyz".index(name[1]), column] == (1 if name[0] == "+" else -1)

    def test_there_are_24_the_usual_ones_first(self):
        pairs = orient.orientations(AUTO)
        assert len(pairs) == len(set(pairs)) == 24
        assert tuple(pairs[:4]) == orient.USUAL

    def test_settings_restrict_them(self):
        assert orient.orientations(NoseSettings(up="-z", forward="+x")) == [("-z", "+x")]
        assert len(orient.orientations(NoseSettings(up="-z"))) == 4


class TestMetric:
    def test_is_returned_as_it_is(self):
        frontal = orient_scan(FACE, AUTO)
        assert frontal.scan is FACE
        assert frontal.assumptions == ()
        np.testing.assert_array_equal(frontal.to_raw, np.eye(3, 4))


class TestUnits:
    @pytest.mark.parametrize(
        ("mm", "name"), [(1000.0, "metres"), (10.0, "centimetres"), (1.0, "millimetres"), (0.001, "micrometres")]
    )
    def test_are_recognised_by_the_size_of_the_face(self, mm, name):
        frontal = orient_scan(generic(FACE.points / mm), AUTO)
        np.testing.assert_allclose(frontal.scan.points, FACE.points, atol=1e-6)
        assert frontal.assumptions[0] == f"Coordinates were taken for {name}, by the size of the face."

    @pytest.mark.parametrize("mm", [46.0, 0.31])
    @pytest.mark.slow
    def test_an_unknown_unit_is_scaled_to_a_typical_face(self, mm):
        frontal = orient_scan(generic(FACE.points / mm), AUTO)
        assert "unit is unknown" in frontal.assumptions[0]
        factor = np.ptp(frontal.scan.points, axis=0) / np.ptp(FACE.points, axis=0)
        np.testing.assert_allclose(factor, 1.0, atol=0.35)
        assert np.linalg.norm(tip_of(frontal).position) < 6

    def test_a_unit_asked_for_is_not_an_assumption(self):
        frontal = orient_scan(generic(FACE.points / 10), NoseSettings(unit="cm", up="+y", forward="+z"))
        np.testing.assert_allclose(frontal.scan.points, FACE.points, atol=1e-9)
        assert frontal.assumptions == ()

    def test_a_unit_asked_for_is_taken_even_if_it_is_wrong(self):
        frontal = orient_scan(generic(FACE.points / 10), NoseSettings(unit="mm", up="+y", forward="+z"))
        np.testing.assert_allclose(frontal.scan.points, FACE.points / 10, atol=1e-9)


class TestOrientation:
    @pytest.mark.parametrize(
        ("up", "forward"),
        [("+y", "+z"), ("-y", "-z"), ("+z", "-y"), ("+y", "-z"), ("+z", "+x"), ("-x", "+z"), ("-y", "+z")],
    )
    @pytest.mark.slow
    def test_is_found_by_trying(self, up, forward):
        frontal = orient_scan(as_file(up, forward), AUTO)
        assert frontal.assumptions[1] == (
            f"Up was taken for {up} and the face for looking to {forward}, where a nose was found."
        )
        np.testing.assert_allclose(frontal.scan.points, FACE.points, atol=1e-9)

    def test_a_head_that_lies_in_the_axes_tried_is_set_upright(self, monkeypatch):
        monkeypatch.setattr(orient, "_from_every_side", lambda *_: iter(()))
        lying = as_file("+y", "+z", points=FACE.points @ turn(0.0, 0.0, 80.0).T)
        monkeypatch.setattr(nose, "ROLLS", np.radians([80.0]))
        assert orient_scan(lying, AUTO).to_raw[:, :3] == pytest.approx(axes("-x", "+z"))

    def test_one_axis_asked_for_leaves_the_other_to_be_found(self):
        frontal = orient_scan(as_file("+z", "+x"), NoseSettings(up="+z"))
        assert "face for looking to +x" in frontal.assumptions[1]

    def test_axes_asked_for_are_taken(self):
        settings = NoseSettings(up="-x", forward="+y")
        frontal = orient_scan(as_file("-x", "+y"), settings)
        np.testing.assert_allclose(frontal.scan.points, FACE.points, atol=1e-9)
        assert len(frontal.assumptions) == 1  # the unit

    def test_to_raw_leads_to_the_files_axes_in_mm(self):
        scan = as_file("-y", "-z", mm_per_unit=1000.0)
        frontal = orient_scan(scan, AUTO)
        back = frontal.scan.points @ frontal.to_raw[:, :3].T + frontal.to_raw[:, 3]
        np.testing.assert_allclose(back, scan.points * 1000.0, atol=1e-9)

    def test_landmarks_go_along(self):
        scan = replace(as_file("+z", "-y", 10.0), landmarks={"Nose tip": axes("+z", "-y") @ [1.0, 2.0, 3.0] / 10})
        moved = orient_scan(scan, AUTO).scan.landmarks["Nose tip"]
        np.testing.assert_allclose(moved, [1, 2, 3], atol=1e-9)

    def test_a_turned_head_is_left_turned(self):
        scan = generic(naive.face_scan(30.0, 10.0).points)
        frontal = orient_scan(scan, AUTO)
        np.testing.assert_allclose(frontal.scan.points, scan.points, atol=1e-9)
        assert abs(tip_of(frontal).pose.yaw - 30) < 6

    def test_a_far_origin_is_the_camera(self):
        behind_camera = naive.face_scan(at=(30.0, -40.0, -700.0)).points
        frontal = orient_scan(as_file("-y", "-z", 1000.0, behind_camera), AUTO)
        np.testing.assert_allclose(frontal.scan.points, behind_camera, atol=1e-6)


class TestDetected:
    @pytest.mark.parametrize(
        "scan",
        [as_file("+y", "+z"), as_file("+z", "-y", 10.0), generic(naive.face_scan(45.0, 10.0, noise=0.5).points)],
        ids=["plain", "turned over", "turned head"],
    )
    def test_is_what_the_detector_finds_in_the_new_axes(self, scan):
        frontal = orient_scan(scan, AUTO)
        found = detect_nose_tip(frontal.scan)
        if frontal.detected is not None:
            np.testing.assert_array_equal(frontal.detected.position, found.position)
            assert frontal.detected.confidence == found.confidence
            assert frontal.detected.pose == found.pose
        assert frontal.detected is not None or found.confidence < SURE

    def test_is_not_searched_for_again(self, monkeypatch):
        frontal = orient_scan(as_file("-y", "-z"), AUTO)
        monkeypatch.setattr("gemax_cli.face.nose.best_fits", None)
        tip = find_nose_tip(frontal.scan, AUTO, frontal.detected)
        assert np.linalg.norm(tip.position) < 3

    def test_nothing_was_searched_for_where_the_axes_are_known(self):
        assert orient_scan(FACE, AUTO).detected is None


class TestNoFace:
    @pytest.mark.parametrize("scan", [naive.box(), naive.ball()], ids=["cube", "sphere"])
    @pytest.mark.slow
    def test_axes_and_unit_are_assumed_and_said_so(self, scan):
        frontal = orient_scan(generic(scan.points), AUTO)
        assert frontal.detected is None
        assert "by the size of the scan" in frontal.assumptions[0]
        assert "for want of a recognisable face" in frontal.assumptions[1]
        with pytest.raises(NoNoseTip):
            tip_of(frontal)

    @pytest.mark.parametrize(
        "points",
        [
            np.zeros((1, 3)),
            np.zeros((400, 3)),
            np.outer(np.arange(300.0), [1, 0, 0]),
            np.random.default_rng(0).normal(size=(400, 3)) * 1e12,
        ],
        ids=["one", "one place", "line", "huge"],
    )
    @pytest.mark.slow
    def test_degenerate_scans_are_refused_by_the_detector(self, points):
        frontal = orient_scan(generic(points), AUTO)
        assert np.isfinite(frontal.to_raw).all()
        with pytest.raises(NoNoseTip):
            tip_of(frontal)


class TestRooms:
    def test_of_a_wide_scene_only_the_head_is_kept(self):
        wall = naive.relief_scan(lambda x, y: -1500.0 + 0 * x, 2400, 2400, step=20.0).points
        face = naive.face_scan(step=1.5, at=(200.0, 100.0, -700.0)).points
        scene = generic(np.vstack([wall, face]) / 1000.0)
        frontal = orient_scan(scene, AUTO)
        assert len(frontal.scan.points) == len(face)
        assert "Only what lies within 250 mm of the nose was kept" in frontal.assumptions[2]
        assert np.linalg.norm(tip_of(frontal).position - [200, 100, -700]) < 4


REAL_TIPS = {  # in the files' own axes and units, by looking at renderings; and mm per unit, where it is known
    "leeperrysmith/LeePerrySmith.obj": ((-0.10, 1.14, 2.58), None),
    "mediapipe_canonical/canonical_face_model.obj": ((-1.49, -1.20, 7.30), 10.0),
    "menpo_template/template.ply": ((-10.0, 4200.0, 131600.0), 0.001),
}


@pytest.mark.parametrize("name", REAL_TIPS)
def test_real_faces(shared, name):
    scan = read_scan(shared / "scans" / "real" / name)
    frontal = orient_scan(scan, AUTO)
    tip = tip_of(frontal)
    place, unit = REAL_TIPS[name]
    unit = unit or np.ptp(frontal.scan.points, axis=0).max() / np.ptp(scan.points, axis=0).max()
    raw = frontal.to_raw[:, :3] @ tip.position + frontal.to_raw[:, 3]
    assert np.linalg.norm(raw - np.array(place) * unit) < 8.0
    assert not tip.warnings
    assert len(frontal.assumptions) == 2


@pytest.mark.slow
def test_sensor_frames_are_turned_right_or_refused(shared):
    for path in sorted((shared / "scans" / "real" / "pcl_person").glob("object_template_*.pcd")):
        frontal = orient_scan(read_scan(path), AUTO)
        assert frontal.assumptions[0].startswith("Coordinates were taken for metres")
        assert "Up was taken for -y and the face for looking to -z" in frontal.assumptions[1]
