import csv
import io
import json

import numpy as np
import pytest

from gemax_cli.cli.main import run
from tests.pictures import write_png

SMALL = ["bench", "solver", "--faces", "1", "--rounds", "1", "--levels", "256", "--bins", "16", "--compare", "1"]


def test_tables(capsys):
    assert run(SMALL) == 0
    printed = capsys.readouterr()
    assert "Solver" in printed.out
    assert "tau = N" in printed.out
    assert "the paper's dynamic programming (DP), O(K N tau)" in " ".join(printed.out.split())
    assert printed.err == "1 histograms, N = 256, K = 16\n"


def test_json_is_one_object_of_both_tables(capsys):
    assert run([*SMALL, "--format", "json"]) == 0
    tables = json.loads(capsys.readouterr().out)
    assert list(tables) == ["solver", "rivals"]
    assert [row["tau"] for row in tables["solver"]] == ["16", "20", "30", "40", "50", "60", "N", "20 30 40 50 60"]
    assert all(row["same_cuts"] for row in tables["solver"][:-1])
    assert tables["rivals"][0]["max_bin"] <= 20


def test_csv_of_both_tables(capsys):
    assert run([*SMALL, "--format", "csv"]) == 0
    rows = list(csv.reader(io.StringIO(capsys.readouterr().out)))
    assert rows[0][:3] == ["tau", "gemax_ms", "dp_ms"]
    assert ["name", "method", "optimum"] in [row[:3] for row in rows]


def test_depth_images_of_a_folder(tmp_path, capsys):
    codes = np.random.default_rng(0).integers(1, 65536, (40, 40)).astype(np.uint16)
    write_png(tmp_path / "depth16.png", codes)
    assert run([*SMALL, str(tmp_path), "--format", "json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["solver"]) == 8


def test_folder_without_any(tmp_path, capsys):
    assert run([*SMALL, str(tmp_path)]) == 4
    assert "holds no depth16.png" in capsys.readouterr().err


def test_folder_that_is_not_there(tmp_path):
    assert run([*SMALL, str(tmp_path / "none")]) == 2


def test_more_bins_than_levels(capsys):
    assert run(["bench", "solver", "--levels", "8", "--bins", "16", "--faces", "1"]) == 2
    assert "use at least 16 levels" in capsys.readouterr().err


@pytest.mark.slow
def test_pipeline_tables(raw, capsys):
    line = ["bench", "pipeline", str(raw), "--rounds", "1", "--limit", "3", "--jobs", "1", "--tau", "20"]
    assert run(line) == 0
    printed = capsys.readouterr().out
    for title in (
        "Whole runs, 3 scans, 1 rounds",
        "Stages, --jobs 1",
        "The least there is to do",
        "ms a scan; one job",
    ):
        assert title in printed
    assert run([*line, "--format", "json"]) == 0
    tables = json.loads(capsys.readouterr().out)
    assert [row["jobs"] for row in tables["runs"]] == [1]
    assert tables["scans"] == 3


def test_pipeline_without_scans(tmp_path, capsys):
    assert run(["bench", "pipeline"]) == 2
    assert "Missing argument 'SRC'" in capsys.readouterr().err
    assert run(["bench", "pipeline", str(tmp_path)]) == 4
    assert "holds 0 scans" in capsys.readouterr().err
