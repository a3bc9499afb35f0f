"""Names of the databases' scans that were saved in other formats, or with more behind their names."""

import pytest

from gemax_cli.datasets.registry import parse_name


@pytest.mark.parametrize(
    ("name", "expression", "code"),
    [
        ("bs000_E_DISGUST_0_Fall2003.pcd", "DI", "E_DISGUST"),
        ("bs000_E_HAPPY_1_a_b.ply", "HA", "E_HAPPY"),
        ("bs000_N_N_0_crop.obj", "NE", "N_N"),
        ("bs000_E_DISGUST_0.bnt", "DI", "E_DISGUST"),
        ("bs000_E_DISGUST.bnt", "DI", "E_DISGUST"),
        ("bs000_LFAU_12_25_0.bnt", "", "LFAU_12_25"),
        ("bs000_YR_R10_0.bnt", "", "YR_R10"),
    ],
)
def test_bosphorus(name, expression, code):
    parsed = parse_name(name)
    assert (parsed.name.dataset, parsed.name.expression, parsed.name.code) == ("Bosphorus", expression, code)
    assert parsed.place[-1].lower() == name.rpartition(".")[0].lower()


@pytest.mark.parametrize("suffix", ["abs.gz", "abs", "ply", "obj", "WRL"])
def test_frgc_in_any_format(suffix):
    parsed = parse_name(f"02463d546.{suffix}")
    assert (parsed.name.dataset, parsed.name.subject) == ("FRGC", "02463")
