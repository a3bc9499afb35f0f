"""Faces in the frames of files that nobody here wrote, and surfaces that are no face."""

from __future__ import annotations

from collections import Counter

import numba
import pytest

from gemax_cli.errors import NoNoseTip
from gemax_cli.synthetic.face import procedural_scan
from tests.face import nonfaces
from tests.face.frames import many_framed, outcome
from tests.face.nonfaces import KINDS, converted

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(bool(numba.config.DISABLE_JIT), reason="whole scans take minutes without the compiler"),
]


def test_faces_in_any_axes_unit_and_origin_stand_upright():
    faces = [(scan, scan.landmarks["Nose tip"]) for scan in (procedural_scan(seed, "HA") for seed in range(4))]
    found = Counter(outcome(framed) for framed in many_framed(faces, 24, seed=14))
    assert found["wrong, silent"] == 0
    assert found["refused"] == 0
    assert found["right, silent"] + found["right, doubted"] >= 23


def test_a_refusal_names_the_options_that_help():
    ball = next(nonfaces.nonfaces(1, seed=1))
    with pytest.raises(NoNoseTip, match=r"--up, --forward.*--unit"):
        converted(ball)


def test_what_is_no_face_is_refused_or_doubted():
    found = {scan.path: nonfaces.outcome(scan) for scan in nonfaces.nonfaces(len(KINDS) + 1, seed=14)}
    assert [path for path, result in found.items() if result == "silent"] == []
