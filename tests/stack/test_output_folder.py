"""What was written, read back through one object."""

import numpy as np
import pytest

import gemax_cli.stack.folder
from gemax_cli.errors import FileUnreadable, OutputError, SettingsError
from gemax_cli.reports.measure import measure_folder
from gemax_cli.settings import QuantisationSettings, Settings
from gemax_cli.stack.folder import OutputFolder
from gemax_cli.stack.png import read_png
from gemax_cli.stack.records import RecordWriter, tidy_records
from tests.reports.folders import BO, BU, SMALL, edit_run, make_folder, put_scan
from tests.stack.samples import resigned, scan_record

TWO_DEPTHS = Settings(taus=(5, 8, 9, 12), depths=(50, 60), quantisation=SMALL.quantisation, stack="rgb")


@pytest.fixture
def out(tmp_path):
    return make_folder(tmp_path / "out", (BU, BO))


def test_a_path_may_be_a_string_and_need_not_be_there(tmp_path):
    folder = OutputFolder(str(tmp_path / "new"))
    assert (folder.path, folder.is_ours, folder.run, folder.settings) == (tmp_path / "new", False, {}, Settings())
    assert (list(folder.records()), folder.scan_ids, folder.images()) == ([], (), [])
    assert folder.record(BU) is folder.find(BU) is None
    assert repr(folder) == f"OutputFolder({str(tmp_path / 'new')!r})"
    with pytest.raises(SettingsError, match="is no path"):
        OutputFolder("")


def test_settings_and_records_are_read_back(out):
    folder = OutputFolder(out)
    assert folder.settings == SMALL
    assert folder.scan_ids == (BU, BO) == tuple(record.scan_id for record in folder.records())
    assert [folder.record(scan_id) for scan_id in folder.scan_ids] == list(folder.records())
    assert [found.scan for found in folder.images()] == [BU, BO]


def test_a_part_belongs_to_the_whole(out):
    folder = OutputFolder.holding(out / "Bosphorus")
    assert folder.path.samefile(out)
    assert [found.scan for found in folder.images(out / "Bosphorus")] == [BO]
    assert OutputFolder.holding(out).path == out


@pytest.mark.parametrize("below", ["a", "a/b/c/d/e/f/g"])
def test_the_folder_above_is_found_however_deep_a_part_lies(out, below):
    (out / below).mkdir(parents=True)
    assert OutputFolder.holding(out / below).path.samefile(out)


def test_records_alone_make_an_output_folder(out):
    (out / "run.json").unlink()
    assert OutputFolder.holding(out / BU).path.samefile(out)


def test_a_foreign_folder_is_itself(tmp_path):
    folder = OutputFolder.holding(tmp_path / "a")
    assert (folder.path, folder.settings.quantisation) == (tmp_path / "a", QuantisationSettings())


@pytest.mark.parametrize(
    "change",
    [
        lambda run: run.update(settings=7),
        lambda run: run.pop("settings"),
        lambda run: run["settings"].update(taus="20"),
        lambda run: run["settings"].update(depths=[0]),
        lambda run: run["settings"].update(colour="red"),
        lambda run: run["settings"].update(stack="heap"),
        lambda run: run["settings"].update(maps=["painting"]),
        lambda run: run["settings"]["quantisation"].update(bins=300),
    ],
)
def test_a_damaged_or_foreign_run_is_a_sentence(out, change):
    edit_run(out, change)
    with pytest.raises(OutputError, match=r"run\.json: is damaged \(.*make the folder again with gemax convert"):
        _ = OutputFolder(out).settings


def test_a_run_of_before_a_setting_was_there_has_its_default(out):
    edit_run(out, lambda run: run["settings"].pop("nose"))
    assert OutputFolder(out).settings == SMALL


def test_to_read_settings_takes_no_library(out, monkeypatch):
    monkeypatch.setattr("gemax_cli.maps.registry.find_spec", lambda _: None)
    edit_run(out, lambda run: run["settings"].update(maps=["clahe"]))
    assert OutputFolder(out).settings.maps == ("clahe",)


def test_arrays_are_those_of_the_files(out):
    folder = OutputFolder(out)
    assert np.array_equal(folder.depth16(BU), read_png(out / BU / "depth16.png"))
    for tau in SMALL.taus:
        assert np.array_equal(folder.map(BU, tau), read_png(out / BU / f"gemax_tau{tau:03d}.png"))
    assert np.array_equal(folder.image(f"{BU}/gemax_tau005.png"), folder.map(BU, 5, 60))


def test_arrays_of_a_depth_and_a_channel(tmp_path):
    folder = OutputFolder(make_folder(tmp_path / "out", (BU,), TWO_DEPTHS))
    rgb = read_png(folder.path / BU / "d060" / "gemax_tau005_008_009.png")
    assert np.array_equal(folder.map(BU, 8, 60), rgb[..., 1])
    assert np.array_equal(folder.map(BU, 12), read_png(folder.path / BU / "d050" / "gemax_tau012.png")[..., 0])
    assert np.array_equal(folder.depth16(BU), folder.depth16(BU, 50))
    assert folder.image(f"{BU}/d060/gemax_tau005_008_009.png").shape == rgb.shape


def test_what_is_not_there_is_a_sentence_that_names_what_is(out):
    folder = OutputFolder(out)
    with pytest.raises(SettingsError, match="has no record of 'nobody': give one of its scan_ids"):
        folder.depth16("nobody")
    with pytest.raises(SettingsError, match=r"has no depth of 70 mm: give one of its own \(60\)"):
        folder.depth16(BU, 70)
    with pytest.raises(SettingsError, match=r"has no map of tau = 99: give one of its own \(5, 8\)"):
        folder.map(BU, 99)
    (out / BU / "depth16.png").unlink()
    with pytest.raises(FileUnreadable, match=r"depth16\.png: cannot be read"):
        folder.depth16(BU)


def test_a_block_is_found_by_the_folder_of_its_images(tmp_path):
    folder = OutputFolder(make_folder(tmp_path / "out", (BU,), TWO_DEPTHS))
    found = [folder.find(f"{BU}/{name}") for name in ("d050", "d060")]
    assert [block.depth_mm for _, block in found] == [50.0, 60.0]
    assert found[0][0] == folder.record(BU)
    assert folder.find(BU) is folder.find(f"{BU}/d070") is None


def test_a_scan_may_be_named_like_a_depth_folder(tmp_path):
    folder = OutputFolder(make_folder(tmp_path / "out", ("other/d060",)))
    record, block = folder.find("other/d060")
    assert (record.scan_id, block.file) == ("other/d060", "other/d060/depth16.png")


def test_no_record_is_taken_for_another_after_lines_were_put_in_order(tmp_path):
    with RecordWriter(tmp_path / "records.jsonl") as writer:
        for name in ("b", "a"):
            writer.append_line(scan_record(name).to_line())
    folder = OutputFolder(tmp_path)
    assert folder.record("b").scan_id == "b"
    tidy_records(tmp_path / "records.jsonl")
    assert folder.record("b") is None
    assert OutputFolder(tmp_path).record("b").scan_id == "b"
    folder.write_tables(None, [], set)
    assert folder.record("b").scan_id == "b"


def test_only_the_record_that_is_asked_for_is_checked(out, monkeypatch):
    folder, read = OutputFolder(out), []
    whole = gemax_cli.stack.folder.ScanRecord.from_line
    monkeypatch.setattr(gemax_cli.stack.folder.ScanRecord, "from_line", lambda line: read.append(line) or whole(line))
    folder.record(BU)
    assert len(read) == 1


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"depth_mm":60.0', '"depth_mm":"deep"'),
        ('"widths":"u8:', '"widths":"u8:*'),
        ('"mm_per_pixel":1.0', '"mm_per_pixel":null'),
    ],
)
def test_a_damaged_record_costs_the_error_not_the_entropy(out, old, new):
    put_scan(out, "other/sound", SMALL)
    before = {(m.scan, m.map, m.tau): m.bits for m in measure_folder(out).maps}
    *lines, sound = (out / "records.jsonl").read_text().splitlines(keepends=True)
    assert all(old in line for line in lines)
    (out / "records.jsonl").write_text("".join([*(line.replace(old, new) for line in lines), sound]))
    after = measure_folder(out)
    assert {(m.scan, m.map, m.tau): m.bits for m in after.maps} == before
    assert {m.scan for m in after.maps if m.error_mm is not None} == {"other/sound"}
    assert len(after.problems) == 2
    assert all(f"line {n}, the record of" in problem for n, problem in enumerate(after.problems, start=1))


def test_the_database_is_what_the_record_says_not_what_a_name_looks_like(out):
    text = (
        (out / "records.jsonl")
        .read_text()
        .replace('"dataset":"BU-3DFE","subject":"F0001"', '"dataset":"other","subject":"x"')
    )
    (out / "records.jsonl").write_text(resigned(text))
    names = measure_folder(out).names
    assert (names[BU].dataset, names[BU].subject) == ("other", "x")
