"""The time that a dry run tells. How near it comes to that of the run: ``python -m tests.batch.estimates``."""

import tempfile
from dataclasses import replace

import pytest

from gemax_cli.batch.estimate import estimate_seconds
from gemax_cli.batch.run import convert, plan
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
