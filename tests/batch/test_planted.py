"""300 scans, 40 of them broken in every way: the rest is converted, each broken one is named, mended ones complete."""

import csv
import os
import re
import subprocess
import sys
from collections import Counter

import pytest

from tests.batch.folders import content
from tests.batch.planted import COARSE, FAULTS, mend, obeying_permissions, plant

BEFORE = obeying_permissions()
EACH, SCANS = 2, 300
pytestmark = pytest.mark.skipif(BEFORE is None or os.name == "nt", reason="permissions cannot be made to count here")


def gemax(*words):
    command = [*(BEFORE or []), sys.executable, "-m", "gemax_cli", "convert", *map(str, words), *COARSE]
    return subprocess.run(command, capture_output=True, text=True, timeout=300)


def rows(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """What happened: faults planted, both runs and the folder after each."""
    raw, out = tmp_path_factory.mktemp("planted") / "raw", tmp_path_factory.mktemp("planted") / "out"
    broken = plant(raw, SCANS, EACH)
    first = gemax(raw, out)
    failures, metadata = rows(out / "failures.csv"), rows(out / "metadata.csv")
    mend(raw, broken)
    again = gemax(raw, out, "--retry-failed")
    return raw, out, broken, first, failures, metadata, again


def test_all_sound_scans_are_converted(told):
    *_, broken, first, failures, metadata, _ = told
    assert len(broken) == EACH * len(FAULTS) >= 40
    assert first.returncode == 3, first.stderr
    assert len(metadata) == SCANS - len(broken)
    assert f"{SCANS} scans: {SCANS - len(broken)} converted, {len(broken)} failed" in first.stderr
    assert Counter(row["warnings"] != "" for row in metadata)[True] >= 1


@pytest.mark.parametrize("kind", FAULTS)
def test_each_fault_is_named(told, kind):
    raw, _, broken, _, failures, _, _ = told
    mine = [row for row in failures if row["source"].startswith(f"{kind}/")]
    assert len(mine) == EACH
    for row in mine:
        assert row["stage"] == FAULTS[kind].stage, row
        assert FAULTS[kind].sentence in row["message"], row
        assert row["message"].startswith(str(raw / row["source"]))
        assert re.fullmatch(r"[A-Z][A-Za-z]+", row["error"])
        assert len(row["message"]) < 400
        assert "\n" not in row["message"]


def test_nothing_else_failed(told):
    _, _, broken, _, failures, _, _ = told
    assert sorted(row["source"] for row in failures) == sorted(broken)


def test_mended_scans_complete_the_folder(told, tmp_path):
    raw, out, broken, _, _, _, again = told
    assert again.returncode == 0, again.stderr
    assert f"{len(broken)} scans: {len(broken)} converted" in again.stderr
    assert not (out / "failures.csv").exists()
    assert len(rows(out / "metadata.csv")) == SCANS
    whole = gemax(raw, tmp_path / "whole")
    assert whole.returncode == 0
    assert content(out) == content(tmp_path / "whole")
