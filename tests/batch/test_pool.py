"""The pool with tasks of our own: what becomes of the others when one kills its worker."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from gemax_cli import process
from gemax_cli.batch import pool, server
from gemax_cli.batch.model import Outcome, Task
from gemax_cli.batch.pool import run_all
from gemax_cli.datasets.model import ScanRef
from gemax_cli.settings import Settings


def task(name):
    return Task(ScanRef(name, Path(name), name), Path("out"), Settings())


def act(job):
    """Stands for the conversion of a scan; what it does is in its name."""
    word, _, flag = job.ref.scan_id.partition("@")
    if word.startswith("kill") or (word.startswith("once") and not Path(flag).exists()):
        if flag:
            Path(flag).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return Outcome(job.ref.scan_id, line=f"{os.getpid()}\n")


@pytest.fixture(autouse=True, params=["joblib", "server"])
def workers(request, monkeypatch):
    """Both ways to start workers must behave the same."""
    if request.param == "server" and sys.platform != "linux":
        pytest.skip("the server is for Linux alone")
    monkeypatch.setattr(process, "_claims", ["ours"] * (request.param == "server"))
    monkeypatch.setattr(pool, "run_task", act)
    yield request.param
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


def test_a_pool_can_be_left_early_and_used_again():
    outcomes = run_all([task(f"s{i}") for i in range(9)], 2)
    next(outcomes)
    outcomes.close()
    assert len(run([f"s{i}" for i in range(9)])) == 9


def test_tasks_are_taken_when_their_turn_comes():
    taken = []

    def tasks():
        for i in range(50):
            taken.append(i)
            yield task(f"s{i}")

    outcomes = run_all(tasks(), 2)
    next(outcomes)
    assert len(taken) < 20
    assert len(list(outcomes)) == 49


PARENT = """
import sys, time
from gemax_cli import process
from gemax_cli.batch import pool, server
from tests.batch.test_pool import task, worker_that_waits
if {server}:
    process.claim()
pool.run_task = worker_that_waits
for outcome in pool.run_all([task(f"s{{i}}") for i in range(9)], 2):
    print(outcome.line, flush=True, end="")
"""


def worker_that_waits(job):
    """Says which process it is in at once, later ones never end."""
    if int(job.ref.scan_id[1:]) > 1:
        time.sleep(600)
    return Outcome(job.ref.scan_id, line=f"{os.getpid()}\n")


def test_workers_end_with_a_parent_that_is_killed(workers):
    """Also from a script without a guard: the workers must not run it again."""
    command = [sys.executable, "-c", PARENT.format(server=workers == "server")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2]) as parent:
        worker = int(parent.stdout.readline())
        assert is_there(worker)
        parent.kill()
    end = time.monotonic() + 20
    while is_there(worker):
        assert time.monotonic() < end
        time.sleep(0.05)


def is_there(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_quick_tasks_are_handed_out_several_at_once_and_slow_ones_alone():
    assert [server._portion(seconds) for seconds in (0.0, 0.001, 0.0125, 0.03, 0.06, 2.0)] == [8, 8, 8, 3, 1, 1]
    made, seconds = server.do_portion(str.upper, ("a", "b"))
    assert made == ["A", "B"]
    assert 0 <= seconds < 60


def test_many_tasks_come_back_once_each_whatever_the_portions():
    names = [f"s{i}" for i in range(200)]
    names[50:150:25] = [f"kill{i}" for i in range(4)]
    outcomes = run(names)
    assert {name for name, outcome in outcomes.items() if outcome.failure} == {f"kill{i}" for i in range(4)}
