"""The progress of ``gemax map``: that of ``gemax convert``, counting images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from gemax_cli.batch.model import Outcome
from gemax_cli.batch.run import Summary
from gemax_cli.cli.json_lines import JsonLines
from gemax_cli.cli.progress import ProgressReporter
from gemax_cli.images.run import ImageReporter


class ImageProgress(ImageReporter):
    """Hand on to a progress reporter."""

    def __init__(self, progress: ProgressReporter, lines: JsonLines | None = None) -> None:
        self._progress, self._lines = progress, lines

    def found(self, sources: Sequence[tuple[str, str]], steps: Mapping[str, str], summary: Summary) -> None:
        """Print the images that are there."""
        if self._lines:
            self._lines.planned(sources, steps, summary.failures)

    def planned(self, steps: int, summary: Summary) -> None:
        """Print the notes of the search and start the bar."""
        self._progress.started(steps, summary)

    def finished(self, outcome: Outcome) -> None:
        """Advance the bar; print the record or the failure."""
        self._progress.finished(outcome)
