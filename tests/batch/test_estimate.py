"""The time that a dry run tells, against the time that the run takes."""

import tempfile
import time
from dataclasses import replace

import pytest

from gemax_cli.batch.estimate import estimate_seconds
from gemax_cli.batch.run import RunOptions, convert, plan
from gemax_cli.settings import BlockSettings, Settings
from tests.attacks.ground import make_raw, seen

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
@pytest.mark.parametrize("taus", [(20,), (20, 30, 40, 50, 60)])
def test_an_estimate_is_within_a_factor_of_two(tmp_path, jobs, taus):
    from gemax_cli.synthetic.dataset import make_sample

    make_sample(tmp_path / "raw", subjects=6, seed=77, scans="six")
    settings, options = Settings(taus), RunOptions(jobs=jobs)
    for settings in (Settings(taus), Settings((*taus, 25))):  # all of it, then maps that are added
        todo, _ = plan([tmp_path / "raw"], tmp_path / "out", settings, options=options)
        told = estimate_seconds(todo, tmp_path / "out", settings, jobs)
        started = time.monotonic()
        convert([tmp_path / "raw"], tmp_path / "out", settings, options=options)
        taken = time.monotonic() - started
        assert 0.5 < told / taken < 2.0, (told, taken, len(todo.steps))
