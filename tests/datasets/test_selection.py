from __future__ import annotations

from pathlib import Path

import pytest

from gemax_cli.datasets.ids import scan_id
from gemax_cli.datasets.model import EXPRESSIONS, SIX_EXPRESSIONS, ScanRef
from gemax_cli.datasets.registry import parse_name
from gemax_cli.datasets.selection import Selection, left_out, wanted
from gemax_cli.errors import SettingsError

BOSPHORUS = ("ANGER", "DISGUST", "FEAR", "HAPPY", "SADNESS", "SURPRISE")


def ref(source: str) -> ScanRef:
    """A reference as the walk makes it."""
    *folders, name = source.split("/")
    parsed = parse_name(name, folders)
    return ScanRef(scan_id(parsed, folders), Path(source), source, parsed.name)


def bu3dfe(subject: str) -> list[ScanRef]:
    labels = ["NE00", *(f"{e}{level:02d}" for e in EXPRESSIONS[1:] for level in (1, 2, 3, 4))]
    return [ref(f"BU-3DFE/{subject}/{subject}_{label}WH_F3D.wrl") for label in labels]


def bosphorus(subject: str, expressions=BOSPHORUS) -> list[ScanRef]:
    codes = ["N_N", *(f"E_{e}" for e in expressions), "YR_R10", "O_EYE", "LFAU_10", "CAU_A26A12lw", "IGN_X"]
    return [ref(f"BosphorusDB/{subject}/{subject}_{code}_0.bnt") for code in codes]


OTHERS = [ref("F001/Angry/000.wrl"), ref("frgc/02463d546.abs.gz"), ref("misc/Face one.ply")]
ALL = [*bu3dfe("F0001"), *bu3dfe("M0001"), *bosphorus("bs000"), *bosphorus("bs001", BOSPHORUS[:5]), *OTHERS]


def select(scans, selection):
    return list(filter(wanted(scans, selection), scans))


def kept(**filters):
    return select(ALL, Selection(**filters))


def test_nothing_asked_for_keeps_everything():
    assert kept() == ALL


@pytest.mark.parametrize(
    ("filters", "test"),
    [
        ({"datasets": ("BU-3DFE",)}, lambda s: s.name.dataset == "BU-3DFE"),
        ({"datasets": ("bosphorus", "FRGC")}, lambda s: s.name.dataset in ("Bosphorus", "FRGC")),
        ({"expressions": ("HA",)}, lambda s: s.name.expression == "HA"),
        ({"expressions": ("happy", "ne")}, lambda s: s.name.expression in ("HA", "NE")),
        ({"levels": (4,)}, lambda s: s.name.level == 4),
        ({"levels": (0, 1)}, lambda s: s.name.level in (0, 1)),
        ({"subjects": ("f0001", "BS001")}, lambda s: s.name.subject in ("F0001", "bs001")),
        ({"subjects": ("nobody",)}, lambda s: False),
        ({"patterns": ("*/M0001_*",)}, lambda s: s.name.subject == "M0001"),
        ({"patterns": ("bosphorusdb/*",)}, lambda s: s.name.dataset == "Bosphorus"),
        ({"patterns": ("Bosphorus/*",)}, lambda s: s.name.dataset == "Bosphorus"),
        ({"patterns": ("*.abs.gz", "*face ONE*")}, lambda s: s in OTHERS[1:]),
        ({"patterns": ("*_E_[AD]*",)}, lambda s: s.name.code in ("E_ANGER", "E_DISGUST")),
        ({"patterns": ("[",)}, lambda s: False),
        ({"datasets": ("BU-3DFE",), "expressions": ("SU",), "levels": (2,)}, lambda s: s.scan_id.endswith("_SU02WH")),
    ],
)
def test_filters(filters, test):
    assert kept(**filters) == [scan for scan in ALL if test(scan)]


def test_a_level_asked_for_drops_scans_without_one():
    assert {scan.name.dataset for scan in kept(levels=(3, 4))} == {"BU-3DFE"}
    assert {scan.name.code for scan in kept(levels=(0,), datasets=("Bosphorus",))} == {"N_N"}


def test_the_paper_s_protocol():
    scans = kept(protocol="paper")
    bu3d = [scan for scan in scans if scan.name.dataset == "BU-3DFE"]
    bosp = [scan for scan in scans if scan.name.dataset == "Bosphorus"]
    assert len(scans) == len(bu3d) + len(bosp)
    assert len(bu3d) == 2 * 6 * 2
    assert {(scan.name.expression, scan.name.level) for scan in bu3d} == {
        (e, k) for e in SIX_EXPRESSIONS for k in (3, 4)
    }
    assert [scan.name.code for scan in bosp] == [f"E_{e}" for e in BOSPHORUS]
    assert {scan.name.subject for scan in bosp} == {"bs000"}


def test_who_has_all_six_does_not_depend_on_other_filters():
    happy = kept(protocol="paper", expressions=("HA",), datasets=("Bosphorus",))
    assert [scan.name.subject for scan in happy] == ["bs000"]


def test_the_paper_s_protocol_counts_pairs_as_the_paper_does():
    bu3d = [scan for n in range(100) for scan in bu3dfe(f"F{n:04d}")]
    assert len(bu3d) == 2500
    assert len(select(bu3d, Selection(protocol="paper"))) == 100 * 6 * 2
    bosp = [scan for n in range(105) for scan in bosphorus(f"bs{n:03d}", BOSPHORUS[: 6 if n < 65 else 5])]
    assert len(select(bosp, Selection(protocol="paper"))) == 65 * 6


def test_order_stays():
    backwards = ALL[::-1]
    assert select(backwards, Selection(protocol="paper")) == kept(protocol="paper")[::-1]


@pytest.mark.parametrize(
    ("filters", "sentence"),
    [
        ({"datasets": ("BU3D",)}, "dataset 'BU3D' is not known: give one of BU-3DFE"),
        ({"expressions": ("bored",)}, "expression 'bored' is not known: give one of NE"),
        ({"levels": (5,)}, "level 5 does not exist"),
        ({"levels": (0, -1)}, "level -1 does not exist"),
        ({"kind": "F2D"}, "kind 'F2D' does not exist"),
        ({"protocol": "mine"}, "protocol 'mine' does not exist"),
    ],
)
def test_what_does_not_exist_is_refused(filters, sentence):
    with pytest.raises(SettingsError, match=sentence):
        Selection(**filters)


def test_a_selection_is_a_value():
    assert Selection(datasets=("bosphorus",), expressions=("happy",)) == Selection(("Bosphorus",), ("HA",))
    assert len({Selection(), Selection(), Selection(kind="RAW")}) == 2


def refs(*names):
    return [ScanRef(f"{name}", Path(name), name, parse_name(name).name) for name in names]


FIVE = ("ANGER", "DISGUST", "FEAR", "HAPPY", "SADNESS")
SOME_BOSPHORUS = [f"bs{n:03d}_E_{word}_0.bnt" for n in range(3) for word in FIVE]
SCANS = [
    *SOME_BOSPHORUS, "bs001_E_SURPRISE_0.bnt", "bs003_YR_R10_0.bnt", "02463d546.abs", "face.ply",
    "F0001_HA03WH_F3D.wrl",
]  # fmt: skip


def test_the_protocol_says_what_it_leaves_out():
    told = list(left_out(refs(*SCANS), Selection(protocol="paper")))
    assert told == [
        "--select paper leaves out 1 scans of FRGC, 1 scans of other: the paper does not use them.",
        "--select paper leaves out 3 of 4 subjects of Bosphorus: bs000 lacks SU; bs002 lacks SU; "
        "bs003 lacks AN DI FE HA SA SU.",
    ]


def test_levels_say_what_they_leave_out():
    told = list(left_out(refs(*SCANS), Selection(levels=(3,), datasets=("Bosphorus", "BU-3DFE"))))
    assert told == ["--level leaves out 17 scans of Bosphorus: their names give no level."]
    assert not list(left_out(refs(*SCANS), Selection()))
    assert not list(left_out(refs("F0001_HA03WH_F3D.wrl"), Selection(levels=(3,), protocol="paper")))


def test_many_incomplete_subjects_are_counted():
    (note,) = left_out(refs(*(f"bs{n:03d}_E_HAPPY_0.bnt" for n in range(30))), Selection(protocol="paper"))
    assert note.startswith("--select paper leaves out 30 of 30 subjects of Bosphorus: bs000 lacks AN DI FE SA SU; ")
    assert note.endswith("; and 20 more.")
