"""Subjects and what they show."""

from gemax_cli.datasets.completeness import completeness
from gemax_cli.datasets.registry import parse_name


def test_completeness():
    words = ("ANGER", "DISGUST", "FEAR", "HAPPY", "SADNESS", "SURPRISE")
    names = [f"bs001_E_{word}_{take}.bnt" for word in words for take in (0, 1)]
    names += ["bs001_N_N_0.bnt", "bs002_E_HAPPY_0.bnt", "bs003_YR_R10_0.bnt", "face.ply", "F0001_SU03WH_F3D.wrl"]
    rows = completeness(parse_name(name).name for name in names)
    assert [str(row) for row in rows] == [
        "BU-3DFE: 1 subjects, 0 with all six expressions (subjects with NE 0, AN 0, DI 0, FE 0, HA 0, SA 0, SU 1).",
        "Bosphorus: 3 subjects, 1 with all six expressions (subjects with NE 1, AN 1, DI 1, FE 1, HA 2, SA 1, SU 1).",
    ]
    assert completeness([]) == []
