"""Safe names: parts of paths, order, and a scan's place in the output folder."""

from __future__ import annotations

import hashlib
import unicodedata
from pathlib import PurePosixPath, PureWindowsPath

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gemax_cli.datasets.ids import (
    LONGEST_ID,
    LONGEST_PART,
    bare_name,
    digest,
    natural_key,
    safe_part,
    scan_id,
    split_suffix,
)
from gemax_cli.datasets.registry import parse_name
from tests.datasets.file_names import ANY_TEXT, FILE_NAMES

RESERVED = ["CON", "nul", "Com1", "LPT9", "aux.txt", "PRN.tar.gz", "CONIN$", "COM¹"]


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("a.wrl", ("a", ".wrl")),
        ("a.b.WRL", ("a.b", ".wrl")),
        ("a.abs.gz", ("a", ".abs.gz")),
        ("A.ABS.GZ", ("A", ".abs.gz")),
        ("a.gz", ("a", ".gz")),
        (".abs.gz", (".abs", ".gz")),
        (".wrl", (".wrl", "")),
        ("..wrl", ("..wrl", "")),
        ("wrl", ("wrl", "")),
        ("", ("", "")),
        ("a.", ("a", ".")),
    ],
)
def test_suffixes(name, parts):
    assert split_suffix(name) == parts


@given(ANY_TEXT)
def test_a_name_is_its_stem_and_suffix(name):
    stem, suffix = split_suffix(name)
    assert name.startswith(stem)
    assert name[len(stem) :].lower() == suffix


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("face.png", "face.png"),
        ("../../face.png", "face.png"),
        ("/etc/face.png", "face.png"),
        ("C:\\a\\face.png", "face.png"),
        ("\\\\server\\share\\face.png", "face.png"),
        (" face.png ", "face.png"),
        ("Gesicht ä.png", "Gesicht ä.png"),
        ("", ""),
        (".", ""),
        ("..", ""),
        ("...", ""),
        ("a/", ""),
        ("a/..", ""),
        ("C:face.png", ""),
        ("fa\x00ce.png", ""),
        ("fa\nce.png", ""),
        ("fa\u202ece.png", ""),
        ("fa\ufffdce.png", ""),
    ],
)
def test_bare_names(text, name):
    assert bare_name(text) == name


@given(ANY_TEXT)
def test_a_bare_name_leads_nowhere(text):
    name = bare_name(text)
    for kind in (PurePosixPath, PureWindowsPath):
        path = kind(name)
        assert not path.is_absolute()
        assert not path.drive
        assert len(path.parts) <= 1
        assert ".." not in path.parts


def test_digests_are_sha256():
    assert digest("a/b.ply", 8) == hashlib.sha256(b"a/b.ply").hexdigest()[:8]
    assert digest("\u00e9", 16) == digest("e\u0301", 16)
    assert len(digest("\udcff", 12)) == 12


def test_natural_order():
    names = ["bs2", "BS10", "bs1", "bs1a", "bs01", "a", "10", "9", ""]
    assert sorted(names, key=natural_key) == ["", "9", "10", "a", "bs1", "bs01", "bs1a", "bs2", "BS10"]


@given(ANY_TEXT)
def test_composed_and_decomposed_accents_have_one_place(text):
    assert natural_key(text) == natural_key(unicodedata.normalize("NFD", text))


# ------------------------------------------------------------------------------------------------ scan ids


def check_part(part):
    """Holds for a folder's name that is safe on every file system."""
    assert part not in ("", ".", "..")
    assert part == part.strip()
    assert not part.endswith(".")
    assert not part.startswith(".")
    assert not set(part) & set('/\\:*?"<>|')
    assert all(unicodedata.category(c) not in ("Cc", "Cf", "Cs", "Zl", "Zp") for c in part)
    assert unicodedata.is_normalized("NFC", part)
    assert len(part.encode()) <= LONGEST_PART
    stem = part.split(".")[0].upper()
    assert stem not in {"CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$"}
    assert not (stem[:3] in ("COM", "LPT") and len(stem) == 4 and stem[3] in "0123456789¹²³")


@given(ANY_TEXT)
@example("")
@example("..")
@example(" . ")
@example("...\n")
@example("a. .")
@example("e\u0301" * 80)
@example("\u0344" * 60)  # grows when composed
@example("x" * 99 + ".y")
@example("\udcff\udcfe")
@example("~" * 300)
def test_any_text_becomes_a_safe_part(text):
    part = safe_part(text)
    check_part(part)
    assert safe_part(part) == part


@pytest.mark.parametrize("name", RESERVED)
def test_reserved_names_are_avoided(name):
    assert safe_part(name) == "_" + name
    check_part(safe_part(name))


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("plain-Name_1.2", "plain-Name_1.2"),
        ("with space", "with space"),
        ("über", "über"),
        ("u\u0308ber", "über"),
        ("a/b\\c:d", "a_b_c_d"),
        ("new\nline", "new_line"),
        (".hidden", "_hidden"),
        ("dots...", "dots"),
        ("..", "_"),
        ("", "_"),
        ("   ", "_"),
        ("console", "console"),
        ("COM10", "COM10"),
    ],
)
def test_parts_keep_what_is_harmless(text, part):
    assert safe_part(text) == part


@pytest.mark.parametrize("letter", ["a", "ä", "漢", "😀"])
def test_long_parts_are_cut_and_told_apart(letter):
    one, two = safe_part(letter * 150 + "1"), safe_part(letter * 150 + "2")
    assert one != two
    assert one[-9] == two[-9] == "~"
    assert one[:-8] == two[:-8]
    for part in (one, two):
        check_part(part)
        assert len(part.encode()) > LONGEST_PART - 5
    assert safe_part("a" * LONGEST_PART) == "a" * LONGEST_PART


@given(FILE_NAMES, st.lists(st.one_of(ANY_TEXT, st.sampled_from(["F001", "Angry", "..", "a" * 250])), max_size=12))
@example("face.ply", ["d" * 90] * 40)
@pytest.mark.slow
def test_every_id_stays_inside_the_output_folder(name, folders):
    fields = parse_name(name, folders)
    scan = scan_id(fields, folders)
    parts = scan.split("/")
    assert parts[0] == fields.name.dataset
    assert len(parts) >= 2
    for part in parts:
        check_part(part)
    assert len(scan.encode()) <= LONGEST_ID + LONGEST_PART


def test_folders_keep_other_scans_apart():
    assert scan_id(parse_name("face.ply"), ("a", "b")) == "other/a/b/face"
    assert scan_id(parse_name("face.ply"), ("a", "..", "/etc")) == "other/a/_/_etc/face"
    assert scan_id(parse_name("face.ply")) == "other/face"


def test_folders_do_not_count_where_the_name_says_it_all():
    assert scan_id(parse_name("bs000_N_N_0.bnt"), ("any", "where")) == "Bosphorus/bs000/bs000_N_N_0"


def test_deep_folders_become_a_digest():
    deep = ["folder" * 10] * 10
    one = scan_id(parse_name("face.ply"), deep)
    two = scan_id(parse_name("face.ply"), [*deep, "more"])
    assert one != two
    assert one.startswith("other/~")
    assert one.endswith("/face")
    assert len(one) < 60
