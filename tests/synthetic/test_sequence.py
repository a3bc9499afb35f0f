"""Sequences of BU-4DFE's layout and their truth."""

import csv
import hashlib

import numpy as np
import pytest
from click.testing import CliRunner

from gemax_cli.cli.sample import command
from gemax_cli.errors import OutputError, SettingsError
from gemax_cli.scans.read import read_scan
from gemax_cli.scans.walk import find_scans
from gemax_cli.synthetic.sequence import FOLDERS, expression_curve, make_sequences, simulate_frames


def digests(folder):
    return {path.relative_to(folder): hashlib.sha256(path.read_bytes()).digest() for path in folder.rglob("*.*")}


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    root = tmp_path_factory.mktemp("sequences") / "raw"
    make_sequences(root, subjects=1, seed=4, scans="few", frames=3)
    return root


def test_the_layout_is_recognised_frame_by_frame(sample):
    scans = find_scans([sample]).scans
    places = [("BU-4DFE/F001/Happy", n) for n in range(3)] + [("BU-4DFE/F001/Surprise", n) for n in range(3)]
    assert [(scan.frame.sequence, scan.frame.number) for scan in scans] == places
    assert {(scan.name.dataset, scan.name.subject, scan.name.expression) for scan in scans} == {
        ("BU-4DFE", "F001", "HA"), ("BU-4DFE", "F001", "SU"),
    }  # fmt: skip


def test_truth_is_of_each_frame(sample):
    with (sample / "frames.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["path"] for row in rows] == [scan.source for scan in find_scans([sample]).scans]
    assert [float(row["strength"]) for row in rows] == [0, 1, 0] * 2
    for row in rows:
        points = read_scan(sample / row["path"]).points
        nose = [float(row[f"nose_{axis}"]) for axis in "xyz"]
        assert np.linalg.norm(points - nose, axis=1).min() < 2.0


@pytest.mark.parametrize("expression", FOLDERS)
def test_a_frame_is_the_surface_in_its_pose(expression):
    for truth in simulate_frames(1, expression, 4, seed=11):
        x, y = np.random.default_rng(truth.number).uniform(-30, 30, (2, 50))
        head = truth.face.on_surface(x, y)
        back = (truth.pose.to_file(head) - truth.pose.shift) @ truth.pose.rotation
        np.testing.assert_allclose(back, head, atol=1e-9)


def test_heads_move_and_the_upper_forehead_does_not_change(sample):
    frames = list(simulate_frames(0, "SU", 30, seed=2))
    poses = np.array([(f.pose.yaw, f.pose.pitch, f.pose.roll, *f.pose.shift) for f in frames])
    assert (np.ptp(poses, axis=0) > 1.0).all()
    assert np.abs(np.diff(poses, axis=0)).max() < 2.0
    bridge = [float(f.face.depth(np.array(0.0), np.array(24.0))) for f in frames]
    mouth = [float(f.face.depth(np.array(0.0), np.array(-40.0))) for f in frames]
    assert np.ptp(bridge) < 0.5 < np.ptp(mouth)


def test_the_curve_rises_and_falls():
    curve = [expression_curve(n, 21) for n in range(21)]
    assert (curve[0], curve[10]) == (0.0, 1.0)
    np.testing.assert_allclose(curve, curve[::-1], atol=1e-12)


def test_same_seed_same_bytes_and_other_files_are_kept(sample, tmp_path):
    make_sequences(tmp_path / "raw", subjects=2, seed=9, scans="few", frames=4)
    mine = tmp_path / "raw" / "F001" / "Happy" / "notes.txt"
    mine.write_text("mine")
    make_sequences(tmp_path / "raw", subjects=1, seed=4, scans="few", frames=3)
    assert mine.read_text() == "mine"
    mine.unlink()
    assert digests(tmp_path / "raw") == digests(sample)


def test_a_strangers_folder_is_refused(tmp_path):
    (tmp_path / "letters.txt").write_text("mine")
    with pytest.raises(OutputError, match="did not write"):
        make_sequences(tmp_path, 1)


def test_files_behind_a_linked_folder_are_not_removed(tmp_path):
    root, elsewhere = tmp_path / "raw", tmp_path / "elsewhere"
    make_sequences(root, subjects=1, scans="few", frames=1)
    (root / "F001" / "Happy").rename(elsewhere)
    (root / "F001" / "Happy").symlink_to(elsewhere)
    before = digests(elsewhere)
    with pytest.raises(OutputError):
        make_sequences(root, subjects=1, seed=1, scans="few", frames=1)
    assert digests(elsewhere) == before


@pytest.mark.parametrize("wrong", [{"subjects": 0}, {"seed": -1}, {"scans": "most"}, {"frames": 1001}])
def test_wrong_settings_are_named(tmp_path, wrong):
    with pytest.raises(SettingsError, match=f"^{next(iter(wrong))} is .*give"):
        make_sequences(tmp_path / "out", **wrong)
    assert not (tmp_path / "out").exists()


def test_the_command_writes_them(tmp_path):
    line = [str(tmp_path / "raw"), "--dataset", "bu-4dfe", "--subjects", "1", "--scans", "few", "--frames", "1"]
    result = CliRunner().invoke(command, line)
    assert result.exit_code == 0, result.output
    assert f"Wrote 2 synthetic frames of 2 sequences to {tmp_path / 'raw'}.\n" in result.output
    assert CliRunner().invoke(command, [*line, "--dataset", "sar"]).exit_code == 2
