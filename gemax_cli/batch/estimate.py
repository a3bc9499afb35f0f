"""How long a plan will take, by the time that a few of its scans take now."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from gemax_cli.batch.model import Task, may_crash
from gemax_cli.batch.plan import Plan, Step
from gemax_cli.errors import ScanError
from gemax_cli.paths import AnyPath
from gemax_cli.settings import Settings
from gemax_cli.stack.folder import OutputFolder

START_SECONDS = 1.5  # of Python, its workers and the tables
MOST_TIMED, TIMED_SECONDS = 12, 2.0


def estimate_seconds(plan: Plan, out: AnyPath, settings: Settings, jobs: int = 1) -> float:
    """Do a few tasks of a plan in a temporary folder, from its beginning to its end, and scale up their time.

    Args:
        plan: as ``plan`` gave it.
        out: the output folder; nothing is written to it.
        settings: of the run.
        jobs: worker processes; more than there are cores count as one per core.

    Returns:
        Seconds of the whole run; 0 where none of the tasks succeeds, or there are none.
    """
    times: list[float] = []
    with suppress(OSError, ScanError):  # no place for temporary files, or images of records that are no files
        times.extend(_times(plan, OutputFolder(out), replace(settings, mapping="scan")))
    if not times:
        return 0.0
    return START_SECONDS + sum(times) / len(times) * len(plan.steps) / min(jobs, os.cpu_count() or 1)


def _times(plan: Plan, folder: OutputFolder, settings: Settings) -> Iterator[float]:
    """Yield the seconds of each task that succeeds; the first one, which loads the kernels, is done before."""
    from gemax_cli.batch.task import run_task

    steps = [step for step in plan.steps if not may_crash(step.ref)]
    spread = _spread(steps, MOST_TIMED)
    chosen = (*spread[::3], *spread[1::3], *spread[2::3])  # so that those in time are of all parts
    few = Plan(plan.refs, chosen[:1] + chosen)
    deadline = None
    with TemporaryDirectory(prefix="gemax-") as place:
        for task in few.tasks(folder, settings):
            own = _copied(task, Path(place))
            started = time.perf_counter()
            succeeded = run_task(own).failure is None
            ended = time.perf_counter()
            if deadline is None:
                deadline = ended + TIMED_SECONDS
            elif succeeded:
                yield ended - started
            if ended > deadline:
                return


def _spread(items: Sequence[Step], most: int) -> Sequence[Step]:
    """At most so many items, evenly from first to last."""
    return items if len(items) <= most else [items[i * (len(items) - 1) // (most - 1)] for i in range(most)]


def _copied(task: Task, place: Path) -> Task:
    """The same task into another folder, with the depth images that it adds maps to."""
    if task.older:
        theirs, own = OutputFolder(task.out).guard, OutputFolder(place).guard
        for block in task.older.blocks:
            own.path(block.file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(theirs.path(block.file), own.path(block.file), follow_symlinks=False)
    return replace(task, out=place)
