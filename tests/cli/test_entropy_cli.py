import csv
import io
import json
import os
import subprocess
import sys

import numpy as np
import pytest

from gemax_cli.cli.main import run
from tests.pictures import write_png
from tests.reports.folders import BO, BU, PAPERS, make_folder

COLUMNS = ["map", "tau", "scans", "mean", "std", "min", "max", "max_bin", "distortion", "error_mm", "paper"]


@pytest.fixture
def out(tmp_path):
    return make_folder(tmp_path / "out", (BU, BO))


@pytest.mark.parametrize("by", ["dataset", "scan", "subject", "expression"])
def test_columns_are_stable(out, capsys, by):
    assert run(["entropy", str(out), "--by", by, "--format", "csv"]) == 0
    printed = capsys.readouterr()
    rows = list(csv.reader(io.StringIO(printed.out)))
    assert rows[0] == [by, *COLUMNS]
    assert printed.err == ""


def test_json_holds_the_same(out, capsys):
    run(["entropy", str(out), "--format", "json"])
    rows = json.loads(capsys.readouterr().out)
    assert list(rows[0]) == ["dataset", *COLUMNS]
    assert rows[0]["map"] == "range image"
    assert 0 < rows[0]["mean"] <= 4


@pytest.mark.parametrize(("by", "group"), [("expression", "BU-3DFE/AN"), ("subject", "BU-3DFE/F0001")])
def test_groups_are_rows_for_people_and_stay_long_for_programs(out, capsys, by, group):
    run(["entropy", str(out), "--by", by, "--format", "md"])
    head, _, *rows = [line for line in capsys.readouterr().out.splitlines() if line.startswith("|")]
    assert head == f"| {by} | scans | range image | tau 5 | tau 8 | mean over tau |"
    assert len(rows) == 2
    assert rows[0].startswith(f"| {group} | 1 | ")


def test_the_note_stands_under_table_and_md_alone(tmp_path, capsys):
    out = make_folder(tmp_path / "out", (BU,), PAPERS)
    for form, has_note in (("table", True), ("md", True), ("csv", False), ("json", False)):
        assert run(["entropy", str(out), "--format", form]) == 0
        assert ("arXiv 2011.08333, on the licensed databases" in capsys.readouterr().out) is has_note


def test_the_paper_s_figures_are_printed_as_it_prints_them(tmp_path, capsys):
    out = make_folder(tmp_path / "out", (BU,), PAPERS)
    run(["entropy", str(out), "--format", "md"])
    assert "| 7.811 |" in capsys.readouterr().out


def test_published(tmp_path, capsys):
    out = make_folder(tmp_path / "out", (BU,), PAPERS)
    assert run(["entropy", str(out), "--published", "--format", "csv"]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert {row["table"] for row in rows} == {"1", "3", "5"}
    (gemax,) = (row for row in rows if row["map"] == "GEMax")
    assert gemax["paper"] == "7.94"
    assert float(gemax["difference"]) == pytest.approx(float(gemax["ours"]) - 7.94)


def test_published_without_its_databases(tmp_path, capsys):
    write_png(tmp_path / "a.png", np.full((4, 4), 9, np.uint8))
    assert run(["entropy", str(tmp_path), "--published"]) == 1
    assert "holds no scan of BU-3DFE or Bosphorus" in capsys.readouterr().err


def test_a_broken_png_is_named_and_the_rest_printed(out, capsys):
    (out / BU / "gemax_tau005.png").write_bytes(b"no png")
    assert run(["entropy", str(out), "--format", "csv"]) == 3
    printed = capsys.readouterr()
    assert str(out / BU / "gemax_tau005.png") in printed.err
    assert len(printed.err.splitlines()) == 1
    rows = list(csv.DictReader(io.StringIO(printed.out)))
    assert {row["dataset"] for row in rows} == {"BU-3DFE", "Bosphorus"}


def test_only_broken_pngs(tmp_path, capsys):
    (tmp_path / "a.png").write_bytes(b"no png")
    assert run(["entropy", str(tmp_path)]) == 3
    assert "a.png" in capsys.readouterr().err


def test_an_empty_folder_and_none(tmp_path, capsys):
    assert run(["entropy", str(tmp_path)]) == 4
    assert "holds no map" in capsys.readouterr().err
    assert run(["entropy", str(tmp_path / "none")]) == 2
    assert "there is no such file or folder" in capsys.readouterr().err


def test_names_are_no_markup(tmp_path, capsys):
    write_png(tmp_path / "[red]x[bold].png", np.full((4, 4), 9, np.uint8))
    assert run(["entropy", str(tmp_path), "--by", "scan"]) == 0
    assert "[red]x[bold]" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["e.svg", "e.png", "E.SVG"])
def test_plot(out, tmp_path, capsys, name):
    assert run(["entropy", str(out), "--plot", str(tmp_path / name)]) == 0
    assert (tmp_path / name).read_bytes()[:4] in (b"\x89PNG", b"<svg")
    assert str(tmp_path / name) in capsys.readouterr().err


def test_plot_of_an_unknown_kind_is_refused_before_work(tmp_path, capsys):
    assert run(["entropy", str(tmp_path), "--plot", "e.pdf"]) == 2
    assert "ends in .svg or .png" in capsys.readouterr().err


@pytest.mark.slow
def test_a_closed_pipe_ends_quietly(tmp_path):
    out = make_folder(tmp_path / "out", tuple(f"BU-3DFE/F{i:04d}/F{i:04d}_AN01WH" for i in range(60)))
    command = [sys.executable, "-m", "gemax_cli", "entropy", str(out), "--by", "scan", "--jobs", "1"]
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(command, stdout=write, stderr=subprocess.PIPE, text=True, timeout=120, check=False)
    os.close(write)
    assert done.stderr == ""
    assert done.returncode == 0
