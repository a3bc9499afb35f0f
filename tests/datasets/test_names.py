"""The databases: the grammar of their names, and what else each has to say."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import pytest
from hypothesis import given

from gemax_cli.datasets.ids import scan_id
from gemax_cli.datasets.model import EXPRESSIONS, SIX_EXPRESSIONS, expression_code
from gemax_cli.datasets.published import PAPER_DEPTHS
from gemax_cli.datasets.registry import DATASETS, KINDS, NOSE_OUTLINES, NOSE_TIPS, dataset_named, parse_name
from gemax_cli.errors import SettingsError
from tests.datasets.file_names import FILE_NAMES

README = Path(__file__).resolve().parents[2] / "README.md"


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


@pytest.mark.parametrize("name", ["2463d546.ply", "2463d546.abs", "02463x546.abs", "face.abs"])
def test_what_is_not_frgc(name):
    assert parse_name(name).name.dataset == "other"


# ------------------------------------------------------------------------------------------------ any database


@pytest.mark.parametrize("dataset", DATASETS.values(), ids=DATASETS)
def test_a_file_of_a_database_is_known_by_its_name(dataset):
    *folders, name = dataset.example.split("/")
    parsed = parse_name(name, folders)
    assert parsed.name.dataset == dataset.name
    assert scan_id(parsed, folders).startswith(f"{dataset.name}/")
    assert scan_id(parse_name(name.upper(), folders), folders).upper() == scan_id(parsed, folders).upper()


@pytest.mark.parametrize("dataset", DATASETS.values(), ids=DATASETS)
def test_a_database_says_what_it_is_in_the_words_of_the_package(dataset):
    assert dataset.paper.expressions <= set(EXPRESSIONS)
    assert {figure.dataset for figure in dataset.published} <= {dataset.name}
    assert len(dataset.depth_accuracies) in (0, len(PAPER_DEPTHS))
    assert len(set(dataset.kinds)) == len(dataset.kinds) != 1
    assert dataset_named(dataset.name.upper()) is dataset


@pytest.mark.parametrize("dataset", [dataset for name, dataset in DATASETS.items() if name != "other"])
def test_the_readme_names_every_database(dataset):
    text = README.read_text(encoding="utf-8")
    assert f"| {dataset.name} | `{dataset.example}`" in text


def test_the_databases_of_the_field():
    assert list(DATASETS) == ["BU-3DFE", "BU-4DFE", "Bosphorus", "FRGC", "other"]
    assert KINDS == ("F3D", "RAW")
    assert {name for name, dataset in DATASETS.items() if dataset.paper.expressions} == {"BU-3DFE", "Bosphorus"}
    assert SIX_EXPRESSIONS == DATASETS["BU-3DFE"].paper.expressions == DATASETS["Bosphorus"].paper.expressions
    assert NOSE_TIPS == ("Nose tip",)
    assert (tuple(f"bnd_{number}" for number in (36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47)),) == NOSE_OUTLINES
    with pytest.raises(SettingsError, match="dataset 'CASIA' is not known: give one of BU-3DFE, BU-4DFE"):
        dataset_named("CASIA")


def test_the_databases_are_known_without_numpy():
    script = "import sys; from gemax_cli.datasets import registry, selection; sys.exit('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


# ------------------------------------------------------------------------------------------------- expressions


@pytest.mark.parametrize("code", EXPRESSIONS)
def test_expression_codes_stand_for_themselves(code):
    assert expression_code(code) == expression_code(code.lower()) == code


@pytest.mark.parametrize(
    ("word", "code"),
    [("happy", "HA"), ("Angry", "AN"), ("ANGER", "AN"), ("sadness", "SA"), ("neutral", "NE"), ("x", "")],
)
def test_expression_words(word, code):
    assert expression_code(word) == code


@given(FILE_NAMES)
def test_any_name_has_fields_of_the_package(name):
    assert parse_name(name).name.level in (None, 0, 1, 2, 3, 4)
    assert parse_name(name).name.expression in ("", *EXPRESSIONS)


def test_a_long_name_takes_no_time():
    name = "bs000_E" + "_A" * 5000 + "!" + ".bnt"
    assert parse_name(name).name.dataset == "other"
