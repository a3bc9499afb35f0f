from __future__ import annotations

import hashlib
import unicodedata
from dataclasses import asdict
from pathlib import PurePosixPath, PureWindowsPath

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gemax_cli.datasets.names import (
    EXPRESSIONS,
    LONGEST_ID,
    LONGEST_PART,
    bare_name,
    digest,
    expression_code,
    natural_key,
    parse_name,
    safe_part,
    scan_id,
    split_suffix,
)

ANY_TEXT = st.text(st.characters(), max_size=40)  # unpaired surrogates included, as undecodable names have them
RESERVED = ["CON", "nul", "Com1", "LPT9", "aux.txt", "PRN.tar.gz", "CONIN$", "COM¹"]


def said(parsed):
    """The fields that are not at their defaults, and the id."""
    found = asdict(parsed.name)
    return {name: value for name, value in found.items() if value not in ("", None, "other")}, scan_id(parsed)


# -------------------------------------------------------------------------------------------------- BU-3DFE


@pytest.mark.parametrize("race", ["WH", "AE", "AM", "BL", "IN", "LA"])
@pytest.mark.parametrize(("kind", "tail"), [("F3D", ""), ("RAW", "_RAW")])
@pytest.mark.parametrize("label", ["NE00", "AN01", "DI02", "FE03", "HA04", "SA01", "SU04"])
@pytest.mark.parametrize("subject", ["F0001", "M0044"])
def test_bu3dfe(subject, label, race, kind, tail):
    fields, place = said(parse_name(f"{subject}_{label}{race}_{kind}.wrl"))
    assert place == f"BU-3DFE/{subject}/{subject}_{label}{race}{tail}"
    level = fields.pop("level")
    assert level == int(label[2:])
    assert fields == {
        "dataset": "BU-3DFE",
        "subject": subject,
        "sex": subject[0],
        "expression": label[:2],
        "race": race,
        "kind": kind,
    }


@pytest.mark.parametrize("name", ["f0001_an01wh_f3d.WRL", "F0001_AN01WH_F3D.obj", "F0001_AN01WH.ply", "F0001_AN01WH"])
def test_bu3dfe_in_other_spellings(name):
    assert scan_id(parse_name(name)) == "BU-3DFE/F0001/F0001_AN01WH"


@pytest.mark.parametrize(
    "name",
    [
        "F001_AN01WH_F3D.wrl",
        "X0001_AN01WH_F3D.wrl",
        "F0001_AN00WH_F3D.wrl",
        "F0001_AN05WH_F3D.wrl",
        "F0001_NE01WH_F3D.wrl",
        "F0001_XX01WH_F3D.wrl",
        "F0001_AN01W_F3D.wrl",
        "F0001_AN01WH_F2D.bmp",
        "F0001_AN01WH_F3D_copy.wrl",
        "copy of F0001_AN01WH_F3D.wrl",
        "F0001-AN01WH-F3D.wrl",
        "F000١_AN01WH_F3D.wrl",
        "F0001_AN01WH_F3D\n.wrl",
    ],
)
def test_what_is_not_bu3dfe(name):
    assert parse_name(name).name.dataset == "other"


# ------------------------------------------------------------------------------------------------ Bosphorus


@pytest.mark.parametrize(
    ("stem", "code", "expression", "level"),
    [
        ("bs000_N_N_0", "N_N", "NE", 0),
        ("bs000_N_N_12", "N_N", "NE", 0),
        ("bs104_E_ANGER_0", "E_ANGER", "AN", None),
        ("bs104_E_DISGUST_0", "E_DISGUST", "DI", None),
        ("bs104_E_FEAR_0", "E_FEAR", "FE", None),
        ("bs104_E_HAPPY_0", "E_HAPPY", "HA", None),
        ("bs104_E_SADNESS_0", "E_SADNESS", "SA", None),
        ("bs104_E_SURPRISE_0", "E_SURPRISE", "SU", None),
        ("bs001_LFAU_10_0", "LFAU_10", "", None),
        ("bs001_LFAU_12LW25_0", "LFAU_12LW25", "", None),
        ("bs001_UFAU_2_0", "UFAU_2", "", None),
        ("bs001_CAU_A26A12lw_0", "CAU_A26A12lw", "", None),
        ("bs001_YR_R10_0", "YR_R10", "", None),
        ("bs001_YR_R90_0", "YR_R90", "", None),
        ("bs001_YR_L45_0", "YR_L45", "", None),
        ("bs001_PR_D_0", "PR_D", "", None),
        ("bs001_PR_SU_0", "PR_SU", "", None),
        ("bs001_CR_RD_0", "CR_RD", "", None),
        ("bs001_O_EYE_0", "O_EYE", "", None),
        ("bs001_O_EYE_1", "O_EYE", "", None),
        ("bs001_O_GLASSES_0", "O_GLASSES", "", None),
        ("bs001_IGN_A_B_0", "IGN_A_B", "", None),
        ("bs001_E_ANGER", "E_ANGER", "AN", None),
        ("bs001_LFAU_10", "LFAU_10", "", None),
    ],
)
@pytest.mark.parametrize("suffix", [".bnt", ".BNT"])
def test_bosphorus(stem, code, expression, level, suffix):
    fields = parse_name(stem + suffix)
    assert (fields.name.dataset, fields.name.subject, fields.name.code) == ("Bosphorus", stem[:5], code)
    assert (fields.name.expression, fields.name.level) == (expression, level)
    assert (fields.name.sex, fields.name.race, fields.name.kind) == ("", "", "")
    assert scan_id(fields) == f"Bosphorus/{stem[:5]}/{stem}"


@pytest.mark.parametrize("name", ["BS000_E_ANGER_0.bnt", "bs000_e_anger_0.bnt", "Bs000_E_Anger_0.BNT"])
def test_bosphorus_in_other_spellings(name):
    fields = parse_name(name)
    assert (fields.name.subject, fields.name.code, fields.name.expression) == ("bs000", "E_ANGER", "AN")
    assert scan_id(fields) == "Bosphorus/bs000/bs000_E_ANGER_0"


@pytest.mark.parametrize(
    "name",
    [
        "bs00_N_N_0.bnt",
        "bs0000_N_N_0.bnt",
        "bs000.bnt",
        "bs000_.bnt",
        "bs000_N.bnt",
        "bs000_N_X_0.bnt",
        "bs000_E.bnt",
        "bs000_E_.bnt",
        "bs000_Q_ANGER_0.bnt",
        "bs000_E_ANG ER_0.bnt",
        "bs000_E_../x_0.bnt",
    ],
)
def test_what_is_not_bosphorus(name):
    assert parse_name(name).name.dataset == "other"


def test_a_made_up_expression_is_bosphorus_without_expression():
    fields = parse_name("bs000_E_BORED_0.bnt")
    assert (fields.name.dataset, fields.name.code, fields.name.expression) == ("Bosphorus", "E_BORED", "")


# ------------------------------------------------------------------------------------------- BU-4DFE and FRGC


@pytest.mark.parametrize(
    ("folder", "expression"),
    [("Angry", "AN"), ("Disgust", "DI"), ("Fear", "FE"), ("Happy", "HA"), ("Sad", "SA"), ("Surprise", "SU")],
)
def test_bu4dfe(folder, expression):
    for spelling in (folder, folder.upper(), folder.lower()):
        fields, place = said(parse_name("007.wrl", ("data", "M043", spelling)))
        assert fields == {"dataset": "BU-4DFE", "subject": "M043", "sex": "M", "expression": expression}
        assert place == f"BU-4DFE/M043/{folder}/007"


@pytest.mark.parametrize(
    "parents", [(), ("Angry",), ("F001",), ("F0001", "Angry"), ("F001", "Bored"), ("Angry", "F001")]
)
def test_a_number_alone_is_no_bu4dfe(parents):
    assert parse_name("007.wrl", parents).name.dataset == "other"


@pytest.mark.parametrize("name", ["02463d546.abs", "02463d546.abs.gz", "02463D546.ABS.GZ"])
def test_frgc(name):
    fields, place = said(parse_name(name))
    assert fields == {"dataset": "FRGC", "subject": "02463"}
    assert place == "FRGC/02463/02463d546"


@pytest.mark.parametrize("name", ["02463d546.ply", "2463d546.abs", "02463x546.abs", "face.abs"])
def test_what_is_not_frgc(name):
    assert parse_name(name).name.dataset == "other"


# ------------------------------------------------------------------------------------------------ small parts


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


@pytest.mark.parametrize("code", EXPRESSIONS)
def test_expression_codes_stand_for_themselves(code):
    assert expression_code(code) == expression_code(code.lower()) == code


@pytest.mark.parametrize(
    ("word", "code"),
    [("happy", "HA"), ("Angry", "AN"), ("ANGER", "AN"), ("sadness", "SA"), ("neutral", "NE"), ("x", "")],
)
def test_expression_words(word, code):
    assert expression_code(word) == code


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


@given(ANY_TEXT, ANY_TEXT)
def test_any_two_texts_have_an_order(one, two):
    assert (natural_key(one) <= natural_key(two)) or (natural_key(two) <= natural_key(one))
    assert natural_key(one) == natural_key(unicodedata.normalize("NFD", one))


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


FILE_NAMES = st.one_of(
    ANY_TEXT,
    st.from_regex(r"\A[FM]\d{4}_(NE|AN|SU)0\d(WH|BL)_(F3D|RAW)\.wrl\Z"),
    st.from_regex(r"\Abs\d{3}_(N_N|E_[A-Z]{1,9}|YR_R\d\d|CAU_\w{1,6})(_\d)?\.bnt\Z"),
    st.from_regex(r"\A\d{3}\.wrl\Z"),
    st.from_regex(r"\A\d{5}d\d{3}\.abs(\.gz)?\Z"),
)


@given(FILE_NAMES, st.lists(st.one_of(ANY_TEXT, st.sampled_from(["F001", "Angry", "..", "a" * 250])), max_size=12))
@example("face.ply", ["d" * 90] * 40)
def test_every_id_stays_inside_the_output_folder(name, folders):
    fields = parse_name(name, folders)
    scan = scan_id(fields, folders)
    parts = scan.split("/")
    assert parts[0] == fields.name.dataset
    assert len(parts) >= 2
    for part in parts:
        check_part(part)
    assert len(scan.encode()) <= LONGEST_ID + LONGEST_PART


@given(FILE_NAMES)
def test_a_name_always_says_the_same(name):
    assert parse_name(name) == parse_name(name)
    assert parse_name(name).name.level in (None, 0, 1, 2, 3, 4)
    assert parse_name(name).name.expression in ("", *EXPRESSIONS)


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


def test_a_long_name_takes_no_time():
    name = "bs000_E" + "_A" * 5000 + "!" + ".bnt"
    assert parse_name(name).name.dataset == "other"
