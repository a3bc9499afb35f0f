"""The progress of ``gemax convert``: a bar on stderr, records on stdout."""

from __future__ import annotations

import logging
import os
import shlex
import sys
import textwrap
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

import click

from gemax_cli import __version__
from gemax_cli.batch.profile import Profile
from gemax_cli.batch.run import Reporter, Summary
from gemax_cli.cli.heartbeat import Heartbeat
from gemax_cli.cli.output import say
from gemax_cli.cli.signals import raise_again
from gemax_cli.printing import printable
from gemax_cli.stack.folder import LOG
from gemax_cli.stack.naming import FAILURES, METADATA

if TYPE_CHECKING:
    from rich.progress import Progress

    from gemax_cli.batch.model import Outcome
    from gemax_cli.batch.plan import Plan
    from gemax_cli.cli.json_lines import JsonLines
    from gemax_cli.stack.tables import Failure

FIRST_RUN = "; the first run on a machine compiles for a minute"
MOST_FAILURES = 10  # named on the terminal; all of them are in failures.csv
COLUMNS, MOST_KINDS = 80, 10  # of a summary; kinds of warnings


class ProgressReporter(Reporter):
    """Show a bar on a terminal and a line every half a minute elsewhere, failures when they happen, and a summary.

    All messages pass through the logger ``gemax_cli`` of the standard library.
    """

    def __init__(
        self, *, quiet: bool = False, verbose: bool = False, log: Path | None = None,
        lines: JsonLines | None = None, profile: bool = False, things: str = "scans", verb: str = "convert",
        hint: str = FIRST_RUN,
    ) -> None:  # fmt: skip
        self._level = logging.ERROR if quiet else logging.DEBUG if verbose else logging.INFO
        self._quiet, self._log, self._lines = quiet, log, lines
        self._things, self._verb, self._hint = things, verb, hint
        self._profile = Profile() if profile else None
        self._bar: Progress | None = None
        self._heartbeat: Heartbeat | None = None
        self._named = 0
        self._ended = ExitStack()

    def __enter__(self) -> ProgressReporter:
        handlers: list[logging.Handler] = [_Terminal(self, self._level)]
        if self._log:
            handlers.append(_log_file(self._log))
        LOG.setLevel(logging.DEBUG)
        for handler in handlers:
            LOG.addHandler(handler)
            self._ended.callback(handler.close)
            self._ended.callback(LOG.removeHandler, handler)
        LOG.debug("gemax %s: gemax %s", __version__, printable(shlex.join(sys.argv[1:])))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        if kind:
            LOG.debug("ended by %s: %s", kind.__name__, printable(str(error)))
        self._ended.close()

    def stop(self) -> None:
        """End the bar or the heartbeat."""
        for running in (self._bar, self._heartbeat):
            if running:
                running.stop()
        self._bar = self._heartbeat = None

    def planned(self, plan: Plan, summary: Summary) -> None:
        """Print the notes of the search for scans and start the bar."""
        self.started(len(plan.steps), summary)
        if self._lines:
            self._lines.planned(*plan.named(), summary.failures)

    def started(self, steps: int, summary: Summary) -> None:
        """Print the notes of the search and start the bar over ``steps``."""
        for note in summary.notes:
            LOG.info(printable(note))
        self.begin(steps)
        for failure in summary.failures:
            self._name(failure)

    def begin(self, steps: int) -> None:
        """Print the number of steps and a hint; start a bar on a terminal, else the heartbeat."""
        if not steps:
            return
        LOG.info("%d %s to %s%s.", steps, self._things, self._verb, self._hint)
        if not self._quiet and sys.stderr.isatty() and not os.environ.get("NO_COLOR"):
            self._bar = _progress_bar(self._things)
            self._bar.add_task("starting", total=steps)
            self._bar.start()
        else:
            self._heartbeat = Heartbeat(LOG.info, steps, self._things)

    def placing(self, frames: int) -> None:
        """Lengthen the bar by the frames that are to be placed."""
        self._lengthen(frames, f"{frames} frames to place in their sequences.")

    def placed(self, frames: int) -> None:
        """Advance the bar."""
        self.advance(frames, "place")

    def sharing(self, scans: int) -> None:
        """Lengthen the bar by the scans that are to be mapped."""
        self._lengthen(scans, f"{scans} {self._things} to map by the mapping of their scope.")

    def _lengthen(self, steps: int, text: str) -> None:
        if steps:
            LOG.info("%s", text)
        if self._bar:
            task = self._bar.tasks[0]
            self._bar.update(task.id, total=(task.total or 0) + steps)
        if self._heartbeat:
            self._heartbeat.total += steps

    def finished(self, outcome: Outcome) -> None:
        """Advance the bar; print the record or the failure."""
        self.advance()
        if self._profile:
            self._profile.add(outcome.seconds, outcome.peak_bytes)
        if self._lines:
            self._lines.finished(outcome)
        if outcome.failure:
            self._name(outcome.failure)
        else:
            LOG.debug("done: %s", printable(outcome.scan))

    def advance(self, steps: int = 1, verb: str = "") -> None:
        """Advance the bar."""
        raise_again()
        if self._bar:
            self._bar.update(self._bar.task_ids[0], advance=steps, description=verb or self._verb)
        if self._heartbeat:
            self._heartbeat.done += steps

    def _name(self, failure: Failure) -> None:
        self._named += 1
        level = logging.ERROR if self._named <= MOST_FAILURES else logging.DEBUG
        LOG.log(level, "failed: %s", printable(failure.message))

    def say(self, text: str) -> None:
        """Print a sentence on stderr, above the bar if there is one."""
        if self._bar:
            self._bar.console.print(printable(text), markup=False, highlight=False, soft_wrap=True)
        else:
            say(text)

    def close(self, summary: Summary, out: Path, jobs: int = 1) -> None:
        """Print the summary, and the profile if requested."""
        self.stop()
        if self._lines:
            self._lines.close()
        for line in summary_lines(summary, out, self._things):
            LOG.info(printable(line))
        if self._profile:
            click.echo(profile_text(self._profile, summary.seconds, jobs), err=True, nl=False)


class _Terminal(logging.Handler):
    """Hand messages on to a reporter."""

    def __init__(self, reporter: ProgressReporter, level: int) -> None:
        super().__init__(level)
        self._reporter = reporter

    def emit(self, record: logging.LogRecord) -> None:
        """Print a message."""
        self._reporter.say(record.getMessage())


def _log_file(path: Path) -> logging.Handler:
    try:
        handler = logging.FileHandler(path, encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        message = f"{path}: cannot be written ({error.strerror}): give another file."
        raise click.BadParameter(message, param_hint="--log") from error
    logging.raiseExceptions = False  # a full disk costs the log, and prints no tracebacks
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s", "%Y-%m-%dT%H:%M:%S%z"))
    return handler


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


def summary_lines(summary: Summary, out: Path, things: str = "scans") -> Iterator[str]:
    """Yield the last lines of a run: counts and rate, what is there per database, warnings by kind, what to do next."""
    yield from _wrapped(f"{summary.found} {things}: {_counts(summary)}; {_time(summary, things)}.", at=", ")
    complete = {row.dataset: f" of {row.counts}" for row in summary.completeness}
    if summary.scans:
        yield f"In {out} now:"
    for dataset, scans in sorted(summary.scans.items()):
        yield from _wrapped(f"  {dataset}: {scans} scans{complete.get(dataset, '')}.", at=", ")
    if summary.warnings:
        yield f"Warnings (of which scan: {out / METADATA}):"
    for kind, count in summary.warnings.most_common(MOST_KINDS):
        yield from _wrapped(f"  {count} x {kind}")
    if len(summary.warnings) > MOST_KINDS:
        yield f"  and {len(summary.warnings) - MOST_KINDS} kinds of warnings more."
    advice = f"Next: {_next(summary, out, things)}"
    yield from [advice] if "gemax" in advice else _wrapped(advice)  # a command to copy stays whole


def _wrapped(text: str, at: str = " ") -> list[str]:
    """Lines of at most ``COLUMNS``, broken where ``at`` is, except in front of the first word."""
    bound = at.join(part.replace(" ", "\xa0") for part in text.split(at)) if at != " " else text
    lines = textwrap.wrap(
        bound, COLUMNS, subsequent_indent="    ", break_long_words=False, break_on_hyphens=False,
    )  # fmt: skip
    return [line.replace("\xa0", " ") for line in lines]


def _counts(summary: Summary) -> str:
    parts = [f"{summary.converted} converted"]
    parts += [f"{summary.shared} mapped by the mapping of their scope"] * bool(summary.shared)
    parts += [f"{summary.changed} changed since they were converted"] * bool(summary.changed)
    parts += [f"{summary.done} there already"] * bool(summary.done)
    parts += [f"{len(summary.failures)} failed"] * bool(summary.failures)
    parts += [f"{summary.left} not tried"] * bool(summary.left)
    parts += [f"{summary.warned} with warnings"] * bool(summary.warned)
    return ", ".join(parts)


def _time(summary: Summary, things: str) -> str:
    rate = f", {summary.converted / summary.seconds:.1f} {things}/s" if summary.converted else ""
    return f"{summary.seconds:.1f} s{rate}"


def _next(summary: Summary, out: Path, things: str) -> str:
    """What to do after a run, as a command where it is one."""
    if summary.disk_full:
        return "the disk is full: free some space and run the same command again."
    if summary.failures:
        retry = "the same command" if things == "images" else "the same command with --retry-failed"
        return f"see {out / FAILURES} for the reasons; {retry} tries them again."
    if summary.left:
        return "the same command goes on from here."
    return f"gemax {'entropy' if things == 'images' else 'report'} {shlex.quote(str(out))}"
