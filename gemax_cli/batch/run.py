"""A whole conversion: sources to an output folder."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence, Set
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from gemax_cli.batch.model import Outcome, Task, death_of, may_crash
from gemax_cli.batch.plan import Plan, make_plan, shard_of
from gemax_cli.datasets.model import ScanRef
from gemax_cli.datasets.selection import Selection
from gemax_cli.errors import FileUnreadable, NothingToConvert
from gemax_cli.parallel import map_unordered
from gemax_cli.paths import AnyPath, AnyPaths, as_paths
from gemax_cli.scans.walk import Found, find_scans
from gemax_cli.settings import Settings
from gemax_cli.stack.atomic import remove_temporaries
from gemax_cli.stack.folder import OutputFolder, Shard
from gemax_cli.stack.records import RecordWriter
from gemax_cli.stack.tables import Failure

OnFailure = Literal["continue", "stop"]


@dataclass(frozen=True)
class RunOptions:
    """How a batch is run; nothing here changes the bytes of a map.

    Attributes:
        jobs: worker processes.
        overwrite: convert again what is there already.
        on_failure: go on to the next scan, or stop at the first failure.
        shard: (i, n): only every n-th scan from the i-th on.
        only_sources: take only scans of these ``source`` names (a failures.csv fed back).
        command: the command line, for run.json.
    """

    jobs: int = 1
    overwrite: bool = False
    on_failure: OnFailure = "continue"
    shard: Shard | None = None
    only_sources: frozenset[str] | None = None
    command: tuple[str, ...] = ()


@dataclass
class Summary:
    """What a run did.

    Attributes:
        found: scans that the sources hold and the filters keep.
        done: were complete already.
        converted: done in this run.
        failures: not converted, and why.
        warned: converted, but to be looked at.
        left: not tried, because the run was stopped.
        notes: sentences from the walk.
        disk_full: the run was stopped because nothing more could be written.
        seconds: wall clock.
    """

    found: int = 0
    done: int = 0
    converted: int = 0
    failures: list[Failure] = field(default_factory=list)
    warned: int = 0
    left: int = 0
    notes: tuple[str, ...] = ()
    disk_full: bool = False
    seconds: float = 0.0

    @property
    def exit_code(self) -> int:
        """0 where all is converted, 3 where something failed or is left."""
        return 3 if self.failures or self.left else 0


class Listener:
    """What a caller may want to hear of while a batch runs; the methods do nothing by themselves."""

    def planned(self, plan: Plan, summary: Summary) -> None:
        """The work is known and about to start."""

    def finished(self, outcome: Outcome) -> None:
        """One scan is done, its record written."""


def run_task(task: Task) -> Outcome:
    """Do one task; never raises. What that takes is imported here: a parent of workers need not load it."""
    from gemax_cli.batch.task import run_task

    return run_task(task)


def find(sources: Sequence[Path], selection: Selection, options: RunOptions) -> tuple[Sequence[ScanRef], Summary]:
    """The scans of this run; folders that cannot be searched are failures of its summary.

    Raises:
        NothingToConvert: there is none.
    """
    found = find_scans(sources, selection)
    refs, notes = shard_of(found.scans, options.shard), found.notes
    if options.only_sources is not None:
        only = options.only_sources
        refs = [ref for ref in refs if not only.isdisjoint(_with_folders(ref.source))]
        notes += _gone_notes(only, found)
    if not refs and not (options.shard and found.scans):
        reasons = [unlisted.message for unlisted in found.unlisted[:1]]
        reasons = reasons or [f"{', '.join(map(str, sources))}: no scan to convert: check the folder and the filters."]
        raise NothingToConvert(reasons[0])
    failures = [Failure(folder.source, "walk", FileUnreadable.__name__, folder.message) for folder in found.unlisted]
    return refs, Summary(found=len(refs), notes=notes, failures=failures)


def _with_folders(source: str) -> Iterator[str]:
    """A source and all folders above it, as failures name them."""
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
    """What ``convert`` would do, and what it would notice on the way; nothing is written.

    Raises:
        NothingToConvert: no scan was found.
        OutputError: the folder was made with other settings.
    """
    folder, settings, options = OutputFolder(out), settings or Settings(), options or RunOptions()
    refs, summary = find(as_paths(sources), selection or Selection(), options)
    if not options.overwrite:
        folder.check_settings(settings)
    return make_plan(refs, folder, settings, overwrite=options.overwrite), summary


def convert(
    sources: AnyPaths,
    out: AnyPath,
    settings: Settings | None = None,
    selection: Selection | None = None,
    options: RunOptions | None = None,
    listener: Listener | None = None,
) -> Summary:
    """Convert every scan of ``sources`` into the output folder ``out``; what is there already is kept.

    Raises:
        NothingToConvert: no scan was found.
        OutputError: the folder is in use, was made with other settings, is full or cannot be written to.
        KeyboardInterrupt: passed on; what was done until then is recorded.
    """
    started, folder, options = time.perf_counter(), OutputFolder(out), options or RunOptions()
    settings, listener = settings or Settings(), listener or Listener()
    refs, summary = find(as_paths(sources), selection or Selection(), options)
    with folder.explained():
        folder.prepare()
        with folder.locked(options.shard):
            if not options.overwrite:
                folder.check_settings(settings)
            folder.write_run(settings, options.command)
            steps = make_plan(refs, folder, settings, overwrite=options.overwrite)
            summary.done = steps.done
            listener.planned(steps, summary)
            _Batch(steps, folder, settings, options, summary, listener).run()
    summary.seconds = time.perf_counter() - started
    return summary


@dataclass
class _Batch:
    """The steps of one run, and what became of them."""

    plan: Plan
    folder: OutputFolder
    settings: Settings
    options: RunOptions
    summary: Summary
    listener: Listener
    begun: int = 0  # steps handed out, from the first on
    underway: set[str] = field(default_factory=set)  # ids of those that are not back

    def run(self) -> None:
        """Do the steps; whatever ends the run, what was done until then is recorded."""
        whole = False
        try:
            whole = self._do_steps()
        finally:
            self.summary.left = len(self.plan.steps) - self.begun + len(self.underway)
            if not whole:
                self._sweep()
            self._write_tables()

    def _do_steps(self) -> bool:
        """Whether every step was tried."""
        jobs = min(self.options.jobs, max(1, len(self.plan.steps)))
        outcomes = map_unordered(
            run_task,
            self._tasks(),
            jobs,
            lost=lambda task: Outcome(task.ref.scan_id, failure=death_of(task.ref)),
            isolated=lambda task: may_crash(task.ref),
        )
        with self.folder.writer(self.options.shard) as writer, closing(outcomes):
            for outcome in outcomes:
                self._note(outcome, writer)
                self.listener.finished(outcome)
                if outcome.failure and (self.options.on_failure == "stop" or outcome.disk_full):
                    return False
        return True

    def _tasks(self) -> Iterator[Task]:
        for task in self.plan.tasks(self.folder, self.settings):
            self.begun += 1
            self.underway.add(task.ref.scan_id)
            yield task

    def _left(self) -> Iterator[ScanRef]:
        """The scans not tried to the end."""
        return (
            step.ref
            for number, step in enumerate(self.plan.steps)
            if number >= self.begun or step.ref.scan_id in self.underway
        )

    def _note(self, outcome: Outcome, writer: RecordWriter) -> None:
        if outcome.line is not None:
            writer.append_line(outcome.line)
            self.summary.converted += 1
            self.summary.warned += outcome.warnings > 0
        elif outcome.failure:
            self.summary.failures.append(outcome.failure)
            self.summary.disk_full = self.summary.disk_full or outcome.disk_full
        self.underway.discard(outcome.scan)

    def _sweep(self) -> None:
        """Remove temporary files of tasks that were stopped half-way."""
        for ref in self._left():
            place = self.folder.path / ref.scan_id
            for folder in (place, *place.glob("d*/")):
                remove_temporaries(folder)

    def _write_tables(self) -> None:
        if not self.plan.steps and not self.summary.failures and self.folder.tables_are_current():
            return
        self.folder.write_tables(self.options.shard, self.summary.failures, self._settled)

    def _settled(self, sources: Set[str]) -> set[str]:
        """Those of the sources, or folders of sources, that this run found converted or tried."""
        found = {name for ref in self.plan.refs for name in _with_folders(ref.source) if name in sources}
        return found.difference(ref.source for ref in self._left())
