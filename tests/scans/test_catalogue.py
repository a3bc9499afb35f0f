"""The catalogue of a search, against plain dictionaries and sets of strings."""

from __future__ import annotations

import os
import random
import tracemalloc
import unicodedata
from pathlib import Path

import pytest

from gemax_cli.datasets.ids import digest, natural_key, scan_id
from gemax_cli.datasets.registry import parse_name
from gemax_cli.scans.catalogue import Catalogue, Root, below

FOLDER = Root("raw", "", "/data/raw", 0)
PARTS = ("a", "A", "a.ply", "b", "f0001_an01wh_f3d.wrl", "F0001_AN01WH_F3D.wrl", "bs000_N_N_0.bnt", "ä", "a\u0308")


def filled(*tails, root=FOLDER):
    catalogue = Catalogue()
    number = catalogue.add_root(root)
    for tail in tails:
        catalogue.add(number, tail)
    return catalogue


def fold(text):
    return unicodedata.normalize("NFC", text.casefold())


def naive_ids(sources):
    """Source to id, one after the other in natural order, with a set of all ids and of all folders above them."""

    def plain(source):
        *folders, _ = source.split("/")
        parts = Path("raw", source).absolute().parts
        return scan_id(parse_name(parts[-1], parts[-3:-1]), folders)

    order = sorted(sources, key=lambda source: (natural_key(plain(source)), natural_key(source), source))
    taken = set()
    for source in order:
        parts = plain(source).split("/")
        taken.update(fold("/".join(parts[:end])) for end in range(1, len(parts)))
    ids = {}
    for source in order:
        unique, attempt = plain(source), 0
        while fold(unique) in taken:
            unique, attempt = f"{plain(source)}~{digest(source + '/' * attempt, 8)}", attempt + 1
        taken.add(fold(unique))
        ids[source] = unique
    return ids


@pytest.mark.parametrize("seed", range(60))
def test_ids_are_those_of_a_set_of_strings(seed):
    rng = random.Random(seed)
    tails = {"/".join(rng.choice(PARTS) for _ in range(rng.randint(1, 3))) for _ in range(rng.randint(1, 25))}
    scans = filled(*rng.sample(sorted(tails), len(tails))).scans()
    want = naive_ids(tails)
    assert [(scan.source, scan.scan_id) for scan in scans] == list(want.items())


def test_an_id_with_a_tilde_that_a_file_has_by_itself_is_not_given_to_another():
    other = f"a~{digest('a.ply', 8)}"
    scans = filled("A.ply", "a.ply", f"{other}.ply").scans()
    ids = [scan.scan_id for scan in scans]
    assert len({fold(scan) for scan in ids}) == 3
    assert ids[0] == "other/A"
    assert f"other/{other}" in ids


def test_a_scan_is_made_anew_each_time_and_the_same():
    scans = filled("x/F0001_AN01WH_F3D.wrl").scans()
    assert scans[0] == scans[0]
    assert scans[0] is not scans[0]
    assert scans[0].path == Path("raw/x/F0001_AN01WH_F3D.wrl")
    assert (scans[0].source, scans[0].name.subject) == ("x/F0001_AN01WH_F3D.wrl", "F0001")


def test_folders_above_a_source_tell_names_apart(tmp_path, monkeypatch):
    (tmp_path / "F001" / "Angry").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "F001" / "Angry")
    assert filled("000.wrl", root=Root(".", "", str(tmp_path), 0)).scans()[0].name.expression == "AN"


def file(name, real, number=0, **kind):
    return Root(f"given/{name}", name, real, number, **kind)


@pytest.mark.parametrize(
    ("alone", "kept"),
    [
        ([file("l.ply", "/data/raw/a.ply", linked=True)], {"a.ply"}),
        ([file("n.ply", "/data/raw/a.ply", 1, named=True)], {"n.ply"}),
        ([file("l.ply", "/data/raw/a.ply", linked=True), file("n.ply", "/data/raw/a.ply", 1, named=True)], {"n.ply"}),
        ([file("l.ply", "/far/b.ply", linked=True), file("m.ply", "/far/b.ply", 1, linked=True)], {"a.ply", "l.ply"}),
        ([file("n.ply", "/far/b.ply", 2, named=True), file("m.ply", "/far/b.ply", 1, named=True)], {"a.ply", "m.ply"}),
    ],
)
def test_a_real_file_counts_once(alone, kept):
    catalogue = filled("a.ply")
    for root in alone:
        catalogue.add_alone(root)
    assert {scan.source for scan in catalogue.scans()} == kept


def test_below():
    assert below("raw", "") == "raw"
    assert below("raw", "a/b") == str(Path("raw", "a", "b"))
    assert below(os.sep, "a") == os.sep + "a"


def test_many_scans_take_little_memory():
    """What a scan's strings, paths and objects took before was 1,200 bytes."""
    many = 20_000
    tracemalloc.start()
    scans = filled(*(f"F{n // 25:04d}/F{n // 25:04d}_AN01WH_F3D ({n % 25}).wrl" for n in range(many))).scans()
    held, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(scans) == many
    assert held < 150 * many
    assert peak < 500 * many
