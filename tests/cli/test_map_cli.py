import csv
import io
import json

import numpy as np
import pytest
import tifffile

from gemax_cli.cli.argv import spread
from gemax_cli.cli.main import run


@pytest.fixture
def raw(tmp_path):
    folder = tmp_path / "raw"
    folder.mkdir()
    rng = np.random.default_rng(0)
    tifffile.imwrite(folder / "a.tif", rng.gamma(2.0, 100.0, (60, 70)).astype(np.float32))
    np.save(folder / "b.npy", rng.integers(0, 3, (50, 40)).astype(np.uint8))
    return folder


def test_map_verify_entropy_and_invert(raw, tmp_path, capsys):
    out = tmp_path / "out"
    line = ["map", str(raw), str(out), "--tau", "1.25x", "2x", "0.9%", "--scale", "sqrt", "--jobs", "1"]
    assert run(line) == 0
    said = capsys.readouterr()
    assert "2 images to map" in said.err
    assert "2 images: 2 converted, 1 with warnings" in said.err
    assert run(["verify", str(out)]) == 0
    assert "2 images, 6 files: all as recorded" in capsys.readouterr().err
    assert run(["entropy", str(out), "--format", "csv"]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [(row["map"], row["tau"]) for row in rows] == [
        ("uniform", ""), ("gemax", "0.9%"), ("gemax", "1.25x"), ("gemax", "2x"),
    ]  # fmt: skip
    assert run(["entropy", str(out), "--by", "scan", "--format", "json"]) == 0
    assert len(json.loads(capsys.readouterr().out)) == 8
    values = tmp_path / "values.npy"
    assert run(["invert", str(out / "a/gemax_tau2x.png"), "-o", str(values), "--format", "json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert np.abs(np.load(values) - tifffile.imread(raw / "a.tif")).max() <= row["bound"]
    assert run(["invert", str(out / "a/gemax_tau2x.png"), "--ply", str(tmp_path / "x.ply")]) == 2
    assert run(["report", str(out)]) == 5
    assert "made by gemax map" in capsys.readouterr().err


def test_json_is_one_record_a_line_and_quiet_says_nothing(raw, tmp_path, capsys):
    assert run(["map", str(raw / "a.tif"), str(raw / "b.npy"), str(tmp_path / "out"), "--json", "-q", "-j", "1"]) == 0
    said = capsys.readouterr()
    assert [json.loads(line)["scan"] for line in said.out.splitlines()] == ["a", "b"]
    assert said.err == ""


def test_json_is_safe_to_repeat(raw, tmp_path, capsys):
    (tmp_path / "bad.tif").write_bytes(b"broken")
    files = [str(path) for path in (raw / "a.tif", tmp_path / "bad.tif", raw / "b.npy")]
    told = []
    for status in ("converted", "present"):
        assert run(["map", *files, str(tmp_path / "out"), "--json", "-q", "-j1"]) == 3
        rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        assert {row["scan"]: row.pop("status") for row in rows} == {"a": status, "bad": "failed", "b": status}
        told.append(rows)
    assert told[0] == told[1]


@pytest.mark.parametrize(
    "wrong",
    [["--tau", "0.5x"], ["--range", "5:1"], ["--levels", "many"], ["--levels", "0"], ["--bins", "1"],
     ["--nodata", "often"], ["--band", "0"], ["--scale", "cubic"]],
)  # fmt: skip
def test_usage_errors(raw, tmp_path, wrong, capsys):
    assert run(["map", str(raw), str(tmp_path / "out"), *wrong]) == 2
    assert "give" in capsys.readouterr().err or wrong[0] in ("--band", "--scale")
    assert not (tmp_path / "out").exists()


def test_exit_codes(raw, tmp_path, capsys):
    (tmp_path / "none").mkdir()
    assert run(["map", str(tmp_path / "none"), str(tmp_path / "out")]) == 4
    (raw / "bad.tif").write_bytes(b"II*\0")
    assert run(["map", str(raw), str(tmp_path / "out"), "-j", "1"]) == 3
    assert "bad.tif" in capsys.readouterr().err
    assert run(["map", str(raw), str(tmp_path / "out"), "--bins", "16"]) == 5


def test_a_list_on_standard_input(raw, tmp_path, monkeypatch):
    names = f"{raw / 'a.tif'}\r\n{raw / 'b.npy'}\n".encode()
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(names)))
    assert run(["map", "-", str(tmp_path / "out"), "-j", "1", "-q"]) == 0
    assert len(list((tmp_path / "out").rglob("gemax_*.png"))) == 6


def test_tau_in_any_notation_may_come_first():
    line = ["map", "--tau", "1.25x", "20", "0.5%", "a.tif", "out"]
    assert spread(line) == ["map", "--tau", "1.25x", "--tau", "20", "--tau", "0.5%", "a.tif", "out"]


@pytest.mark.slow
def test_sample_writes_images_with_their_truth(tmp_path, capsys):
    line = ["sample", str(tmp_path / "s"), "--dataset", "thermal", "--dataset", "sar", "--subjects", "1"]
    assert run(line) == 0
    first = {path.name: path.read_bytes() for path in (tmp_path / "s").rglob("*.tif")}
    assert set(first) == {"thermal_000.tif", "sar_000.tif"}
    truth = np.load(tmp_path / "s/thermal/thermal_000.truth.npz")["truth"]
    counts = tifffile.imread(tmp_path / "s/thermal/thermal_000.tif")
    assert np.abs((counts.astype(float) - 6829) * 0.04 - truth).max() < 0.5
    assert run(line) == 0
    assert first == {path.name: path.read_bytes() for path in (tmp_path / "s").rglob("*.tif")}
    assert run([*line, "--dataset", "Bosphorus"]) == 2
    (tmp_path / "other").mkdir()
    (tmp_path / "other/file").write_bytes(b"")
    assert run(["sample", str(tmp_path / "other"), "--dataset", "sar"]) == 5


def test_settings_of_a_run_map_the_same_again(raw, tmp_path, capsys):
    line = ["map", str(raw / "b.npy"), "-q", "-j1"]
    assert (
        run([*line, str(tmp_path / "a"), "--tau", "2x", "--scale", "sqrt", "--range", "p1:p99", "--bins", "128"]) == 0
    )
    again = [*line, str(tmp_path / "b"), "--settings", str(tmp_path / "a" / "run.json")]
    assert run(again) == 0
    assert (tmp_path / "a" / "records.jsonl").read_bytes() == (tmp_path / "b" / "records.jsonl").read_bytes()
    assert run(["convert", str(raw), str(tmp_path / "c"), *again[-2:]]) == 2
    assert "they are of images, not of scans" in capsys.readouterr().err
