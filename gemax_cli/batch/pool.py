"""Tasks in parallel: results as they finish, and no task lost with a worker that dies.

A process that is gemax's own forks its workers from a server that has loaded all they need (``batch.server``): they
start at once and share its memory. Elsewhere - a notebook, macOS, Windows, a backend that the caller chose - joblib
starts them, each from nothing.
"""

from __future__ import annotations

import os
import sys
import threading
import time
import warnings
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import nullcontext, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from gemax_cli.batch import server
from gemax_cli.batch.model import Outcome, Task
from gemax_cli.datasets.ids import split_suffix
from gemax_cli.errors import GemaxError, WorkerDied
from gemax_cli.process import is_ours
from gemax_cli.scans.read import CRASHING_SUFFIXES
from gemax_cli.stack.tables import Failure

_DIED = (
    "the process that converted it died twice: give it more memory, or, if the file crashes the library that reads it, "
    "save it in another format."
)
WATCH, WATCH_SECONDS = "gemax-watch", 0.5


def run_task(task: Task) -> Outcome:
    """Do one task; never raises. What that takes is imported here, so that a parent of workers need not have it."""
    from gemax_cli.batch.task import run_task

    return run_task(task)


def run_all(tasks: Iterable[Task], jobs: int) -> Generator[Outcome, None, None]:
    """Do the tasks in ``jobs`` processes (in this one for 1) and yield each outcome when it is there.

    Files that can crash a process are read in another one even so.
    """
    if jobs == 1:
        for number, task in enumerate(tasks):
            if number == 0:  # not where there is nothing to do
                compile_kernels()
            crashing = split_suffix(task.ref.path.name)[1] in CRASHING_SUFFIXES
            yield from _run_pooled(iter([task]), 2) if crashing else (run_task(task),)
    else:
        yield from _run_pooled(iter(tasks), jobs)


def compile_kernels() -> None:
    """Compile the kernels with the help of another process, in a process of our own that has them not compiled yet."""
    if is_ours():
        from gemax_cli.batch.kernels import are_compiled, load_kernels

        if not are_compiled():
            with suppress(GemaxError, OSError), TemporaryDirectory() as folder:  # the first scan will say what it was
                load_kernels(Path(folder))


def _run_pooled(tasks: Iterator[Task], jobs: int) -> Iterator[Outcome]:
    """Rebuild the pool after a worker died; tasks that were under way are tried once more, each alone."""
    while True:
        underway: dict[str, Task] = {}
        try:
            for outcome in _parallel(_noted(tasks, underway), jobs):
                underway.pop(outcome.scan, None)
                yield outcome
        except _worker_died():
            for task in tuple(underway.values()):
                yield _run_alone(task)
        else:
            return


def _noted(tasks: Iterator[Task], underway: dict[str, Task]) -> Iterator[Task]:
    for task in tasks:
        underway[task.ref.scan_id] = task
        yield task


def _run_alone(task: Task) -> Outcome:
    try:
        return next(_parallel([task], 2))
    except _worker_died():
        error = WorkerDied(task.ref.path, _DIED)
        failure = Failure(task.ref.source, error.stage, type(error).__name__, str(error))
        return Outcome(task.ref.scan_id, failure=failure)


def _parallel(tasks: Iterable[Task], jobs: int) -> Iterator[Outcome]:
    if server.is_usable() and server.is_ready():
        yield from server.serve(run_task, tasks, jobs)
    else:
        yield from _by_joblib(tasks, jobs)


def _by_joblib(tasks: Iterable[Task], jobs: int) -> Iterator[Outcome]:
    """Joblib's generator of outcomes; a backend that the caller chose (Dask, say) is kept."""
    with server.signals_waiting():
        from joblib import Parallel, delayed, parallel_config
    server.start_trackers()
    chosen = _backend_chosen()
    calls = (delayed(work)(run_task, task, None if chosen else os.getpid()) for task in tasks)
    options: dict[str, Any] = {"n_jobs": jobs, "return_as": "generator_unordered"}
    with nullcontext() if chosen else parallel_config("loky", inner_max_num_threads=1), server.signals_waiting():
        results = Parallel(**options)(calls)
    try:
        for outcome in results:  # noqa: UP028 - "yield from" would close joblib's generator before the line below
            yield outcome
    finally:
        with warnings.catch_warnings():  # joblib warns of tasks cut off by an interruption: that is its purpose
            warnings.simplefilter("ignore")
            results.close()


def work(do: Callable[[Task], Outcome], task: Task, parent: int | None = None) -> Outcome:
    """Do a task in a worker, which from now on ends when ``parent``, or whoever is now above it, does."""
    if not any(thread.name == WATCH for thread in threading.enumerate()):
        threading.Thread(target=_follow, args=(parent or os.getppid(),), name=WATCH, daemon=True).start()
    return do(task)


def _follow(parent: int) -> None:
    """End this process soon after its parent was killed: nobody is left to record what it makes."""
    while os.getppid() == parent:
        time.sleep(WATCH_SECONDS)
    os._exit(1)


def _backend_chosen() -> bool:
    from joblib._parallel_backends import LokyBackend
    from joblib.parallel import get_active_backend

    return not isinstance(get_active_backend()[0], LokyBackend)


def _worker_died() -> type[BaseException]:
    from joblib.externals.loky.process_executor import TerminatedWorkerError

    return TerminatedWorkerError  # type: ignore[no-any-return]


def stop_workers() -> None:
    """Kill the pool's processes at once, if there are any."""
    server.stop()
    if "joblib.externals.loky" in sys.modules:
        from joblib.externals.loky import get_reusable_executor

        get_reusable_executor().shutdown(wait=False, kill_workers=True)
