"""Run tasks on a Dask cluster.

This uses ``dask.distributed`` itself: joblib's Dask backend waits for ever for a task that kills its workers.
"""

from __future__ import annotations

import logging
import tempfile
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import CancelledError
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Generic, TypeVar
from uuid import uuid4

from gemax_cli import __version__
from gemax_cli.errors import ClusterError, ClusterLost, GemaxError, not_installed
from gemax_cli.interrupts import signals_wait

if TYPE_CHECKING:
    from distributed import Client, Future

Item = TypeVar("Item")
Result = TypeVar("Result")

LEASE = ".gemax-cluster-"  # files of this prefix in the shared folder tell the workers that the run goes on
SMALLEST_GROUP, LARGEST_GROUP = 8, 50  # items of one Dask task: a task costs about as much as a tenth of a scan
GROUPS_PER_THREAD = 8
IN_FLIGHT = 3  # groups per thread
RETRIES = 2
_TURN_SECONDS = 1.0
_STOP_SECONDS = 10.0
_CONNECT_SECONDS = 30
_WITHOUT_WORKERS_SECONDS = 120.0


@dataclass(frozen=True)
class Cluster:
    """Where tasks run.

    Attributes:
        address: of a scheduler, such as ``tcp://node1:8786``; the path of a scheduler file (``.json``); or ``local``
            for a cluster of ``jobs`` processes on this machine.
        folder: a folder that this process can write to and every worker must see.
        items: number of items, for the size of the Dask tasks.
    """

    address: str
    folder: Path
    items: int


def map_on_cluster(
    do: Callable[[Item], Result], items: Iterable[Item], jobs: int, cluster: Cluster, lost: Callable[[Item], Result]
) -> Generator[Result, None, None]:
    """Apply ``do`` to every item on a Dask cluster and yield the results as they finish, in any order.

    Items are sent in groups. A group that kills its workers is sent again item by item, so that only the item at fault
    is lost. Closing the generator ends the run: a worker finishes the item that it works on.

    Raises:
        ClusterError: the cluster cannot be reached, a worker has another version of gemax or does not see the folder.
        ClusterLost: the scheduler ended, or no worker is left.
    """
    with ExitStack() as stack:
        client = stack.enter_context(_connected(cluster, jobs))
        lease = stack.enter_context(_lease(cluster.folder))
        with _scheduler_errors(cluster.address):
            _check_workers(client, lease)
            threads = sum(client.nthreads().values()) or 1
        size = min(max(cluster.items // (threads * GROUPS_PER_THREAD), SMALLEST_GROUP), LARGEST_GROUP)
        yield from _Run(client, cluster.address, do, lease, lost).results(_groups(items, size), threads * IN_FLIGHT)


class _Run(Generic[Item, Result]):
    """The groups in flight on a cluster."""

    def __init__(
        self, client: Client, address: str, do: Callable[[Item], Result], lease: Path, lost: Callable[[Item], Result]
    ) -> None:
        self.client, self.address, self.do, self.lease, self.lost = client, address, do, lease, lost
        self.in_flight: dict[Future, Sequence[Item]] = {}

    def results(self, groups: Iterator[Sequence[Item]], most: int) -> Iterator[Result]:
        """Yield the results of all groups; at most about ``most`` groups are in flight."""
        try:
            while True:
                for group in islice(groups, max(most - len(self.in_flight), 0)):
                    self._submit(group)
                if not self.in_flight:
                    return
                for future in self._finished():
                    yield from self._results_of(future)
        finally:
            self._stop()

    def _submit(self, group: Sequence[Item]) -> None:
        with _scheduler_errors(self.address):
            future = self.client.submit(do_group, self.do, group, self.lease, pure=False, retries=RETRIES)
        self.in_flight[future] = group

    def _finished(self) -> list[Future]:
        """Wait until one group or more are finished.

        Raises:
            ClusterLost: the scheduler ended, or there was no worker for a while.
        """
        last_seen = time.monotonic()
        while True:
            with _scheduler_errors(self.address):
                done = _wait(list(self.in_flight), _TURN_SECONDS, "FIRST_COMPLETED")
                if done:
                    return done
                if self.client.nthreads():
                    last_seen = time.monotonic()
            if time.monotonic() - last_seen > _WITHOUT_WORKERS_SECONDS:
                message = f"has had no worker for {_WITHOUT_WORKERS_SECONDS:.0f} s: start workers with a nanny"
                raise ClusterLost(f"the Dask cluster {self.address} {message}, and run the same command again.")

    def _results_of(self, future: Future) -> Iterator[Result]:
        """The results of a finished group; the items of one that killed its workers are submitted one by one."""
        from distributed import KilledWorker

        group = self.in_flight.pop(future)
        try:
            results: list[Result] = future.result()
        except CancelledError as error:
            raise ClusterLost(_gone(self.address, error)) from error
        except KilledWorker:
            if len(group) == 1:
                yield self.lost(group[0])
            else:
                for item in group:
                    self._submit([item])
        else:
            yield from results

    def _stop(self) -> None:
        """End what is in flight: without the lease, a worker stops after the item that it works on."""
        self.lease.unlink(missing_ok=True)
        if self.in_flight and self.client.status == "running":
            with suppress(CancelledError, OSError, TimeoutError):
                _wait(list(self.in_flight), _STOP_SECONDS, "ALL_COMPLETED")


def do_group(do: Callable[[Item], Result], group: Sequence[Item], lease: Path) -> list[Result]:
    """Do the items of a group in a Dask worker, as long as the run goes on.

    Raises:
        ClusterError: this worker does not fit the run.
    """
    if problem := worker_problem(__version__, lease):
        raise ClusterError(problem)
    return [do(item) for item in group if lease.exists()]


def worker_problem(version: str, lease: Path) -> str:
    """Why this worker does not fit a run of a version; empty if it does."""
    if version != __version__:
        return f"a worker has gemax {__version__}, this is {version}: install the same version on all machines."
    if not lease.exists():
        return f"a worker does not see {lease.parent}: give an output folder that all machines share under one path."
    return ""


def _groups(items: Iterable[Item], size: int) -> Iterator[Sequence[Item]]:
    items = iter(items)
    while group := tuple(islice(items, size)):
        yield group


def _wait(futures: list[Future], seconds: float, until: str) -> list[Future]:
    """The finished ones of ``futures`` after at most ``seconds``."""
    from distributed import wait

    with suppress(TimeoutError):
        wait(futures, timeout=seconds, return_when=until)
    return [future for future in futures if future.done()]


def _check_workers(client: Client, lease: Path) -> None:
    """Ask the workers that are there. Later ones are asked before their first group.

    Raises:
        ClusterError: one does not fit.
    """
    answers = client.run(worker_problem, __version__, lease, on_error="return")
    for worker, answer in sorted(answers.items()):
        if isinstance(answer, Exception):
            raise ClusterError(f"{worker}: cannot run gemax ({answer}): install gemax {__version__} there.")
        if answer:
            raise ClusterError(f"{worker}: {answer}")


@contextmanager
def _connected(cluster: Cluster, jobs: int) -> Iterator[Client]:
    """A client of the cluster. Dask's own log, which repeats what our errors say, is silent meanwhile."""
    try:
        import distributed  # noqa: F401
    except ImportError as error:
        raise ClusterError(not_installed("--dask", "distributed")) from error
    with ExitStack() as stack:
        stack.enter_context(_silent_logs())
        with _scheduler_errors(cluster.address, ClusterError), signals_wait():
            client = _local_client(stack, jobs) if cluster.address == "local" else _client(cluster.address)
            stack.enter_context(client)
        yield client


@contextmanager
def _silent_logs() -> Iterator[None]:
    logs = [logging.getLogger(name) for name in ("distributed", "distributed.client")]  # Dask gives each a level
    levels = [log.level for log in logs]
    for log in logs:
        log.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        for log, level in zip(logs, levels, strict=True):
            log.setLevel(level)


def _local_client(stack: ExitStack, jobs: int) -> Client:
    from dask import config
    from distributed import Client, LocalCluster

    place = stack.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True))
    options = {"threads_per_worker": 1, "dashboard_address": None, "local_directory": place}
    # Dask's own 64 KiB returns memory to the system after every scan, which takes a quarter of the time
    stack.enter_context(config.set({"distributed.nanny.pre-spawn-environ.MALLOC_TRIM_THRESHOLD_": 1 << 26}))
    return Client(stack.enter_context(LocalCluster(n_workers=jobs, **options)))


def _client(address: str) -> Client:
    from distributed import Client

    if not address.endswith(".json"):
        return Client(address, timeout=_CONNECT_SECONDS)
    if not Path(address).is_file():  # Dask would wait for it for ever
        raise ClusterError(f"{address}: there is no such file: start dask scheduler --scheduler-file {address}.")
    return Client(scheduler_file=address, timeout=_CONNECT_SECONDS)


@contextmanager
def _lease(folder: Path) -> Iterator[Path]:
    """A file in ``folder`` while the run goes on. Those of killed runs are removed."""
    for old in folder.glob(f"{LEASE}*"):
        old.unlink(missing_ok=True)
    path = folder / f"{LEASE}{uuid4().hex}"
    path.touch()
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)


@contextmanager
def _scheduler_errors(address: str, kind: type[GemaxError] = ClusterLost) -> Iterator[None]:
    """Re-raise what Dask raises when the scheduler is gone, as an error of ours.

    Raises:
        GemaxError: of the given ``kind``.
    """
    try:
        yield
    except (CancelledError, OSError, TimeoutError, ValueError) as error:
        raise kind(_gone(address, error)) from error


def _gone(address: str, error: Exception) -> str:
    advice = "start it, and run the same command again: what is done stays done"
    return f"the Dask scheduler {address} does not answer ({type(error).__name__}): {advice}."
