from __future__ import annotations

from pathlib import Path

import pytest

from gemax_cli.datasets.ids import scan_id
from gemax_cli.datasets.model import EXPRESSIONS, SIX_EXPRESSIONS, ScanRef
from gemax_cli.datasets.registry import has_subject_shape, parse_name
from gemax_cli.datasets.selection import Selection, left_out, none_left, unmatched, wanted
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
        ({"datasets": ("bu3dfe", "b_o-s phorus")}, lambda s: s.name.dataset in ("BU-3DFE", "Bosphorus")),
        ({"subjects": ("f00*",)}, lambda s: s.name.subject.startswith("F00")),
        ({"subjects": ("BS00[!1]", "?0001")}, lambda s: s.name.subject in ("bs000", "F0001", "M0001")),
        ({"subjects": ("",)}, lambda s: not s.name.subject),
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


@pytest.mark.parametrize(
    ("filters", "told"),
    [
        ({"subjects": ("F0099",)}, "none matches --subject F0099 (nearest: F0009)."),
        ({"subjects": ("f0099", "M0001")}, "none matches --subject f0099 M0001 (nearest: F0009, F0001)."),
        ({"subjects": ("zz",)}, "none matches --subject zz."),
        ({"expressions": ("SU",)}, "none matches --expression SU (there are: HA, SA)."),
        ({"levels": (0, 1), "subjects": ("F0001",)}, "none matches --level 0 1 (there are: 3)."),
        ({"datasets": ("frgc",)}, "none matches --dataset FRGC (there are: BU-3DFE)."),
        ({"patterns": ("*x*",)}, "none matches --glob *x*."),
        ({"subjects": ("F0001",), "expressions": ("SA",)}, "none matches --subject F0001 --expression SA."),
    ],
)
def test_a_filter_that_nothing_passes_says_what_is_nearest(filters, told):
    scans = refs("F0001_HA03WH_F3D.wrl", "F0009_SA03WH_F3D.wrl")
    selection = Selection(**filters)
    assert select(scans, selection) == []
    assert none_left(scans, selection) == f"2 scans found, {told}"
    assert none_left([], selection) == none_left(scans, Selection()) == ""


def test_a_subject_that_is_missing_among_others_is_named():
    scans = refs("F0001_HA03WH_F3D.wrl", "F0009_SA03WH_F3D.wrl")
    told = list(unmatched(scans, Selection(subjects=("F0001", "F0099", "f000*"))))
    assert told == ["no scan is of --subject F0099 (nearest: F0009)."]


def test_each_database_spells_its_subjects_in_a_shape_of_its_own():
    own = ("F0001", "m0100", "f001", "BS104", "02463")
    assert all(map(has_subject_shape, own))
    assert not any(map(has_subject_shape, ("raw", "out", "out2020", "20", "2024", "x0001", "F00", "bs", "", "./F0001")))
