"""The second pass of a batch: when all scans are converted, each scope of the mapping is solved and mapped."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from itertools import islice
from pathlib import Path

from gemax_cli.batch.model import Outcome, death_of
from gemax_cli.batch.remap import (
    Counted,
    CountTask,
    Pools,
    RemapTask,
    SharedMapping,
    add_pools,
    run_count,
    run_remap,
    solve_scope,
)
from gemax_cli.batch.scopes import Member, Scope, without
from gemax_cli.cluster import Cluster
from gemax_cli.parallel import map_unordered
from gemax_cli.settings import Settings
from gemax_cli.stack.folder import OutputFolder
from gemax_cli.stack.tables import Failure

SCOPES_AT_ONCE = 256  # their pooled histograms are held in memory: 32 KiB a depth
SCANS_PER_COUNT = 32  # of one task: to read a depth image takes a millisecond


class SecondPass:
    """Solve and map scopes.

    Attributes:
        in_flight: ids of the scans whose maps may be half written.
        left: number of scans still to be mapped.
    """

    def __init__(
        self, out: Path, settings: Settings, jobs: int, cluster: Callable[[int], Cluster | None], scopes: list[Scope]
    ) -> None:
        self.folder, self.settings, self.jobs = OutputFolder(out), settings, jobs
        self._cluster, self._scopes = cluster, scopes
        self.in_flight: set[str] = set()
        self.left = sum(len(scope.members) for scope in scopes)

    def outcomes(self) -> Generator[Outcome, None, None]:
        """Yield the outcome of each scan. A scan whose depth image cannot be read fails and takes no part."""
        scopes = iter(self._scopes)
        while batch := tuple(islice(scopes, SCOPES_AT_ONCE)):
            failures: dict[str, Failure] = {}
            totals: list[Pools] = [{} for _ in batch]
            for counted in self._counted(batch):
                totals[counted.scope] = add_pools(totals[counted.scope], counted.pools)
                failures.update({failure.source: failure for failure in counted.failures})
            yield from self._failed(batch, failures)
            whole = [without(scope, failures) for scope in batch]
            yield from self._mapped([(scope, pool) for scope, pool in zip(whole, totals, strict=True) if pool])

    def _failed(self, scopes: Sequence[Scope], failures: dict[str, Failure]) -> Iterator[Outcome]:
        for member in (member for scope in scopes for member in scope.members if member.source in failures):
            self.left -= 1
            yield Outcome(member.scan_id, failure=failures[member.source], shared=True)

    def _counted(self, scopes: Sequence[Scope]) -> Iterator[Counted]:
        tasks = [task for number, scope in enumerate(scopes) for task in self._count_tasks(number, scope.members)]
        jobs, cluster = min(self.jobs, len(tasks)), self._cluster(len(tasks))
        with closing(map_unordered(run_count, tasks, jobs, lost=_uncounted, cluster=cluster)) as results:
            yield from results

    def _count_tasks(self, number: int, members: Sequence[Member]) -> Iterator[CountTask]:
        for start in range(0, len(members), SCANS_PER_COUNT):
            scans = tuple((m.source, m.images) for m in members[start : start + SCANS_PER_COUNT])
            yield CountTask(number, self.folder.path, self.settings.quantisation.levels, scans)

    def _mapped(self, scopes: Sequence[tuple[Scope, Pools]]) -> Iterator[Outcome]:
        count = sum(len(scope.members) for scope, _ in scopes)
        jobs, cluster = min(self.jobs, count), self._cluster(count)
        with closing(map_unordered(run_remap, self._remaps(scopes), jobs, lost=_unmapped, cluster=cluster)) as results:
            for outcome in results:
                self.left -= 1
                self.in_flight.discard(outcome.scan)
                yield outcome

    def _remaps(self, scopes: Sequence[tuple[Scope, Pools]]) -> Iterator[RemapTask]:
        for scope, pools in scopes:
            mapping = solve_scope(scope, pools, self.settings)
            yield from (task for member in scope.members if (task := self._remap(member, mapping)))

    def _remap(self, member: Member, mapping: SharedMapping) -> RemapTask | None:
        older = self.folder.record(member.scan_id)
        if older is None:  # another process changed the records; the next run sees to it
            return None
        self.in_flight.add(member.scan_id)
        return RemapTask(self.folder.path, self.settings, older, mapping)


def _uncounted(task: CountTask) -> Counted:
    return Counted(task.scope, {}, tuple(death_of(task.out / images[0][1], source) for source, images in task.scans))


def _unmapped(task: RemapTask) -> Outcome:
    older = task.older
    return Outcome(older.scan_id, failure=death_of(task.out / older.blocks[0].file, older.source), shared=True)
