"""Whole conversions of the synthetic sample."""

import os
import shutil
from dataclasses import replace

import imageio.v3 as iio
import numpy as np
import pytest

from gemax_cli.batch.run import RunOptions, convert, plan
from gemax_cli.datasets.selection import Selection
from gemax_cli.entropy.figures import map_entropy
from gemax_cli.errors import NothingToConvert, OutputError, SettingsConflict
from gemax_cli.settings import BlockSettings, QuantisationSettings, Settings
from gemax_cli.stack.records import read_records
from gemax_cli.stack.tables import read_failures
from gemax_cli.stack.verify import verify
from tests.batch.folders import Interrupting, content, temporaries

TAU = Settings(taus=(20, 30))


@pytest.fixture
def few(raw, tmp_path):
    """Two scans, one of each layout."""
    folder = tmp_path / "raw"
    for path in (*raw.rglob("*NE00*"), *raw.rglob("*N_N_0*")):
        place = folder / path.relative_to(raw)
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, place)
    return folder


def test_images_are_as_promised(converted):
    records = list(read_records(converted))
    assert len(records) == 6
    for record in records:
        (block,) = record.blocks
        codes = iio.imread(converted / block.file)
        assert codes.dtype == np.uint16
        assert codes.shape == (224, 224)
        assert codes.max() >= 65000  # the tip's own pixel is up to a pixel away from the tip
        assert block.valid_pixels == np.count_nonzero(codes) > 10000
        assert [m.tau for m in block.maps] == [20, 30, 40]
        for m in block.maps:
            image = iio.imread(converted / m.file)
            assert image.dtype == np.uint8
            assert image.shape == (224, 224)
            assert not image[codes == 0].any()
            assert map_entropy(image, codes > 0) == pytest.approx(m.entropy, abs=1e-12)
            assert np.diff(m.cuts).max() == m.max_bin <= m.tau
            assert (m.cuts[0], m.cuts[-1], len(m.cuts)) == (0, 4096, 257)


def test_entropy_never_falls_with_tau(converted):
    for record in read_records(converted):
        bits = [m.entropy for m in record.blocks[0].maps]
        assert bits == sorted(bits)


def test_the_affine_leads_from_the_tip_pixel_to_the_tip(converted):
    for record in read_records(converted):
        affine = np.array(record.blocks[0].pixel_to_raw)
        tip = affine @ [111.5, 111.5, 0.0, 1.0]
        np.testing.assert_allclose(tip, [record.nose.x, record.nose.y, record.nose.z], atol=1e-9)


def test_nose_tips_are_the_samples_own(raw, converted):
    import csv

    with (raw / "truth.csv").open() as file:
        truth = {row["path"]: [float(row[f"nose_{axis}"]) for axis in "xyz"] for row in csv.DictReader(file)}
    for record in read_records(converted):
        off = np.linalg.norm(np.subtract(truth[record.source], [record.nose.x, record.nose.y, record.nose.z]))
        assert off < 4.0, record.scan_id


def test_everything_is_as_recorded(converted):
    verified = verify(converted)
    assert (verified.scans, verified.files) == (6, 24)
    assert verified.problems == verified.orphans == ()


@pytest.mark.parametrize("jobs", [2, 4])
@pytest.mark.slow
def test_the_number_of_workers_does_not_change_a_byte(raw, converted, tmp_path, jobs):
    convert([raw], tmp_path / "out", Settings(taus=(20, 30, 40)), options=RunOptions(jobs=jobs))
    assert content(tmp_path / "out") == content(converted)


def test_shards_make_the_same_images(raw, converted, tmp_path):
    for i in (3, 1, 2):
        convert([raw], tmp_path / "out", Settings(taus=(20, 30, 40)), options=RunOptions(shard=(i, 3)))
    ours, whole = content(tmp_path / "out"), content(converted)
    assert {name for name in ours if name.startswith("records-")} == {f"records-{i}-of-3.jsonl" for i in (1, 2, 3)}
    same = {name: data for name, data in ours.items() if not name.startswith("records")}
    assert same == {name: data for name, data in whole.items() if name != "records.jsonl"}


def test_a_second_run_does_nothing(few, tmp_path):
    out = tmp_path / "out"
    first = convert([few], out, TAU)
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*.png")}
    assert plan([few], out, TAU)[1].done == 2
    second = convert([few], out, TAU)
    assert (first.converted, first.done) == (2, 0)
    assert (second.converted, second.done, second.exit_code) == (0, 2, 0)
    assert before == {path: path.stat().st_mtime_ns for path in out.rglob("*.png")}


def test_another_tau_adds_one_map_and_touches_nothing_else(few, tmp_path):
    out = tmp_path / "out"
    convert([few], out, TAU)
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*.png")}
    summary = convert([few], out, Settings(taus=(50,)))
    assert summary.converted == 2
    after = {path: path.stat().st_mtime_ns for path in out.rglob("*.png")}
    assert {path.name for path in set(after) - set(before)} == {"gemax_tau050.png"}
    assert all(after[path] == before[path] for path in before)
    assert [record.taus(60.0) for record in read_records(out)] == [(20, 30, 50)] * 2
    assert verify(out).problems == ()


def test_maps_added_later_are_those_of_one_run(few, tmp_path):
    convert([few], tmp_path / "one", Settings(taus=(20, 30, 50)))
    convert([few], tmp_path / "two", TAU)
    convert([few], tmp_path / "two", Settings(taus=(50,)))
    ours, whole = content(tmp_path / "two"), content(tmp_path / "one")
    assert {n: d for n, d in ours.items() if n != "run.json"} == {n: d for n, d in whole.items() if n != "run.json"}


def test_a_depth_image_that_changed_is_not_built_upon(few, tmp_path):
    out = tmp_path / "out"
    convert([few], out, TAU)
    victim = next(out.rglob("depth16.png"))
    good = victim.read_bytes()
    iio.imwrite(victim, np.zeros((224, 224), np.uint16))
    convert([few], out, Settings(taus=(50,)))
    assert victim.read_bytes() == good
    assert verify(out).problems == ()


def test_other_settings_are_refused_and_overwrite_makes_all_again(few, tmp_path):
    out = tmp_path / "out"
    convert([few], out, TAU)
    small = replace(TAU, block=BlockSettings(size=64, mm_per_pixel=3.5))
    with pytest.raises(SettingsConflict, match="size was 224, is 64"):
        convert([few], out, small)
    assert convert([few], out, small, options=RunOptions(overwrite=True)).converted == 2
    assert {iio.imread(path).shape for path in out.rglob("*.png")} == {(64, 64)}
    assert verify(out).problems == ()


def test_interrupted_and_resumed_is_undisturbed(raw, converted, tmp_path, monkeypatch):
    monkeypatch.setattr("gemax_cli.batch.run.SYNC_SECONDS", 0.0)  # each scan is recorded by itself
    monkeypatch.setattr("gemax_cli.batch.run.SYNC_SHARE", 0.0)
    settings = Settings(taus=(20, 30, 40))
    for after in (1, 2):
        with pytest.raises(KeyboardInterrupt):
            convert([raw], tmp_path / "out", settings, reporter=Interrupting(after))
    assert len(list(read_records(tmp_path / "out"))) == 3
    assert (tmp_path / "out" / "metadata.csv").read_text().count("\n") == 4
    assert convert([raw], tmp_path / "out", settings).converted == 3
    assert content(tmp_path / "out") == content(converted)


@pytest.mark.slow
def test_interrupting_a_pool_leaves_no_temporary_file(raw, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        convert([raw], tmp_path / "out", TAU, options=RunOptions(jobs=2), reporter=Interrupting(2))
    assert temporaries(tmp_path / "out") == []
    assert convert([raw], tmp_path / "out", TAU, options=RunOptions(jobs=2)).exit_code == 0


def test_a_broken_scan_costs_itself_alone(few, tmp_path):
    bad = next(few.rglob("*.bnt"))
    bad.write_bytes(bad.read_bytes()[:5000])
    summary = convert([few], tmp_path / "out", TAU)
    assert (summary.converted, summary.exit_code) == (1, 3)
    (failure,) = read_failures(tmp_path / "out" / "failures.csv")
    assert failure.source == bad.relative_to(few).as_posix()
    assert failure.stage == "read"
    assert str(bad) in failure.message


def test_failures_are_retried_and_forgotten_when_restored(few, tmp_path):
    bad = next(few.rglob("*.bnt"))
    whole = bad.read_bytes()
    bad.write_bytes(whole[:5000])
    convert([few], tmp_path / "out", TAU)
    bad.write_bytes(whole)
    only = frozenset(failure.source for failure in read_failures(tmp_path / "out" / "failures.csv"))
    summary = convert([few], tmp_path / "out", TAU, options=RunOptions(only_sources=only))
    assert (summary.found, summary.converted, summary.exit_code) == (1, 1, 0)
    assert not (tmp_path / "out" / "failures.csv").exists()


def test_stop_at_the_first_failure(few, tmp_path):
    for path in few.rglob("*.bnt"):
        path.write_bytes(b"no grid")
    summary = convert([few], tmp_path / "out", TAU, options=RunOptions(on_failure="stop"))
    assert (summary.converted, len(summary.failures), summary.left, summary.exit_code) == (0, 1, 1, 3)


def test_nothing_to_convert_is_said(few, tmp_path):
    with pytest.raises(NothingToConvert, match="no scan to convert"):
        convert([few], tmp_path / "out", TAU, Selection(subjects=("F0099",)))
    assert not (tmp_path / "out").exists()


def test_a_shard_without_scans_is_no_error(few, tmp_path):
    assert convert([few], tmp_path / "out", TAU, options=RunOptions(shard=(5, 5))).exit_code == 0


def test_a_file_as_output_folder_is_refused(few, tmp_path):
    (tmp_path / "out").touch()
    with pytest.raises(OutputError, match="cannot be made"):
        convert([few], tmp_path / "out", TAU)


def test_several_depths_lie_in_folders_of_their_own(few, tmp_path):
    out = tmp_path / "out"
    convert([few], out, Settings(taus=(20,), depths=(50, 60, 62.5)))
    convert([few], tmp_path / "alone", Settings(taus=(20,), depths=(60,)))
    for record in read_records(out):
        assert [block.file.split("/")[-2] for block in record.blocks] == ["d050", "d060", "d062.5"]
        alone = tmp_path / "alone" / record.scan_id / "depth16.png"
        assert (out / record.scan_id / "d060" / "depth16.png").read_bytes() == alone.read_bytes()
    assert (out / "metadata.csv").read_text().count("\n") == 7


def test_rgb_holds_three_tau_in_one_image(few, tmp_path):
    grey, colour = Settings(taus=(20, 30, 40, 50)), Settings(taus=(20, 30, 40, 50), stack="rgb")
    convert([few], tmp_path / "grey", grey)
    convert([few], tmp_path / "rgb", colour)
    for record in read_records(tmp_path / "rgb"):
        names = ["gemax_tau020_030_040.png", "gemax_tau050.png"]
        assert [file.rpartition("/")[2] for file in record.files] == ["depth16.png", *names]
        for m in record.blocks[0].maps:
            channel = iio.imread(tmp_path / "rgb" / m.file)[..., m.channel]
            np.testing.assert_array_equal(
                channel, iio.imread(tmp_path / "grey" / record.scan_id / f"gemax_tau{m.tau:03d}.png")
            )
    assert verify(tmp_path / "rgb").problems == ()


def test_a_reserved_zero_is_the_backgrounds_alone(few, tmp_path):
    convert([few], tmp_path / "out", Settings(taus=(20,), quantisation=QuantisationSettings(reserve_zero=True)))
    for path in (tmp_path / "out").rglob("gemax_tau020.png"):
        np.testing.assert_array_equal(iio.imread(path) == 0, iio.imread(path.with_name("depth16.png")) == 0)


def test_uniform_tau_is_uniform_quantisation(few, tmp_path):
    convert([few], tmp_path / "out", Settings(taus=(16,)))
    for path in (tmp_path / "out").rglob("gemax_tau016.png"):
        codes = iio.imread(path.with_name("depth16.png")).astype(np.int64)
        levels = (codes - 1) * 4096 // 65535
        np.testing.assert_array_equal(iio.imread(path), np.where(codes > 0, levels // 16, 0))


def test_tables_are_left_alone_where_nothing_was_done(few, tmp_path):
    convert([few], tmp_path / "out", TAU)
    table = tmp_path / "out" / "metadata.csv"
    before = table.read_bytes()
    later = (tmp_path / "out" / "records.jsonl").stat().st_mtime_ns + 10**9
    os.utime(table, ns=(later, later))
    convert([few], tmp_path / "out", TAU)
    assert (table.stat().st_mtime_ns, table.read_bytes()) == (later, before)


@pytest.mark.parametrize("loss", ["missing", "older"])
def test_tables_that_lag_behind_the_records_are_made_again(few, tmp_path, loss):
    """As after a run that was killed between its last record and its tables."""
    convert([few], tmp_path / "out", TAU)
    table = tmp_path / "out" / "metadata.csv"
    before = table.read_bytes()
    table.write_text("stale")
    os.utime(table, ns=(1, 1))
    if loss == "missing":
        table.unlink()
    convert([few], tmp_path / "out", TAU)
    assert table.read_bytes() == before
