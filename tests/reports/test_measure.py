import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gemax_cli.errors import OutputError
from gemax_cli.reports import measure
from gemax_cli.reports.measure import DepthPixels, inverted_by_range, measure_folder, widest_bin
from gemax_cli.settings import QuantisationSettings, Settings
from gemax_cli.stack.images import load_codes, load_map
from gemax_cli.stack.png import read_png
from gemax_cli.stack.records import pack_cuts, read_records
from tests.pictures import write_png
from tests.reports import naive
from tests.reports.folders import BO, BU, PAPERS, SMALL, dome, edit_run, make_folder
from tests.stack.samples import resigned

PIXELS = st.lists(st.tuples(st.integers(0, 255), st.integers(1, 65535)), min_size=1, max_size=60)


def by_map(measurement):
    return {(m.map, m.tau): m for m in measurement.maps}


@pytest.fixture
def out(tmp_path):
    return make_folder(tmp_path / "out", (BU,))


def sorted_pixels(pairs, levels):
    values = np.array([value for value, _ in pairs], np.uint8)[None]
    pixels = DepthPixels.of(np.array([code for _, code in pairs], np.uint16)[None], levels)
    return pixels, pixels.values(values)


@given(pairs=PIXELS, levels=st.sampled_from([16, 64, 4096, 65535]))
@settings(max_examples=60, deadline=None)
def test_widest_bin_and_inversion_are_the_naive_ones(pairs, levels):
    pixels, values = sorted_pixels(pairs, levels)
    assert np.array_equal(pixels.levels, [naive.level_of_code(code, levels) for code in pixels.codes])
    assert widest_bin(values, pixels.levels) == naive.widest(values, pixels.levels)
    error = np.abs(inverted_by_range(values, pixels, 60.0) - pixels.depths(60.0)).mean()
    assert error == pytest.approx(naive.error_by_range(values, pixels.codes, 60.0), abs=1e-9)


def test_without_a_pixel_there_is_no_width():
    assert widest_bin(np.empty(0, np.uint8), np.empty(0, np.int32)) == 0


def test_figures_of_a_stack_are_the_naive_ones(out):
    codes = load_codes(out / BU / "depth16.png")
    valid = codes > 0
    levels = [naive.level_of_code(code, 64) for code in codes[valid]]
    found = by_map(measure_folder(out))
    (record,) = read_records(out)
    assert set(found) == {("range image", 4), ("gemax", 5), ("gemax", 8)}
    for m in record.blocks[0].maps:
        values = load_map(out / m.file)[valid]
        measured = found["gemax", m.tau]
        assert measured.scan == BU
        assert measured.bits == pytest.approx(naive.bits(values), abs=1e-12)
        assert measured.max_bin == naive.widest(values, levels) <= m.tau
        assert measured.distortion == measured.max_bin / 64
        assert measured.error_mm == pytest.approx(
            naive.error_with_cuts(values, codes[valid], m.cuts, 64, 60.0), abs=1e-9
        )


def test_the_range_image_is_uniform_quantisation(out):
    codes = load_codes(out / BU / "depth16.png")
    values = [naive.level_of_code(code, 64) // 4 for code in codes[codes > 0]]
    baseline = by_map(measure_folder(out))["range image", 4]
    assert baseline.bits == pytest.approx(naive.bits(values), abs=1e-12)
    assert baseline.max_bin == 4
    uniform = range(0, 65, 4)
    expected = naive.error_with_cuts(values, codes[codes > 0], uniform, 64, 60.0)
    assert baseline.error_mm == pytest.approx(expected, abs=1e-9)


def test_ri_is_the_range_image_and_measured_on_its_file(out):
    before = by_map(measure_folder(out))["range image", 4]
    codes = load_codes(out / BU / "depth16.png")
    image = np.where(codes > 0, np.vectorize(naive.level_of_code)(codes, 64) // 4, 0).astype(np.uint8)
    write_png(out / BU / "ri.png", image)
    found = by_map(measure_folder(out))
    assert set(found) == {("range image", 4), ("gemax", 5), ("gemax", 8)}
    assert found["range image", 4] == before
    write_png(out / BU / "ri.png", np.where(codes > 0, 7, 0).astype(np.uint8))
    assert by_map(measure_folder(out))["range image", 4].bits == 0.0
    (out / BU / "ri.png").write_bytes(b"no png")
    measurement = measure_folder(out)
    assert by_map(measurement)["range image", 4] == before
    assert "ri.png" in measurement.problems[0]


@pytest.mark.parametrize(("name", "has"), [("normals", False), ("curvature-k1", False), ("he", True), ("mine", True)])
def test_distortion_is_of_maps_of_depth_alone(out, name, has):
    write_png(out / BU / f"{name}.png", load_map(out / BU / "gemax_tau005.png"))
    found = by_map(measure_folder(out))[name, None]
    assert found.bits > 0
    assert [(v is not None) for v in (found.max_bin, found.distortion, found.error_mm)] == [has] * 3


@pytest.mark.parametrize(
    ("levels", "bins", "reserve"), [(100, 7, False), (64, 16, True), (4096, 256, True), (300, 256, False)]
)
def test_any_levels_and_bins(tmp_path, levels, bins, reserve):
    quantisation = QuantisationSettings(levels, bins, reserve)
    tau = -(-levels // quantisation.face_bins)
    out = make_folder(tmp_path / "out", (BU,), Settings(taus=(tau, levels), quantisation=quantisation))
    measurement = measure_folder(out)
    assert not measurement.problems
    found = by_map(measurement)
    baseline, bound, free = found["range image", tau], found["gemax", tau], found["gemax", levels]
    assert baseline.bits <= bound.bits + 1e-12 <= free.bits + 2e-12
    assert baseline.max_bin == tau >= bound.max_bin
    if reserve:
        assert load_map(out / BU / f"gemax_tau{tau:03d}.png").max() == bins - 1


def test_tau_n_over_k_is_the_range_image(tmp_path):
    out = make_folder(tmp_path / "out", (BU,), Settings(taus=(16,)))
    found = by_map(measure_folder(out))
    assert found["gemax", 16].bits == found["range image", 16].bits
    assert found["gemax", 16].error_mm == found["range image", 16].error_mm


def test_channels_of_an_rgb_stack_are_the_maps_of_a_grey_one(tmp_path):
    taus = (4, 5, 8, 12)
    grey = make_folder(tmp_path / "grey", (BU,), Settings(taus=taus, quantisation=SMALL.quantisation))
    colour = make_folder(tmp_path / "rgb", (BU,), Settings(taus=taus, quantisation=SMALL.quantisation, stack="rgb"))
    assert len(list((colour / BU).glob("gemax*.png"))) == 2
    assert measure_folder(grey).maps == measure_folder(colour).maps


def test_several_depths_are_several_scans(tmp_path):
    out = make_folder(tmp_path / "out", (BU,), Settings(taus=(5,), depths=(50, 60), quantisation=SMALL.quantisation))
    found = {(m.scan, m.map): m for m in measure_folder(out).maps}
    assert {scan for scan, _ in found} == {f"{BU}/d050", f"{BU}/d060"}
    assert found[f"{BU}/d050", "gemax"].error_mm < found[f"{BU}/d060", "gemax"].error_mm


def test_another_8_bit_map_beside_the_depth_image_is_measured(out):
    codes = load_codes(out / BU / "depth16.png")
    rng = np.random.default_rng(0)
    picture = rng.integers(0, 256, (*codes.shape, 3), np.uint8)
    write_png(out / BU / "normals.png", picture)
    write_png(out / BU / "he.png", picture[..., 0])
    found = by_map(measure_folder(out))
    valid = codes > 0
    assert found["he", None].bits == pytest.approx(naive.bits(picture[valid][:, 0]))
    assert found["normals", None].bits == pytest.approx(np.mean([naive.bits(picture[valid][:, i]) for i in range(3)]))
    assert found["he", None].error_mm == pytest.approx(
        naive.error_by_range(picture[valid][:, 0], codes[valid], 60.0), abs=1e-9
    )
    assert found["he", None].error_mm > 5  # noise tells no depth


def test_recorded_figures_are_never_read(out):
    text = (out / "records.jsonl").read_text()
    before = measure_folder(out).maps
    (record,) = read_records(out)
    for m in record.blocks[0].maps:
        text = text.replace(f'"entropy":{m.entropy!r},"max_bin":{m.max_bin}', '"entropy":1.5,"max_bin":999')
    assert '"max_bin":999' in text
    (out / "records.jsonl").write_text(resigned(text))
    assert measure_folder(out).maps == before


def test_without_records_depth_and_error_are_unknown(out):
    (out / "records.jsonl").unlink()
    found = by_map(measure_folder(out))
    assert found["gemax", 5].error_mm is None
    assert found["gemax", 5].max_bin <= 5


def test_any_folder_of_8_bit_pngs(tmp_path):
    image = np.random.default_rng(0).integers(0, 4, (9, 9), np.uint8)
    write_png(tmp_path / "a.png", image)
    write_png(tmp_path / "black.png", np.zeros((4, 4), np.uint8))
    found = {m.scan: m for m in measure_folder(tmp_path).maps}
    assert found["a"].bits == pytest.approx(naive.bits(image[image > 0]))
    assert found["a"].max_bin is found["a"].error_mm is None
    assert found["black"].bits == 0.0


def test_a_part_of_a_folder_is_measured_with_the_settings_of_the_whole(tmp_path, monkeypatch):
    out = make_folder(tmp_path / "out", (BU, BO))
    whole = {m for m in measure_folder(out).maps if m.scan == BU}
    for part in (out / "BU-3DFE", out / BU):
        assert set(measure_folder(part).maps) == whole
    monkeypatch.chdir(out / BU)
    assert set(measure_folder(".").maps) == whole


def break_png(path):
    path.write_bytes(path.read_bytes()[:60])


def test_a_broken_map_is_named_and_the_rest_counted(tmp_path):
    out = make_folder(tmp_path / "out", (BU, BO))
    whole = measure_folder(out).maps
    break_png(out / BU / "gemax_tau005.png")
    measurement = measure_folder(out)
    assert len(measurement.maps) == len(whole) - 1
    (problem,) = measurement.problems
    assert str(out / BU / "gemax_tau005.png") in problem


@pytest.mark.parametrize(
    "damage", [break_png, lambda path: path.unlink(), lambda path: write_png(path, np.zeros((32, 32), np.uint16))]
)
def test_without_its_depth_image_a_scan_is_left_out(tmp_path, damage):
    out = make_folder(tmp_path / "out", (BU, BO))
    damage(out / BU / "depth16.png")
    measurement = measure_folder(out)
    assert {m.scan for m in measurement.maps} == {BO}
    (problem,) = measurement.problems
    assert str(out / BU / "depth16.png") in problem
    assert problem.endswith("Its maps are left out.")


def test_a_broken_rgb_image_is_one_problem(tmp_path):
    out = make_folder(tmp_path / "out", (BU,), Settings(taus=(5, 8, 9), quantisation=SMALL.quantisation, stack="rgb"))
    break_png(out / BU / "gemax_tau005_008_009.png")
    measurement = measure_folder(out)
    assert len(measurement.problems) == 1
    assert [m.map for m in measurement.maps] == ["range image"]


def test_an_image_of_another_size_is_a_problem(out):
    write_png(out / BU / "gemax_tau005.png", np.zeros((8, 9), np.uint8))
    (problem,) = measure_folder(out).problems
    assert "is (8, 9), its depth image is (32, 32)" in problem


def test_grey_values_that_the_cuts_cannot_have_given_are_a_problem(out):
    image = read_png(out / BU / "gemax_tau005.png")
    image[16, 16] = 16
    write_png(out / BU / "gemax_tau005.png", image)
    (problem,) = measure_folder(out).problems
    assert "recorded cuts cannot have given" in problem


def test_damaged_cuts_are_a_problem(out):
    text = (out / "records.jsonl").read_text()
    text = re.sub('"widths":"[^"]*"', f'"widths":"{pack_cuts(np.arange(4))}"', text)
    (out / "records.jsonl").write_text(resigned(text))
    assert all("recorded cuts that are damaged" in problem for problem in measure_folder(out).problems)
    assert len(measure_folder(out).problems) == 2


@pytest.mark.parametrize(
    "change",
    [
        lambda run: run["settings"]["quantisation"].update(bins=1000),
        lambda run: run["settings"]["quantisation"].update(colour="red"),
        lambda run: run.update(settings=[1]),
        lambda run: run["settings"].update(depths="x"),
    ],
)
def test_a_damaged_run_is_one_sentence(out, change):
    edit_run(out, change)
    with pytest.raises(OutputError, match=r"run\.json: is damaged"):
        measure_folder(out)


@pytest.mark.slow
def test_processes_find_the_same(tmp_path, monkeypatch):
    out = make_folder(tmp_path / "out", tuple(f"BU-3DFE/F{i:04d}/F{i:04d}_AN01WH" for i in range(40)))
    break_png(out / "BU-3DFE/F0007/F0007_AN01WH/gemax_tau008.png")
    alone = measure_folder(out)
    monkeypatch.setattr(measure, "WORTH_WORKERS", 1)
    assert measure_folder(out, jobs=2) == alone
    assert len(alone.maps) == 40 * 3 - 1


@pytest.mark.parametrize(
    ("made_with", "depth"),
    [
        (PAPERS, ""),
        (Settings(depths=(50, 60)), "d060"),
        (Settings(depths=(50,)), None),
        (SMALL, None),
        (Settings(quantisation=QuantisationSettings(reserve_zero=True)), None),
    ],
)
def test_only_the_paper_s_settings_compare_with_it(tmp_path, made_with, depth):
    assert measure_folder(make_folder(tmp_path / "out", (BU,), made_with)).paper_depth == depth


def test_a_folder_without_run_compares_with_nothing(tmp_path):
    write_png(tmp_path / "depth16.png", dome())
    assert measure_folder(tmp_path).paper_depth is None
