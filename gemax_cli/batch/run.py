"""A whole conversion: sources to an output folder."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from gemax_cli.batch.plan import Plan, Step, make_plan, shard_of
from gemax_cli.batch.pool import run_all, stop_workers
from gemax_cli.batch.task import Outcome
from gemax_cli.errors import NothingToConvert
from gemax_cli.scans.model import ScanRef
from gemax_cli.scans.selection import Selection
from gemax_cli.scans.walk import find_scans
from gemax_cli.settings import Settings
from gemax_cli.stack.folder import Shard, check_settings, locked, make_folder, write_run, write_tables
from gemax_cli.stack.naming import records_name
from gemax_cli.stack.png import remove_temporaries
from gemax_cli.stack.records import RecordWriter, tidy_records
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


def find(sources: Sequence[Path], selection: Selection, options: RunOptions) -> tuple[tuple[ScanRef, ...], Summary]:
    """The scans of this run.

    Raises:
        NothingToConvert: there is none.
    """
    found = find_scans(sources, selection)
    refs = shard_of(found.scans, options.shard)
    if options.only_sources is not None:
        refs = tuple(ref for ref in refs if ref.source in options.only_sources)
    if not refs and not (options.shard and found.scans):
        places = ", ".join(str(source) for source in sources)
        raise NothingToConvert(f"{places}: no scan to convert: check the folder and the filters.")
    return refs, Summary(found=len(refs), notes=found.notes)


def convert(
    sources: Sequence[Path | str],
    out: Path | str,
    settings: Settings | None = None,
    selection: Selection | None = None,
    options: RunOptions | None = None,
    listener: Listener | None = None,
) -> Summary:
    """Convert every scan of ``sources`` into the output folder ``out``; what is there already is kept.

    Raises:
        NothingToConvert: no scan was found.
        OutputError: the folder is in use, was made with other settings, or cannot be written to.
        KeyboardInterrupt: passed on; what was done until then is recorded.
    """
    started, out, options = time.perf_counter(), Path(out), options or RunOptions()
    settings, listener = settings or Settings(), listener or Listener()
    refs, summary = find([Path(source) for source in sources], selection or Selection(), options)
    make_folder(out)
    with locked(out, options.shard):
        if not options.overwrite:
            check_settings(out, settings)
        write_run(out, settings, options.command)
        plan = make_plan(refs, out, settings, overwrite=options.overwrite)
        summary.done = plan.done
        listener.planned(plan, summary)
        _run(plan, out, settings, options, summary, listener)
    summary.seconds = time.perf_counter() - started
    return summary


def _run(plan: Plan, out: Path, settings: Settings, options: RunOptions, summary: Summary, listener: Listener) -> None:
    records = out / records_name(options.shard)
    tried: set[str] = set()
    whole = False
    try:
        with RecordWriter(records) as writer:
            for outcome in run_all(plan.tasks(out, settings), min(options.jobs, max(1, len(plan.steps)))):
                tried.add(outcome.scan)
                _count(outcome, summary, writer)
                listener.finished(outcome)
                if outcome.failure and (options.on_failure == "stop" or outcome.disk_full):
                    break
            else:
                whole = True
    finally:
        if not whole:
            stop_workers()
            _sweep(plan.steps, tried, out)
        summary.left = len(plan.steps) - len(tried)
        _finish(plan, records, out, summary, tried)


def _count(outcome: Outcome, summary: Summary, writer: RecordWriter) -> None:
    if outcome.line is not None:
        writer.append_line(outcome.line)
        summary.converted += 1
        summary.warned += outcome.warnings > 0
    elif outcome.failure:
        summary.failures.append(outcome.failure)
        summary.disk_full = summary.disk_full or outcome.disk_full


def _sweep(steps: Iterable[Step], tried: set[str], out: Path) -> None:
    """Remove temporary files of tasks that were stopped half-way."""
    for step in steps:
        if step.ref.scan not in tried and (out / step.ref.scan).is_dir():
            for folder in (out / step.ref.scan, *(out / step.ref.scan).glob("d*/")):
                remove_temporaries(folder)


def _finish(plan: Plan, records: Path, out: Path, summary: Summary, tried: set[str]) -> None:
    if plan.steps:
        tidy_records(records)
    elif records.stat().st_size == 0:
        records.unlink()
    sources = {step.ref.source for step in plan.steps if step.ref.scan in tried}
    write_tables(out, summary.failures, sources.__contains__)
