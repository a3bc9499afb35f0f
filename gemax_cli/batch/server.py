"""Workers forked from a server: one process loads numba and the kernels, the others are copies of it.

The server is multiprocessing's fork server; it runs no thread, so that to fork it is safe, which to fork the parent
is not. The workers are looked after by loky's executor, which notices when one dies.
"""

from __future__ import annotations

import importlib
import multiprocessing
import os
import signal
import sys
import threading
import time
import types
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from gemax_cli.process import is_ours

if TYPE_CHECKING:
    from concurrent.futures import Future

PRELOADED = "gemax_cli.batch.warm"
AHEAD = 2  # portions of tasks per worker that are under way, so that none waits for the next
PORTION_SECONDS, LARGEST_PORTION = 0.1, 8  # to hand a task out and take it back costs up to a tenth of a scan's time
Given = TypeVar("Given")
Made = TypeVar("Made")


def is_usable() -> bool:
    """Whether workers can be forked from a server: on Linux, in a process of gemax's own.

    The code that a notebook runs in processes of its own must not find gemax's settings there. Windows cannot fork, and
    on macOS a fork after the system's libraries were used may crash.
    """
    return is_ours() and sys.platform == "linux"


@contextmanager
def loading(early: bool) -> Iterator[None]:
    """Let the server start now, ``early``, if there will be workers; stop it where an exception ends the work."""
    if early and is_usable():
        start()
    try:
        yield
    except BaseException:
        stop()
        raise


def start() -> None:
    """Let the server start; it loads what the workers need while this process goes on. Once started, it stays."""
    from multiprocessing import forkserver, resource_tracker

    resource_tracker.ensure_running()  # lets signals in again when it starts: not while they are to wait
    with signals_waiting(), _same_path():
        multiprocessing.set_forkserver_preload([PRELOADED])
        forkserver.ensure_running()


def is_ready() -> bool:
    """Start the server and wait until it has loaded all, which takes long where it compiles; Ctrl-C ends the waiting.

    Returns:
        Whether it has loaded the same files as this process, and not another copy that lies in the working folder.

    Raises:
        TerminatedWorkerError: it died.
    """
    start()
    with signals_waiting():
        importlib.import_module("joblib.externals.loky")  # while it loads
    first = multiprocessing.get_context("forkserver").Process(target=_compare, args=(__file__,))
    with _death_noticed(), _main_hidden():
        first.start()
    first.join()
    return first.exitcode == 0


def _compare(file: str) -> None:
    sys.exit(file != __file__)


def _is_working_folder(place: str) -> bool:
    try:
        return Path(place).samefile(".")
    except OSError:  # one of them is gone
        return False


@contextmanager
def _same_path() -> Iterator[None]:
    """Have a new interpreter look for modules in the working folder only if this one does (Python 3.11 or newer)."""
    name, before = "PYTHONSAFEPATH", os.environ.get("PYTHONSAFEPATH")
    if not sys.path or not _is_working_folder(sys.path[0]):
        os.environ[name] = "1"
    try:
        yield
    finally:
        os.environ.pop(name, None)
        os.environ.update({name: before} if before else {})


def serve(do: Callable[[Given], Made], tasks: Iterable[Given], jobs: int) -> Iterator[Made]:
    """Do ``tasks`` in ``jobs`` workers of a server that ``is_ready`` and yield what becomes of them, in any order.

    Raises:
        TerminatedWorkerError: a worker died; what was under way is lost.
    """
    executor = _executor(jobs)
    rest, under_way = iter(tasks), set[Any]()
    try:
        with signals_waiting(), _main_hidden():  # the first task starts all workers
            _submit(executor, do, islice(rest, 1), under_way)
        for _ in range(AHEAD * jobs - 1):
            _submit(executor, do, islice(rest, 1), under_way)
        while under_way:
            for future in _some_done(under_way):
                made, seconds = future.result()
                _submit(executor, do, islice(rest, _portion(seconds / len(made))), under_way)
                yield from made
    finally:
        if under_way:
            kill_workers()
        executor.shutdown(wait=False)


def _executor(jobs: int) -> Any:
    with signals_waiting():
        from joblib.externals.loky import ProcessPoolExecutor
    start_trackers()
    return ProcessPoolExecutor(jobs, context=multiprocessing.get_context("forkserver"), initializer=follow_parent)


def _submit(executor: Any, do: Callable[..., Any], tasks: Iterable[Any], under_way: set[Any]) -> None:
    if portion := tuple(tasks):
        with _death_noticed():
            under_way.add(executor.submit(do_portion, do, portion))


def do_portion(do: Callable[[Given], Made], portion: Sequence[Given]) -> tuple[list[Made], float]:
    """Do some tasks in a worker; returns what became of them, and the seconds that it took."""
    start = time.perf_counter()
    return [do(task) for task in portion], time.perf_counter() - start


def _portion(seconds: float) -> int:
    """How many tasks to hand out at once, going by what one of the last took."""
    return max(1, min(LARGEST_PORTION, int(PORTION_SECONDS / max(seconds, 1e-9))))


@contextmanager
def _death_noticed() -> Iterator[None]:
    """Take the death of the server for that of a worker."""
    try:
        yield
    except (ConnectionError, EOFError) as error:
        from joblib.externals.loky.process_executor import TerminatedWorkerError

        raise TerminatedWorkerError("no worker can be started") from error


def _some_done(under_way: set[Any]) -> Iterator[Future[Any]]:
    """Wait for something to be done, and take it out of ``under_way``."""
    from concurrent.futures import FIRST_COMPLETED, wait

    for future in wait(under_way, return_when=FIRST_COMPLETED).done:
        under_way.remove(future)
        yield future


@contextmanager
def _main_hidden() -> Iterator[None]:
    """Keep multiprocessing from importing the main program in the workers: a script without a guard runs again."""
    main = sys.modules["__main__"]
    sys.modules["__main__"] = types.ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main


def follow_parent() -> None:
    """End this worker when its parent was killed: nobody is left to record what it makes."""
    threading.Thread(target=_end_with_parent, name="gemax-follow", daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def kill_workers() -> None:
    """Kill the workers at once; loky's own way to do it may end in a traceback while tasks wait in its queue."""
    for worker in multiprocessing.active_children():
        worker.kill()


def stop() -> None:
    """Kill the workers and the server at once, if there are any."""
    if not is_usable():
        return
    kill_workers()
    if "multiprocessing.forkserver" in sys.modules:
        from multiprocessing import forkserver

        server: Any = forkserver._forkserver
        if server._forkserver_pid is not None:  # it has no public way to end before its parent does
            os.kill(server._forkserver_pid, signal.SIGKILL)
            server._stop()


def start_trackers() -> None:
    """Start the two helpers of joblib's pool now: when they start, they let signals in again."""
    if hasattr(signal, "pthread_sigmask"):
        from multiprocessing import resource_tracker

        from joblib.externals.loky.backend import resource_tracker as loky_tracker

        resource_tracker.ensure_running()
        loky_tracker.ensure_running()


@contextmanager
def signals_waiting() -> Iterator[None]:
    """Let Ctrl-C and SIGTERM wait until the workers have started; workers inherit that for ever.

    A terminal sends Ctrl-C to all processes: it is this one that stops the others. To block the signals does that for
    the workers but not for this process: the system hands them to any other thread of it, such as one of BLAS.
    """
    if not hasattr(signal, "pthread_sigmask") or threading.current_thread() is not threading.main_thread():
        yield
        return
    waiting: list[int] = []
    numbers = [n for n in (signal.SIGINT, signal.SIGTERM) if signal.getsignal(n) not in (signal.SIG_IGN, None)]
    handlers = {number: signal.signal(number, lambda n, _: waiting.append(n)) for number in numbers}
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        for number, handler in handlers.items():
            signal.signal(number, handler)
        for received in waiting:
            signal.raise_signal(received)
