"""Whole runs: the folder that comes out, resuming, sets, verify, entropy, invert."""

import json
import os
import shutil
from contextlib import suppress
from dataclasses import replace

import numpy as np
import pytest
import tifffile

import gemax_cli as gemax
from gemax_cli.batch.run import RunOptions
from gemax_cli.errors import FolderGone, NothingToConvert, OutputError, SettingsConflict, SettingsError
from gemax_cli.images import output, task
from gemax_cli.images.find import find_images
from gemax_cli.images.invert import invert_image, write_values
from gemax_cli.images.measure import mean_rows, measure_images
from gemax_cli.images.records import ImageRecord, read_image_records
from gemax_cli.images.run import ImageReporter, map_images
from gemax_cli.images.settings import ImageSettings
from gemax_cli.images.table import image_table
from gemax_cli.settings import Settings
from gemax_cli.stack.folder import OutputFolder
from gemax_cli.stack.png import encode_png, read_png
from gemax_cli.stack.records import checked_line
from gemax_cli.synthetic.images import sar_image, thermal_image

TAUS = ImageSettings(("1.25x", "3x"))


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """A thermal PNG, a SAR TIFF with a hole, a signed .npy."""
    folder = tmp_path_factory.mktemp("images") / "raw"
    (folder / "day 1").mkdir(parents=True)
    thermal, _ = thermal_image(1, 96)
    (folder / "day 1/thermal.png").write_bytes(encode_png(thermal))
    sar, _ = sar_image(1, 96)
    sar[10:20, 30:50] = np.nan
    tifffile.imwrite(folder / "sar.tif", sar)
    np.save(folder / "signed.npy", np.random.default_rng(0).integers(-500, 900, (70, 90)).astype(np.int16))
    return folder


def contents(out, suffixes=(".png", ".tif")):
    return {path.relative_to(out).as_posix(): path.read_bytes() for path in out.rglob("*") if path.suffix in suffixes}


@pytest.fixture(scope="module")
def mapped(pictures, tmp_path_factory):
    out = tmp_path_factory.mktemp("images") / "out"
    assert map_images(pictures, out, TAUS).exit_code == 0
    return out


def test_the_folder(mapped):
    folder = OutputFolder(mapped)
    assert (folder.kind, json.loads((mapped / "run.json").read_text())["kind"]) == ("images", "images")
    records = {record.image_id: record for record in read_image_records(mapped)}
    assert set(records) == {"day 1/thermal", "sar", "signed"}
    assert sorted(contents(mapped)) == sorted(
        [f"{place}/gemax_{tau}.png" for place in records for tau in ("tau1.25x", "tau3x")] + ["sar/mask.png"]
    )
    mask = read_png(mapped / "sar/mask.png")
    assert set(np.unique(mask)) == {0, 255}
    assert (mask == 0).sum() == 200 == mask.size - records["sar"].counts["valid"]
    for record in records.values():
        assert ImageRecord.from_line(record.to_line()) == record
        for m in record.maps:
            assert m.tau_times == pytest.approx(m.tau_levels * record.bins / record.grid.levels)
            assert m.tau_percent == pytest.approx(100 * m.tau_levels / record.grid.levels)
            assert m.max_bin <= m.tau_levels
    signed = records["signed"]
    assert signed.maps[0].tau_on_scale == signed.maps[0].tau_levels  # a level is one unit
    rows = (mapped / "metadata.csv").read_text().splitlines()
    assert len(rows) == 4
    assert rows[0].startswith("image,source,rows,columns,pixel_type,")


@pytest.mark.slow
def test_any_number_of_workers_gives_the_same_bytes(pictures, mapped, tmp_path):
    map_images(pictures, tmp_path, TAUS, RunOptions(jobs=2))
    assert contents(tmp_path) == contents(mapped)
    assert (tmp_path / "records.jsonl").read_bytes() == (mapped / "records.jsonl").read_bytes()


def test_a_finished_folder_is_left_alone_and_a_tau_is_added(pictures, tmp_path):
    map_images(pictures, tmp_path, ImageSettings(("1.25x",)))
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.png")}
    again = map_images(pictures, tmp_path, ImageSettings(("1.25x",)))
    assert (again.done, again.converted) == (3, 0)
    added = map_images(pictures, tmp_path, ImageSettings(("2x",)))
    assert (added.done, added.converted) == (0, 3)
    assert all(path.stat().st_mtime_ns == time for path, time in before.items() if path.name != "mask.png")
    assert all(record.taus == ("1.25x", "2x") for record in read_image_records(tmp_path))
    (tmp_path / "sar/gemax_tau2x.png").unlink()
    assert map_images(pictures, tmp_path, ImageSettings(("2x",))).converted == 1
    assert not gemax.verify(tmp_path).problems
    with pytest.raises(SettingsConflict, match=r'scale was "linear", is "sqrt"'):
        map_images(pictures, tmp_path, ImageSettings(scale="sqrt"))


def test_an_image_that_changed_is_mapped_again(pictures, tmp_path):
    source = tmp_path / "in.npy"
    np.save(source, np.arange(2000, dtype=np.uint16).reshape(40, 50))
    map_images(source, tmp_path / "out", ImageSettings(("1.25x",)))
    np.save(source, np.arange(2000, dtype=np.uint16).reshape(40, 50)[::-1])  # same size, other content
    map_images(source, tmp_path / "out", ImageSettings(("2x",)))
    (record,) = read_image_records(tmp_path / "out")
    assert record.taus == ("2x",)
    assert map_images(source, tmp_path / "out", ImageSettings(("2x",))).done == 1
    np.save(source, np.arange(2000, dtype=np.uint16).reshape(40, 50)[:, ::-1])
    assert map_images(source, tmp_path / "out", ImageSettings(("2x",))).converted == 1
    np.save(source, np.arange(2000, dtype=np.uint16).reshape(40, 50)[::-1])
    map_images(source, tmp_path / "out", ImageSettings(("2x",)))
    source.touch()  # another time, the same bytes
    assert map_images(source, tmp_path / "out", ImageSettings(("2x",))).done == 1
    (record,) = read_image_records(tmp_path / "out")
    shown = {m.tau: read_png(tmp_path / "out" / m.file) for m in record.maps}
    assert all(grey[0, 0] > grey[-1, 0] for grey in shown.values())


@pytest.mark.parametrize("stop", [0, 1])
def test_a_run_that_is_stopped_goes_on(pictures, mapped, tmp_path, monkeypatch, stop):
    whole, done = task.map_file, []

    def failing(job):
        if len(done) == stop:
            raise KeyboardInterrupt
        done.append(job)
        return whole(job)

    monkeypatch.setattr(task, "map_file", failing)
    with pytest.raises(KeyboardInterrupt):
        map_images(pictures, tmp_path, TAUS)
    assert len(list(read_image_records(tmp_path))) == stop
    monkeypatch.undo()
    assert map_images(pictures, tmp_path, TAUS).converted == 3 - stop
    assert contents(tmp_path) == contents(mapped)


@pytest.mark.parametrize("emptied", [False, True])
def test_a_folder_that_goes_away_under_a_run_is_told(pictures, tmp_path, emptied):
    out = tmp_path / "out"

    class Remover(ImageReporter):
        def finished(self, outcome):
            shutil.rmtree(out)
            if emptied:
                out.mkdir()

    with pytest.raises(FolderGone):
        map_images(pictures, out, TAUS, reporter=Remover())
    assert not (out / "metadata.csv").exists()


def test_every_inverse_lies_within_its_recorded_bound(pictures, mapped, tmp_path):
    images = {"sar": tifffile.imread(pictures / "sar.tif"), "signed": np.load(pictures / "signed.npy"),
              "day 1/thermal": read_png(pictures / "day 1/thermal.png")}  # fmt: skip
    for record in read_image_records(mapped):
        truth = images[record.image_id].astype(np.float64)
        for m in record.maps:
            inverted = invert_image(mapped / m.file)
            for name in ("a.npy", "a.tif"):
                valid = write_values(tmp_path / name, inverted)
                back = np.load(tmp_path / name) if name == "a.npy" else tifffile.imread(tmp_path / name)
                assert back.dtype == np.float32
                assert np.array_equal(np.isnan(back), np.isnan(truth))
                assert np.nanmax(np.abs(back - truth)) <= m.bound
                assert valid == record.counts["valid"]


def test_verify_finds_what_is_wrong_and_repairs_it(pictures, tmp_path):
    map_images(pictures, tmp_path, TAUS)
    assert gemax.verify(tmp_path) == replace(gemax.verify(tmp_path), problems=(), orphans=(), scans=3, files=7)
    broken = tmp_path / "sar/gemax_tau3x.png"
    broken.write_bytes(encode_png(np.zeros((96, 96), np.uint8)))
    (tmp_path / "signed/gemax_tau3x.png").unlink()
    (tmp_path / "stray.png").write_bytes(b"")
    found = gemax.verify(tmp_path, repair=True)
    assert {problem.file for problem in found.problems} == {"sar/gemax_tau3x.png", "signed/gemax_tau3x.png"}
    assert found.orphans == ("stray.png",)
    assert found.removed == ("sar/gemax_tau3x.png",)
    assert map_images(pictures, tmp_path, TAUS).converted == 2
    assert not gemax.verify(tmp_path).problems


def test_entropy_is_measured_on_the_files(mapped):
    rows, problems = measure_images(OutputFolder(mapped))
    assert not problems
    recorded = {m.file: m.entropy for record in read_image_records(mapped) for m in record.maps}
    assert [row.bits for row in rows if row.map == "gemax"] == pytest.approx(list(recorded.values()))
    means = list(mean_rows(rows))
    assert [(row["map"], row["tau"]) for row in means] == [("uniform", None), ("gemax", "1.25x"), ("gemax", "3x")]
    assert means[0]["mean"] <= means[1]["mean"] <= means[2]["mean"]


def test_a_set_has_one_mapping(tmp_path):
    pictures, rng = tmp_path / "raw", np.random.default_rng(4)
    pictures.mkdir()
    images = [rng.normal(500 + 300 * k, 60, (50, 60)).astype(np.float32) for k in range(3)]
    for number, image in enumerate(images):
        np.save(pictures / f"{number}.npy", image)
    settings = ImageSettings(("2x",), mapping="set")
    map_images(pictures, tmp_path / "out", settings)
    records = list(read_image_records(tmp_path / "out"))
    assert len({(record.pool, record.maps[0].widths, record.grid) for record in records}) == 1
    values = np.concatenate([image.ravel() for image in images])
    grey = np.concatenate([read_png(tmp_path / "out" / r.maps[0].file).ravel() for r in records])
    order = np.argsort(values, kind="stable")
    assert (np.diff(grey[order].astype(int)) >= 0).all()  # the same value is the same grey in every image
    assert map_images(pictures, tmp_path / "out", settings).done == 3
    np.save(pictures / "3.npy", images[0] + 5000)
    assert map_images(pictures, tmp_path / "out", settings).converted == 4  # a larger set is another set


def test_a_damaged_image_fails_alone_also_in_a_set(tmp_path):
    pictures = tmp_path / "raw"
    pictures.mkdir()
    np.save(pictures / "good.npy", np.random.default_rng(0).integers(0, 5000, (60, 60)).astype(np.uint16))
    (pictures / "bad.tif").write_bytes(b"II*\0 cut off")
    np.save(pictures / "empty.npy", np.full((5, 5), np.nan))
    for number, settings in enumerate((TAUS, replace(TAUS, mapping="set"))):
        out = tmp_path / str(number)
        summary = map_images(pictures, out, settings)
        assert (summary.converted, len(summary.failures), summary.left, summary.exit_code) == (1, 2, 0, 3)
        assert {failure.source for failure in OutputFolder(out).failures()} == {"bad.tif", "empty.npy"}
        assert not gemax.verify(out).problems


def test_settings_that_do_not_fit_are_told_per_image(pictures, tmp_path):
    summary = map_images(pictures, tmp_path, ImageSettings(("6",)))
    assert [failure.error for failure in summary.failures] == ["Unmappable"] * 2  # the third has 1,400 levels
    assert all("or more" in failure.message for failure in summary.failures)
    with pytest.raises(SettingsError, match="or more"):
        map_images(pictures / "sar.tif", tmp_path / "set", ImageSettings(("6",), mapping="set"))


def test_folders_of_scans_and_of_images_are_kept_apart(pictures, mapped, tmp_path):
    OutputFolder(tmp_path).write_run(Settings(), ())
    with pytest.raises(SettingsConflict, match="holds scans, not images"):
        map_images(pictures, tmp_path, TAUS, RunOptions(overwrite=True))
    with pytest.raises(SettingsConflict, match="holds images, not scans"):
        OutputFolder(mapped).write_run(Settings(), ())
    with pytest.raises(OutputError, match="made by gemax map"):
        _ = OutputFolder(mapped).settings


def test_large_and_georeferenced_images_become_tiffs(tmp_path, monkeypatch):
    image, _ = sar_image(3, 80)
    image[:5] = np.nan
    geo = [(33550, 12, 3, (10.0, 10.0, 0.0), True), (33922, 12, 6, (0.0, 0.0, 0.0, 5e5, 5e6, 0.0), True),
           (34735, 3, 16, (1, 1, 0, 3, 1024, 0, 1, 1, 1025, 0, 1, 1, 3072, 0, 1, 32632), True)]  # fmt: skip
    tifffile.imwrite(tmp_path / "geo.tif", image, extratags=geo)
    np.save(tmp_path / "plain.npy", image)
    monkeypatch.setattr(output, "PNG_PIXELS", 6000)
    for reserve in (False, True):
        out = tmp_path / str(reserve)
        map_images([tmp_path / "geo.tif", tmp_path / "plain.npy"], out, replace(TAUS, scale="db", reserve_zero=reserve))
        assert not gemax.verify(out).problems
        assert {path.rpartition(".")[2] for path in contents(out)} == {"tif"}
        with tifffile.TiffFile(out / "geo/gemax_tau1.25x.tif") as file:
            tags = file.pages[0].tags
            assert all(tags[code].value == value for code, _, _, value, _ in geo)
            assert (42113 in tags) is reserve
        assert np.array_equal(
            tifffile.imread(out / "geo/gemax_tau3x.tif"), tifffile.imread(out / "plain/gemax_tau3x.tif")
        )
        assert (out / "geo/mask.tif").exists() is not reserve
        back = invert_image(out / "geo/gemax_tau1.25x.tif").values
        assert np.nanmax(np.abs(back - image)) <= invert_image(out / "geo/gemax_tau1.25x.tif").bound
        assert np.array_equal(np.isnan(back), np.isnan(image))


def test_gdal_sees_the_same_place(tmp_path):
    rasterio = pytest.importorskip("rasterio")
    image, _ = sar_image(3, 64)
    transform = rasterio.transform.from_origin(500000, 5000000, 10, 10)
    with rasterio.open(tmp_path / "a.tif", "w", driver="GTiff", width=64, height=64, count=2, dtype="float32",
                       crs="EPSG:32632", transform=transform, nodata=-1.0, tiled=True, blockxsize=16, blockysize=16,
                       interleave="pixel") as file:  # fmt: skip
        image[3, 3] = -1
        file.write(image, 1)
        file.write(image + 1, 2)
    map_images(tmp_path / "a.tif", tmp_path / "out", replace(TAUS, scale="db", band=1, reserve_zero=True))
    with rasterio.open(tmp_path / "a.tif") as before, rasterio.open(tmp_path / "out/a/gemax_tau1.25x.tif") as after:
        assert (before.crs, before.transform, before.bounds) == (after.crs, after.transform, after.bounds)
        assert after.nodata == 0
        assert (after.read(1) == 0).sum() == 1


# --- finding


def test_names_become_safe_and_unique_places(tmp_path):
    for name in (
        "a.png",
        "A.tif",
        "a.npy",
        "sub/b.dcm",
        "run.json.tif",
        "records.jsonl.tif",
        "Landmarks.csv.tif",
        "con.png",
        ".hid.png",
        "c.jpg",
    ):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"x")
    (tmp_path / "done").mkdir()
    (tmp_path / "done/run.json").write_text("{}")
    (tmp_path / "done/x.png").write_bytes(b"x")
    (tmp_path / "loop").symlink_to(tmp_path, target_is_directory=True)
    found = find_images(tmp_path)
    ids = [image.image_id for image in found.images]
    assert len({place.casefold() for place in ids}) == len(ids) == 8
    assert {"_run.json", "_records.jsonl", "_Landmarks.csv"} <= set(ids)
    assert {"sub/b", "_con"} <= set(ids)
    assert not {"run.json", "records.jsonl"} & set(ids)
    assert len(found.notes) == 1
    assert [image.path.name for image in find_images(tmp_path / "c.jpg").images] == ["c.jpg"]
    with pytest.raises(NothingToConvert):
        map_images([], tmp_path / "out")


def test_nothing_outside_is_written_or_removed_through_a_link(pictures, tmp_path):
    out, outside = tmp_path / "out", tmp_path / "outside"
    outside.mkdir()
    map_images(pictures, out, TAUS)
    target = outside / "gemax_tau3x.png"
    target.write_bytes(b"precious")
    for path in (out / "signed").iterdir():
        path.unlink()
    (out / "signed").rmdir()
    (out / "signed").symlink_to(outside, target_is_directory=True)
    gemax.verify(out, repair=True)
    assert target.read_bytes() == b"precious"


@pytest.mark.parametrize(
    "file", ["../x.png", "/etc/passwd", "sar/../../x", "C:\\x", "sar//mask.png", "run.json", "sar/run.json"]
)
def test_a_record_that_names_a_file_outside_is_no_record(mapped, file):
    record = next(read_image_records(mapped))
    line = replace(record, maps=(replace(record.maps[0], file=file),)).to_line()
    with pytest.raises(ValueError, match="outside"):
        ImageRecord.from_line(line)


def test_any_damage_of_a_record_costs_that_record_alone(mapped, tmp_path):
    line = (mapped / "records.jsonl").read_bytes().splitlines()[0]
    values, rng = json.loads(line), np.random.default_rng(0)
    del values["check"]
    for wrong in (None, -1, 0, "x", [], {}, 1e300, 2**62, "log"):
        damaged = [{**values, key: wrong} for key in values]
        damaged += [{**values, "grid": {**values["grid"], key: wrong}} for key in values["grid"]]
        damaged += [{**values, "maps": [{**values["maps"][0], key: wrong}]} for key in values["maps"][0]]
        for changed in damaged:  # signed anew, as a stranger would
            with suppress(ValueError):
                record = ImageRecord.from_line(checked_line(changed))
                list(image_table([record]).lines())
    for _ in range(300):
        cut = bytearray(line)
        cut[rng.integers(len(cut))] = rng.integers(32, 127)
        with suppress(ValueError):
            ImageRecord.from_line(bytes(cut))


def test_the_output_folder_is_no_source(pictures, tmp_path):
    with pytest.raises(SettingsError, match="also a source"):
        map_images([pictures, tmp_path], tmp_path, TAUS)
    with pytest.raises(SettingsError, match="whole disk"):
        map_images("/", tmp_path, TAUS)


def test_a_read_only_folder_is_told(pictures, tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OutputError, match="cannot be made"):
        map_images(pictures, tmp_path / "file" / "out", TAUS)
    assert os.listdir(tmp_path) == ["file"]  # noqa: PTH208
