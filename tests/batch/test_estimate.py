"""The time that a dry run tells, against the time that the run takes."""

import re
import statistics
import subprocess
import tempfile
import time
from dataclasses import replace

import pytest

from gemax_cli.batch.estimate import estimate_seconds
from gemax_cli.batch.run import convert, plan
from gemax_cli.settings import BlockSettings, Settings
from gemax_cli.synthetic.dataset import make_sample
from tests.attacks.ground import make_raw, seen
from tests.cli.test_convert import GEMAX

COARSE = Settings((20, 30), block=BlockSettings(48, 4.0))


@pytest.fixture
def raw(tmp_path):
    make_raw(tmp_path / "raw")
    return tmp_path / "raw"


def test_an_estimate_writes_nothing(raw, tmp_path):
    todo, _ = plan([raw], tmp_path / "out", COARSE)
    before = seen(tmp_path)
    assert 1.0 < estimate_seconds(todo, tmp_path / "out", COARSE) < 60.0
    assert seen(tmp_path) == before
    convert([raw], tmp_path / "out", COARSE)
    before, more = seen(tmp_path), Settings((20, 30, 47), block=COARSE.block)
    todo, _ = plan([raw], tmp_path / "out", more)
    assert all(step.adds for step in todo.steps)
    assert 1.0 < estimate_seconds(todo, tmp_path / "out", more) < 60.0
    assert seen(tmp_path) == before


def test_there_is_no_estimate_of_nothing(raw, tmp_path, monkeypatch):
    todo, _ = plan([raw], tmp_path / "out", COARSE)
    assert estimate_seconds(replace(todo, steps=()), tmp_path / "out", COARSE) == 0.0
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))
    assert estimate_seconds(todo, tmp_path / "out", COARSE) == 0.0


def test_more_of_the_same_takes_longer(raw, tmp_path):
    todo, _ = plan([raw], tmp_path / "out", COARSE)
    estimates = [estimate_seconds(replace(todo, steps=n * todo.steps), tmp_path / "out", COARSE) for n in (1, 10_000)]
    assert estimates[1] - estimates[0] > 20


@pytest.mark.slow
@pytest.mark.parametrize("jobs", [1, 2])
def test_an_estimate_is_within_a_factor_of_two(tmp_path, jobs):
    """Medians of three rounds: another load may come or go between a dry run and the run."""
    make_sample(tmp_path / "raw", subjects=6, seed=77, scans="six")
    ratios = {"all": [], "maps": []}
    for number in range(3):
        line = [*GEMAX, "convert", str(tmp_path / "raw"), str(tmp_path / f"out{number}"), "-j", str(jobs)]
        for what, taus in (("all", "20,30,40,50,60"), ("maps", "25")):
            dry = subprocess.run([*line, "--tau", taus, "--dry-run"], capture_output=True, text=True)
            told = float(re.search(r"^About (\d+) s with", dry.stderr, re.MULTILINE)[1])
            started = time.monotonic()
            subprocess.run([*line, "--tau", taus], capture_output=True, check=True)
            ratios[what].append(told / (time.monotonic() - started))
    assert all(0.5 < statistics.median(found) < 2.0 for found in ratios.values()), ratios
