"""Frames of 4D sequences in one frame of reference: what convert writes, and when it places frames anew."""

import shutil
from dataclasses import replace

import imageio.v3 as iio
import numpy as np
import pytest

from gemax_cli.batch.run import RunOptions, convert, plan
from gemax_cli.datasets.selection import Selection
from gemax_cli.errors import ExtraMissing, SettingsError
from gemax_cli.settings import BlockSettings, Settings
from gemax_cli.stack.folder import OutputFolder
from gemax_cli.stack.verify import verify
from tests.batch.folders import Interrupting, content
from tests.batch.frames import SMALL, write_frames, write_sequences

FIRST = replace(SMALL, sequence="first", maps=())
SCANS = 8
SEQUENCES = {"BU-4DFE/F001/Happy": 2, "BU-4DFE/F001/Surprise": 3, "other/take/a": 3}


@pytest.fixture(scope="module")
def frames(tmp_path_factory):
    """Eight frames of three sequences, and a scan that is of none."""
    raw = write_sequences(tmp_path_factory.mktemp("frames"))
    write_frames(raw / "alone", 9, 1, name="face_{}a.wrl")
    return raw


@pytest.fixture(scope="module")
def placed(frames, tmp_path_factory):
    """An output folder; tests must not change it."""
    out = tmp_path_factory.mktemp("placed") / "out"
    assert convert([frames], out, FIRST).exit_code == 0
    return out


def placements(out):
    """Sequence to the placements of its frames, in order."""
    found = {}
    for record in OutputFolder(out).records():
        found.setdefault(record.frame.sequence if record.frame else None, []).append(record.placement)
    return found


def test_frames_of_a_sequence_share_their_origin_and_other_scans_have_no_placement(placed):
    found = placements(placed)
    assert found.pop(None) == [None]
    assert {name: len(own) for name, own in found.items()} == SEQUENCES
    for name, own in found.items():
        assert {(p.mode, p.frames) for p in own} == {("first", SEQUENCES[name])}
        assert len({(p.origin, p.members, p.matrix, p.mm_per_unit) for p in own}) == 1
    assert len({own[0].members for own in found.values()}) == 3


def test_scans_that_are_frames_by_their_names_alone_are_said(frames, tmp_path):
    """Numbered scans may be of different people; those of BU-4DFE are frames for sure."""
    told = " ".join(plan([frames], tmp_path, FIRST)[1].notes)
    assert "taken for 4D sequences and placed as one: 1, such as other/take/a: --sequence none takes each" in told
    assert "--sequence" not in " ".join(plan([frames], tmp_path, replace(FIRST, sequence="none"))[1].notes)


def test_depth_0_is_the_most_forward_tip_and_no_frame_is_clipped(placed):
    for own in SEQUENCES:
        nearest = []
        for record in OutputFolder(placed).records():
            if record.frame and record.frame.sequence == own:
                codes = iio.imread(placed / record.blocks[0].file)
                assert record.blocks[0].counts["front_pixels"] == 0
                assert (codes == 65535).sum() <= 4  # clipped to depth 0
                nearest.append(codes.max())
        assert max(nearest) > 65535 * (1 - 1.5 / 60)  # a coarse mesh need not have a point at the very tip


def test_pixels_are_the_raw_files_own_places(placed, frames):
    """The affine of every frame leads from its pixels to its raw file: a nose tip lies where the record says."""
    for record in OutputFolder(placed).records():
        block = record.blocks[0]
        codes = iio.imread(placed / block.file)
        row, column = np.unravel_index(codes.argmax(), codes.shape)
        depth = (65535 - codes[row, column]) / 65534 * 60
        raw = np.array(block.pixel_to_raw) @ [column, row, depth, 1]
        assert np.linalg.norm(raw - [record.nose.x, record.nose.y, record.nose.z]) < 8


def test_a_folder_is_whole_and_a_second_run_does_nothing(frames, placed):
    verified = verify(placed, sources=[frames])
    assert verified.problems == verified.orphans == verified.unfinished == ()
    before = content(placed)
    summary = convert([frames], placed, FIRST)
    assert (summary.converted, summary.done) == (0, SCANS + 1)
    assert content(placed) == before


@pytest.mark.parametrize("after", [1, 4, 7])
def test_a_stopped_run_goes_on_to_the_same_bytes(frames, placed, tmp_path, monkeypatch, after):
    monkeypatch.setattr("gemax_cli.batch.run.SYNC_SECONDS", 0.0)
    monkeypatch.setattr("gemax_cli.batch.run.SYNC_SHARE", 0.0)
    with pytest.raises(KeyboardInterrupt):
        convert([frames], tmp_path / "out", FIRST, reporter=Interrupting(after))
    assert convert([frames], tmp_path / "out", FIRST).exit_code == 0
    assert content(tmp_path / "out") == content(placed)


@pytest.mark.parametrize("late", ["F001/Surprise/000.wrl", "F001/Surprise/002.wrl"])
def test_a_frame_that_is_added_changes_its_sequence_alone(frames, placed, tmp_path, late):
    raw, out = tmp_path / "raw", tmp_path / "out"
    shutil.copytree(frames, raw)
    (raw / late).rename(tmp_path / "late")
    convert([raw], out, FIRST)
    assert placements(out)["BU-4DFE/F001/Surprise"] != placements(placed)["BU-4DFE/F001/Surprise"][:2]
    (tmp_path / "late").rename(raw / late)
    todo, _ = plan([raw], out, FIRST)
    assert (len(todo.steps), todo.unsettled) == (3, {"BU-4DFE/F001/Surprise"})
    assert convert([raw], out, FIRST).converted == 3
    assert content(out) == content(placed)


def test_a_frame_of_a_finished_sequence_alone_is_done(frames, placed):
    summary = convert([frames], placed, FIRST, Selection(patterns=("*Happy/001.wrl",)))
    assert (summary.converted, summary.done) == (0, 1)


def test_a_frame_that_cannot_be_read_fails_and_the_others_are_placed(frames, placed, tmp_path):
    raw, out = tmp_path / "raw", tmp_path / "out"
    shutil.copytree(frames, raw)
    good = (raw / "F001/Surprise/001.wrl").read_bytes()
    (raw / "F001/Surprise/001.wrl").write_bytes(b"#VRML V2.0 utf8\n")
    summary = convert([raw], out, FIRST)
    assert [failure.source for failure in summary.failures] == ["F001/Surprise/001.wrl"]
    assert [p.frames for p in placements(out)["BU-4DFE/F001/Surprise"]] == [2, 2]
    (raw / "F001/Surprise/001.wrl").write_bytes(good)
    again = convert([raw], out, FIRST, options=RunOptions(only_sources=frozenset(["F001/Surprise/001.wrl"])))
    assert (again.found, again.exit_code) == (3, 0)
    assert content(out) == content(placed)


def test_another_tau_or_mask_keeps_the_placement(frames, placed, tmp_path):
    out = tmp_path / "out"
    convert([frames], out, replace(FIRST, taus=(40,)))
    todo, _ = plan([frames], out, replace(FIRST, mask=True))
    assert (len(todo.steps), todo.unsettled) == (SCANS + 1, frozenset())
    convert([frames], out, replace(FIRST, mask=True))
    assert placements(out) == placements(placed)
    names = [name for name in content(placed) if name.endswith(".png")]
    assert {name: content(out)[name] for name in names} == {name: content(placed)[name] for name in names}


def test_shards_keep_sequences_whole(frames, placed, tmp_path):
    for part in (2, 1):
        convert([frames], tmp_path / "out", FIRST, options=RunOptions(shard=(part, 2)))
    ours, whole = content(tmp_path / "out"), content(placed)
    same = {name: data for name, data in ours.items() if not name.startswith("records")}
    assert same == {name: data for name, data in whole.items() if name != "records.jsonl"}


def test_the_default_leaves_scans_of_no_sequence_as_they_were(frames, tmp_path, monkeypatch):
    monkeypatch.setattr("gemax_cli.sequences.stabilise_sequence", lambda *_: 1 / 0)
    values = Settings().as_dict()
    assert values.pop("sequence") == "rigid"
    assert Settings.from_dict(values).digest == Settings().digest
    for mode in ("none", "first", "rigid"):
        convert([frames / "alone"], tmp_path / mode, replace(SMALL, sequence=mode))
    (one, two, three) = (
        [d for n, d in content(tmp_path / m).items() if n.endswith("png")] for m in ("none", "first", "rigid")
    )
    assert one == two == three


def test_without_open3d_rigid_is_refused_before_anything_is_written(frames, tmp_path, monkeypatch):
    monkeypatch.setattr("gemax_cli.batch.settle.find_spec", lambda name: None)
    with pytest.raises(ExtraMissing, match=r"pip install open3d .*--sequence first"):
        convert([frames], tmp_path / "out", Settings())
    assert not (tmp_path / "out").exists()
    assert convert([frames / "alone"], tmp_path / "out", Settings()).exit_code == 0


def test_open3d_that_cannot_be_loaded_is_told(frames, tmp_path, monkeypatch):
    def fail():
        raise OSError("libGL.so.1: cannot open shared object file")

    monkeypatch.setattr("gemax_cli.sequences.load_open3d", fail)
    monkeypatch.setattr("gemax_cli.batch.settle.find_spec", lambda name: name)
    with pytest.raises(ExtraMissing, match=r"libGL\.so\.1: apt install libgl1, or give --sequence first"):
        convert([frames], tmp_path / "out", Settings())


def test_frames_that_fit_their_block_are_refused(frames, tmp_path):
    with pytest.raises(SettingsError, match="--sequence none"):
        convert([frames], tmp_path / "out", replace(FIRST, block=BlockSettings(frame="fit")))


def test_a_sequence_whose_process_dies_fails_frame_by_frame(frames, tmp_path, monkeypatch):
    monkeypatch.setattr("gemax_cli.sequences.stabilise_sequence", lambda *_: 1 / 0)
    summary = convert([frames], tmp_path / "out", FIRST)
    assert (summary.converted, len(summary.failures), summary.exit_code) == (1, SCANS, 3)
    assert {failure.source for failure in summary.failures} >= {"F001/Happy/000.wrl", "take/a/scan_2.wrl"}


@pytest.mark.slow
def test_workers_give_the_same_bytes(frames, placed, tmp_path):
    convert([frames], tmp_path / "out", FIRST, options=RunOptions(jobs=2))
    assert content(tmp_path / "out") == content(placed)


@pytest.mark.slow
def test_registered_sequences_resume_and_parallel_runs_have_the_same_bytes(frames, tmp_path):
    pytest.importorskip("open3d", reason="Open3D registers the upper face", exc_type=ImportError)
    rigid = replace(FIRST, sequence="rigid")
    convert([frames], tmp_path / "whole", rigid)
    for own in placements(tmp_path / "whole").values():
        assert {(p.mode, p.registered) for p in own if p} <= {("rigid", True)}
    with pytest.raises(KeyboardInterrupt):
        convert([frames], tmp_path / "stopped", rigid, reporter=Interrupting(4))
    convert([frames], tmp_path / "stopped", rigid)
    convert([frames], tmp_path / "two", rigid, options=RunOptions(jobs=2))
    assert content(tmp_path / "stopped") == content(tmp_path / "two") == content(tmp_path / "whole")
    assert convert([frames], tmp_path / "whole", rigid).converted == 0
