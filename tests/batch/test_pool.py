"""The pool with tasks of our own: what becomes of the others when one kills its worker."""

import os
import signal
from pathlib import Path

import pytest

from gemax_cli.batch import pool
from gemax_cli.batch.pool import run_all
from gemax_cli.batch.task import Outcome, Task
from gemax_cli.scans.model import ScanRef
from gemax_cli.settings import Settings


def task(name):
    return Task(ScanRef(name, Path(name), name), Path("out"), Settings())


def act(job):
    """Stands for the conversion of a scan; what it does is in its name."""
    word, _, flag = job.ref.scan.partition("@")
    if word.startswith("kill") or (word.startswith("once") and not Path(flag).exists()):
        if flag:
            Path(flag).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return Outcome(job.ref.scan, line=f"{os.getpid()}\n")


@pytest.fixture(autouse=True)
def acting(monkeypatch):
    monkeypatch.setattr(pool, "run_task", act)
    yield
    pool.stop_workers()


def run(names, jobs=2):
    outcomes = list(run_all([task(name) for name in names], jobs))
    assert sorted(o.scan for o in outcomes) == sorted(names)
    return {o.scan: o for o in outcomes}


def test_one_job_stays_in_this_process():
    outcomes = run(["a", "b"], jobs=1)
    assert {o.line for o in outcomes.values()} == {f"{os.getpid()}\n"}


def test_two_jobs_leave_this_process():
    outcomes = run([f"s{i}" for i in range(20)])
    assert f"{os.getpid()}\n" not in {o.line for o in outcomes.values()}


def test_no_task_no_outcome():
    assert run([]) == {}


def test_a_scan_that_kills_its_worker_fails_alone():
    names = [f"s{i}" for i in range(12)]
    outcomes = run([*names[:5], "kill", *names[5:]])
    assert all(outcomes[name].line for name in names)
    assert outcomes["kill"].failure.error == "WorkerDied"
    assert "died twice" in outcomes["kill"].failure.message


def test_two_killers_fail_both():
    outcomes = run(["a", "kill1", "b", "kill2", "c"])
    assert [outcomes[name].failure is None for name in ("a", "kill1", "b", "kill2", "c")] == [
        True,
        False,
        True,
        False,
        True,
    ]


def test_a_worker_killed_by_chance_costs_nothing(tmp_path):
    outcomes = run(["a", f"once@{tmp_path / 'flag'}", "b"])
    assert all(outcome.line for outcome in outcomes.values())


def test_files_that_crash_their_reader_cost_themselves_alone_with_one_job():
    outcomes = run(["a", "kill.glb", "b", "c.gltf"], jobs=1)
    assert outcomes["kill.glb"].failure.error == "WorkerDied"
    assert {outcomes[name].line for name in "ab"} == {f"{os.getpid()}\n"}
    assert outcomes["c.gltf"].line not in (None, f"{os.getpid()}\n")
