"""Odd places and names: nothing leads outside the folders given, and each trouble is one sentence and one exit code."""

import csv
import json
import os
import shutil
import subprocess
import sys
import time

import numpy as np
import pytest

from gemax_cli.batch.run import Reporter, RunOptions, convert
from gemax_cli.cli.main import run
from gemax_cli.errors import OutputError
from gemax_cli.settings import BlockSettings, Settings
from gemax_cli.stack.escape import unescaped
from gemax_cli.stack.records import ScanRecord, read_records
from gemax_cli.stack.tables import read_failures
from gemax_cli.stack.verify import verify
from gemax_cli.synthetic.face import procedural_scan
from gemax_cli.synthetic.writers import write_bnt, write_wrl
from tests.batch.folders import content
from tests.batch.planted import COARSE, bnt, obeying_permissions, range_grid, whole

SMALL = Settings(taus=(20,), block=BlockSettings(size=48, mm_per_pixel=4.0))
BEFORE = obeying_permissions()
with_permissions = pytest.mark.skipif(BEFORE is None, reason="permissions cannot be made to count here")


def gemax(*words, **options):
    command = [*(BEFORE or []), sys.executable, "-m", "gemax_cli", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, **options)


@pytest.fixture
def raw(tmp_path):
    """Three scans in two folders."""
    for name in ("a/one.bnt", "a/two.wrl", "b/three.bnt"):
        (tmp_path / "raw" / name).parent.mkdir(parents=True, exist_ok=True)
        whole(tmp_path / "raw" / name)
    return tmp_path / "raw"


def files_below(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


# -- names read from files ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["../../secret.png", "/etc/passwd", "..\\..\\secret.png", "C:\\secret.png"])
def test_pictures_named_by_a_scan_are_not_followed(tmp_path, name):
    raw = tmp_path / "deep" / "deeper" / "raw"
    raw.mkdir(parents=True)
    (tmp_path / "secret.png").write_bytes(b"secret")
    grid, mesh = range_grid(), procedural_scan(3, spacing=5.0)
    write_bnt(raw / "a.bnt", grid, np.zeros((*grid.shape[:2], 2)), name)
    uv = np.zeros((len(mesh.points), 2))
    write_wrl(raw / "b.wrl", mesh.points, mesh.triangles, uv, mesh.triangles, name.replace("\\", "\\\\"))
    opened = []
    sys.addaudithook(lambda event, arguments: opened.append(str(arguments[0])) if event == "open" else None)
    assert convert([raw], raw.parent / "out", SMALL).converted == 2
    assert not [path for path in opened if "secret" in path or "passwd" in path]
    assert {path.name for path in tmp_path.iterdir()} == {"deep", "secret.png"}


@pytest.mark.parametrize(
    "file", ["../victim.png", "/victim.png", "a/../../victim.png", "..\\victim.png", "C:victim.png"]
)
def test_records_cannot_name_files_outside_the_folder(tmp_path, raw, file, capsys):
    out = tmp_path / "out"
    convert([raw], out, SMALL)
    (tmp_path / "victim.png").write_bytes(b"precious")
    lines = (out / "records.jsonl").read_text().splitlines()
    record = json.loads(lines[0])
    record["blocks"][0]["file"] = file.replace("/victim", f"{tmp_path}/victim") if file[0] == "/" else file
    (out / "records.jsonl").write_text("\n".join([json.dumps(record), *lines[1:]]) + "\n")
    with pytest.raises(ValueError, match="outside the output folder"):
        ScanRecord.from_line(json.dumps(record))
    assert run(["verify", str(out), "--repair"]) == 3
    assert "line 1 is damaged (not a record: it names a file outside" in capsys.readouterr().out
    assert convert([raw], out, SMALL).converted == 1
    assert (tmp_path / "victim.png").read_bytes() == b"precious"
    assert run(["verify", str(out)]) == 0


# -- names of files ----------------------------------------------------------------------------------------------------


def test_names_of_any_kind(tmp_path, capfd):
    raw = tmp_path / "a raw folder\nof two lines"
    names = ["with space.bnt", "Zoë 笑.bnt", "two\nlines.bnt", "-rf.bnt", "a..b.bnt", "CON.bnt", "*?.bnt"]
    names.append(200 * "n" + ".bnt")
    raw.mkdir()
    for name in names:
        bnt(raw / name)
    shutil.copy(raw / names[0], os.fsencode(raw) + b"/bad\xff\xfe.bnt")
    (raw / "broken\n.bnt").write_bytes(b"x")
    (raw / "link.bnt").symlink_to(raw / names[0])  # the same scan once more: not taken twice
    assert run(["convert", str(raw), str(tmp_path / "out"), *COARSE]) == 3
    assert f"{len(names) + 2} scans: {len(names) + 1} converted, 1 failed" in capfd.readouterr().err
    with (tmp_path / "out" / "metadata.csv").open(newline="", errors="surrogateescape") as file:
        sources = {unescaped(row["source"]) for row in csv.DictReader(file)}
    assert sources == {*names, "bad\udcff\udcfe.bnt"}
    assert [failure.source for failure in read_failures(tmp_path / "out" / "failures.csv")] == ["broken\n.bnt"]
    assert run(["convert", str(raw), str(tmp_path / "out"), *COARSE]) == 3
    assert f"0 converted, {len(names) + 1} there already" in capfd.readouterr().err
    assert verify(tmp_path / "out").problems == ()


def test_scans_of_one_name_are_kept_apart_and_it_is_said(tmp_path, capfd):
    for folder in ("x", "y"):
        (tmp_path / "raw" / folder).mkdir(parents=True)
        bnt(tmp_path / "raw" / folder / "bs007_N_N_0.bnt")
    assert run(["convert", str(tmp_path / "raw"), str(tmp_path / "out"), *COARSE]) == 0
    assert "y/bs007_N_N_0.bnt: goes to Bosphorus/bs007/bs007_N_N_0~" in capfd.readouterr().err
    first, second = read_records(tmp_path / "out")
    assert second.scan_id.startswith(first.scan_id + "~")
    assert not set(first.files) & set(second.files)


# -- places ------------------------------------------------------------------------------------------------------------


def test_output_inside_input_is_not_taken_for_scans(raw):
    first = convert([raw], raw / "out", SMALL)
    before = content(raw / "out")
    second = convert([raw], raw / "out", SMALL)
    assert (first.converted, second.converted, second.done) == (3, 0, 3)
    assert content(raw / "out") == before


def test_input_inside_output(tmp_path, raw):
    out = tmp_path
    assert convert([raw], out, SMALL).converted == 3
    assert convert([raw], out, SMALL).done == 3


def test_tables_of_somebody_else_are_not_replaced(tmp_path, raw):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "metadata.csv").write_text("mine\n")
    with pytest.raises(OutputError, match=r"holds a metadata\.csv that gemax did not write"):
        convert([raw], tmp_path / "out", SMALL, options=RunOptions(overwrite=True))
    assert files_below(tmp_path / "out") == {"metadata.csv": b"mine\n"}


class Removing(Reporter):
    """Takes the raw folder away after the first scan."""

    def __init__(self, raw):
        self.raw = raw

    def finished(self, outcome):
        shutil.rmtree(self.raw, ignore_errors=True)


def test_input_that_vanishes_during_the_run(tmp_path, raw):
    kept = shutil.copytree(raw, tmp_path / "kept")
    summary = convert([raw], tmp_path / "out", SMALL, reporter=Removing(raw))
    assert (summary.converted, len(summary.failures), summary.exit_code) == (1, 2, 3)
    for failure in summary.failures:
        assert (failure.stage, failure.error) == ("read", "FileUnreadable")
        assert "there is no such file" in failure.message
    shutil.copytree(kept, raw)
    again = convert([raw], tmp_path / "out", SMALL)
    assert (again.converted, again.done, again.exit_code) == (2, 1, 0)
    assert not (tmp_path / "out" / "failures.csv").exists()


@with_permissions
@pytest.mark.slow
def test_a_folder_that_may_not_be_read_is_a_failure(tmp_path, raw):
    (raw / "b").chmod(0)
    line = ["convert", raw, tmp_path / "out", *COARSE]
    done = gemax(*line)
    assert done.returncode == 3
    assert "b: this folder cannot be listed (Permission denied)" in done.stderr
    (failure,) = read_failures(tmp_path / "out" / "failures.csv")
    assert (failure.source, failure.stage) == ("b/", "walk")
    dry = gemax(*line, "--dry-run")
    assert (dry.returncode, "cannot be listed" in dry.stderr) == (3, True)
    (raw / "b").chmod(0o755)
    again = gemax(*line, "--retry-failed")
    assert (again.returncode, "1 scans: 1 converted" in again.stderr) == (0, True)
    assert not (tmp_path / "out" / "failures.csv").exists()


@with_permissions
def test_an_input_that_may_not_be_read_at_all(tmp_path, raw):
    raw.chmod(0)
    done = gemax("convert", raw, tmp_path / "out", *COARSE)
    raw.chmod(0o755)
    assert done.returncode == 2
    assert "is not readable" in done.stderr
    assert not (tmp_path / "out").exists()


@with_permissions
@pytest.mark.parametrize("inside", [False, True])
def test_a_read_only_output(tmp_path, raw, inside):
    out = tmp_path / "shelf" / "out"
    out.mkdir(parents=True)
    if inside:
        convert([raw / "a"], out, SMALL)
    place = out if inside else out.parent
    place.chmod(0o555)
    done = gemax("convert", raw, out if inside else out.parent / "new", *COARSE)
    checked = gemax("verify", out) if inside else None
    place.chmod(0o755)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "give another" in done.stderr
    assert checked is None or checked.returncode == 0


def test_sources_listed_as_failed_that_went_away_are_said(raw, tmp_path, capfd):
    (raw / "gone.bnt").write_bytes(b"x")
    (raw / "broken.bnt").write_bytes(b"x")
    line = ["convert", str(raw), str(tmp_path / "out"), *COARSE]
    assert run(line) == 3
    (raw / "gone.bnt").unlink()
    bnt(raw / "broken.bnt")
    capfd.readouterr()
    assert run([*line, "--retry-failed"]) == 0
    assert "not there any more: 1, such as gone.bnt" in capfd.readouterr().err


def test_a_clock_that_goes_back_changes_nothing(tmp_path, raw, monkeypatch):
    convert([raw], tmp_path / "calm", SMALL)
    backwards = iter(range(10**9, 0, -3600))
    monkeypatch.setattr(time, "time", lambda: next(backwards))
    for path in raw.rglob("*.*"):
        os.utime(path, (2**31, 2**31))
    summary = convert([raw], tmp_path / "out", SMALL)
    assert summary.seconds >= 0
    assert convert([raw], tmp_path / "out", SMALL).done == 3
    assert content(tmp_path / "out") == content(tmp_path / "calm")
