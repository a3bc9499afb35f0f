"""How long a plan will take, by the time that a few of its scans take now."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from gemax_cli.batch.model import Outcome, Step, Task, death_of, may_crash
from gemax_cli.batch.plan import Plan, task_of
from gemax_cli.batch.run import run_task
from gemax_cli.errors import GemaxError
from gemax_cli.parallel import map_unordered
from gemax_cli.paths import AnyPath
from gemax_cli.settings import Settings
from gemax_cli.stack.folder import OutputFolder

MOST_TIMED, TIMED_SECONDS = 16, 2.0  # after the first scan of each process, which starts it and loads the kernels
AROUND_SECONDS = 1.0  # of Python, the search and the tables


def estimate_seconds(plan: Plan, out: AnyPath, settings: Settings, jobs: int = 1) -> float:
    """Do a few tasks of a plan as the run will, in a temporary folder, and scale up their time.

    Args:
        plan: as ``plan`` gave it.
        out: the output folder; nothing is written to it.
        settings: of the run; a shared mapping counts as one of each scan, and the placing of sequences not at all.
        jobs: worker processes.

    Returns:
        Seconds of the whole run; 0 where there is nothing to do, or nothing can be tried.
    """
    ends: list[float] = []
    with suppress(OSError, GemaxError):  # no temporary folder, no workers, images of records that are no files
        ends.extend(_ends(plan, OutputFolder(out), replace(settings, mapping="scan"), jobs))
    if not ends:
        return 0.0
    started = ends[min(jobs, len(ends)) - 1]
    later = ends[jobs:]
    each = (later[-1] - started) / len(later) if later else 0.0
    return AROUND_SECONDS + started + each * (len(plan.steps) - jobs)


def _ends(plan: Plan, folder: OutputFolder, settings: Settings, jobs: int) -> Iterator[float]:
    """Yield the seconds from the start to the end of each task that is tried."""
    started = time.perf_counter()
    steps = _spread(plan.steps, jobs + MOST_TIMED)
    tasks = (task_of(step, folder, settings, None) for step in steps)
    with TemporaryDirectory(prefix="gemax-") as place:
        outcomes = map_unordered(
            run_task,
            (_copied(task, Path(place)) for task in tasks),
            min(jobs, len(plan.steps)),
            lost=lambda task: Outcome(task.ref.scan_id, failure=death_of(task.ref.path, task.ref.source)),
            isolated=lambda task: may_crash(task.ref),
        )
        stop = float("inf")
        with closing(outcomes):
            for number, _ in enumerate(outcomes, start=1):
                seconds = time.perf_counter() - started
                yield seconds
                stop = seconds + TIMED_SECONDS if number == jobs else stop
                if seconds > stop:
                    return


def _spread(steps: Sequence[Step], most: int) -> tuple[Step, ...]:
    """At most so many steps, evenly from first to last; their order is such that a part of them is of all parts."""
    if len(steps) > most:
        steps = [steps[i * (len(steps) - 1) // (most - 1)] for i in range(most)]
    return (*steps[::3], *steps[1::3], *steps[2::3])


def _copied(task: Task, place: Path) -> Task:
    """The same task into another folder, with the depth images that it adds maps to."""
    if task.older:
        theirs, own = OutputFolder(task.out).guard, OutputFolder(place).guard
        for block in task.older.blocks:
            own.path(block.file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(theirs.path(block.file), own.path(block.file), follow_symlinks=False)
    return replace(task, out=place)
