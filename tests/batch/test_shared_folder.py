"""Several processes on one output folder: shards that start together, verify during a run, a folder that goes away."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import subprocess
import sys

import pytest

from gemax_cli.batch.run import Reporter, RunOptions, convert
from gemax_cli.errors import FolderInUse, OutputUnwritable
from gemax_cli.settings import BlockSettings, Settings
from gemax_cli.stack import folder as folder_module
from gemax_cli.stack.folder import OutputFolder
from gemax_cli.stack.verify import verify

ROUNDS, SHARDS = 14, 3
SMALL = Settings(taus=(20,), block=BlockSettings(size=32, mm_per_pixel=6.0))


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    monkeypatch.setattr(folder_module, "SHARD_SECONDS", 0.3)


def lock_in_turn(out, number, barrier, refused):
    """Lock and unlock one shard of many, at the same moment as the others."""
    for _ in range(ROUNDS):
        barrier.wait(60)
        try:
            with OutputFolder(out).locked((number, SHARDS)):
                barrier.wait(60)
        except FolderInUse:
            refused.value += 1
            barrier.abort()
            raise


def test_shards_that_start_together_wait_for_each_other(tmp_path, monkeypatch):
    monkeypatch.setattr(folder_module, "SHARD_SECONDS", 20.0)
    context = multiprocessing.get_context("fork" if hasattr(os, "fork") else "spawn")
    barrier, refused = context.Barrier(SHARDS), context.Value("i", 0)
    shards = [context.Process(target=lock_in_turn, args=(tmp_path, k + 1, barrier, refused)) for k in range(SHARDS)]
    for shard in shards:
        shard.start()
    for shard in shards:
        shard.join(120)
    assert refused.value == 0
    assert [shard.exitcode for shard in shards] == [0] * SHARDS


@pytest.mark.slow
def test_whole_shards_that_start_together_all_convert(raw, tmp_path):
    for turn in range(4):
        out = tmp_path / f"out{turn}"
        line = [sys.executable, "-m", "gemax_cli", "convert", str(raw), str(out), "--tau", "20", "-j1", "-q"]
        line += ["--size", "32", "--mm-per-pixel", "6"]
        runs = [
            subprocess.Popen([*line, "--shard", f"{k + 1}/{SHARDS}"], stderr=subprocess.PIPE) for k in range(SHARDS)
        ]
        said = [run.communicate(timeout=300)[1] for run in runs]
        assert [run.returncode for run in runs] == [0] * SHARDS, said
        assert len(list(OutputFolder(out).records())) == 6


def test_a_whole_run_and_a_shard_still_exclude_each_other(tmp_path):
    with OutputFolder(tmp_path).locked(), pytest.raises(FolderInUse), OutputFolder(tmp_path).locked((1, 2)):
        pass
    with OutputFolder(tmp_path).locked((1, 2)), pytest.raises(FolderInUse), OutputFolder(tmp_path).locked():
        pass


class During(Reporter):
    """Do something once, after the first scan."""

    def __init__(self, act):
        self.act, self.done = act, []

    def finished(self, outcome):
        if not self.done:
            self.done.append(self.act())


def test_verify_is_told_of_a_run_and_never_keeps_one_from_starting(converted, tmp_path, monkeypatch):
    out = tmp_path / "out"
    shutil.copytree(converted, out)
    with OutputFolder(out).locked(), pytest.raises(FolderInUse):
        verify(out)

    def try_to_lock(*_):
        with OutputFolder(out).locked():
            locked.append(True)
        return iter(())

    locked: list[bool] = []
    monkeypatch.setattr("gemax_cli.stack.verify.verify_record", try_to_lock)
    verify(out)
    assert locked == [True] * 6


def removed(out):
    while out.exists():  # a worker may put a file into a folder that was just emptied
        shutil.rmtree(out, ignore_errors=True)


def moved(out):
    out.rename(out.with_name("moved"))


def emptied(out):
    while left := list(out.iterdir()):
        for path in left:
            shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)


def replaced(out):
    moved(out)
    shutil.copytree(out.with_name("moved"), out, dirs_exist_ok=True)


@pytest.mark.parametrize("jobs", [1, pytest.param(2, marks=pytest.mark.slow)])
@pytest.mark.parametrize("act", [removed, moved, emptied, replaced])
def test_a_folder_that_goes_away_under_a_run_is_an_error(raw, tmp_path, act, jobs):
    out = tmp_path / "out"
    with pytest.raises(OutputUnwritable, match="was removed, moved or emptied while gemax wrote to it"):
        convert([raw], out, SMALL, options=RunOptions(jobs=jobs), reporter=During(lambda: act(out)))
    summary = convert([raw], out, SMALL)
    assert summary.exit_code == 0
    assert verify(out).problems == ()
    assert len(list(OutputFolder(out).records())) == 6


def test_a_folder_that_goes_away_after_the_last_scan_is_an_error(raw, tmp_path):
    out = tmp_path / "out"
    one = next(raw.rglob("*N_N_0.bnt"))
    with pytest.raises(OutputUnwritable, match="was removed"):
        convert([one], out, SMALL, reporter=During(lambda: removed(out)))
    assert not out.exists()
