import numpy as np
import pytest
from PIL import Image

from gemax_cli.errors import NothingToConvert, OutputUnwritable, ScanError, SettingsError
from gemax_cli.reports.sheet import pick_evenly, pick_named, preview
from gemax_cli.reports.stretch import bin_widths, scale_picture, stretch_picture, width_colours
from gemax_cli.reports.tiles import (
    LINE,
    MARGIN,
    PAPER,
    TILE_PAPER,
    TITLE,
    Tile,
    draw_sheet,
    font_of,
    grid,
    on_paper,
    shortened,
    shrink,
)
from gemax_cli.settings import Settings
from gemax_cli.stack.images import load_codes, load_map, scan_images
from gemax_cli.stack.png import read_png
from gemax_cli.stack.records import read_records
from tests.pictures import write_png
from tests.reports.folders import BO, BU, SMALL, make_folder

MANY = tuple(f"BU-3DFE/F{i:04d}/F{i:04d}_AN01WH" for i in range(20))


def grey(value, rows=10, columns=10):
    return np.full((rows, columns), value, np.uint8)


def place(row, column, high=10, wide=10, lines=1):
    return TITLE + row * (high + LINE * lines + 4 + MARGIN), MARGIN + column * (wide + MARGIN)


def test_every_tile_is_in_its_place():
    sheet = draw_sheet([[Tile(grey(10), "a"), Tile(grey(20), "b")], [Tile(grey(30), "c")]], "title")
    for value, row, column in ((10, 0, 0), (20, 0, 1), (30, 1, 0)):
        top, left = place(row, column)
        assert (sheet[top : top + 10, left : left + 10] == value).all()
    top, left = place(1, 1)
    assert (sheet[top : top + 10, left : left + 10] == PAPER).all()
    assert (sheet[:TITLE] < 128).any()


def test_tiles_take_the_size_of_the_largest_and_captions_their_lines():
    sheet = draw_sheet([[Tile(grey(10, 4, 5), "a"), Tile(grey(20, 12, 30), "b\nc\nd")]])
    top, left = place(0, 1, 12, 30, 3)
    assert sheet.shape == (place(1, 0, 12, 30, 3)[0], MARGIN + 2 * (30 + MARGIN), 3)
    assert (sheet[top : top + 12, left : left + 30] == 20).all()


def test_colour_tiles_keep_their_colours():
    sheet = draw_sheet([[Tile(np.full((10, 10, 3), (1, 2, 3), np.uint8), "")]])
    top, left = place(0, 0)
    assert (sheet[top + 5, left + 5] == (1, 2, 3)).all()


def test_long_captions_stay_under_their_tile():
    tiles = [Tile(grey(9, 10, 60), "wide caption " * 9), Tile(grey(9, 10, 60), "")]
    sheet = draw_sheet([tiles])
    top, left = place(1, 1, 10, 60)[0] - LINE - MARGIN, place(0, 1, 10, 60)[1]
    assert (sheet[top : top + LINE, left:] == PAPER).all()


def test_shortened():
    font = font_of(11)
    assert shortened("short", font, 500) == "short"
    cut = shortened("a long line of text", font, 40)
    assert cut.endswith("…")
    assert font.getlength(cut) <= 40
    assert shortened("a\x1b[31m\ud800b", font, 500) == "a?[31m?b"


def test_on_paper_keeps_black_apart_from_background():
    image, valid = np.array([[0, 0], [200, 7]], np.uint8), np.array([[True, False], [True, False]])
    picture = on_paper(image, valid)
    assert (picture[0, 0] == 0).all()
    assert (picture[1, 0] == 200).all()
    assert (picture[:, 1] == TILE_PAPER).all()


@pytest.mark.parametrize(
    ("shape", "small"), [((10, 10), (10, 10)), ((100, 50), (20, 10)), ((30, 90, 3), (7, 20, 3)), ((900, 1), (20, 1))]
)
def test_shrink(shape, small):
    assert shrink(np.full(shape, 9, np.uint8), 20).shape == small
    assert (shrink(np.full(shape, 9, np.uint8), 20) == 9).all()


@pytest.mark.parametrize("count", [1, 2, 7, 30, 1000])
def test_grid_holds_all_in_order(count):
    tiles = [Tile(grey(0), str(i)) for i in range(count)]
    rows = grid(tiles)
    assert [tile for row in rows for tile in row] == tiles
    assert len(rows[0]) <= 2 + 2 * len(rows)


# --- bin widths as colours

CUTS = np.array([0, 1, 5, 21, 64])


def test_bin_widths():
    image = np.array([[0, 1, 2], [3, 0, 9]], np.uint8)
    mask = np.array([[True, True, True], [True, False, False]])
    assert bin_widths(image, mask, CUTS).tolist() == [[1, 4, 16], [43, 0, 0]]
    assert bin_widths(image + np.uint8(1), mask, CUTS, first_code=1).tolist() == [[1, 4, 16], [43, 0, 0]]


@pytest.mark.parametrize(("value", "first_code"), [(4, 0), (0, 1), (255, 0)])
def test_values_without_a_bin_are_refused(value, first_code):
    with pytest.raises(SettingsError, match="recorded cuts cannot have given"):
        bin_widths(grey(value, 2, 2), np.ones((2, 2), np.bool_), CUTS, first_code)


def test_colours_go_from_blue_over_pale_to_brown():
    narrow, uniform, wide = (width_colours(np.array([w]), 16, 60)[0].astype(int) for w in (1, 16, 60))
    assert narrow[2] > narrow[0] + 80
    assert uniform.min() > 220
    assert wide[0] > wide[2] + 80
    assert (width_colours(np.array([500]), 16, 60)[0] == wide).all()


def test_lightness_falls_towards_both_ends():
    light = width_colours(np.array([1, 2, 4, 8, 16, 24, 32, 48, 60]), 16, 60).astype(float) @ (0.3, 0.6, 0.1)
    assert (np.diff(light[:5]) > 0).all()
    assert (np.diff(light[4:]) < 0).all()


@pytest.mark.parametrize(("uniform", "widest"), [(1, 1), (16, 16), (4, 3)])
def test_colours_of_maps_without_room(uniform, widest):
    assert width_colours(np.array([1, 4]), uniform, widest).shape == (2, 3)
    assert scale_picture(64, 64, uniform, widest, (1, 2, 3)).shape == (64, 64, 3)


def test_background_of_a_stretch_picture_is_paper():
    picture = stretch_picture(np.array([[0, 16]]), 16, 60, (1, 2, 3))
    assert (picture[0, 0] == (1, 2, 3)).all()
    assert (picture[0, 1] > 200).all()


def test_the_key_goes_through_the_same_colours():
    key = scale_picture(224, 224, 16, 60, TILE_PAPER)
    bar = key[100]
    assert (bar[0] == width_colours(np.array([1]), 16, 60)[0]).all()
    assert (bar[-1] == width_colours(np.array([60]), 16, 60)[0]).all()
    assert (key[120:160] < 100).any(), "the numbers are written under it"


# --- previews


def captions(monkeypatch, *arguments, **options):
    """The captions of a preview, row by row, and the preview."""
    from gemax_cli.reports import sheet

    seen = []
    draw = sheet.draw_sheet
    monkeypatch.setattr(sheet, "draw_sheet", lambda rows, title: seen.extend(rows) or draw(rows, title))
    drawn = preview(*arguments, **options)
    return [[tile.caption for tile in row] for row in seen], drawn


@pytest.fixture
def out(tmp_path):
    return make_folder(tmp_path / "out", (BU, BO))


def test_overview_shows_range_image_and_every_map_with_its_entropy(out, monkeypatch):
    (bu, bosphorus), drawn = captions(monkeypatch, out)
    (record,) = (record for record in read_records(out) if record.scan_id == BU)
    assert bu[0].startswith(f"{BU}\nrange image, ")
    assert bu[1:] == [f"tau {m.tau}, {m.entropy:.3f} bits" for m in record.blocks[0].maps]
    assert bosphorus[0].startswith(BO)
    assert (drawn.shown, drawn.scans, drawn.problems) == (2, 2, ())


def test_pixels_of_the_overview_are_those_of_the_maps(out):
    sheet = preview(out, styles=["overview"], names=[BU]).sheet
    top, left = place(0, 1, 32, 32, 2)
    codes, image = load_codes(out / BU / "depth16.png"), load_map(out / BU / "gemax_tau005.png")
    assert np.array_equal(sheet[top : top + 32, left : left + 32], on_paper(image, codes > 0))


def test_many_scans_have_a_tile_each(tmp_path, monkeypatch):
    out = make_folder(tmp_path / "out", MANY)
    rows, drawn = captions(monkeypatch, out, limit=18)
    assert drawn.shown == 18
    assert sum(map(len, rows)) == 18
    assert rows[0][0].startswith("F0000_AN01WH\n")
    assert rows[0][0].endswith(" bits")


def test_figure_6_shows_normals_curvature_s1_and_gemax(out, monkeypatch):
    (row,), _ = captions(monkeypatch, out, styles=["maps"], names=[BU])
    names = [caption.split("\n")[-2] for caption in row[1:]]
    assert row[0] == f"{BU}\nno texture: gemax convert --texture"
    assert names == ["normals, x", "normals, y", "normals, z", "range image, min to max", "curvature, mean",
                     "GEMax (S1), 60 mm", "GEMax (S2), tau 5"]  # fmt: skip
    assert all(caption.endswith(" bits") for caption in row[1:])


def test_figure_7_shows_every_tau_and_its_bins(out, monkeypatch):
    (above, below), _ = captions(monkeypatch, out, styles=["tau"], names=[BU])
    assert [caption.split(", ")[0] for caption in above[1:]] == ["tau 5", "tau 8"]
    assert below[0] == ""
    for caption, tau in zip(below[1:], (5, 8), strict=True):
        words = caption.split()
        assert 1 <= int(words[2]) <= 4 <= int(words[4]) <= tau
        assert 0 < float(words[-2]) < 60 / 16


def test_styles_join_on_one_sheet(out, monkeypatch):
    rows, _ = captions(monkeypatch, out, styles=["maps", "tau"], names=[BU, BO])
    assert len(rows) == 6


def test_each_depth_is_a_scan_of_its_own(tmp_path, monkeypatch):
    out = make_folder(tmp_path / "out", (BU,), Settings(taus=(5,), depths=(50, 60), quantisation=SMALL.quantisation))
    rows, drawn = captions(monkeypatch, out, styles=["tau"], names=["F0001_AN01WH"])
    assert drawn.shown == 2
    assert rows[0][0].startswith(f"{BU}/d050\n")


def test_any_folder_of_pngs_has_an_overview(tmp_path):
    write_png(tmp_path / "a.png", grey(9))
    write_png(tmp_path / "b.png", np.full((10, 10, 3), 9, np.uint8))
    write_png(tmp_path / "black.png", grey(0))
    assert preview(tmp_path).shown == 3
    with pytest.raises(ScanError, match=r"has no depth16\.png"):
        preview(tmp_path, styles=["tau"])


def test_a_colour_map_is_shown_in_colour_with_the_mean_of_its_channels(out, monkeypatch):
    colour = np.random.default_rng(0).integers(0, (2, 16, 256), (32, 32, 3)).astype(np.uint8)
    write_png(out / BU / "normals.png", colour)
    (row,), drawn = captions(monkeypatch, out, styles=["overview"], names=[BU])
    bits = float(row[-1].removeprefix("normals, ").removesuffix(" bits"))
    assert bits == pytest.approx((1 + 4 + 7.7) / 3, abs=0.1)
    top, left = place(0, 3, 32, 32, 2)
    assert (drawn.sheet[top + 16, left + 16] == colour[16, 16]).all()


@pytest.mark.parametrize("style", ["overview", "maps", "tau"])
def test_a_broken_image_costs_its_scan_alone(out, style):
    (out / BU / "gemax_tau005.png").write_bytes(b"no png")
    drawn = preview(out, styles=[style])
    assert (drawn.shown, len(drawn.problems)) == (1, 1)
    assert str(out / BU / "gemax_tau005.png") in drawn.problems[0]


@pytest.mark.parametrize("style", ["overview", "maps", "tau"])
def test_an_image_of_another_size_costs_its_scan_alone(out, style):
    write_png(out / BU / "gemax_tau005.png", grey(0, 8, 8))
    assert len(preview(out, styles=[style]).problems) == 1


def test_a_map_that_its_cuts_cannot_have_given_is_named(out):
    write_png(out / BU / "gemax_tau005.png", grey(99, 32, 32))
    assert "gemax_tau005.png" in preview(out, styles=["tau"]).problems[0]


def test_without_records_there_are_no_bins_to_show(out):
    (out / "records.jsonl").unlink()
    with pytest.raises(ScanError, match="has no record in its output folder"):
        preview(out, styles=["tau"])


def test_names_and_their_last_parts(out):
    found = scan_images(out)
    assert [s.scan for s in pick_named(found, ["F0001_AN01WH"])] == [BU]
    assert [s.scan for s in pick_named(found, ["F0001/F0001_AN01WH/", BU])] == [BU]
    assert [s.scan for s in pick_named(found, [BO, BU])] == [BO, BU]
    for wrong in ("AN01WH", "F0001", "x"):
        with pytest.raises(SettingsError, match="no scan is named"):
            pick_named(found, [wrong])


@pytest.mark.parametrize(
    ("limit", "numbers"), [(1, [0]), (2, [0, 9]), (3, [0, 4, 9]), (10, list(range(10))), (99, list(range(10)))]
)
def test_pick_evenly(limit, numbers):
    assert pick_evenly(list(range(10)), limit) == numbers


def test_an_empty_folder(tmp_path):
    with pytest.raises(NothingToConvert, match="holds no map"):
        preview(tmp_path)


def test_the_sheet_is_written_as_it_is(out, tmp_path):
    drawn = preview(str(out), str(tmp_path / "s.png"))
    assert np.array_equal(read_png(tmp_path / "s.png"), drawn.sheet)
    assert Image.open(tmp_path / "s.png").mode == "RGB"
    (out / BU / "depth16.png").write_bytes(b"")
    smaller = preview(out)
    assert "depth16.png" in smaller.problems[0]
    assert smaller.sheet.shape[0] < drawn.sheet.shape[0]


def test_a_sheet_that_cannot_be_written_is_said_before_or_after_the_work(out, tmp_path):
    with pytest.raises(SettingsError, match=r"give a name that ends in \.png"):
        preview(out, tmp_path / "s.jpg")
    with pytest.raises(OutputUnwritable, match="cannot be written"):
        preview(out, tmp_path / "missing" / "s.png")
