"""300 scans, 40 of them broken in every way: the rest is converted, broken ones are named, restored ones complete."""

import csv
import os
import re
import subprocess
import sys

import pytest

from gemax_cli.stack.verify import verify
from tests.batch.planted import COARSE, FAULTS, obeying_permissions, plant, restore

BEFORE = obeying_permissions()
SCANS, BROKEN = 300, 40
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(BEFORE is None or os.name == "nt", reason="permissions cannot be made to count here"),
]


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
    broken = plant(raw, SCANS, BROKEN)
    first = gemax(raw, out)
    failures, metadata = rows(out / "failures.csv"), rows(out / "metadata.csv")
    restore(raw, broken)
    again = gemax(raw, out, "--retry-failed")
    return raw, out, broken, first, failures, metadata, again


def test_all_sound_scans_are_converted(told):
    _, _, broken, first, _, metadata, _ = told
    assert len(broken) == BROKEN
    assert len(FAULTS) >= 15
    assert first.returncode == 3, first.stderr
    assert len(metadata) == SCANS - BROKEN
    assert f"{SCANS} scans: {SCANS - BROKEN} converted, {BROKEN} failed" in first.stderr
    assert any(row["warnings"] for row in metadata)


@pytest.mark.parametrize("kind", FAULTS)
def test_each_fault_is_named(told, kind):
    raw, _, _, _, failures, _, _ = told
    mine = [row for row in failures if row["source"].startswith(f"{kind}/")]
    assert mine
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


def test_restored_scans_complete_the_folder(told):
    _, out, _, _, _, _, again = told
    assert again.returncode == 0, again.stderr
    assert f"{BROKEN} scans: {BROKEN} converted" in again.stderr
    assert not (out / "failures.csv").exists()
    assert len(rows(out / "metadata.csv")) == SCANS
    verified = verify(out)
    assert (verified.scans, verified.problems, verified.orphans) == (SCANS, (), ())
