"""``gemax merge``: folders of machines that each converted a part, sound or prepared by an attacker."""

import json
import os
import shutil

import pytest

import gemax_cli as gemax
from gemax_cli.cli.main import run
from gemax_cli.errors import MergeConflict, NothingToConvert, SettingsConflict
from gemax_cli.stack.atomic import write_atomically
from tests.attacks.ground import NEEDS_POSIX, landmarks_moved, make_raw, seen, signed
from tests.attacks.outside import PATHS
from tests.batch.planted import COARSE


def convert(raw, out, *more):
    return run(["convert", str(raw), str(out), *COARSE, "-q", *map(str, more)])


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Raw data, one file of it broken, its two halves A and B, and all of it in ``whole``."""
    place = tmp_path_factory.mktemp("merge")
    make_raw(place / "raw")
    (place / "raw" / "z.bnt").write_bytes(b"broken")
    assert convert(place / "raw", place / "A", "--shard", "1/2") == 0
    assert convert(place / "raw", place / "B", "--shard", "2/2") == 3
    assert convert(place / "raw", place / "whole") == 3
    return place


@pytest.fixture
def halves(place, tmp_path):
    """Copies of A and B, and a folder that is not there yet."""
    for name in "AB":
        shutil.copytree(place / name, tmp_path / name)
    return tmp_path / "A", tmp_path / "B", tmp_path / "out"


def merged(*folders):
    return run(["merge", *map(str, folders)])


def files_of(out):
    return {name: found for name, found in seen(out).items() if not name.startswith((".gemax", "run.json"))}


def records_file(folder):
    return next(folder.glob("records*.jsonl"))


def edited(folder, change):
    """Change the first record of a folder as an attacker would, with a check that is right."""
    path = records_file(folder)
    first, *rest = path.read_text().splitlines(keepends=True)
    record = json.loads(first)
    change(record)
    path.write_text("".join([signed(record), *rest]))


def test_two_halves_are_the_whole(place, halves, capsys):
    before = {folder: files_of(folder) for folder in halves[:2]}
    assert merged(*halves) == 0
    assert "3 scans: 3 copied, 0 there already" in capsys.readouterr().err
    assert files_of(halves[2]) == files_of(place / "whole")
    assert {folder: files_of(folder) for folder in halves[:2]} == before
    assert run(["verify", str(halves[2]), "--sources", str(place / "raw")]) == 0
    assert convert(place / "raw", halves[2]) == 3
    assert "1 scans to convert" not in capsys.readouterr().err
    assert gemax.OutputFolder(halves[2]).settings == gemax.OutputFolder(halves[0]).settings
    runs = gemax.OutputFolder(halves[2]).run["history"]  # both halves were converted by the same line
    assert [run["sources"] for run in runs] == [[str(place / "raw")], [str(half) for half in halves[:2]]]


def test_twice_is_once(halves, capsys):
    assert merged(*halves) == 0
    before = seen(halves[2])
    assert merged(*halves) == 0
    assert "3 scans: 0 copied, 3 there already" in capsys.readouterr().err
    assert seen(halves[2]) == before


def test_a_stopped_merge_goes_on(place, halves, monkeypatch):
    copied = []

    def stopping(path, data, **rest):
        copied.append(path)
        if len(copied) == 5:
            raise KeyboardInterrupt
        return write_atomically(path, data, **rest)

    monkeypatch.setattr("gemax_cli.stack.merge.write_atomically", stopping)
    assert merged(*halves) == 130
    monkeypatch.undo()
    assert merged(*halves) == 0
    assert files_of(halves[2]) == files_of(place / "whole")


def test_a_scan_that_both_hold_alike_is_one(place, halves):
    assert merged(*halves, place / "whole", halves[2].with_name("all")) == 4  # out is not there yet
    assert merged(place / "whole", *halves) == 0
    assert files_of(halves[2]) == files_of(place / "whole")


def test_a_scan_that_they_hold_differently_is_an_error_that_names_both(place, halves, tmp_path, capsys):
    shutil.copytree(place / "raw", tmp_path / "raw")
    landmarks_moved(next((tmp_path / "raw").rglob("*.lm3")), by=20.0)
    assert convert(tmp_path / "raw", tmp_path / "other") == 3
    capsys.readouterr()
    assert merged(halves[0], halves[1], tmp_path / "other", halves[2]) == 5
    said = capsys.readouterr().err
    assert "Bosphorus/bs007/bs007_N_N_0" in said
    assert str(tmp_path / "other") in said
    assert any(f"{half} and " in said for half in halves[:2])
    assert not list(halves[2].rglob("*.png"))
    with pytest.raises(MergeConflict):
        gemax.merge([tmp_path / "other", *halves[:2]], halves[2])


def test_the_maps_of_each_folder_come_along(place, halves, capsys):
    assert convert(place / "raw", halves[0], "--tau", "47", "--shard", "1/2") == 0
    assert merged(*halves) == 0
    assert 47 in gemax.OutputFolder(halves[2]).settings.taus
    assert merged(halves[0], place / "whole", halves[2]) == 0
    assert gemax.OutputFolder(halves[2]).scan_ids == gemax.OutputFolder(place / "whole").scan_ids
    assert run(["verify", str(halves[2])]) == 0


def test_other_settings(place, halves, capsys):
    assert run(["convert", str(place / "raw"), str(halves[1]), *COARSE, "-q", "--overwrite", "--bins", "250"]) == 3
    capsys.readouterr()
    assert merged(*halves) == 5
    said = capsys.readouterr().err
    assert f"{halves[0]} and {halves[1]}" in said
    assert "bins was 256, is 250" in said
    with pytest.raises(SettingsConflict):
        gemax.merge(halves[:2], halves[2])


def test_what_is_no_output_folder(halves, tmp_path, capsys):
    with pytest.raises(NothingToConvert, match="holds no run"):
        gemax.merge([halves[0], tmp_path / "gone"], halves[2])
    for out in (halves[0], halves[0] / "inner", tmp_path):
        assert merged(halves[0], halves[1], out) == 2
    assert "give another output folder" in capsys.readouterr().err


def test_an_image_that_is_not_what_was_recorded_is_left_out(halves, capsys):
    image = next(halves[0].rglob("gemax_tau020.png"))
    image.write_bytes(next(halves[0].rglob("gemax_tau030.png")).read_bytes())
    assert merged(*halves) == 3
    said = capsys.readouterr().err
    assert f"left out: {image}: is not what its record says" in said
    assert len(gemax.OutputFolder(halves[2]).scan_ids) == 2
    assert run(["verify", str(halves[2])]) == 0


@pytest.mark.parametrize("cut", [1, 40, 400])
def test_a_torn_record_is_told_and_left_out(halves, cut, capsys):
    path = records_file(halves[0])
    path.write_bytes(path.read_bytes()[:-cut])
    assert merged(*halves) == 3
    assert f"{path}: line " in capsys.readouterr().err
    assert run(["verify", str(halves[2])]) == 0


def test_a_record_of_another_check_is_told_and_left_out(halves, capsys):
    path = records_file(halves[0])
    path.write_text(path.read_text().replace('"valid_pixels":', '"valid_pixels":1', 1))
    assert merged(*halves) == 3
    assert "its check differs" in capsys.readouterr().err


@NEEDS_POSIX
@pytest.mark.parametrize("where", ["block", "map", "scan"])
@pytest.mark.parametrize(
    "number", [pytest.param(n, marks=() if n in (1, 3, 17, 22) else pytest.mark.slow) for n in range(len(PATHS))]
)
def test_no_path_of_a_record_leads_out(halves, tmp_path, where, number):
    outside = tmp_path / "outside"
    (outside / "folder").mkdir(parents=True)
    for name in ("keep.png", "folder/depth16.png"):
        (outside / name).write_bytes(b"canary")
    (halves[0] / "link").symlink_to(outside)

    def change(record):
        path = PATHS[number].format(outside=outside, image=record["blocks"][0]["file"], scan=record["scan"])
        if where == "scan":
            record["scan"] = path.rpartition("/")[0] or path
        block = record["blocks"][0]
        (block["maps"][0] if where == "map" else block)["file"] = path

    edited(halves[0], change)
    before = seen(outside), seen(halves[0]), {path.name for path in tmp_path.iterdir()}
    assert merged(*halves) == 3
    assert before == (seen(outside), seen(halves[0]), {path.name for path in tmp_path.iterdir()} - {"out"})
    assert b"canary" not in b"".join(content for _, content in seen(halves[2]).values())


LINKS = {
    "scan": lambda folder: next(folder.rglob("depth16.png")).parent,
    "image": lambda folder: next(folder.rglob("depth16.png")),
    "records": records_file,
    "run": lambda folder: folder / "run.json",
    "failures": lambda folder: folder / "failures.csv",
}


ENDS = {"source": {"scan": 3, "image": 3}, "out": {"scan": 3, "image": 0}}  # a link in place of an image is replaced


@NEEDS_POSIX
@pytest.mark.parametrize("thing", LINKS)
@pytest.mark.parametrize("side", ["source", "out"])
def test_no_link_is_followed(halves, tmp_path, thing, side):
    """A link to what would fit exactly: the very file or folder, moved outside."""
    if side == "out":
        assert merged(*halves) == 0
    folder = halves[0] if side == "source" else halves[2]
    path, target = LINKS[thing](folder), tmp_path / "outside" / "kept"
    target.parent.mkdir()
    if os.path.lexists(path):
        shutil.move(path, target)
    else:
        target.write_text("source,stage,error,message\n")
    path.symlink_to(target)
    if side == "out":
        shutil.rmtree(folder / "BU-3DFE", ignore_errors=True)
    before = seen(target.parent), target.is_file() and target.stat().st_mtime_ns
    assert merged(*halves) == ENDS[side].get(thing, 5)
    assert before == (seen(target.parent), target.is_file() and target.stat().st_mtime_ns)
    if side == "source" and thing in ("scan", "image"):
        assert len(gemax.OutputFolder(halves[2]).scan_ids) == 2


@NEEDS_POSIX
@pytest.mark.parametrize("thing", ["image", "records", "run", "failures"])
def test_a_pipe_is_not_waited_for(halves, thing):
    path = LINKS[thing](halves[0])
    path.unlink(missing_ok=True)
    os.mkfifo(path)
    assert merged(*halves) == (3 if thing == "image" else 5)


def test_scopes_that_folders_share_are_mapped_again(place, halves, tmp_path, capsys):
    """The whole is what it would be if one machine had converted it."""

    def convert(raw, name):
        return run(["convert", str(raw), str(tmp_path / name), *COARSE, "-q", "--mapping", "dataset"])

    assert [convert(place / "raw" / "b.wrl", "b"), convert(place / "raw" / "c.png", "c")] == [0, 0]
    assert merged(tmp_path / "b", tmp_path / "c", halves[2]) == 0
    assert [convert(place / "raw", "out"), convert(place / "raw", "one")] == [3, 3]
    assert files_of(halves[2]) == files_of(tmp_path / "one")


def test_names_that_differ_in_case_alone_are_an_error(place, halves, tmp_path, capsys):
    (tmp_path / "raw").mkdir()
    shutil.copy(place / "raw" / "b.wrl", tmp_path / "raw" / "B.wrl")
    assert convert(tmp_path / "raw", tmp_path / "other") == 0
    capsys.readouterr()
    assert merged(*halves[:2], tmp_path / "other", halves[2]) == 5
    assert "other/" in capsys.readouterr().err
