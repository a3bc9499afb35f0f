"""The audit: planted leaks of each kind, ten of each, and none in clean splits."""

import hashlib
import json
import random
import shutil
from dataclasses import replace

import numpy as np
import pytest

import gemax_cli as gemax
from gemax_cli.errors import OutputError
from gemax_cli.splits.audit import check_split, plain_name
from gemax_cli.splits.likeness import cell_depths, distances, fingerprint
from gemax_cli.splits.model import SplitSettings
from gemax_cli.stack.folder import OutputFolder
from gemax_cli.stack.png import read_png
from gemax_cli.stack.records import RecordWriter
from tests.pictures import write_png
from tests.reports.folders import SMALL as SETTINGS
from tests.reports.folders import make_folder, put_scan
from tests.splits.folders import SIX
from tests.stack.samples import resigned

SUBJECTS = ("F0001", "F0002", "F0003", "M0001", "M0002", "M0003")
SCANS = tuple(f"BU-3DFE/{s}/{s}_{e}04WH" for s in SUBJECTS for e in SIX)
PLANTED = [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(1, 10))]
KFOLD = SplitSettings("kfold", folds=3)


@pytest.fixture(scope="module")
def clean(tmp_path_factory):
    """A sound folder; tests copy it."""
    out = make_folder(tmp_path_factory.mktemp("audit") / "out", SCANS)
    for number, record in enumerate(list(OutputFolder(out).records())):
        rerecord(out, replace(record, source_sha256=hashlib.sha256(str(number).encode()).hexdigest()))
    gemax.split(out, "s", KFOLD)
    return out


@pytest.fixture
def out(clean, tmp_path):
    return shutil.copytree(clean, tmp_path / "out")


def rerecord(out, record):
    with RecordWriter(out / "records.jsonl") as writer:
        writer.append_line(record.to_line())


def kinds(out, runs=()):
    return {leak.kind for leak in check_split(out, "s", runs).leaks}


def two_sides(out, dice):
    """Records of two subjects in different folds."""
    folds = gemax.read_split(out, "s").fold_of(0)
    records = list(OutputFolder(out).records())
    while True:
        one, other = dice.sample(records, 2)
        if folds["BU-3DFE", one.name.subject] != folds["BU-3DFE", other.name.subject]:
            return one, other


def rewrite(out, change):
    """Change the rows of the split and make its header fit, as somebody would who edits it."""
    path, facts = out / "splits" / "s.csv", out / "splits" / "s.json"
    path.write_text(change(path.read_text()))
    header = json.loads(facts.read_text())
    header["csv_sha256"] = hashlib.sha256(path.read_bytes()).hexdigest()
    facts.write_text(json.dumps(header))


@pytest.mark.parametrize("seed", PLANTED)
def test_clean_splits_have_none(clean, seed):
    protocols = ("kfold", "holdout", "loso", "paper")
    protocol = protocols[seed % 4]
    folds = None if protocol == "loso" else 2 + seed % 2
    extra = {"pick": 4, "rounds": 3} if protocol == "paper" else {}
    gemax.split(clean, f"c{seed}", SplitSettings(protocol, folds=folds, seed=seed, **extra))
    audit = check_split(clean, f"c{seed}")
    assert audit.leaks == ()
    assert audit.folds == (6 if protocol == "loso" else 1 if protocol == "holdout" else folds * extra.get("rounds", 1))
    assert audit.neighbours.scans == audit.scans == 36


@pytest.mark.parametrize("seed", PLANTED)
def test_a_subject_on_both_sides(out, seed):
    dice = random.Random(seed)
    subject = dice.choice(SUBJECTS)
    fold = gemax.read_split(out, "s").fold_of(0)["BU-3DFE", subject]
    row = f"0,{(fold + dice.choice((1, 2))) % 3},BU-3DFE,{subject}\n"
    lines = (out / "splits" / "s.csv").read_text().splitlines(keepends=True)
    lines.insert(dice.randint(1, len(lines)), row)
    rewrite(out, lambda _: "".join(lines))
    found = [leak for leak in check_split(out, "s").leaks if leak.kind == "subject on both sides"]
    assert [leak.about for leak in found] == [f"BU-3DFE/{subject}"]


@pytest.mark.parametrize("seed", PLANTED)
def test_equal_sources(out, seed):
    one, other = two_sides(out, random.Random(seed))
    rerecord(out, replace(other, source_sha256=one.source_sha256))
    (found,) = check_split(out, "s").leaks
    assert found.kind == "equal sources"
    assert one.scan_id in found.about
    assert other.scan_id in found.about


def copy_all(out, one, other, dice):
    for source, place in zip(one.files, other.files, strict=True):
        (out / place).write_bytes((out / source).read_bytes())


def copy_one_map(out, one, other, dice):
    i = dice.randrange(1, 3)
    write_png(out / other.files[i], read_png(out / one.files[i]))


def copy_mirrored(out, one, other, dice):
    write_png(out / other.files[0], read_png(out / one.files[0])[:, ::-1])


def copy_with_noise(out, one, other, dice):
    codes = read_png(out / one.files[0]).astype(np.int64)
    noise = np.random.default_rng(dice.randrange(999)).integers(-40, 41, codes.shape)  # 0.04 mm
    write_png(out / other.files[0], np.where(codes > 0, np.clip(codes + noise, 1, 65535), 0).astype(np.uint16))


@pytest.mark.parametrize("seed", PLANTED)
@pytest.mark.parametrize("copy", [copy_all, copy_one_map, copy_mirrored, copy_with_noise])
def test_equal_maps(out, copy, seed):
    dice = random.Random(seed)
    one, other = two_sides(out, dice)
    copy(out, one, other, dice)
    found = check_split(out, "s").leaks
    assert {leak.kind for leak in found} == {"equal maps"}
    assert all(one.scan_id in leak.about and other.scan_id in leak.about for leak in found)


def test_many_scans_are_compared_by_their_records(out, monkeypatch):
    one, other = two_sides(out, random.Random(4))
    rerecord(out, replace(other, blocks=(replace(other.blocks[0], sha256=one.blocks[0].sha256),)))
    monkeypatch.setattr("gemax_cli.splits.audit.MOST_SCANS", 5)
    audit = check_split(out, "s")
    assert (audit.neighbours.scans, [leak.kind for leak in audit.leaks]) == (5, ["equal maps"])


def test_copies_of_one_subject_are_no_leak(out):
    records = [record for record in OutputFolder(out).records() if record.name.subject == "F0001"]
    copy_all(out, *records[:2], None)
    rerecord(out, replace(records[0], source_sha256=records[1].source_sha256))
    assert check_split(out, "s").leaks == ()


def lower(name, dice):
    return name.lower()


def fewer_zeros(name, dice):
    return name[0] + name[1:].lstrip("0")


def separated(name, dice):
    return f"{name[0]}{dice.choice('-_ .')}{name[1:]}"


@pytest.mark.parametrize("seed", PLANTED)
@pytest.mark.parametrize("spell", [lower, fewer_zeros, separated])
def test_one_subject_under_two_names(out, spell, seed):
    dice = random.Random(seed)
    subject = dice.choice(SUBJECTS)
    other = spell(subject, dice)
    own = [record for record in OutputFolder(out).records() if record.name.subject == subject]
    for record in own[:: dice.choice((2, 3))]:
        rerecord(out, replace(record, name=replace(record.name, subject=other)))
    gemax.split(out, "s", replace(KFOLD, seed=seed), overwrite=True)
    found = [leak for leak in check_split(out, "s").leaks if leak.kind == "two names"]
    assert subject in found[0].message
    assert other in found[0].message


@pytest.mark.parametrize("seed", PLANTED)
def test_a_scan_under_another_subject(out, seed):
    dice = random.Random(seed)
    one, other = two_sides(out, dice)
    rerecord(out, replace(one, name=replace(one.name, subject=other.name.subject)))
    found = [leak.message for leak in check_split(out, "s").leaks if leak.kind == "two names"]
    assert found == [f"{one.scan_id} is of {one.name.subject} by its name and of {other.name.subject} by its record"]


def put_result(run, split, number, fold, **changes):
    place = run / f"r{number:03d}-f{fold:02d}"
    place.mkdir(parents=True)
    values = {"round": number, "fold": fold, "split": "s", "split_sha256": split.header.csv_sha256, **changes}
    (place / "result.json").write_text(json.dumps(values))


@pytest.mark.parametrize("seed", PLANTED)
def test_fitted_on_test_subjects(out, tmp_path, seed):
    dice, split = random.Random(seed), gemax.read_split(out, "s")
    wrong = dice.choice(split.folds())
    for fold in split.folds():
        fitted = [f"{d}/{s}" for d, s in split.subjects(0, fold, "train")]
        leaked = [f"{d}/{s}" for d, s in dice.sample(sorted(split.subjects(0, fold, "test")), 1)]
        put_result(tmp_path / "run", split, 0, fold, fitted_on=fitted + leaked * (fold == wrong))
    (found,) = check_split(out, "s", tmp_path / "run").leaks
    assert found.kind == "fitted on test subjects"
    assert f"r000-f{wrong:02d}" in found.message


def test_a_result_of_another_split(out, tmp_path):
    put_result(tmp_path / "run", gemax.read_split(out, "s"), 0, 0, split_sha256="0" * 64)
    assert kinds(out, tmp_path / "run") == {"fitted on test subjects"}
    (tmp_path / "run" / "r000-f00" / "result.json").write_text("{}")
    with pytest.raises(OutputError, match=r"result\.json: is damaged"):
        check_split(out, "s", tmp_path / "run")


@pytest.mark.parametrize("scope", ["dataset", "scan", "subject"])
def test_a_mapping_over_all_scans(out, scope):
    run = json.loads((out / "run.json").read_text())
    run["settings"]["mapping"] = scope
    (out / "run.json").write_text(json.dumps(run))
    assert kinds(out) == ({"fitted on test subjects"} if scope == "dataset" else set())


@pytest.mark.parametrize("seed", PLANTED)
def test_a_fold_without_a_class(out, seed):
    dice, split = random.Random(seed), gemax.read_split(out, "s")
    fold, expression = dice.choice(split.folds()), dice.choice(SIX)
    gone = {s for _, s in split.subjects(0, fold, "test")}
    lines = (out / "records.jsonl").read_text().splitlines(keepends=True)
    left = [x for x in map(json.loads, lines) if not (x["subject"] in gone and x["expression"] == expression)]
    (out / "records.jsonl").write_text(resigned("".join(json.dumps(x) + "\n" for x in left)))
    (found,) = check_split(out, "s").leaks
    assert (found.kind, found.about) == ("class missing", f"round 0, fold {fold}")
    assert found.message.endswith(f"the test side has no scan of {expression}")


def test_a_changed_row(out):
    path = out / "splits" / "s.csv"
    path.write_text(path.read_text().replace("0,0,", "0,1,", 1))
    assert kinds(out) == {"changed"}


@pytest.mark.parametrize(("one", "other", "same"), [
    ("F0001", "f1", True), ("bs010", "BS-10", True), ("M0010", "M0100", False), ("F0001", "M0001", False),
    ("a1b02", "A01B2", True), ("Ärger", "ärger", True),
])  # fmt: skip
def test_plain_names(one, other, same):
    assert (plain_name(one) == plain_name(other)) is same


def test_cells_against_a_loop():
    codes = np.random.default_rng(1).integers(0, 65536, (56, 84)).astype(np.uint16)
    codes[:20] = 0
    found = cell_depths(codes, 60.0).reshape(28, 28)
    for row, column in ((0, 0), (9, 3), (10, 27), (27, 14)):
        cell = codes[2 * row : 2 * row + 2, 3 * column : 3 * column + 3].ravel()
        depth = [60.0 * (65535 - int(v)) / 65534 for v in cell if v]
        assert np.isnan(found[row, column]) if len(depth) < 3 else abs(found[row, column] - np.mean(depth)) < 1e-4
    assert fingerprint(codes) == fingerprint(codes[:, ::-1].copy()) != fingerprint(codes[::-1].copy())


def test_distances_against_a_loop():
    cells = np.random.default_rng(2).normal(30, 5, (6, 784)).astype(np.float32)
    cells[3, :30] = cells[0, 700:] = np.nan
    cells[5, :400] = np.nan
    found = distances(cells[:1], cells)[0]
    for i in range(5):
        gaps = [(a - b) ** 2 for a, b in zip(cells[0].tolist(), cells[i].tolist(), strict=True) if a == a and b == b]
        expected = np.sqrt(np.mean(gaps)) if len(gaps) >= 0.9 * 784 or i == 0 else np.inf
        assert found[i] == pytest.approx(expected, rel=1e-5, abs=1e-4)
    assert found[5] == np.inf


def test_the_neighbours_of_equal_scans(tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    for seed, scan in enumerate(SCANS[:12]):
        put_scan(out, scan, SETTINGS, seed=seed // 6)  # all scans of a subject are alike
    gemax.split(out, "s", SplitSettings("loso"))
    near = check_split(out, "s").neighbours
    assert (near.scans, near.same_subject) == (12, 1.0)
    assert near.by_chance == pytest.approx(2 * 6 * 5 / (12 * 11))
