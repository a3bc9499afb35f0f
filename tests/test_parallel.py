"""Tasks of our own in parallel: what becomes of the others when one kills its process."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from gemax_cli.errors import WorkerDied
from gemax_cli.parallel import map_unordered


def act(name):
    """(name, process); what it does before is in its name."""
    word, _, flag = name.partition("@")
    if word.startswith("kill") or (word.startswith("once") and not Path(flag).exists()):
        if flag:
            Path(flag).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    if word == "raise":
        raise ZeroDivisionError(name)
    return name, os.getpid()


def lost(name):
    """The result of an item whose process died."""
    return name, None


def run(names, jobs=2, **options):
    results = list(map_unordered(act, names, jobs, lost=lost, **options))
    assert sorted(name for name, _ in results) == sorted(names)
    return dict(results)


def test_one_job_stays_in_this_process():
    assert set(run(["a", "b"], jobs=1).values()) == {os.getpid()}


def test_two_jobs_leave_this_process():
    assert os.getpid() not in run([f"s{i}" for i in range(20)]).values()


@pytest.mark.parametrize("jobs", [1, 2])
def test_no_item_no_result(jobs):
    assert run([], jobs) == {}


def test_an_item_that_kills_its_process_is_lost_alone():
    names = [f"s{i}" for i in range(12)]
    results = run([*names[:5], "kill", *names[5:]])
    assert results.pop("kill") is None
    assert all(results.values())


@pytest.mark.slow
def test_killers_are_lost_and_none_else_however_many_items():
    names = [f"s{i}" for i in range(200)]
    names[50:150:25] = [f"kill{i}" for i in range(4)]
    results = run(names)
    assert {name for name, process in results.items() if process is None} == {f"kill{i}" for i in range(4)}


def test_a_process_killed_by_chance_costs_nothing(tmp_path):
    assert all(run(["a", f"once@{tmp_path / 'flag'}", "b"]).values())


def test_without_a_result_for_the_lost_it_is_an_error_with_the_items_name():
    with pytest.raises(WorkerDied, match=r"kill1: the process that worked on it died twice: give it more memory\."):
        list(map_unordered(act, ["a", "kill1", "b"], 2))


def test_items_that_may_crash_leave_this_process_even_with_one_job():
    results = run(["a", "kill.glb", "b", "c.glb"], jobs=1, isolated=lambda name: name.endswith(".glb"))
    assert results["kill.glb"] is None
    assert results["a"] == results["b"] == os.getpid()
    assert results["c.glb"] not in (None, os.getpid())


@pytest.mark.parametrize("jobs", [1, 2])
def test_what_a_task_raises_comes_through(jobs):
    with pytest.raises(ZeroDivisionError):
        list(map_unordered(act, ["a", "raise", "b"], jobs))


def test_it_can_be_left_early_and_used_again():
    results = map_unordered(act, [f"s{i}" for i in range(9)], 2)
    next(results)
    results.close()
    assert len(run([f"s{i}" for i in range(9)])) == 9


def doze(name):
    time.sleep(0.25)  # too long for several to be handed out at once
    return name


def test_items_are_taken_when_their_turn_comes():
    taken = []

    def items():
        for i in range(16):
            taken.append(i)
            yield i

    results = map_unordered(doze, items(), 2)
    next(results)
    assert len(taken) < 12
    assert len(list(results)) == 15


PARENT = """
from gemax_cli.parallel import map_unordered
from tests.test_parallel import waits
for process in map_unordered(waits, range(9), 2):
    print(process, flush=True)
"""


def waits(number):
    """Says which process it is in at once, later ones never end."""
    if number > 1:
        time.sleep(600)
    return os.getpid()


def start_parent():
    command = [sys.executable, "-c", PARENT]
    pipe, root = subprocess.PIPE, Path(__file__).parents[1]
    return subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, cwd=root)


def test_nothing_is_printed_after_a_parent_that_is_killed():
    """Processes that outlive it must not warn of its semaphores."""
    parent = start_parent()
    parent.stdout.readline()
    parent.kill()
    assert parent.communicate(timeout=60)[1] == ""


def test_workers_end_with_a_parent_that_is_killed():
    """Also from a script without a guard: the workers must not run it again."""
    with start_parent() as parent:
        worker = int(parent.stdout.readline())
        assert is_there(worker)
        parent.kill()
    end = time.monotonic() + 20
    while is_there(worker):
        assert time.monotonic() < end
        time.sleep(0.05)


def is_there(process):
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
