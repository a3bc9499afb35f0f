"""Convert sources into an output folder."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence, Set
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from gemax_cli.batch.model import Outcome, Step, Task, death_of, kind_of_warning, may_crash
from gemax_cli.batch.plan import Plan, make_plan, shard_of, task_of
from gemax_cli.batch.scopes import check_shard, unmapped_scopes
from gemax_cli.batch.settle import (
    FEWEST_AT_ONCE,
    Settled,
    check_sequences,
    in_parts,
    run_settle,
    settle_tasks,
    unsettled,
    whole_sequences,
)
from gemax_cli.cluster import Cluster
from gemax_cli.datasets.completeness import Completeness, completeness
from gemax_cli.datasets.model import ScanName, ScanRef
from gemax_cli.datasets.other import NAME as OTHER
from gemax_cli.datasets.selection import Selection
from gemax_cli.errors import SOME_FAILED, ExtraMissing, FileUnreadable, FolderGone, NothingToConvert
from gemax_cli.parallel import map_unordered
from gemax_cli.paths import AnyPath, AnyPaths, as_paths
from gemax_cli.scans.walk import Found, check_sources, find_scans
from gemax_cli.settings import Settings
from gemax_cli.stack.atomic import sync_all, sync_path
from gemax_cli.stack.folder import OutputFolder, Shard
from gemax_cli.stack.naming import records_name
from gemax_cli.stack.records import RecordWriter
from gemax_cli.stack.tables import Failure

if TYPE_CHECKING:
    from gemax_cli.batch.second_pass import SecondPass

SYNC_SECONDS, SYNC_SHARE = 1.0, 20.0  # between two waits for the disk: a second, and twenty times what the last took
OnFailure = Literal["continue", "stop"]


@dataclass(frozen=True)
class RunOptions:
    """How to run a batch. These options do not change the bytes of a map.

    Attributes:
        jobs: worker processes.
        overwrite: convert scans again that are complete already.
        on_failure: go on to the next scan, or stop at the first failure.
        shard: (i, n): only every n-th scan from the i-th on.
        only_sources: take only scans of these ``source`` names (a failures.csv fed back).
        dask: convert on a Dask cluster: the address of its scheduler, a scheduler file, or ``local``.
        command: the command line, for run.json.
        whole_disk: search sources that are a whole disk.
        wait: seconds to wait for an output folder that another process writes to.
    """

    jobs: int = 1
    overwrite: bool = False
    on_failure: OnFailure = "continue"
    shard: Shard | None = None
    only_sources: frozenset[str] | None = None
    dask: str | None = None
    command: tuple[str, ...] = ()
    whole_disk: bool = False
    wait: float = 0.0


@dataclass
class Summary:
    """What a run did.

    Attributes:
        found: scans in the sources that pass the filters.
        done: scans that were complete already.
        converted: scans converted in this run.
        shared: scans mapped by the mapping of their scope, those of earlier runs included.
        changed: scans of those planned whose raw files changed since they were converted.
        failures: scans that failed, with the reasons.
        warned: scans converted with warnings.
        warnings: of these scans: how many have a warning of each kind.
        left: scans not tried because the run was stopped.
        notes: sentences about the search for scans.
        disk_full: whether the run was stopped because the disk is full.
        scans: number of scans that are there now, per database.
        completeness: subjects and expressions of the scans that are there now, per database.
        seconds: wall clock.
    """

    found: int = 0
    done: int = 0
    converted: int = 0
    shared: int = 0
    changed: int = 0
    failures: list[Failure] = field(default_factory=list)
    warned: int = 0
    warnings: Counter[str] = field(default_factory=Counter)
    left: int = 0
    notes: tuple[str, ...] = ()
    disk_full: bool = False
    scans: Mapping[str, int] = field(default_factory=dict)
    completeness: tuple[Completeness, ...] = ()
    seconds: float = 0.0

    @property
    def exit_code(self) -> int:
        """0 if all scans are converted, 3 if some failed or are left."""
        return SOME_FAILED if self.failures or self.left else 0

    def add_warnings(self, outcome: Outcome) -> None:
        """Count the warnings of a converted scan."""
        self.warned += bool(outcome.warnings)
        self.warnings.update({kind_of_warning(sentence) for sentence in outcome.warnings})


class Reporter:
    """Progress of a batch, for subclasses to report. The methods here do nothing."""

    def planned(self, plan: Plan, summary: Summary) -> None:
        """Called once, before the first step."""

    def placing(self, frames: int) -> None:
        """Called before so many frames of sequences are placed, which comes before they are converted."""

    def placed(self, frames: int) -> None:
        """Called for each sequence whose frames, so many, are placed."""

    def sharing(self, scans: int) -> None:
        """Called once where the mapping's scope is more than a scan: so many scans are now to be mapped."""

    def finished(self, outcome: Outcome) -> None:
        """Called for each scan, soon after its record is written; for scans of a shared mapping, after each pass."""


def run_task(task: Task) -> Outcome:
    """Do one task; never raises. The imports are here because the parent of workers does not need them."""
    from gemax_cli.batch.task import run_task

    return run_task(task)


def find(
    sources: Sequence[Path], out: Path, settings: Settings, selection: Selection, options: RunOptions
) -> tuple[Sequence[ScanRef], Summary]:
    """Find the scans of this run. Folders that cannot be read are failures in the summary.

    Raises:
        NothingToConvert: there is none.
        SettingsError: a source is a whole disk, and the options do not ask for it; or a shard would split the scopes.
    """
    check_shard(settings, options.shard)
    if not options.whole_disk:
        check_sources(sources, out)
    found = find_scans(sources, selection)
    check_sequences(settings, found.scans)
    refs, notes = shard_of(found.scans, options.shard, settings), (*found.notes, *_sequence_notes(settings, found))
    if options.only_sources is not None:
        only = options.only_sources
        chosen = [ref for ref in refs if not only.isdisjoint(_with_folders(ref.source))]
        refs = whole_sequences(chosen, refs, settings)
        notes += _gone_notes(only, found)
    if not refs and not (options.shard and found.scans):
        reasons = [unlisted.message for unlisted in found.unlisted[:1]]
        named = ", ".join(map(str, sources)) or "an empty list"
        reasons = reasons or [f"{named}: no scan to convert: check the folder and the filters."]
        raise NothingToConvert(" ".join((reasons[0], *found.notes)))
    failures = [Failure(folder.source, "walk", FileUnreadable.__name__, folder.message) for folder in found.unlisted]
    return refs, Summary(found=len(refs), notes=notes, failures=failures)


def _sequence_notes(settings: Settings, found: Found) -> Iterator[str]:
    """A sentence on scans that are frames by their names alone: they may be of different people."""
    names = dict.fromkeys(ref.frame.sequence for ref in found.scans if ref.frame and ref.name.dataset == OTHER)
    if names and settings.sequence != "none":
        yield (
            f"Folders of scans numbered alike, taken for 4D sequences and placed as one: {len(names)}, such as "
            f"{next(iter(names))}: --sequence none takes each scan for itself."
        )


def _with_folders(source: str) -> Iterator[str]:
    """Yield a source and all folders above it, spelled as in failures.csv."""
    yield source
    yield from (source[: place + 1] for place, character in enumerate(source) if character == "/")
    yield "./"


def _gone_notes(only: frozenset[str], found: Found) -> tuple[str, ...]:
    there = {folder.source for folder in found.unlisted}
    there.update(name for ref in found.scans for name in _with_folders(ref.source) if name in only)
    gone = sorted(only - there)
    return (f"Scans listed as failed that are not there any more: {len(gone)}, such as {gone[0]}.",) if gone else ()


def plan(
    sources: AnyPaths,
    out: AnyPath,
    settings: Settings | None = None,
    selection: Selection | None = None,
    options: RunOptions | None = None,
) -> tuple[Plan, Summary]:
    """Plan what ``convert`` would do, without writing anything; returns the plan and a summary.

    Raises:
        NothingToConvert: no scan was found.
        OutputError: the folder was made with other settings.
    """
    folder, settings, options = OutputFolder(out), settings or Settings(), options or RunOptions()
    refs, summary = find(as_paths(sources), folder.path, settings, selection or Selection(), options)
    todo = make_plan(refs, folder, settings, overwrite=options.overwrite)
    _tell(todo, summary)
    if settings.mapping != "scan":
        scopes = sum(1 for _ in unmapped_scopes(folder.records(), settings, {ref.scan_id for ref in refs}))
        summary.notes += (f"Scopes in the folder whose maps are not those of all their scans: {scopes}.",)
    return todo, summary


def _tell(todo: Plan, summary: Summary) -> None:
    """Note in the summary what a plan found."""
    summary.done = todo.done
    summary.changed = sum(step.reason == "changed" for step in todo.steps)
    summary.notes += todo.notes


def convert(
    sources: AnyPaths,
    out: AnyPath,
    settings: Settings | None = None,
    selection: Selection | None = None,
    options: RunOptions | None = None,
    reporter: Reporter | None = None,
) -> Summary:
    """Convert every scan of ``sources`` into the output folder ``out``. Complete scans are kept.

    Raises:
        NothingToConvert: no scan was found.
        OutputError: the folder is in use, was made with other settings, is full or cannot be written to.
        ClusterError: the Dask cluster cannot be used.
        ClusterLost: the Dask cluster ended; the scans done until then are recorded.
        KeyboardInterrupt: passed on; the scans done until then are recorded.
    """
    started, folder, options = time.perf_counter(), OutputFolder(out), options or RunOptions()
    settings, reporter = settings or Settings(), reporter or Reporter()
    refs, summary = find(as_paths(sources), folder.path, settings, selection or Selection(), options)
    with folder.explained():
        folder.prepare()
        with folder.locked(options.shard, options.wait):
            todo = make_plan(refs, folder, settings, overwrite=options.overwrite)
            _tell(todo, summary)
            folder.write_run(settings, options.command, as_paths(sources))
            reporter.planned(todo, summary)
            _Batch(todo, folder, settings, options, summary, reporter).run()
    summary.seconds = time.perf_counter() - started
    return summary


@dataclass
class _Batch:
    """The steps of one run and their state."""

    plan: Plan
    folder: OutputFolder
    settings: Settings
    options: RunOptions
    summary: Summary
    reporter: Reporter
    begun: int = 0  # steps handed out, from the first on
    in_flight: set[str] = field(default_factory=set)  # scan ids without an outcome yet
    stamps: dict[str, str] = field(default_factory=dict)  # for the next run
    unrecorded: list[Outcome] = field(default_factory=list)  # whose images may not lie on the disk yet
    next_sync: float = 0.0
    second: SecondPass | None = None  # where the mapping's scope is more than the scan

    def __post_init__(self) -> None:
        self.stamps.update(self.plan.stamps)

    def run(self) -> None:
        """Do the steps and record them, also if an exception ends the run."""
        whole, gone = False, False
        try:
            whole = self._do_steps()
        except FolderGone:
            gone = True
            raise
        finally:
            self.summary.left = len(self.plan.steps) - self.begun + len(self.in_flight)
            self.summary.left += self.second.left if self.second else 0
            if not whole:
                self._remove_temporaries()
            if not gone:
                self._write_tables()
            self.summary.scans = Counter(name.dataset for name in self._names())
            self.summary.completeness = tuple(completeness(self._names()))

    def _names(self) -> Iterator[ScanName]:
        """Of the scans that are there now."""
        missing = {failure.source for failure in self.summary.failures} | {ref.source for ref in self._left()}
        return (ref.name for ref in self.plan.refs if ref.source not in missing)

    def _do_steps(self) -> bool:
        """Do the steps; returns whether all of them were tried."""
        at_once = max(FEWEST_AT_ONCE, 4 * self.options.jobs)
        with self.folder.writer(self.options.shard) as writer:
            try:
                for steps, sequences in in_parts(self.plan.steps, self.plan.unsettled, at_once):
                    if not self._do_part(steps, self._settle(sequences), writer):
                        return False
                if self.settings.mapping != "scan":
                    return self._share_mappings(writer)
            finally:
                self._record(writer)
            self.folder.check_in_place(records_name(self.options.shard))
        return True

    def _do_part(self, steps: Sequence[Step], settled: Mapping[str, Settled], writer: RecordWriter) -> bool:
        outcomes = map_unordered(
            run_task,
            self._tasks(steps, settled),
            min(self.options.jobs, len(steps)),
            lost=lambda task: Outcome(task.ref.scan_id, failure=death_of(task.ref.path, task.ref.source)),
            isolated=lambda task: may_crash(task.ref),
            cluster=self._cluster(len(steps)),
        )
        with closing(outcomes):
            for outcome in outcomes:
                self._track(outcome, writer)
                if self._ends_run(outcome):
                    return False
        return True

    def _settle(self, sequences: Set[str]) -> dict[str, Settled]:
        """Place the frames of some sequences; the result of each, by its name."""
        tasks = settle_tasks(self.plan.refs, sequences, self.settings, absolute=bool(self.options.dask))
        if not tasks:
            return {}
        self.reporter.placing(sum(len(task.frames) for task in tasks))
        jobs, cluster = min(self.options.jobs, len(tasks)), self._cluster(len(tasks))
        results = map_unordered(
            run_settle, tasks, jobs, lost=unsettled, isolated=lambda task: task.may_crash, cluster=cluster
        )
        found: dict[str, Settled] = {}
        with closing(results):
            for settled in results:
                if settled.missing:
                    raise ExtraMissing(settled.missing)
                found[settled.sequence] = settled
                self.reporter.placed(settled.frames)
        return found

    def _ends_run(self, outcome: Outcome) -> bool:
        return outcome.failure is not None and (self.options.on_failure == "stop" or outcome.disk_full)

    def _share_mappings(self, writer: RecordWriter) -> bool:
        """Solve and map the scopes that lack it; returns whether all were tried. All scans are converted by now."""
        self._record(writer)
        scans = {ref.scan_id for ref in self.plan.refs}
        scopes = list(unmapped_scopes(self.folder.records(), self.settings, scans))
        if not scopes:
            return True
        from gemax_cli.batch.second_pass import SecondPass  # kernels, which other runs leave to the workers

        out = self.folder.path.absolute() if self.options.dask else self.folder.path
        self.second = SecondPass(out, self.settings, self.options.jobs, self._cluster, scopes)
        self.reporter.sharing(self.second.left)
        with closing(self.second.outcomes()) as outcomes:
            for outcome in outcomes:
                self._track(outcome, writer)
                if self._ends_run(outcome):
                    return False
        return True

    def _cluster(self, items: int) -> Cluster | None:
        """The cluster to run on; none for a run without items."""
        if not self.options.dask or not items:
            return None
        return Cluster(self.options.dask, self.folder.path.absolute(), items)

    def _tasks(self, steps: Sequence[Step], settled: Mapping[str, Settled]) -> Iterator[Task]:
        for step in steps:
            task = task_of(step, self.folder, self.settings, settled.get(step.sequence))
            self.begun += 1
            self.in_flight.add(task.ref.scan_id)
            yield task.absolute() if self.options.dask else task

    def _left(self) -> Iterator[ScanRef]:
        """The scans without an outcome."""
        return (
            step.ref
            for number, step in enumerate(self.plan.steps)
            if number >= self.begun or step.ref.scan_id in self.in_flight
        )

    def _track(self, outcome: Outcome, writer: RecordWriter) -> None:
        if outcome.line is not None:
            self.unrecorded.append(outcome)
            if time.monotonic() >= self.next_sync:
                self._record(writer)
        elif outcome.failure:
            self.summary.failures.append(outcome.failure)
            self.summary.disk_full = self.summary.disk_full or outcome.disk_full
            self.in_flight.discard(outcome.scan)
            self.reporter.finished(outcome)

    def _record(self, writer: RecordWriter) -> None:
        """Record the scans that wait for it, once their images lie on the disk. That is done for many scans at a time.

        After a power cut a record never names an image that is not there; the scans of the last seconds are lost, and
        converted again.
        """
        if not self.unrecorded:
            return
        started = time.monotonic()
        sync_all()
        name = records_name(self.options.shard)
        self.folder.check_in_place(name)
        batch, self.unrecorded = self.unrecorded, []
        for outcome in batch:
            writer.append_line(outcome.line or "")
            if outcome.stamp:
                self.stamps[outcome.scan] = outcome.stamp
            self.summary.shared += outcome.shared
            self.summary.converted += not outcome.shared
            if not outcome.shared:
                self.summary.add_warnings(outcome)
            self.in_flight.discard(outcome.scan)
        sync_path(self.folder.path / name)
        ended = time.monotonic()
        self.next_sync = ended + max(SYNC_SECONDS, SYNC_SHARE * (ended - started))
        for outcome in batch:
            self.reporter.finished(outcome)

    def _remove_temporaries(self) -> None:
        """Remove temporary files of tasks that were stopped before their end."""
        for ref in self._left():
            self.folder.remove_temporaries(ref.scan_id)
        for scan_id in self.second.in_flight if self.second else ():
            self.folder.remove_temporaries(scan_id)

    def _write_tables(self) -> None:
        idle = not self.plan.steps and not self.summary.failures and not self.stamps and not self.summary.shared
        if not idle or not self.folder.tables_are_current():
            self.folder.write_tables(self.options.shard, self.summary.failures, self._resolved, self.stamps)

    def _resolved(self, sources: Set[str]) -> set[str]:
        """The sources, or folders of sources, that this run converted, tried or found complete."""
        found = {name for ref in self.plan.refs for name in _with_folders(ref.source) if name in sources}
        return found.difference(ref.source for ref in self._left())
