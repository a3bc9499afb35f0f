import math
from dataclasses import replace

import numpy as np
import pytest

from gemax_cli.reports.facts import ScanFacts, gather_facts, tip_pixel, urgency, with_reasons
from gemax_cli.reports.measure import measure_folder
from gemax_cli.settings import Settings
from gemax_cli.stack.folder import OutputFolder
from gemax_cli.stack.records import NoseRecord
from tests.reports.folders import BO, BU, SMALL, make_folder, put_scan
from tests.stack.samples import block_record


def fact(number, dataset="BU-3DFE", **changes):
    values = {
        "scan": f"{dataset}/s/{number:03d}", "dataset": dataset, "depth_mm": 60.0, "depth16": "",
        "nose_source": "landmark", "confidence": 1.0, "tip": None, "warnings": (), "valid_pixels": 20000 + number % 20,
        "filled_pixels": 100 + number % 20, "entropy": 7.9 + number % 20 / 1000,
    }  # fmt: skip
    return ScanFacts(**{**values, **changes})


GROUP = [fact(i) for i in range(20)]


def reasons(*odd):
    return {f.scan: f.reasons for f in with_reasons([*GROUP, *odd])}


def test_scans_like_the_others_have_no_reason():
    assert set(reasons().values()) == {()}


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"entropy": 7.0}, "little entropy"),
        ({"entropy": None}, "images broken"),
        ({"valid_pixels": 5000}, "few pixels"),
        ({"filled_pixels": 900}, "many filled pixels"),
        ({"confidence": 0.49}, "nose tip doubtful"),
        ({"warnings": ("the scan is odd",)}, "warning"),
    ],
)
def test_each_oddity_is_a_reason(changes, reason):
    assert reasons(fact(99, **changes))["BU-3DFE/s/099"] == (reason,)


@pytest.mark.parametrize(
    "changes", [{"entropy": 8.0}, {"valid_pixels": 40000}, {"filled_pixels": 0}, {"confidence": 0.5}]
)
def test_what_is_better_than_the_others_is_no_reason(changes):
    assert reasons(fact(99, **changes))["BU-3DFE/s/099"] == ()


def test_outliers_are_of_their_own_dataset_and_depth():
    others = [fact(i, "Bosphorus", entropy=7.0) for i in range(20)]
    blocks = [fact(i, scan=f"BU-3DFE/s/{i}/d050", depth_mm=50.0, entropy=6.0) for i in range(20)]
    found = reasons(*others, *blocks)
    assert set(found.values()) == {()}


def test_few_scans_have_no_outliers():
    assert [f.reasons for f in with_reasons([fact(0), fact(1), fact(2, entropy=3.0)])] == [(), (), ()]


def test_facts_of_a_folder_begin_with_the_worst(tmp_path):
    out = make_folder(tmp_path / "out", (BU, BO))
    nose = NoseRecord(0.0, 0.0, 0.0, "detected", 0.2)
    put_scan(out, "BU-3DFE/F0009/F0009_AN01WH", SMALL, nose=nose, warnings=("doubtful",))
    opened = OutputFolder(out)
    facts = gather_facts(opened, measure_folder(out).maps)
    assert facts[0].scan == "BU-3DFE/F0009/F0009_AN01WH"
    assert facts[0].reasons == ("warning", "nose tip doubtful")
    assert (facts[0].confidence, facts[0].nose_source) == (0.2, "detected")
    assert len(facts) == 3


def test_entropy_is_the_measured_mean_over_tau(tmp_path):
    out = make_folder(tmp_path / "out", (BU,))
    maps = measure_folder(out).maps
    (found,) = gather_facts(OutputFolder(out), maps)
    assert found.entropy == pytest.approx(np.mean([m.bits for m in maps if m.map == "gemax"]))
    (without,) = gather_facts(OutputFolder(out), ())
    assert without.reasons == ("images broken",)


def test_a_single_tau_is_its_own_mean(tmp_path):
    out = make_folder(tmp_path / "out", (BU,), Settings(taus=(5,), quantisation=SMALL.quantisation))
    maps = measure_folder(out).maps
    (found,) = gather_facts(OutputFolder(out), maps)
    assert found.entropy == next(m.bits for m in maps if m.map == "gemax")


def test_every_depth_has_facts(tmp_path):
    out = make_folder(tmp_path / "out", (BU,), Settings(taus=(5,), depths=(50, 60), quantisation=SMALL.quantisation))
    facts = gather_facts(OutputFolder(out), measure_folder(out).maps)
    assert sorted(f.scan for f in facts) == [f"{BU}/d050", f"{BU}/d060"]


def test_tip_pixel_inverts_the_affine():
    block = block_record()
    assert tip_pixel(block, NoseRecord(0.0, 0.0, 0.0, "landmark", 1.0)) == pytest.approx((111.5, 111.5))
    assert tip_pixel(block, NoseRecord(10.0, 20.0, -5.0, "landmark", 1.0)) == pytest.approx((121.5, 91.5))


def test_an_affine_without_inverse_has_no_tip():
    unknown = ((math.nan, 0.0, 0.0, 0.0), (0.0, 1.0, 0.0, 0.0), (0.0, 0.0, 1.0, 0.0))
    for affine in (((0.0,) * 4,) * 3, unknown):
        block = replace(block_record(), pixel_to_raw=affine)
        assert tip_pixel(block, NoseRecord(0.0, 0.0, 0.0, "landmark", 1.0)) is None


def test_turned_and_cut_off_faces_come_first():
    turned = fact(30, warnings=("The head is turned (yaw -28, pitch 0, roll 0 degrees): --align auto turns it.",))
    cut = fact(31, warnings=("The face leaves the image: 60 mm of its left edge hold surface.",))
    worse = fact(32, warnings=("The nose tip is doubtful.",), confidence=0.1, valid_pixels=10, filled_pixels=9000)
    first = sorted(with_reasons([*GROUP, worse, turned, cut]), key=urgency)[:3]
    assert [f.scan[-3:] for f in first] == ["030", "031", "032"]
    assert first[0].reasons == ("warning", "turned or cut off")
