"""``convert --maps``, ``invert`` and ``sweep`` as a user types them."""

import csv
import json
import shutil
import xml.etree.ElementTree as ET

import numpy as np
import pytest

from gemax_cli.cli.main import run
from gemax_cli.maps.registry import COMPARISONS
from gemax_cli.stack.png import read_png
from gemax_cli.stack.records import ScanRecord, compact_json, read_records
from gemax_cli.stack.verify import verify
from tests.stack.samples import resigned

NAMES = ["ri", "he", "normals", "curvature", "shape-index"]


@pytest.fixture(scope="module")
def one(raw):
    return next(raw.rglob("*NE00*_F3D.wrl"))


def convert(one, out, *options):
    return run(["convert", "-q", "-j1", str(one), str(out), "--tau", "20", *options])


@pytest.fixture(scope="module")
def mapped(one, tmp_path_factory):
    out = tmp_path_factory.mktemp("mapped") / "out"
    assert convert(one, out, "--maps", ",".join(NAMES)) == 0
    return out


def images(out):
    return {path.name: path.read_bytes() for path in out.rglob("*.png")}


def metadata(out):
    with (out / "metadata.csv").open(newline="") as file:
        return next(csv.DictReader(file))


def test_maps_are_written_and_recorded(mapped):
    assert set(images(mapped)) == {"depth16.png", "gemax_tau020.png", *(f"{name}.png" for name in NAMES)}
    (record,) = read_records(mapped)
    (block,) = record.blocks
    assert [m.name for m in block.comparisons] == [channel for name in NAMES for channel in COMPARISONS[name].channels]
    assert [m.channel for m in block.comparisons if m.name.startswith("normals")] == [0, 1, 2]
    assert all(m.convention for m in block.comparisons)
    valid = read_png(mapped / block.file) > 0
    assert all(not read_png(mapped / m.file)[~valid].any() for m in block.comparisons)
    found = verify(mapped)
    assert (found.files, found.problems, found.orphans) == (2 + len(NAMES), (), ())


def test_the_table_names_files_and_entropy(mapped):
    row = metadata(mapped)
    for name in NAMES:
        assert row[f"{name.replace('-', '_')}_file_name"].endswith(f"/{name}.png")
    assert 0 < float(row["entropy_ri"]) < float(row["entropy_tau020"]) < 8
    assert float(row["entropy_normals_z"]) > 0


def test_clahe_where_its_library_is(one, tmp_path):
    pytest.importorskip("skimage")
    assert convert(one, tmp_path / "out", "--maps", "clahe") == 0
    assert "clahe.png" in images(tmp_path / "out")


def test_the_order_of_the_paper_holds_where_it_can(mapped):
    row = metadata(mapped)
    assert float(row["entropy_ri"]) < float(row["entropy_tau020"])
    assert float(row["entropy_curvature"]) < float(row["entropy_tau020"])
    assert float(row["entropy_he"]) > float(row["entropy_tau020"])  # no bound on its bins at all


@pytest.mark.parametrize(
    "steps", [["ri", "he,normals", "shape-index,curvature"], ["shape-index,ri", "curvature,he,normals"]]
)
def test_maps_added_later_are_the_same_bytes(one, mapped, tmp_path, steps, monkeypatch):
    out = tmp_path / "out"
    assert convert(one, out) == 0
    monkeypatch.delattr("gemax_cli.batch.task.convert_scan")  # the scan is not read again
    for step in steps:
        assert convert(one, out, "--maps", step) == 0
    assert images(out) == images(mapped)
    (record,), (whole,) = read_records(out), read_records(mapped)
    assert record.blocks == whole.blocks
    assert metadata(out) == metadata(mapped)


def test_nothing_is_done_twice_and_nothing_is_lost(one, mapped, tmp_path):
    out = shutil.copytree(mapped, tmp_path / "out")
    before = (out / "records.jsonl").read_bytes()
    assert convert(one, out, "--maps", "he") == 0
    assert convert(one, out) == 0
    assert (out / "records.jsonl").read_bytes() == before
    assert convert(one, out, "--tau", "30") == 0
    (record,) = read_records(out)
    assert len(record.blocks[0].comparisons) == 7
    assert record.taus(60.0) == (20, 30)


def test_a_missing_map_is_made_again(one, mapped, tmp_path):
    out = shutil.copytree(mapped, tmp_path / "out")
    next(out.rglob("he.png")).unlink()
    assert convert(one, out, "--maps", ",".join(NAMES)) == 0
    assert images(out) == images(mapped)


def test_a_folder_of_before_is_added_to(one, mapped, tmp_path):
    out = tmp_path / "out"
    assert convert(one, out) == 0
    values = json.loads((out / "records.jsonl").read_text())
    for block in values["blocks"]:
        del block["comparisons"]
    run_json = json.loads((out / "run.json").read_text())
    del run_json["settings"]["maps"]
    (out / "records.jsonl").write_text(resigned(json.dumps(values)))
    (out / "run.json").write_text(json.dumps(run_json))
    assert convert(one, out, "--maps", ",".join(NAMES)) == 0
    assert images(out) == images(mapped)


def test_every_depth_gets_its_maps(one, tmp_path):
    assert convert(one, tmp_path / "out", "--depth", "50", "60", "--maps", "ri", "--maps", "curvature") == 0
    (record,) = read_records(tmp_path / "out")
    assert record.comparisons(50.0) == record.comparisons(60.0) == ("ri", "curvature")
    assert len(list((tmp_path / "out").rglob("ri.png"))) == 2


def test_grey_value_zero_is_kept_where_asked(one, tmp_path):
    assert convert(one, tmp_path / "out", "--reserve-zero", "--maps", ",".join(NAMES)) == 0
    (record,) = read_records(tmp_path / "out")
    valid = read_png(tmp_path / "out" / record.blocks[0].file) > 0
    for m in record.blocks[0].comparisons:
        assert read_png(tmp_path / "out" / m.file)[valid].min() >= 1


def test_rgb_stacks_go_with_maps(one, tmp_path):
    assert convert(one, tmp_path / "out", "--stack", "rgb", "--tau", "30", "40", "--maps", "ri") == 0
    assert set(images(tmp_path / "out")) == {"depth16.png", "gemax_tau020_030_040.png", "ri.png"}
    assert verify(tmp_path / "out").problems == ()


def test_unknown_maps_and_missing_libraries_are_usage_errors(one, tmp_path, capsys, monkeypatch):
    assert convert(one, tmp_path / "out", "--maps", "ri,mesh") == 2
    assert "'mesh' is no comparison map: give any of ri, ri-minmax" in capsys.readouterr().err
    monkeypatch.setattr("gemax_cli.maps.registry.find_spec", lambda name: None)
    assert convert(one, tmp_path / "out", "--maps", "clahe") == 2
    assert "pip install scikit-image" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_names_are_read_in_any_case_and_from_the_environment(one, tmp_path, monkeypatch):
    monkeypatch.setenv("GEMAX_MAPS", "RI, ")
    assert convert(one, tmp_path / "out") == 0
    assert "ri.png" in images(tmp_path / "out")


def test_texture_and_mask_are_maps_to_a_user(one, tmp_path):
    for place, options in (("named", ["--maps", "texture,mask"]), ("flags", ["--texture", "--mask"])):
        assert convert(one, tmp_path / place, *options) == 0
    assert {"texture.png", "mask.png"} <= set(images(tmp_path / "named"))
    assert images(tmp_path / "named") == images(tmp_path / "flags")


def test_json_lines_carry_the_maps(one, tmp_path, capsys):
    assert run(["convert", "-q", "-j1", "--json", str(one), str(tmp_path / "out"), "--tau", "20", "--maps", "ri"]) == 0
    values = json.loads(capsys.readouterr().out)
    assert values.pop("status") == "converted"
    record = ScanRecord.from_line(compact_json(values))
    assert record.comparisons(60.0) == ("ri",)


def test_maps_make_the_same_bytes_in_several_processes(raw, tmp_path):
    for jobs in ("1", "2"):
        assert (
            run(["convert", "-q", "-j", jobs, str(raw), str(tmp_path / jobs), "--tau", "20", "--maps", "normals,he"])
            == 0
        )
    lines = [(tmp_path / jobs / "records.jsonl").read_bytes() for jobs in "12"]
    assert lines[0] == lines[1]


def invert(*arguments):
    return run(["invert", *map(str, arguments)])


def test_invert_writes_depth_and_points(mapped, tmp_path, capsys):
    path = next(mapped.rglob("gemax_tau020.png"))
    depth, ply = tmp_path / "d.npy", tmp_path / "p.ply"
    assert invert(path, "-o", depth, "--ply", ply, "--format", "json") == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert (row["map"], row["tau"], row["depth"], row["ply"]) == ("gemax", 20, str(depth), str(ply))
    assert 0 < row["error_mm"] <= row["bound_mm"] < 0.15
    read = np.load(depth)
    assert np.count_nonzero(~np.isnan(read)) == row["valid_pixels"]
    assert f"element vertex {row['valid_pixels']}\n".encode() in ply.read_bytes()


def test_invert_says_what_it_cannot_do(mapped, tmp_path, capsys):
    assert invert(next(mapped.rglob("normals.png")), "-o", tmp_path / "d.npy") == 3
    assert "no bins of depth" in capsys.readouterr().err
    assert invert(next(mapped.rglob("ri.png")), "-o", tmp_path / "d.png") == 2
    assert invert(tmp_path / "none.png") == 3
    assert list(tmp_path.iterdir()) == []


def test_sweep_prints_a_table_and_the_advice(raw, tmp_path, capsys):
    line = ["sweep", str(raw), "--depth", "50:60:10", "--dataset", "Bosphorus", "-j1", "--format", "csv"]
    assert run([*line, "--plot", str(tmp_path / "x.svg")]) == 0
    told = capsys.readouterr()
    rows = list(csv.DictReader(told.out.splitlines()))
    assert [(row["dataset"], row["depth_mm"], row["paper_accuracy"]) for row in rows] == [
        ("Bosphorus", "50.0", "79.31"),
        ("Bosphorus", "60.0", "79.47"),
    ]
    assert "Bosphorus: nothing tells which depth to take" in told.err
    assert ET.fromstring((tmp_path / "x.svg").read_text()).tag.endswith("svg")


def test_sweep_refuses_a_plot_of_an_unknown_kind_before_work(tmp_path, capsys):
    assert run(["sweep", str(tmp_path), "--plot", "x.pdf"]) == 2
    assert "ends in .svg or .png" in capsys.readouterr().err


def test_sweep_marks_the_papers_figures_as_theirs(raw, capsys):
    assert run(["sweep", str(raw), "--depth", "60", "--dataset", "BU-3DFE", "-j1"]) == 0
    assert "paper_accuracy: Table 4 of Jiao et al." in capsys.readouterr().out


def test_sweep_ends_with_3_where_a_scan_failed_and_4_where_there_is_none(one, tmp_path, capsys):
    bad = tmp_path / "F0009_HA04WH_F3D.wrl"
    bad.write_bytes(b"#VRML V2.0 utf8\n")
    assert run(["sweep", str(one), str(bad), "--depth", "60", "-j1"]) == 3
    assert "failed: " in capsys.readouterr().err
    (tmp_path / "empty").mkdir()
    assert run(["sweep", str(tmp_path / "empty")]) == 4


@pytest.mark.parametrize(("command", "words"), [("invert", "[OPTIONS] MAP"), ("sweep", "[OPTIONS] SRC...")])
def test_help_tells_what_it_needs(command, words, capsys):
    assert run([command, "--help"]) == 0
    assert words in capsys.readouterr().out
