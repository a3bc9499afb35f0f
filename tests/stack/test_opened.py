from dataclasses import replace

import pytest

from gemax_cli.report.measure import measure_folder
from gemax_cli.settings import QuantisationSettings, Settings
from gemax_cli.stack.opened import is_sound, open_folder
from tests.report.folders import BO, BU, SMALL, make_folder
from tests.stack.samples import block_record, map_record


@pytest.fixture
def out(tmp_path):
    return make_folder(tmp_path / "out", (BU, BO))


def test_the_whole_folder(out):
    opened = open_folder(out)
    assert (opened.root, opened.place) == (out, out)
    assert opened.settings == SMALL.quantisation
    assert opened.depths == (60.0,)
    assert set(opened.places) == {BU, BO}
    assert [found.scan for found in opened.scans()] == [BU, BO]


def test_a_part_belongs_to_the_whole(out):
    opened = open_folder(out / "Bosphorus")
    assert opened.root.samefile(out)
    assert [found.scan for found in opened.scans()] == [BO]
    assert opened.block(BO).valid_pixels > 0


def test_a_foreign_folder_has_defaults(tmp_path):
    opened = open_folder(tmp_path)
    assert (opened.settings, opened.depths, opened.places) == (QuantisationSettings(), (), {})
    assert opened.record(BU) is opened.block(BU) is None


def test_a_far_folder_above_is_not_looked_for(tmp_path):
    make_folder(tmp_path / "out", (BU,))
    deep = tmp_path / "out" / "a/b/c/d/e/f/g"
    deep.mkdir(parents=True)
    assert open_folder(deep).places == {}


def test_the_part_of_some_scans(out):
    opened = open_folder(out)
    part = opened.part([found for found in opened.scans() if found.scan == BU])
    assert set(part.places) == {BU}
    assert part.block(BU) == opened.block(BU)


def test_a_block_is_found_by_the_folder_of_its_images(tmp_path):
    out = make_folder(tmp_path / "out", (BU,), Settings(taus=(5,), depths=(50, 60), quantisation=SMALL.quantisation))
    opened = open_folder(out)
    assert [opened.block(f"{BU}/{name}").depth_mm for name in ("d050", "d060")] == [50.0, 60.0]
    assert opened.block(BU) is opened.block(f"{BU}/d070") is None
    assert opened.record(f"{BU}/d050") == opened.record(BU)


def test_a_sample_block_is_sound():
    assert is_sound(block_record())


@pytest.mark.parametrize(
    "changes",
    [
        {"depth_mm": "60"},
        {"depth_mm": 0.0},
        {"depth_mm": float("nan")},
        {"depth_mm": float("inf")},
        {"mm_per_pixel": None},
        {"mm_per_pixel": -1},
        {"maps": (replace(map_record(), tau="20"),)},
        {"maps": (map_record(cuts=(0, "x")),)},
        {"maps": (map_record(cuts=(0, 2.5)),)},
        {"maps": (map_record(cuts=(0, 1 << 70)),)},
        {"maps": (map_record(cuts=(-1, 5)),)},
    ],
)
def test_numbers_that_are_none_make_a_block_unsound(changes):
    assert not is_sound(replace(block_record(), **changes))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"depth_mm":60.0', '"depth_mm":"deep"'),
        ('"cuts":[0,', '"cuts":["a",'),
        ('"cuts":[0,', '"cuts":[1e999,'),
        ('"mm_per_pixel":1.0', '"mm_per_pixel":null'),
    ],
)
def test_a_damaged_record_costs_the_error_not_the_entropy(out, old, new):
    before = {(m.scan, m.map, m.tau): m.bits for m in measure_folder(out).maps}
    text = (out / "records.jsonl").read_text()
    assert old in text
    (out / "records.jsonl").write_text(text.replace(old, new))
    after = measure_folder(out)
    assert {(m.scan, m.map, m.tau): m.bits for m in after.maps} == before
    assert {m.error_mm for m in after.maps} == {None}
    assert after.problems == ()
