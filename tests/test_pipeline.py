"""One scan from end to end, in memory."""

import hashlib

import numpy as np
import pytest

from gemax_cli.errors import NoNoseTip
from gemax_cli.face.nose import turn
from gemax_cli.pipeline import Stopwatch, convert_scan
from gemax_cli.scans.read import read_scan
from gemax_cli.settings import BlockSettings, NoseSettings, Settings
from gemax_cli.synthetic.writers import write_wrl


@pytest.fixture(scope="module")
def bnt(raw):
    return next(raw.rglob("*N_N_0.bnt"))


def test_everything_of_a_scan(bnt):
    scan = convert_scan(bnt, Settings(taus=(20, 30)))
    assert scan.nose.source == "landmark"
    assert scan.source_bytes == bnt.stat().st_size
    assert set(scan.seconds) == {"read", "clean", "nose", "block", "maps"}
    (mapped,) = scan.blocks
    assert [m.tau for m in mapped.maps] == [20, 30]
    assert mapped.depth16.dtype == np.uint16
    assert scan.warnings == ()


def test_a_path_may_be_text(bnt):
    assert convert_scan(str(bnt), Settings(taus=(20,))).source_sha256 == hashlib.sha256(bnt.read_bytes()).hexdigest()


def test_what_a_turned_head_loses_is_said(bnt, tmp_path):
    scan = read_scan(bnt)
    turned = tmp_path / "F0001_NE00WH_F3D.wrl"
    write_wrl(turned, scan.points @ turn(45.0, 0.0, 0.0).T, scan.triangles)
    plain = convert_scan(turned, Settings(taus=(20,)))
    lost = plain.blocks[0].counts["front_pixels"]
    assert lost > 300
    assert f"{lost / 100:.1f} cm2 of surface lie more than 3 mm before the nose tip" in " ".join(plain.warnings)
    aligned = convert_scan(turned, Settings(taus=(20,), nose=NoseSettings(align="auto")))
    assert aligned.blocks[0].counts["front_pixels"] < 100
    assert "before the nose tip" not in " ".join(aligned.warnings)


def test_a_block_too_small_for_a_face_is_said(bnt):
    scan = convert_scan(bnt, Settings(taus=(20,), block=BlockSettings(size=48)))
    assert any("too little for a face" in warning for warning in scan.warnings)


def test_a_landmark_asked_for_and_not_there_is_a_sentence(raw, tmp_path):
    alone = tmp_path / "alone.bnt"
    alone.write_bytes(next(raw.rglob("*N_N_0.bnt")).read_bytes())
    with pytest.raises(NoNoseTip, match=r"alone\.bnt"):
        convert_scan(alone, Settings(nose=NoseSettings(mode="landmark")))


def test_landmark_and_detector_agree(bnt):
    known = convert_scan(bnt, Settings(taus=(20,), nose=NoseSettings(mode="landmark")))
    found = convert_scan(bnt, Settings(taus=(20,), nose=NoseSettings(mode="detect")))
    assert found.nose.source == "detected"
    assert np.linalg.norm(known.nose.position - found.nose.position) < 4


def test_the_stopwatch_adds_up_and_survives_errors():
    watch = Stopwatch()
    with watch.stage("a"):
        pass
    first = watch.seconds["a"]
    with pytest.raises(ValueError, match="x"), watch.stage("a"):
        raise ValueError("x")
    assert watch.seconds["a"] > first
