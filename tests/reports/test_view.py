"""The page of one face: what it shows, from an output folder or a raw file, and what it refuses."""

import base64
import hashlib
import html
import json
import re
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from gemax_cli.cli.main import run
from gemax_cli.codes import depth_of_code
from gemax_cli.errors import BadFormat, ExtraMissing, NothingToConvert, OutputError, SettingsError, UnsafePath
from gemax_cli.pipeline import convert_scan
from gemax_cli.reports import view as module
from gemax_cli.reports.view import view
from gemax_cli.settings import Settings
from gemax_cli.stack.folder import OutputFolder
from gemax_cli.stack.images import load_codes
from gemax_cli.stack.records import NoseRecord
from tests.reports.folders import BO, BU, SMALL, edit_run, make_folder, put_scan
from tests.reports.test_page import EVIL, Page

pytest.importorskip("plotly")
NOSE = NoseRecord(3.0, -2.0, -1.0, "detected", 0.25, (4.0, 8.0, -2.0))


@pytest.fixture
def out(tmp_path):
    return make_folder(tmp_path / "out", (BU, BO))


def data_of(page):
    return json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)[1])


def unpacked(text, kind):
    return np.frombuffer(base64.b64decode(text), kind)


def points_of(page):
    return np.column_stack([unpacked(axis, "<f4") for axis in data_of(page)["points"]])


def layer_of(page, name):
    return next(layer for layer in data_of(page)["layers"] if layer["name"] == name)


def marks_of(page):
    return {mark["name"].partition(":")[0]: (mark["kind"], mark["place"]) for mark in data_of(page)["marks"]}


def test_points_are_millimetres_from_the_nose_tip_upright_and_not_mirrored(out):
    put_scan(out, "BU-3DFE/F0009/F0009_AN01WH", SMALL, seed=3, nose=NOSE)
    page = view(out, scan="F0009_AN01WH").html
    codes = load_codes(out / "BU-3DFE/F0009/F0009_AN01WH/depth16.png")
    rows, columns = np.nonzero(codes)
    depth = depth_of_code(codes[codes > 0], 60.0)
    raw_x, raw_y = columns - 15.5, 15.5 - rows  # tests.reports.folders.AFFINE: +X right, +Y up
    np.testing.assert_allclose(points_of(page), np.column_stack([raw_x - 3, depth, raw_y + 2]), atol=1e-4)
    assert data_of(page)["box"] == [[-19.0, 13.0], [0.0, 60.0], [-14.0, 18.0]]


def test_tip_second_choice_and_landmarks_are_where_the_record_says(out):
    landmarks = {"chin": (15.5, 20.5, 30.0, True), "ear": (1.5, 15.5, 50.0, False)}
    put_scan(out, "BU-3DFE/F0009/F0009_AN01WH", SMALL, nose=NOSE)
    record = OutputFolder(out).record("BU-3DFE/F0009/F0009_AN01WH")
    block = replace(record.blocks[0], landmarks=landmarks)
    put_again(out, replace(record, blocks=(block,)))
    assert marks_of(view(out, scan="F0009_AN01WH").html) == {
        "nose tip": ("tip", [0.0, 1.0, 0.0]),
        "the detector's second choice": ("second", [1.0, 2.0, 10.0]),
        "chin": ("visible", [-3.0, 30.0, -3.0]),
        "ear": ("hidden", [-17.0, 50.0, 2.0]),
    }


def put_again(out, record):
    with OutputFolder(out).writer() as writer:
        writer.append_line(record.to_line())


def test_colours_are_those_of_the_files(out):
    page = view(out, scan=BU).html
    valid = load_codes(out / BU / "depth16.png") > 0
    names = [layer["name"] for layer in data_of(page)["layers"]]
    assert names == ["shape", "depth", "range image", *(
        name for tau in (5, 8) for name in (f"GEMax, tau {tau}", f"GEMax, tau {tau}: bin width")
    )]  # fmt: skip
    grey = np.asarray(Image.open(out / BU / "gemax_tau005.png"))
    assert np.array_equal(unpacked(layer_of(page, "GEMax, tau 5")["bytes"], "u1"), grey[valid])
    widths = layer_of(page, "GEMax, tau 5: bin width")["table"]
    assert len(widths) == 16
    assert sum(widths) == pytest.approx(60.0, abs=0.001)
    assert max(widths) <= 5 * 60 / 64 + 1e-5


def test_triangles_join_neighbours_alone(out):
    page = view(out, scan=BU).html
    corners = np.column_stack([unpacked(corner, "<i4") for corner in data_of(page)["triangles"]])
    places = points_of(page)[corners]
    assert np.ptp(places[..., 0], axis=1).max() == np.ptp(places[..., 2], axis=1).max() == 1.0
    assert np.ptp(places[..., 1], axis=1).max() <= 5.0


@pytest.mark.parametrize("scan", [BU, "F0001_AN01WH", f"{BU}/"])
def test_a_scan_is_named_by_its_id_or_the_last_parts_of_it(out, scan):
    assert f"<h1>{BU}</h1>" in view(out, scan=scan).html


@pytest.mark.parametrize(
    ("scan", "message"),
    [
        ("", "holds 2 scans: give one with --scan, such as BU-3DFE"),
        ("F0099", "no scans are named 'F0099'"),
        ("../../etc", "no scans are named"),
    ],
)
def test_other_names_are_a_sentence(out, scan, message):
    with pytest.raises(SettingsError, match=message):
        view(out, scan=scan)


def test_depths_are_chosen(tmp_path):
    made_with = Settings(taus=(5,), depths=(50, 60), quantisation=SMALL.quantisation)
    out = make_folder(tmp_path / "out", (BU,), made_with)
    assert data_of(view(out).html)["box"][1] == [0.0, 50.0]
    assert data_of(view(out, depth_mm=60).html)["box"][1] == data_of(view(out, scan=f"{BU}/d060").html)["box"][1]
    with pytest.raises(SettingsError, match=r"no depth of 70 mm: give one of its own \(50, 60\)"):
        view(out, depth_mm=70)


def test_a_changed_map_is_left_out_and_said_a_changed_depth_image_refused(out, tmp_path):
    Image.new("L", (32, 32), 9).save(out / BU / "gemax_tau005.png")
    made = view(out, scan=BU)
    assert "SHA-256 differs" in made.problems[0]
    assert "GEMax, tau 5" not in [layer["name"] for layer in data_of(made.html)["layers"]]
    assert run(["view", str(out), "--scan", BU, "-o", str(tmp_path / "v.html")]) == 3
    (out / BO / "depth16.png").write_bytes(b"no png")
    with pytest.raises(BadFormat, match="convert the scan again"):
        view(out, scan=BO)


def test_links_are_not_followed(out):
    (out / BU).rename(out.parent / "elsewhere")
    (out / BU).symlink_to(out.parent / "elsewhere")
    with pytest.raises(UnsafePath):
        view(out, scan=BU)


def test_names_cannot_break_out_and_only_our_scripts_run(out):
    scan = "other/a&lt;b'#%3C"
    put_scan(out, scan, SMALL, warnings=(EVIL, "</script><script>alert(1)</script>"))
    block = replace(OutputFolder(out).record(scan).blocks[0], landmarks={EVIL: (15.5, 15.5, 9.0, True)})
    put_again(out, replace(OutputFolder(out).record(scan), blocks=(block,)))
    page = view(out, scan=scan).html
    scripts = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    assert len(scripts) == page.count("<script>") == 2
    policy = next(a["content"] for a in Page(page.replace(scripts[0], "")).all("meta") if "http-equiv" in a)
    hashes = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in scripts]
    assert policy.split("script-src ")[1] == " ".join(f"'sha256-{text}'" for text in hashes)
    assert policy.startswith("default-src 'none'")
    assert f"<h1>{html.escape(scan).replace('&#x27;', '&#39;')}</h1>" in page
    assert "&lt;script&gt;alert" in data_of(page)["marks"][-1]["name"]


def test_large_images_are_thinned(out, monkeypatch):
    whole = points_of(view(out, scan=BU).html)
    monkeypatch.setattr(module, "MOST_SIDE", 16)
    page = view(out, scan=BU).html
    thin = points_of(page)
    assert len(thin) < 0.3 * len(whole)
    assert {tuple(place) for place in thin.tolist()} <= {tuple(place) for place in whole.tolist()}
    assert len(data_of(page)["triangles"][0]) > len(thin)


def test_without_plotly_the_error_names_it(out, monkeypatch):
    monkeypatch.setattr(module, "find_spec", lambda name: None)
    with pytest.raises(ExtraMissing, match="pip install plotly"):
        view(out, scan=BU)


def test_a_folder_of_images_is_a_sentence(out):
    edit_run(out, lambda run: run.update(kind="images"))
    with pytest.raises(OutputError, match="was made by gemax map"):
        view(out, scan=BU)


def test_an_empty_folder_is_a_sentence(tmp_path):
    with pytest.raises(NothingToConvert, match="holds no record"):
        view(tmp_path)


def test_a_raw_file_is_shown_as_convert_makes_it(raw, converted, tmp_path, capsys):
    path = min(raw.rglob("*_F3D.wrl"))
    assert run(["view", str(path), "-o", str(tmp_path / "v.html")]) == 0
    assert capsys.readouterr().out == f"{tmp_path / 'v.html'}\n"
    page = (tmp_path / "v.html").read_text(encoding="utf-8")
    assert len(page) < 10_000_000
    recorded = next(r for r in OutputFolder(converted).records() if r.source.endswith(path.name))
    folder = view(converted, scan=recorded.scan_id).html
    np.testing.assert_array_equal(points_of(page), points_of(folder))
    ours, theirs = marks_of(page), marks_of(folder)
    assert list(ours) == list(theirs)
    for name, (kind, place) in ours.items():
        assert theirs[name] == (kind, pytest.approx(place, abs=1e-3))
    texture = unpacked(layer_of(page, "texture")["colours"], "u1").reshape(-1, 3)
    block = convert_scan(path, Settings(texture=True)).blocks[0]
    assert np.array_equal(texture, block.texture.image[block.depth16 > 0])
