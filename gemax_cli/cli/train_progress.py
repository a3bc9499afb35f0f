"""The progress of ``gemax train``: epochs, loss and time left, on stderr."""

from __future__ import annotations

import os
import sys
import time
from datetime import timedelta
from types import TracebackType
from typing import TYPE_CHECKING

import click

from gemax_cli.cli.signals import raise_again
from gemax_cli.learn.run import TrainReporter

if TYPE_CHECKING:
    from rich.progress import Progress

    from gemax_cli.learn.result import Fold, FoldResult


class TrainProgress(TrainReporter):
    """A bar over all epochs of all folds on a terminal, else a line for each epoch; and a line for each fold."""

    def __init__(self, quiet: bool) -> None:
        self.quiet = quiet
        self._bar: Progress | None = None
        self._done = self._total = self._epochs = 0
        self._started = time.monotonic()

    def __enter__(self) -> TrainProgress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar:
            self._bar.stop()

    def planned(self, folds: int, there_before: int, epochs: int) -> None:
        """Say what is to be done and start the bar."""
        self._total, self._epochs, self._started = folds * epochs, epochs, time.monotonic()
        if self.quiet:
            return
        click.echo(f"{folds} folds to train, {epochs} epochs each; {there_before} are there already.", err=True)
        if folds and sys.stderr.isatty() and not os.environ.get("NO_COLOR"):
            self._bar = _bar()
            self._bar.add_task("loading", total=self._total)
            self._bar.start()

    def epoch(self, key: Fold, epoch: int, loss: float) -> None:
        """Advance by one epoch."""
        raise_again()
        self._done += 1
        text = f"round {key[0]} fold {key[1]}, epoch {epoch} of {self._epochs}, loss {loss:.2f}"
        if self._bar:
            self._bar.update(self._bar.task_ids[0], advance=1, description=text)
        elif not self.quiet:
            click.echo(f"{text}, {self._time_left()} left", err=True)

    def _time_left(self) -> str:
        per_epoch = (time.monotonic() - self._started) / self._done
        return str(timedelta(seconds=round(per_epoch * (self._total - self._done))))

    def finished(self, result: FoldResult) -> None:
        """Say how the fold's test went."""
        text = f"round {result.round} fold {result.fold}: {result.accuracy:.1%} of {result.test_scans} test scans right"
        if self._bar:
            self._bar.console.print(text, markup=False, highlight=False)
        elif not self.quiet:
            click.echo(text, err=True)


def _bar() -> Progress:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=Console(file=sys.stderr))
