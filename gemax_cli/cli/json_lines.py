"""``--json`` of ``gemax convert`` and ``map``: one object a line for every selected scan or image."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from gemax_cli.cli.output import emit
from gemax_cli.stack.folder import OutputFolder

if TYPE_CHECKING:
    from gemax_cli.batch.model import Outcome
    from gemax_cli.stack.tables import Failure

MOST_HELD = 1000  # records of scans that wait for an earlier one; later ones are read from the folder again


class JsonLines:
    """Print the scans in the order of the search, each as soon as it and those before it are done.

    The first key is ``status``. A scan that is ``converted``, or was ``present``, has all of its record; one that
    ``failed`` has scan, source, stage, error and message; one that is ``planned``, because the run is a dry one or was
    stopped, has scan, source and reason. Two runs print the same lines but for a status.
    """

    def __init__(self, out: Path, *, at_end: bool = False) -> None:
        """Of a run into ``out``; ``at_end`` prints all lines then, where records may change until the end."""
        self._out, self._at_end = out, at_end
        self._folder = OutputFolder(out)
        self._sources: deque[tuple[str, str]] = deque()  # id and source of the scans that are not printed yet
        self._steps: dict[str, str] = {}  # why these are to be done
        self._lines: dict[str, str] = {}  # of scans that are done; "" where the record is to be read

    def planned(
        self, sources: Iterable[tuple[str, str]], steps: Mapping[str, str], failures: Iterable[Failure]
    ) -> None:
        """Print the failures of the search and the scans that are there, up to the first that is to be done.

        Args:
            sources: id and source of every selected scan.
            steps: of those that are to be done, the reason.
            failures: of the search.
        """
        for failure in failures:
            emit(_failed(None, failure))
        self._sources.extend(sources)
        self._steps = dict(steps)
        self._print()

    def finished(self, outcome: Outcome) -> None:
        """Print a scan that is done, and those that waited for it."""
        if outcome.failure:
            self._lines[outcome.scan] = _failed(outcome.scan, outcome.failure)
        elif outcome.line and not self._at_end and len(self._lines) < MOST_HELD:
            self._lines[outcome.scan] = _with_status("converted", outcome.line)
        else:
            self._lines[outcome.scan] = ""
            self._folder = OutputFolder(self._out)  # it reads the records when they are needed
        if not self._at_end:
            self._print()

    def close(self) -> None:
        """Print the rest."""
        self._at_end = False
        for scan_id, source in self._sources:
            if scan_id in self._steps and scan_id not in self._lines:
                values = {"status": "planned", "scan": scan_id, "source": source, "reason": self._steps[scan_id]}
                self._lines[scan_id] = json.dumps(values, separators=(",", ":")) + "\n"
        self._print()

    def _print(self) -> None:
        while self._sources and not self._at_end:
            scan_id, _ = self._sources[0]
            if scan_id in self._steps and scan_id not in self._lines:
                return
            self._sources.popleft()
            status = "converted" if scan_id in self._lines else "present"
            emit(self._lines.pop(scan_id, "") or _with_status(status, self._record(scan_id)))
            self._steps.pop(scan_id, None)

    def _record(self, scan_id: str) -> str:
        """The line of a record; another process may have moved it since the folder was read."""
        line = self._folder.line(scan_id)
        if line is None:
            self._folder = OutputFolder(self._out)
            line = self._folder.line(scan_id)
        return line or json.dumps({"scan": scan_id}) + "\n"


def _with_status(status: str, line: str) -> str:
    return f'{{"status":"{status}",{line[1:]}'


def _failed(scan_id: str | None, failure: Failure) -> str:
    values = {"status": "failed", "scan": scan_id, **vars(failure)}
    return json.dumps(values, separators=(",", ":")) + "\n"
