"""The progress of ``gemax convert``: a bar on stderr, records on stdout."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

import click

from gemax_cli.batch.profile import Profile
from gemax_cli.batch.run import Reporter, Summary
from gemax_cli.cli.output import emit, say
from gemax_cli.cli.signals import raise_again
from gemax_cli.printing import printable
from gemax_cli.stack.naming import FAILURES, METADATA

if TYPE_CHECKING:
    from rich.progress import Progress

    from gemax_cli.batch.model import Outcome
    from gemax_cli.batch.plan import Plan
    from gemax_cli.stack.tables import Failure

TYPICAL_SECONDS = 0.04  # per scan and process, five tau: twice what simulated scans take on the one core of the README
FIRST_RUN = "the first run on a machine compiles for a minute before it starts"
MOST_FAILURES = 10  # named on the terminal; all of them are in failures.csv


class ProgressReporter(Reporter):
    """Show a progress bar (if stderr is a terminal), failures when they happen, and a summary at the end."""

    def __init__(
        self, *, quiet: bool, as_json: bool, profile: bool = False, things: str = "scans", verb: str = "convert"
    ) -> None:
        self.quiet, self.as_json = quiet, as_json
        self._things, self._verb = things, verb
        self._profile = Profile() if profile else None
        self._bar: Progress | None = None
        self._named = 0

    def __enter__(self) -> ProgressReporter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar:
            self._bar.stop()

    def planned(self, plan: Plan, summary: Summary) -> None:
        """Print the notes of the search for scans and start the bar."""
        self.started(len(plan.steps), summary)

    def started(self, steps: int, summary: Summary) -> None:
        """Print the notes of the search and start the bar over ``steps``."""
        if not self.quiet:
            for note in summary.notes:
                say(note)
            if steps:
                self._start(steps)
        for failure in summary.failures:
            self._name(failure)

    def _start(self, steps: int) -> None:
        """Print the number of steps and a hint about compilation; start the bar on a terminal, without NO_COLOR."""
        click.echo(f"{steps} {self._things} to {self._verb}; {FIRST_RUN}.", err=True)
        if sys.stderr.isatty() and not os.environ.get("NO_COLOR"):
            self._bar = _progress_bar(self._things)
            self._bar.add_task("starting", total=steps)
            self._bar.start()

    def sharing(self, scans: int) -> None:
        """Lengthen the bar by the scans that are to be mapped."""
        if scans and not self.quiet:
            self._say(f"{scans} {self._things} to map by the mapping of their scope.")
        if self._bar:
            task = self._bar.tasks[0]
            self._bar.update(task.id, total=(task.total or 0) + scans)

    def finished(self, outcome: Outcome) -> None:
        """Advance the bar; print the record or the failure."""
        raise_again()
        if self._bar:
            self._bar.update(self._bar.task_ids[0], advance=1, description=self._verb)
        if self._profile:
            self._profile.add(outcome.seconds, outcome.peak_bytes)
        if outcome.line and self.as_json and not outcome.unmapped:
            emit(outcome.line)
        if outcome.failure:
            self._name(outcome.failure)

    def _name(self, failure: Failure) -> None:
        self._named += 1
        if self._named <= MOST_FAILURES:
            self._say(f"failed: {failure.message}")

    def _say(self, text: str) -> None:
        if self._bar:
            self._bar.console.print(printable(text), markup=False, highlight=False, soft_wrap=True)
        else:
            say(text)

    def close(self, summary: Summary, out: Path, jobs: int = 1) -> None:
        """Print the summary, and the profile if requested."""
        if not self.quiet:
            say(summary_text(summary, out, self._things))
        if self._profile:
            click.echo(profile_text(self._profile, summary.seconds, jobs), err=True, nl=False)


def _progress_bar(things: str) -> Progress:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        ProgressColumn,
        Task,
        TextColumn,
        TimeRemainingColumn,
    )
    from rich.text import Text

    class Rate(ProgressColumn):
        """Steps per second."""

        def render(self, task: Task) -> Text:
            """Show the rate once it is known."""
            return Text(f"{task.speed:.1f} {things}/s" if task.speed else "", style="progress.data.speed")

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), Rate(), TimeRemainingColumn())
    return Progress(*columns, console=Console(file=sys.stderr))


def profile_text(profile: Profile, seconds: float, jobs: int) -> str:
    """The table of stages, with the load and the memory of the processes."""
    from gemax_cli.cli.output import table_text

    if not profile.scans:
        return "Nothing was converted, so there is no profile.\n"
    rows = [
        {
            "stage": row.stage,
            "ms per scan": f"{row.median_ms:.2f}",
            "95 % below": f"{row.ms_95:.2f}",
            "share, %": f"{row.share:.1f}",
        }
        for row in profile.rows()
    ]
    busy = 100 * profile.busy_seconds / (seconds * jobs)
    parts = [f"{profile.scans / seconds:.1f} scans/s, start and tables included"]
    parts += [f"at work {busy:.0f} % of {jobs} x {seconds:.1f} s"]
    if profile.peak_bytes:
        parts.append(f"the largest process that converted took {profile.peak_bytes / 1e6:.0f} MB")
    return table_text(rows, "Stages (medians over the scans)", "; ".join(parts) + ".")


def duration_text(steps: int, jobs: int) -> str:
    """The expected time as a sentence that starts with a space; empty without steps."""
    if not steps:
        return ""
    seconds = TYPICAL_SECONDS * steps / jobs
    time = f"{max(seconds, 1.0):.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"
    return f" About {time} with --jobs {jobs}, if a scan takes {TYPICAL_SECONDS} s."


def summary_text(summary: Summary, out: Path, things: str = "scans") -> str:
    """The last lines of a run: counts, rate, and files to look at."""
    parts = [f"{summary.converted} converted"]
    parts += [f"{summary.shared} mapped by the mapping of their scope"] * bool(summary.shared)
    parts += [f"{summary.changed} changed since they were converted"] * bool(summary.changed)
    parts += [f"{summary.done} there already"] * bool(summary.done)
    parts += [f"{len(summary.failures)} failed (see {out / FAILURES})"] * bool(summary.failures)
    parts += [f"{summary.left} not tried"] * bool(summary.left)
    parts += [f"{summary.warned} with warnings (see {out / METADATA})"] * bool(summary.warned)
    rate = f", {summary.converted / summary.seconds:.1f} {things}/s" if summary.converted else ""
    text = f"{summary.found} {things}: {', '.join(parts)}; {summary.seconds:.1f} s{rate}."
    text = "\n".join((text, *map(str, summary.completeness)))
    return text + ("\nThe disk is full: free some space and run the same command again." if summary.disk_full else "")
