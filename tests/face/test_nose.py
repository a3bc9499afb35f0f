from __future__ import annotations

import csv
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numba
import numpy as np
import pytest

from gemax_cli.errors import NoNoseTip
from gemax_cli.face import nose
from gemax_cli.face.clean import clean_scan, keep_points
from gemax_cli.face.nose import detect_nose_tip, find_nose_tip, pose_of, turn
from gemax_cli.scans.read import read_scan
from gemax_cli.settings import NoseSettings
from tests.face import naive_nose as naive

pytestmark = pytest.mark.skipif(bool(numba.config.DISABLE_JIT), reason="whole scans take minutes without the compiler")

AUTO, DETECT, LANDMARK = (NoseSettings(mode=mode) for mode in ("auto", "detect", "landmark"))
HILL = naive.relief_scan(lambda x, y: -0.004 * (x**2 + 0.7 * y**2))


def truths(folder):
    with (folder / "truth.csv").open(newline="") as handle:
        for truth in csv.DictReader(handle):
            yield folder / truth["path"], truth, np.array([float(truth[f"nose_{axis}"]) for axis in "xyz"])


def distance(tip, truth):
    return float(np.linalg.norm(tip.position - truth))


def outline(at=(0.0, 0.0)):
    corners = [(-15.0, 20.0), (15.0, 20.0), (0.0, -12.0)]
    marks = {f"bnd_{i}": np.array([x + at[0], y + at[1], 0.0]) for i, (x, y) in enumerate(corners, 36)}
    return {**marks, "bnd_3": np.array([0.0, 200, 900])}


class TestDetect:
    @pytest.mark.parametrize("yaw", [-50.0, -25.0, 0.0, 25.0, 50.0])
    @pytest.mark.parametrize("pitch", [-20.0, 0.0, 20.0])
    @pytest.mark.slow
    def test_finds_a_template_face_that_looks_anywhere(self, yaw, pitch):
        scan = naive.face_scan(yaw, pitch, 5.0, at=(10, -20, 30), noise=0.3)
        tip = detect_nose_tip(scan)
        assert distance(tip, [10, -20, 30]) < 3.0
        assert tip.confidence > 0.8
        assert not tip.warnings
        assert tip.source == "detected"
        assert abs(tip.pose.yaw - yaw) < 6
        assert abs(tip.pose.pitch - pitch) < 6

    @pytest.mark.parametrize("roll", [-25.0, 25.0])
    def test_finds_a_head_that_leans(self, roll):
        tip = detect_nose_tip(naive.face_scan(roll=roll))
        assert distance(tip, np.zeros(3)) < 3.0
        assert abs(tip.pose.roll - roll) < 6

    @pytest.mark.parametrize("shape", [{"size": 0.88}, {"size": 1.12}, {"relief": 0.85}, {"relief": 1.2}])
    def test_finds_faces_of_other_shapes(self, shape):
        tip = detect_nose_tip(naive.face_scan(**shape))
        assert distance(tip, np.zeros(3)) < 4.0

    @pytest.mark.parametrize("step", [0.8, 3.0, 4.5])
    def test_finds_it_in_dense_and_sparse_points(self, step):
        assert distance(detect_nose_tip(naive.face_scan(step=step, noise=0.5)), np.zeros(3)) < 4.0

    def test_meshes_with_large_triangles_are_filled_up(self):
        scan = naive.relief_scan(naive.template_height, 100, 100, step=6.0)
        assert len(nose.search_samples(scan)) > 5 * len(scan.points)
        up = np.array([0.0, 15.0, 0.0])  # the rectangle's middle is not the table's
        shifted = naive.relief_scan(lambda x, y: naive.template_height(x, y + 15), 100, 96, step=4.0)
        assert distance(detect_nose_tip(shifted), -up) < 4.0

    def test_the_inside_of_a_mouth_is_not_looked_at(self):
        face = naive.face_scan()
        inside = face.points - [0.0, 0.0, 25.0]
        tip = detect_nose_tip(naive.scan_of(np.vstack([face.points, inside])))
        assert distance(tip, np.zeros(3)) < 3.0
        assert not tip.warnings

    def test_says_where_another_nose_is(self):
        one, other = naive.face_scan(), naive.face_scan(at=(180.0, 5.0, 0.0), noise=0.3)
        tip = detect_nose_tip(naive.scan_of(np.vstack([one.points, other.points])))
        places = [np.zeros(3), np.array([180.0, 5.0, 0.0])]
        for position in (tip.position, tip.runner_up):
            assert min(np.linalg.norm(position - place) for place in places) < 4
        assert np.linalg.norm(tip.position - tip.runner_up) > 100
        assert "Two places" in tip.warnings[0]

    def test_a_hole_at_the_tip_is_told(self):
        scan = naive.face_scan(step=1.0)
        holed = keep_points(scan, np.linalg.norm(scan.points, axis=1) > 9.0)
        tip = detect_nose_tip(holed)
        assert distance(tip, np.zeros(3)) < 6.0
        assert "hole" in tip.warnings[0]

    def test_half_a_face_will_do(self):
        scan = naive.face_scan(step=1.0)
        assert distance(detect_nose_tip(keep_points(scan, scan.points[:, 0] < 4.0)), np.zeros(3)) < 4.0

    def test_goes_along_with_a_shift(self):
        scan = naive.face_scan(noise=0.2)
        shift = np.array([100.0, -300.0, 1600.0])
        moved = detect_nose_tip(replace(scan, points=scan.points + shift))
        assert distance(moved, detect_nose_tip(scan).position + shift) < 1.0

    def test_is_repeatable_to_the_bit(self):
        scan = naive.face_scan(noise=0.2)
        first, second = detect_nose_tip(scan), detect_nose_tip(scan)
        assert first.position.tobytes() == second.position.tobytes()
        assert first.confidence == second.confidence


def without_a_nose():
    rng = np.random.default_rng(0)
    yield pytest.param(naive.box(), id="cube")
    yield pytest.param(naive.scan_of(naive.box().points @ turn(30, 20, 10).T), id="turned cube")
    yield pytest.param(naive.ball(), id="sphere")
    yield pytest.param(HILL, id="back of a head")
    yield pytest.param(naive.relief_scan(lambda x, y: 0.0 * x), id="plate")
    yield pytest.param(naive.relief_scan(lambda x, y: 0.0 * x + rng.normal(0, 1, x.shape)), id="rough plate")
    yield pytest.param(naive.scan_of(rng.normal(size=(5000, 3)) * 50), id="fog")
    yield pytest.param(naive.scan_of(naive.face_scan(step=1.0).points * [1, 1, -1]), id="hollow")
    yield pytest.param(naive.scan_of(np.zeros((1, 3))), id="one point")
    yield pytest.param(naive.scan_of(np.zeros((500, 3))), id="one place")
    yield pytest.param(naive.scan_of(np.outer(np.arange(2000.0), [0, 1, 0])), id="line")
    yield pytest.param(naive.scan_of(rng.normal(size=(2000, 3)) * 1e9), id="huge")
    yield pytest.param(naive.scan_of(rng.normal(size=(2000, 3)) * 1e-9), id="tiny")


@pytest.mark.parametrize("scan", list(without_a_nose()))
@pytest.mark.slow
def test_what_has_no_nose_is_refused_with_a_sentence(scan):
    with pytest.raises(NoNoseTip, match=r"^made\.ply: .*\.$") as caught:
        detect_nose_tip(scan)
    assert caught.value.path == scan.path
    assert caught.value.stage == "nose"


def test_a_face_whose_nose_is_missing_is_never_silent():
    face = naive.face_scan(step=1.0)
    for reach in (9.0, 14.0, 20.0, 28.0):
        try:
            tip = detect_nose_tip(keep_points(face, np.linalg.norm(face.points, axis=1) > reach))
        except NoNoseTip:
            continue
        assert tip.warnings


class TestSettings:
    def test_min_confidence_makes_a_doubtful_tip_a_failure(self):
        scan = naive.face_scan(noise=1.0)
        confidence = find_nose_tip(scan, DETECT).confidence
        assert confidence < 1.0
        with pytest.raises(NoNoseTip, match="below the 1 asked for"):
            find_nose_tip(scan, replace(DETECT, min_confidence=1.0))
        assert find_nose_tip(scan, replace(DETECT, min_confidence=confidence)).confidence == confidence

    def test_doubt_is_a_warning(self):
        bumps = naive.relief_scan(
            lambda x, y: -0.0035 * (x**2 + 0.6 * y**2) + 22 * np.exp(-((x / 11) ** 2) - (y / 20) ** 2)
        )
        try:
            tip = detect_nose_tip(bumps)
        except NoNoseTip:
            return
        assert tip.confidence < nose.DOUBTFUL
        assert "doubtful" in tip.warnings[0]

    def test_landmark_mode_needs_a_landmark(self):
        with pytest.raises(NoNoseTip, match="no landmark"):
            find_nose_tip(naive.face_scan(), LANDMARK)

    def test_landmark_mode_trusts_the_landmark(self):
        mark = np.array([50.0, 1, 2])
        tip = find_nose_tip(replace(HILL, landmarks={"Nose tip": mark}), LANDMARK)
        assert tip.source == "landmark"
        assert tip.confidence == 1.0
        assert tip.position.tolist() == mark.tolist()
        assert tip.position is not mark
        assert not tip.warnings

    def test_auto_prefers_the_landmark_and_takes_the_pose_along(self):
        scan = replace(naive.face_scan(yaw=20.0), landmarks={"Nose tip": np.array([1.0, 1, 0])})
        tip = find_nose_tip(scan, AUTO)
        assert tip.source == "landmark"
        assert tip.position.tolist() == [1, 1, 0]
        assert abs(tip.pose.yaw - 20) < 6
        assert not tip.warnings

    @pytest.mark.parametrize(("roll", "likelier"), [(20.0, True), (130.0, False)])
    def test_only_an_upright_head_is_likelier_in_a_format_of_databases(self, monkeypatch, roll, likelier):
        scan = naive.face_scan()
        fit = replace(nose.best_fits(scan)[0], rotation=turn(0.0, 0.0, roll), shift=50.0, face_seen=0.5)
        monkeypatch.setattr(nose, "best_fits", lambda _: [fit])
        assert (detect_nose_tip(scan).confidence > fit.confidence) == likelier

    def test_one_fit_where_the_landmark_is_confirms_it(self, monkeypatch):
        scan = replace(naive.face_scan(yaw=10.0), landmarks={"Nose tip": np.array([1.0, 1, 0])})
        monkeypatch.setattr(nose, "best_fits", None)
        tip = find_nose_tip(scan, AUTO)
        assert (tip.source, tip.confidence, tip.warnings) == ("landmark", 1.0, ())
        assert tip.pose.yaw == pytest.approx(10.0, abs=3.0)

    def test_auto_warns_of_a_landmark_far_from_the_detected_tip(self):
        scan = replace(naive.face_scan(), landmarks={"Nose tip": np.array([0.0, 30, -20])})
        tip = find_nose_tip(scan, AUTO)
        assert tip.source == "landmark"
        assert tip.position.tolist() == [0, 30, -20]
        assert "mm from the tip detected" in tip.warnings[0]
        assert np.linalg.norm(tip.runner_up) < 4

    def test_auto_warns_where_the_detector_finds_no_nose(self):
        tip = find_nose_tip(replace(naive.box(), landmarks={"Nose tip": np.array([0.0, 0, 40])}), AUTO)
        assert tip.source == "landmark"
        assert "finds no nose" in tip.warnings[0]

    def test_detect_mode_does_not_look_at_landmarks(self):
        scan = replace(naive.face_scan(), landmarks={"Nose tip": np.array([0.0, 30, -20])})
        tip = find_nose_tip(scan, DETECT)
        assert tip.source == "detected"
        assert distance(tip, np.zeros(3)) < 4

    def test_the_outline_is_a_region_for_the_detector(self):
        scan = replace(naive.face_scan(step=1.0, noise=0.2), landmarks=outline())
        for settings in (AUTO, LANDMARK):
            tip = find_nose_tip(scan, settings)
            assert tip.source == "outline"
            assert distance(tip, np.zeros(3)) < 3.0
            assert tip.confidence >= detect_nose_tip(scan).confidence
            assert not tip.warnings

    def test_a_spike_within_the_outline_is_not_the_tip(self):
        scan = naive.face_scan(step=1.0)
        spiked = scan.points.copy()
        spiked[np.argmin(np.linalg.norm(spiked[:, :2] - [9.0, 12.0], axis=1)), 2] = 4.0
        tip = find_nose_tip(replace(scan, points=spiked, landmarks=outline()), AUTO)
        assert distance(tip, np.zeros(3)) < 3.0

    def test_of_two_noses_the_one_within_the_outline_is_taken(self):
        one, other = naive.face_scan(), naive.face_scan(at=(180.0, 5.0, 0.0), noise=0.3)
        both = naive.scan_of(np.vstack([one.points, other.points]), landmarks=outline(at=(180.0, 5.0)))
        assert distance(find_nose_tip(both, AUTO), np.array([180.0, 5.0, 0.0])) < 4.0

    def test_without_a_nose_the_most_forward_point_within_the_outline_is_taken_with_a_warning(self):
        cube = naive.box()
        tip = find_nose_tip(replace(cube, landmarks=outline()), AUTO)
        inside = (np.abs(cube.points[:, 0]) <= 15) & (cube.points[:, 1] <= 20) & (cube.points[:, 1] >= -12)
        assert tip.position[2] == cube.points[inside, 2].max()
        assert "finds no nose within the nose outline" in tip.warnings[0]
        assert tip.confidence < nose.DOUBTFUL

    def test_an_outline_of_too_few_points_or_off_the_surface_is_none(self):
        two = {f"bnd_{i}": np.zeros(3) for i in (36, 37)}
        off = {f"bnd_{i}": np.array([900.0 + i, 900 + i, 0]) for i in range(36, 48)}
        for marks in (two, off):
            assert nose.nose_outline(replace(naive.face_scan(), landmarks=marks)) is None

    def test_a_landmark_that_the_detector_contradicts_is_doubtful(self):
        scan = replace(naive.face_scan(), landmarks={"Nose tip": np.array([0.0, 30, -20])})
        assert find_nose_tip(scan, AUTO).confidence < 0.5
        assert find_nose_tip(replace(scan, landmarks={"Nose tip": np.zeros(3)}), AUTO).confidence == 1.0


class TestPoses:
    @pytest.mark.parametrize("angles", [(0, 0, 0), (40, -20, 10), (-70, 15, -30), (5, 80, 0)])
    def test_pose_of_reads_what_turn_wrote(self, angles):
        pose = pose_of(turn(*angles))
        np.testing.assert_allclose((pose.yaw, pose.pitch, pose.roll), angles, atol=1e-9)

    def test_signs(self):
        forward, up, right = np.array([0.0, 0, 1]), np.array([0.0, 1, 0]), np.array([1.0, 0, 0])
        assert (turn(30, 0, 0) @ forward)[0] > 0  # yaw > 0: the nose to +X
        assert (turn(0, 30, 0) @ forward)[1] < 0  # pitch > 0: down
        assert (turn(0, 0, 30) @ right)[1] > 0  # roll > 0: counter-clockwise
        assert (turn(0, 0, 30) @ up)[0] < 0


class TestSampleFaces:
    """The package's own synthetic faces, which the detector was not made from."""

    def test_detected_tips(self, raw):
        errors = []
        for path, _, truth in truths(raw):
            tip = find_nose_tip(clean_scan(read_scan(path))[0], DETECT)
            assert not tip.warnings
            assert tip.confidence > 0.9
            errors.append(distance(tip, truth))
        assert len(errors) == 6
        assert np.median(errors) < 3.0
        assert max(errors) < 5.0

    def test_landmarks_agree_with_the_detector(self, raw):
        for path, _, truth in truths(raw):
            tip = find_nose_tip(clean_scan(read_scan(path))[0], AUTO)
            assert tip.source == ("landmark" if path.suffix == ".bnt" else "outline")
            assert distance(tip, truth) < 3.0
            assert not tip.warnings

    @pytest.mark.slow
    def test_the_accuracy_table(self, raw):
        script = Path(__file__).resolve().parents[2] / "examples" / "nose_accuracy.py"
        done = subprocess.run(
            [sys.executable, str(script), str(raw.parent)], capture_output=True, text=True, timeout=300, check=False
        )
        assert done.returncode == 0, done.stderr
        assert "| frontal, clean and mild | 6 |" in done.stdout
        assert "| BU-3DFE with .bnd | 3 |" in done.stdout
        assert ": 0 of 9 (bar 0.3 %)" in done.stdout


@pytest.fixture(scope="module")
def simulated(shared, tmp_path_factory):
    """Scans of one simulated subject as raw as they come: turned, occluded, with neck, hair, holes and spikes."""
    folder = tmp_path_factory.mktemp("simulated")
    command = [
        sys.executable,
        str(shared / "scans" / "make_scans.py"),
        str(folder),
        "--subjects",
        "1",
        "--seed",
        "4711",
    ]
    options = ["--scans-per-subject", "few", "--poses", "--raw", "--degrade", "hard"]
    subprocess.run([*command, *options], check=True, capture_output=True)
    return folder


@pytest.mark.slow
def test_simulated_raw_scans_within_bounds(simulated):
    errors, silent = [], 0
    for path, _, truth in truths(simulated):
        try:
            tip = find_nose_tip(clean_scan(read_scan(path))[0], DETECT)
        except NoNoseTip:
            errors.append(np.inf)
            continue
        errors.append(distance(tip, truth))
        silent += errors[-1] > 10 and not tip.warnings
    assert len(errors) == 20
    assert np.median(errors) < 2.5
    assert np.mean(np.array(errors) < 10) >= 0.95
    assert silent == 0
