"""A fold as folders of images, and as rows."""

import csv
import io
import json
import shutil

import pytest

import gemax_cli as gemax
from gemax_cli.cli.main import run
from gemax_cli.errors import OutputError, OutputUnwritable, SettingsError, SplitDamaged, UnsafePath
from gemax_cli.splits.files import read_split
from gemax_cli.splits.materialise import MARK, materialise
from gemax_cli.splits.model import SplitSettings
from gemax_cli.splits.rows import split_rows
from gemax_cli.stack.folder import OutputFolder
from tests.reports.folders import SMALL, make_folder
from tests.splits.folders import bosphorus, bu3dfe

MAP = "gemax_tau005"


@pytest.fixture(scope="module")
def clean(tmp_path_factory):
    """Six subjects, neutral too, with the tables of gemax convert."""
    scans = (*bu3dfe(4, levels=(3,)), *bosphorus(2, takes=1))
    out = make_folder(tmp_path_factory.mktemp("materialise") / "out", scans, SMALL)
    OutputFolder(out).write_tables(None, [], lambda sources: sources)
    gemax.split(out, "s", SplitSettings("kfold", folds=2))
    return out


@pytest.fixture
def out(clean, tmp_path):
    return shutil.copytree(clean, tmp_path / "out")


def content(folder):
    return {p.relative_to(folder).as_posix() for p in folder.rglob("*") if not p.is_dir() and p.name != MARK}


def test_rows_are_those_of_the_table(out):
    with (out / "metadata.csv").open(newline="") as file:
        table = list(csv.DictReader(file))
    split = read_split(out, "s")
    for part in ("train", "test"):
        subjects = {subject for _, subject in split.subjects(0, 1, part)}
        assert split_rows(out, "s", 0, 1, part) == [row for row in table if row["subject"] in subjects]


def test_rows_that_the_table_lacks_are_told(out):
    path = out / "metadata.csv"
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(line for line in lines if not line.startswith("BU-3DFE/F0001/F0001_AN03")))
    fold = read_split(out, "s").fold_of(0)["BU-3DFE", "F0001"]
    with pytest.raises(OutputError, match=r"lacks BU-3DFE/F0001/F0001_AN03WH and 0 more"):
        split_rows(out, "s", 0, fold, "test")
    path.unlink()
    with pytest.raises(OutputError, match=r"metadata\.csv: cannot be read"):
        split_rows(out, "s")


@pytest.mark.parametrize("link", ["hard", "sym", "copy"])
def test_images_by_part_and_class(out, tmp_path, link):
    folder = tmp_path / "set"
    count = materialise(out, "s", folder, fold=1, map_name=MAP, link=link)
    rows = {part: split_rows(out, "s", 0, 1, part) for part in ("train", "test")}
    labelled = {part: [row for row in own if row["expression"] not in ("", "-")] for part, own in rows.items()}
    assert count == len(content(folder)) == sum(map(len, labelled.values())) == 6 * 7
    for part, own in labelled.items():
        for row in own:
            place = folder / part / row["expression"] / (row["scan"].replace("/", "-") + ".png")
            source = out / row[f"{MAP}_file_name"]
            assert place.read_bytes() == source.read_bytes()
            assert place.is_symlink() == (link == "sym")
            assert place.samefile(source) == (link != "copy")


def test_again_replaces_what_was_there_before(out, tmp_path):
    folder, before = tmp_path / "set", content(out)
    materialise(out, "s", folder, map_name=MAP)
    (folder / "train" / "HA" / "mine.txt").write_text("kept")
    materialise(out, "s", folder, map_name="depth16", fold=1, link="copy")
    fresh = tmp_path / "fresh"
    materialise(out, "s", fresh, map_name="depth16", fold=1, link="copy")
    assert content(folder) == content(fresh) | {"train/HA/mine.txt"}
    assert content(out) == before
    assert gemax.verify(out).problems == ()


@pytest.mark.parametrize("mark", [None, "", "[]", "{}", '{"made_by": "me", "files": []}', '{"made_by": "gemax split"}'])
def test_a_foreign_folder_is_refused(out, tmp_path, mark):
    folder = tmp_path / "set"
    folder.mkdir()
    (folder / "holiday.jpg").write_text("x")
    if mark is not None:
        (folder / MARK).write_text(mark)
    with pytest.raises(OutputError, match="did not put there"):
        materialise(out, "s", folder, map_name=MAP)
    assert content(folder) == {"holiday.jpg"}


@pytest.mark.parametrize(
    "file", ["../precious", "train/HA/../../../precious", "train/../precious", "/precious", "x/HA/precious"]
)
def test_nothing_outside_is_removed(out, tmp_path, file):
    folder, precious = tmp_path / "set", tmp_path / "precious"
    materialise(out, "s", folder, map_name=MAP)
    for place in (precious, folder / "precious", folder / "x" / "HA" / "precious"):
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text("keep")
    (folder / MARK).write_text(json.dumps({"made_by": "gemax split", "files": [file]}))
    for path in sorted(folder.rglob("*.png")):
        path.unlink()
    materialise(out, "s", folder, map_name=MAP)
    assert precious.read_text() == (folder / "precious").read_text() == "keep"


def test_nothing_is_written_behind_a_link(out, tmp_path):
    folder = tmp_path / "set"
    (tmp_path / "elsewhere").mkdir()
    materialise(out, "s", folder, map_name=MAP)
    shutil.rmtree(folder / "train")
    (folder / "train").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OutputError, match="link that leads elsewhere"):
        materialise(out, "s", folder, map_name=MAP)
    assert content(tmp_path / "elsewhere") == set()


def test_no_image_outside_the_folder_is_linked(out, tmp_path):
    (tmp_path / "secret.png").write_text("x")
    path = out / "metadata.csv"
    path.write_text(path.read_text().replace("BU-3DFE/F0001/F0001_AN03WH/gemax_tau005.png", "../secret.png"))
    for fold in (0, 1):
        with pytest.raises(UnsafePath, match="no image that gemax writes"):
            materialise(out, "s", tmp_path / "set", map_name=MAP, fold=fold)
    assert not (tmp_path / "set").exists()


def test_places_and_names_are_checked(out, tmp_path):
    for folder in (out, out / "inside", out.parent):
        with pytest.raises(SettingsError, match="give a folder elsewhere"):
            materialise(out, "s", folder, map_name=MAP)
    with pytest.raises(SettingsError, match="give one of depth16, gemax_tau005, gemax_tau008"):
        materialise(out, "s", tmp_path / "set", map_name="gemax_tau020")
    with pytest.raises(SettingsError, match="hard, sym, copy"):
        materialise(out, "s", tmp_path / "set", map_name=MAP, link="soft")
    with pytest.raises(SettingsError, match="imagefolder"):
        materialise(out, "s", tmp_path / "set", map_name=MAP, layout="coco")
    (tmp_path / "file").write_text("x")
    with pytest.raises(OutputUnwritable):
        materialise(out, "s", tmp_path / "file", map_name=MAP)


def gemax_split(*arguments):
    return run(["split", *map(str, arguments)])


def test_the_command(out, tmp_path, capsys):
    assert gemax_split(out, "k", "--protocol", "loso", "--dataset", "bu-3dfe", "--seed", 3) == 0
    said = capsys.readouterr()
    assert said.out == f"{out}/splits/k.csv\n"
    assert "k: loso, 1 rounds x 4 folds tested, 4 of 4 subjects of BU-3DFE." in said.err
    assert gemax_split(out, "k") == 0
    assert gemax_split(out, "k", "--rows", "--fold", 2, "--part", "test") == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out.partition("\n")[2])))
    assert rows == split_rows(out, "k", 0, 2, "test")
    assert gemax_split(out, "k", "--materialise", tmp_path / "set", "--map", MAP, "--link", "sym") == 0
    assert "28 images in" in capsys.readouterr().err
    assert gemax_split(out, "k", "--seed", 4) == 2  # another split has the name
    assert gemax_split(out, "none", "--rows") == 2
    assert gemax_split(out, "k", "--rows", "--fold", 9) == 2
    assert gemax_split(out, "../k", "--protocol", "loso") == 2


def test_the_command_audits(out, capsys):
    assert gemax_split(out, "s", "--check", "--format", "json") == 3  # the domes' sources are of one hash
    found = json.loads(capsys.readouterr().out)
    assert {row["kind"] for row in found} == {"equal sources"}
    assert gemax_split(out, "h", "--protocol", "loso", "--check", "--dataset", "BU-3DFE") == 3
    path = out / "splits" / "s.csv"
    path.write_text(path.read_text().replace("0,0,", "0,1,", 1))
    assert gemax_split(out, "s") == 5
    assert gemax_split(out, "s", "--check") == 3
    said = capsys.readouterr()
    assert "was changed since it was written" in said.out
    assert "Nearest neighbours of" in said.err
    with pytest.raises(SplitDamaged):
        split_rows(out, "s")
