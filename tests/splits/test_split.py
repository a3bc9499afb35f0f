"""Splits: order, protocols, files."""

import csv
import hashlib
import json
import random
import tempfile
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

import gemax_cli as gemax
from gemax_cli.errors import NothingToConvert, OutputError, SettingsError, SplitDamaged, SubjectMissing
from gemax_cli.splits.files import read_split
from gemax_cli.splits.kept import kept_scans
from gemax_cli.splits.make import split
from gemax_cli.splits.model import Kept, SplitSettings
from gemax_cli.splits.order import Subject, deal, pick, shuffled
from gemax_cli.splits.rows import part_scans, scans_of_split
from gemax_cli.stack.folder import OutputFolder
from tests.splits.folders import SIX, bosphorus, bu3dfe, put_records

GOLDEN = Path(__file__).parent / "golden"
GOLDEN_SETTINGS = {
    "paper": SplitSettings("paper", rounds=3),
    "kfold": SplitSettings("kfold", ("BU-3DFE",), seed=5, rounds=2, stratify=("sex", "race")),
    "loso": SplitSettings("loso", ("Bosphorus",)),
    "holdout": SplitSettings("holdout", folds=5, seed=1),
}

BOTH = (*bu3dfe(100, levels=(3, 4)), *bu3dfe(5), *bosphorus(65, takes=1), *bosphorus(5))


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    """All subjects of both databases."""
    out = tmp_path_factory.mktemp("splits") / "both"
    return put_records(out, BOTH)


@pytest.fixture
def small(tmp_path):
    return put_records(tmp_path / "small", [*bu3dfe(12, levels=(3,)), *bosphorus(8, takes=1)])


def rows_of(out, name):
    with (out / "splits" / f"{name}.csv").open(newline="") as file:
        return [(int(r["round"]), int(r["fold"]), r["dataset"], r["subject"]) for r in csv.DictReader(file)]


def test_the_order_is_that_of_the_digest():
    names = [f"F{i:04d}" for i in range(30)]
    found = [s.subject for s in shuffled([Subject("BU-3DFE", name) for name in names], seed=7, round_number=3)]
    assert found == sorted(names, key=lambda name: hashlib.sha256(f"7/3/BU-3DFE/{name}".encode()).hexdigest())


@pytest.mark.parametrize("name", GOLDEN_SETTINGS)
def test_golden_files(both, name):
    split(both, name, GOLDEN_SETTINGS[name])
    for file in (f"{name}.csv", f"{name}.json"):
        assert (both / "splits" / file).read_bytes() == (GOLDEN / file).read_bytes()


@pytest.mark.slow
def test_the_papers_numbers(both):
    made = split(both, "numbers", SplitSettings("paper"))
    assert made.rounds == tuple(range(100))
    keeps = kept_scans(OutputFolder(both).records(), made.header.keeps)
    bu = [len(own) for key, own in keeps.items() if key[0] == "BU-3DFE"]
    assert bu == [12] * 100  # six expressions at two levels
    assert [len(own) for key, own in keeps.items() if key[0] == "Bosphorus"] == [6] * 65
    for number in (0, 57, 99):
        assert made.folds(number) == tuple(range(10))
        for dataset, pairs in (("BU-3DFE", 12), ("Bosphorus", 6)):
            test = [key for key in made.subjects(number, 4, "test") if key[0] == dataset]
            train = [key for key in made.subjects(number, 4, "train") if key[0] == dataset]
            assert (len(train), len(test)) == (54, 6)
            assert sum(len(keeps[key]) for key in train) == 54 * pairs  # 648 and 324: section 4.1
    assert len({frozenset(made.fold_of(number)) for number in made.rounds}) == 100  # each round draws its own


@pytest.mark.slow
def test_no_subject_is_on_both_sides_in_a_thousand_folds(both):
    made, folder = split(both, "thousand", SplitSettings("paper", seed=11)), OutputFolder(both)
    scans = scans_of_split(folder, made)
    folds = 0
    for number in made.rounds:
        tested = Counter()
        for fold in made.folds(number):
            train, test = made.subjects(number, fold, "train"), made.subjects(number, fold, "test")
            sides = [{scan.name.subject for key in side for scan in scans[key]} for side in (train, test)]
            assert not train & test
            assert not sides[0] & sides[1]
            assert train | test == set(made.fold_of(number))
            tested.update(test)
            folds += 1
        assert set(tested.values()) == {1}  # each once
    assert folds == 1000


@pytest.mark.slow
def test_another_database_in_the_folder_moves_nobody(both, tmp_path):
    alone = put_records(tmp_path / "alone", bosphorus(65, takes=1))
    one = split(alone, "s", SplitSettings("paper", rounds=2))
    two = split(both, "s", SplitSettings("paper", rounds=2))
    assert one.rows == tuple(row for row in two.rows if row.dataset == "Bosphorus")


def test_the_order_of_conversion_does_not_count(small, tmp_path):
    scans = [*bu3dfe(12, levels=(3,)), *bosphorus(8, takes=1)]
    random.Random(3).shuffle(scans)
    mixed = put_records(tmp_path / "mixed", scans)
    settings = SplitSettings("kfold", folds=4, stratify=("sex",))
    assert split(mixed, "m", settings).rows == split(small, "m", settings).rows


def test_converting_more_moves_nobody(small):
    split(small, "s", SplitSettings("kfold", folds=4, expressions=SIX))
    before = rows_of(small, "s")
    put_records(small, bu3dfe(14, levels=(3, 4)))
    made = read_split(small, "s")
    assert rows_of(small, "s") == before
    keys = set(made.fold_of(0))
    for fold in made.folds():
        for part in ("train", "test"):
            scans = part_scans(OutputFolder(small), made, 0, fold, part)
            assert {(scan.name.dataset, scan.name.subject) for scan in scans} == made.subjects(0, fold, part) <= keys
    with pytest.raises(SettingsError, match="there already with other subjects"):
        split(small, "s", SplitSettings("kfold", folds=4, expressions=SIX))


def test_subjects_drawn_once_are_dealt_anew_in_each_round(small):
    settings = SplitSettings("kfold", rounds=6, folds=3, pick=5)
    changing, fixed = split(small, "a", settings), split(small, "b", replace(settings, fixed=True))
    assert fixed.fold_of(0) == changing.fold_of(0)
    assert len({frozenset(changing.fold_of(number)) for number in range(6)}) == 6
    assert len({frozenset(fixed.fold_of(number)) for number in range(6)}) == 1
    assert len({tuple(sorted(fixed.fold_of(number).items())) for number in range(6)}) > 1


def test_a_picked_subject_that_is_missing_is_named(small):
    made = split(small, "s", SplitSettings("kfold", folds=4))
    lines = (small / "records.jsonl").read_text().splitlines(keepends=True)
    (small / "records.jsonl").write_text("".join(line for line in lines if "bs003" not in line))
    with pytest.raises(SubjectMissing, match="Bosphorus/bs003"):
        part_scans(OutputFolder(small), made, 0, 0, "train")
    with pytest.raises(SubjectMissing, match="Bosphorus/bs003"):
        gemax.load_stack(small, split="s")


def test_loso_and_holdout(small):
    loso = split(small, "loso", SplitSettings("loso"))
    assert len(loso.folds()) == 20
    assert all(len(loso.subjects(0, fold, "test")) == 1 for fold in loso.folds())
    holdout = split(small, "holdout", SplitSettings("holdout", folds=4))
    assert holdout.folds() == (0,)
    assert (len(holdout.subjects(0, 0, "test")), len(holdout.subjects(0, 0, "train"))) == (5, 15)
    with pytest.raises(SettingsError, match="tests no fold 1: give one of 0"):
        holdout.subjects(0, 1, "test")


def some_subjects(women, men):
    return [Subject("D", f"{sex}{i}", sex) for sex, count in (("F", women), ("M", men)) for i in range(count)]


@pytest.mark.parametrize(
    ("women", "men", "count", "folds"), [(56, 44, 60, 10), (9, 3, 8, 4), (50, 50, 20, 5), (1, 9, 10, 2)]
)
def test_strata_are_drawn_in_proportion_and_dealt_evenly(women, men, count, folds):
    for seed in range(20):
        order = shuffled(some_subjects(women, men), seed, 0)
        picked = pick(order, count, ("sex",))
        assert len(picked) == count
        share = sum(s.sex == "F" for s in picked)
        assert abs(share - count * women / (women + men)) <= 1
        dealt = deal(picked, folds, ("sex",))
        sizes = Counter(dealt.values())
        in_fold = Counter(fold for s, fold in dealt.items() if s.sex == "F")
        assert max(sizes.values()) - min(sizes.values()) <= 1
        assert max(in_fold[f] for f in range(folds)) - min(in_fold[f] for f in range(folds)) <= 1


def test_what_is_kept():
    scans = ["bs000_E_HAPPY_0", "bs000_E_HAPPY_10", "bs000_E_HAPPY_2", "bs000_E_ANGER_1", "bs000_N_N_0"]
    records = list(record_list([f"Bosphorus/bs000/{name}" for name in scans]))
    ids = lambda rule: [  # noqa: E731
        r.scan_id.rpartition("/")[2] for own in kept_scans(records, {"Bosphorus": rule}).values() for r in own
    ]
    assert ids(Kept(("HA",))) == ["bs000_E_HAPPY_0", "bs000_E_HAPPY_2", "bs000_E_HAPPY_10"]
    assert ids(Kept(("HA", "AN"), first=True)) == ["bs000_E_ANGER_1", "bs000_E_HAPPY_0"]
    assert ids(Kept(("HA", "SU"), complete=True)) == []
    assert len(ids(Kept())) == 5
    meshes = [f"BU-3DFE/F0001/F0001_{name}" for name in ("AN03WH", "AN03WH_RAW", "AN04WH_RAW")]
    found = kept_scans(record_list(meshes), {"BU-3DFE": Kept()})["BU-3DFE", "F0001"]
    assert [r.scan_id.rpartition("/")[2] for r in found] == ["F0001_AN03WH", "F0001_AN04WH_RAW"]


def record_list(scans):
    with tempfile.TemporaryDirectory() as folder:
        yield from OutputFolder(put_records(Path(folder) / "out", scans)).records()


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "../x", ".hidden", "-x", "a\\b", "nul", "a\n", "x" * 65, "a:b"])
def test_a_name_is_plain(small, name):
    with pytest.raises(SettingsError, match="no name of a file"):
        split(small, name)
    with pytest.raises(SettingsError, match="no name of a file"):
        read_split(small, name)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"protocol": "best"}, "give paper or kfold"),
        ({"protocol": "loso", "folds": 3}, "leave folds out"),
        ({"protocol": "loso", "rounds": 3}, "leave rounds out"),
        ({"expressions": ("HA",)}, "paper has its own"),
        ({"protocol": "kfold", "expressions": ("smile",)}, "smile"),
        ({"protocol": "kfold", "folds": 1}, "folds is 1"),
        ({"rounds": -1}, "rounds is -1"),
        ({"pick": 1}, "pick is 1"),
        ({"seed": -1}, "seed is -1"),
        ({"stratify": ("age",)}, "give sex or race"),
        ({"datasets": ("MNIST",)}, "MNIST"),
    ],
)
def test_settings_are_checked(values, message):
    with pytest.raises(SettingsError, match=message):
        SplitSettings(**values)


def test_a_folder_that_does_not_fit(small, tmp_path):
    with pytest.raises(SettingsError, match="BU-3DFE: 60 subjects are to be drawn and 12"):
        split(small, "s")
    with pytest.raises(SettingsError, match="Bosphorus: 8 subjects cannot fill 10 folds"):
        split(small, "s", SplitSettings("kfold", ("Bosphorus",)))
    with pytest.raises(SettingsError, match="race of no subject is known"):
        split(small, "s", SplitSettings("kfold", ("Bosphorus",), folds=4, stratify=("race",)))
    with pytest.raises(SettingsError, match="the paper has no protocol"):
        split(small, "s", SplitSettings("paper", ("FRGC",)))
    with pytest.raises(SettingsError, match="no scan of FRGC"):
        split(small, "s", SplitSettings("kfold", ("FRGC", "BU-3DFE")))
    with pytest.raises(NothingToConvert):
        split(put_records(tmp_path / "none", []), "s")
    with pytest.raises(SettingsError, match="one subject, F0001"):
        split(put_records(tmp_path / "one", bu3dfe(1)), "s", SplitSettings("loso"))
    assert not (small / "splits").exists()


def test_the_same_again_writes_nothing(small):
    settings = SplitSettings("kfold", folds=4)
    split(small, "s", settings)
    before = {path: path.stat().st_mtime_ns for path in (small / "splits").iterdir()}
    split(small, "s", settings)
    assert {path: path.stat().st_mtime_ns for path in (small / "splits").iterdir()} == before
    with pytest.raises(SettingsError, match="--overwrite"):
        split(small, "s", SplitSettings("kfold", folds=3))
    assert len(split(small, "s", SplitSettings("kfold", folds=3), overwrite=True).folds()) == 3
    assert read_split(small, "s").folds() == (0, 1, 2)


def test_a_split_reads_back(small):
    made = split(small, "s", SplitSettings("holdout", folds=4, stratify=("sex",)))
    back = read_split(small, "s")
    assert (back.name, back.header, back.rows) == (made.name, made.header, made.rows)
    assert json.loads((small / "splits" / "s.json").read_text())["counts"]["BU-3DFE"] == {"subjects": 12, "picked": 12}


CHANGES = {
    "a row": lambda text: text.replace("F0003", "F0004", 1),
    "a row less": lambda text: text[: text.rindex("\n", 0, -1) + 1],
    "a row twice": lambda text: text + text.splitlines()[-1] + "\n",
    "another column": lambda text: text.replace("fold", "folder", 1),
    "no number": lambda text: text.replace("\n0,1,", "\n0,x,", 1),
    "a large number": lambda text: text.replace("\n0,1,", "\n0,99999999999,", 1),
    "negative": lambda text: text.replace("\n0,1,", "\n0,-1,", 1),
    "other digits": lambda text: text.replace("\n0,1,", "\n0,\u0661,", 1),
    "line ends": lambda text: text.replace("\n", "\r\n"),
    "nothing": lambda _: "",
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_row_is_told(small, change):
    split(small, "s", SplitSettings("kfold", folds=4))
    path = small / "splits" / "s.csv"
    path.write_bytes(CHANGES[change](path.read_text()).encode())
    with pytest.raises(SplitDamaged, match=r"s\.csv: .*make the split again"):
        read_split(small, "s")


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"algorithm": 1}', "[" * 100_000, '{"algorithm": 1e400}', "\xff"])
def test_a_damaged_header_is_told(small, text):
    split(small, "s", SplitSettings("kfold", folds=4))
    (small / "splits" / "s.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(SplitDamaged, match=r"s\.json: is damaged"):
        read_split(small, "s")


def test_a_newer_algorithm_is_told(small):
    split(small, "s", SplitSettings("kfold", folds=4))
    path = small / "splits" / "s.json"
    path.write_text(path.read_text().replace('"algorithm": 1', '"algorithm": 2'))
    with pytest.raises(SplitDamaged, match="newer version"):
        read_split(small, "s")


def test_a_split_that_there_is_not(small):
    split(small, "mine", SplitSettings("kfold", folds=4))
    with pytest.raises(SettingsError, match=r"no such split \(mine\)"):
        read_split(small, "s")


def test_nothing_is_written_behind_a_link(small, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (small / "splits").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OutputError, match="link"):
        split(small, "s", SplitSettings("kfold", folds=4))
    with pytest.raises(SplitDamaged, match="link"):
        read_split(small, "s")
    assert not list((tmp_path / "elsewhere").iterdir())


def test_no_file_behind_a_link_is_read_or_changed(small, tmp_path):
    made = split(small, "s", SplitSettings("kfold", folds=4))
    foreign = tmp_path / "foreign.csv"
    (small / "splits" / "s.csv").rename(foreign)
    (small / "splits" / "s.csv").symlink_to(foreign)
    with pytest.raises(SplitDamaged, match="symbolic link"):
        read_split(small, "s")
    before = foreign.read_bytes()
    split(small, "s", SplitSettings("kfold", folds=3), overwrite=True)
    assert foreign.read_bytes() == before
    assert read_split(small, "s").rows != made.rows
