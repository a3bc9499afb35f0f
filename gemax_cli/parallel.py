"""Run tasks in parallel. Results come as they finish; no task is lost if a worker dies.

joblib runs the tasks in processes of one thread each. Its pool breaks when a worker dies (out of memory, a crash in a
library). The tasks that were in flight are then tried once more, each in a pool of its own. A dying worker costs only
its own task.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
import warnings
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack, closing, contextmanager
from functools import cache
from multiprocessing import Lock
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from gemax_cli.errors import ClusterError, WorkerDied, WorkersUnavailable
from gemax_cli.interrupts import signals_wait

if TYPE_CHECKING:
    from gemax_cli.cluster import Cluster

Item = TypeVar("Item")
Result = TypeVar("Result")

_POOL = 2  # processes of a pool for one task: joblib starts no process for a pool of one
_WATCH_SECONDS = 0.5
_ATTEMPTS = 3  # a worker that is killed while it starts is no reason to give up
_NEEDED = "/dev/shm, the folder for temporary files and the limit on processes"


def map_unordered(
    do: Callable[[Item], Result],
    items: Iterable[Item],
    jobs: int,
    *,
    lost: Callable[[Item], Result] | None = None,
    isolated: Callable[[Item], bool] | None = None,
    cluster: Cluster | None = None,
) -> Generator[Result, None, None]:
    """Apply ``do`` to every item and yield the results as they finish, in any order.

    Items are taken lazily. Closing the generator, or an exception in the caller's loop, ends the workers at once.

    Args:
        do: a function at the top level of a module; an exception in it ends the run.
        items: objects that can be pickled.
        jobs: number of processes; 1 runs in the calling process.
        lost: gives the result of an item whose process died twice.
        isolated: whether an item may crash its process; it then runs in another process even if ``jobs`` is 1.
        cluster: run the tasks on this Dask cluster.

    Raises:
        WorkerDied: a process died twice over one item, and there is no ``lost``.
        ClusterError: the cluster cannot be used, or the caller has chosen joblib's Dask backend.
        ClusterLost: the cluster ended.
    """
    if cluster is not None:
        from gemax_cli.cluster import map_on_cluster

        yield from map_on_cluster(do, items, jobs, cluster, lost or _died)
        return
    if jobs > 1:
        _check_backend()
        yield from _pooled(do, iter(items), jobs, lost)
        return
    for item in items:
        if isolated is not None and isolated(item):
            yield from _pooled(do, iter([item]), _POOL, lost)
        else:
            yield do(item)


def _check_backend() -> None:
    """Refuse joblib's Dask backend: it waits for ever for an item that kills its worker.

    Raises:
        ClusterError: the caller has chosen it.
    """
    from joblib.parallel import get_active_backend

    backend, _ = get_active_backend()
    if "Dask" in type(backend).__name__:
        message = "a file that kills its worker would hang joblib's Dask backend"
        raise ClusterError(f"{message}: leave it, and give gemax the scheduler's address with --dask.")


def _pooled(
    do: Callable[[Item], Result], items: Iterator[Item], jobs: int, lost: Callable[[Item], Result] | None
) -> Iterator[Result]:
    """Start a new pool after a worker died; the items in flight are tried once more, one by one."""
    while True:
        in_flight: dict[int, Item] = {}
        try:
            with closing(_pool(do, _tracked(items, in_flight), jobs)) as results:
                for number, result in results:
                    del in_flight[number]
                    yield result
        except BrokenProcessPool:
            for item in tuple(in_flight.values()):
                yield _alone(do, item, lost)
        else:
            return


def _tracked(items: Iterator[Item], in_flight: dict[int, Item]) -> Iterator[tuple[int, Item]]:
    for number, item in enumerate(items):
        in_flight[number] = item
        yield number, item


def _alone(do: Callable[[Item], Result], item: Item, lost: Callable[[Item], Result] | None) -> Result:
    try:
        ((_, result),) = _pool(do, [(0, item)], _POOL)
    except BrokenProcessPool:
        return (lost or _died)(item)
    return result


def _died(item: object) -> NoReturn:
    raise WorkerDied(str(item), "the process that worked on it died twice: give it more memory.")


def _pool(
    do: Callable[[Item], Result], numbered: Iterable[tuple[int, Item]], jobs: int
) -> Generator[tuple[int, Result], None, None]:
    """Yield item numbers with results; raises BrokenProcessPool when a worker dies."""
    from joblib import delayed

    _start_workers(jobs)
    folder = Path.cwd()
    with _dispatched(jobs, (delayed(_work)(do, number, item, os.getpid(), folder) for number, item in numbered)) as out:
        yield from out


def _start_workers(jobs: int) -> None:
    """Start the processes of a pool; joblib keeps them for its next call.

    Raises:
        WorkersUnavailable: the system refuses what they need, or they die as soon as they start.
    """
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            _start_once(jobs)
            break
        except (OSError, BrokenProcessPool) as error:
            if attempt == _ATTEMPTS or isinstance(error, OSError):
                reason = getattr(error, "strerror", None) or "they die at once"
                message = f"worker processes cannot be started ({reason}): give --jobs 1, or check {_NEEDED}."
                raise WorkersUnavailable(message) from error


def _start_once(jobs: int) -> None:
    from joblib import delayed

    with ExitStack() as starting:
        for guard in (_own_modules(), _silent_tracker(), signals_wait()):
            starting.enter_context(guard)
        Lock()  # OSError where there are no semaphores; joblib would take threads without a word
        with _dispatched(jobs, (delayed(os.getpid)() for _ in range(jobs))) as ready:
            starting.close()  # all processes are started
            for _ in ready:
                pass


@contextmanager
def _dispatched(jobs: int, calls: Iterable[Any]) -> Iterator[Iterator[Any]]:
    """Hand calls to joblib's processes; gives their results as they finish."""
    from joblib import Parallel, parallel_config

    results = None
    try:
        with parallel_config("loky", inner_max_num_threads=1):
            results = Parallel(n_jobs=jobs, return_as="generator_unordered")(calls)
        yield (result for result in results)  # a generator of ours, because closing joblib's warns
    finally:
        with warnings.catch_warnings():  # joblib warns of cancelled tasks; here they are cancelled on purpose
            warnings.simplefilter("ignore")
            if results is not None:
                results.close()


@contextmanager
def _own_modules() -> Iterator[None]:
    """Start processes that never look for a module in the working folder: a data set may hold a ``joblib.py``.

    Python 3.11 and later obey PYTHONSAFEPATH. Python 3.10 takes the folder that it is started in for a folder of
    modules, so it is started in that of the Python installation; ``_work`` enters the working folder afterwards.
    """
    if sys.version_info >= (3, 11):
        with _environment("PYTHONSAFEPATH", "1"):
            yield
        return
    before = Path.cwd()
    os.chdir(sys.prefix)
    try:
        yield
    finally:
        os.chdir(before)


@contextmanager
def _silent_tracker() -> Iterator[None]:
    """Start the resource trackers so that they print no warning.

    A signal can come after joblib has removed a semaphore, and before its resource tracker knows. That process outlives
    this one and would report a leak that does not exist, below our last sentence.
    """
    filters = (os.environ.get("PYTHONWARNINGS"), "ignore:resource_tracker")
    with _environment("PYTHONWARNINGS", ",".join(filter(None, filters))):
        yield


@contextmanager
def _environment(name: str, value: str) -> Iterator[None]:
    """Set a variable of the environment for a while."""
    before = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before


def _work(do: Callable[[Item], Result], number: int, item: Item, parent: int, folder: Path) -> tuple[int, Result]:
    _follow(parent)
    os.chdir(folder)
    return number, do(item)


@cache
def _follow(parent: int) -> None:
    """Ignore Ctrl-C in this worker, and end it soon after its parent was killed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_after, args=(parent,), daemon=True).start()


def _end_after(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_WATCH_SECONDS)
    os._exit(1)
