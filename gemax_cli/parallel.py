"""Tasks in parallel: results as they finish, and no task lost with a worker that dies.

joblib runs the tasks, one process per core, each of one thread. Its pool breaks when a worker dies (out of memory, a
crash in a library); what was in flight then is tried once more, each task alone, so that a dying worker costs its own
task only.
"""

from __future__ import annotations

import os
import signal
import threading
import time
import warnings
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing, contextmanager
from functools import cache
from multiprocessing import resource_tracker
from typing import TypeVar

from gemax_cli.errors import WorkerDied

Item = TypeVar("Item")
Result = TypeVar("Result")

_POOL = 2  # processes of a pool for one task: joblib takes a pool of one for none
_WATCH_SECONDS = 0.5


def map_unordered(
    do: Callable[[Item], Result],
    items: Iterable[Item],
    jobs: int,
    *,
    lost: Callable[[Item], Result] | None = None,
    isolated: Callable[[Item], bool] | None = None,
) -> Generator[Result, None, None]:
    """Do something with every item and yield the results as they finish, in any order.

    Items are taken when their turn comes. Closing the generator, or an exception in the caller's loop, ends the workers
    at once.

    Args:
        do: a function of a module; what it raises ends the whole.
        items: what can be pickled.
        jobs: processes; 1 stays in this one.
        lost: the result of an item whose process died twice.
        isolated: tells items that may crash their process: they are done in another one even where ``jobs`` is 1.

    Raises:
        WorkerDied: a process died twice over one item, and there is no ``lost``.
    """
    if jobs > 1:
        yield from _pooled(do, iter(items), jobs, lost)
        return
    for item in items:
        if isolated is not None and isolated(item):
            yield from _pooled(do, iter([item]), _POOL, lost)
        else:
            yield do(item)


def _pooled(
    do: Callable[[Item], Result], items: Iterator[Item], jobs: int, lost: Callable[[Item], Result] | None
) -> Iterator[Result]:
    """Start a new pool after a worker died; what was in flight is tried once more, each item alone."""
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
        if lost is None:
            raise WorkerDied(str(item), "the process that worked on it died twice: give it more memory.") from None
        return lost(item)
    return result


def _pool(
    do: Callable[[Item], Result], numbered: Iterable[tuple[int, Item]], jobs: int
) -> Generator[tuple[int, Result], None, None]:
    """Results with the numbers of their items; raises BrokenProcessPool when a worker dies."""
    from joblib import Parallel, delayed, parallel_config

    calls = (delayed(_work)(do, number, item, os.getpid()) for number, item in numbered)
    results = None
    try:
        with parallel_config("loky", inner_max_num_threads=1), _signals_wait():
            results = Parallel(n_jobs=jobs, return_as="generator_unordered")(calls)
        for result in results:  # noqa: UP028 - "yield from" would close joblib's generator before the lines below
            yield result
    finally:
        with warnings.catch_warnings():  # joblib warns of tasks cut off: to close it is to cut them off
            warnings.simplefilter("ignore")
            if results is not None:
                results.close()


@contextmanager
def _signals_wait() -> Iterator[None]:
    """Let Ctrl-C and SIGTERM wait while workers start: half-started ones would be left behind.

    The workers inherit for ever that Ctrl-C is blocked: a terminal sends it to all processes, but it is for the parent
    to end the others.
    """
    if not hasattr(signal, "pthread_sigmask") or threading.current_thread() is not threading.main_thread():
        yield
        return
    received: list[int] = []
    resource_tracker.ensure_running()  # to start it lets Ctrl-C in again
    heeded = [n for n in (signal.SIGINT, signal.SIGTERM) if signal.getsignal(n) not in (signal.SIG_IGN, None)]
    handlers = {number: signal.signal(number, lambda n, _: received.append(n)) for number in heeded}
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        for heard, handler in handlers.items():
            signal.signal(heard, handler)
        for number in received:
            signal.raise_signal(number)


def _work(do: Callable[[Item], Result], number: int, item: Item, parent: int) -> tuple[int, Result]:
    _follow(parent)
    return number, do(item)


@cache
def _follow(parent: int) -> None:
    """Leave Ctrl-C to the parent, and end this worker soon after the parent was killed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_after, args=(parent,), daemon=True).start()


def _end_after(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_WATCH_SECONDS)
    os._exit(1)
