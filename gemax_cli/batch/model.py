"""The messages between processes: a task of a batch and its outcome. This module imports no kernels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from gemax_cli.datasets.ids import split_suffix
from gemax_cli.datasets.model import ScanRef
from gemax_cli.errors import WorkerDied
from gemax_cli.scans.read import CRASHING_SUFFIXES
from gemax_cli.settings import Settings
from gemax_cli.stack.records import ScanRecord
from gemax_cli.stack.tables import Failure


@dataclass(frozen=True)
class Task:
    """Convert ``ref`` into ``out``; with an ``older`` record, only add the maps that it lacks."""

    ref: ScanRef
    out: Path
    settings: Settings
    older: ScanRecord | None = None

    def absolute(self) -> Task:
        """The same task for a process with another working folder."""
        return replace(self, ref=replace(self.ref, path=self.ref.path.absolute()), out=self.out.absolute())


@dataclass(frozen=True)
class Outcome:
    """The result of a task: a record's line, or a failure.

    Attributes:
        scan: identity of the scan.
        line: the record as JSON; None after a failure.
        failure: the reason; None after success.
        warnings: their number in the record.
        stamp: of the raw files as they were before they were read; "" where they were not read.
        disk_full: whether the task failed because the disk is full.
        seconds: per stage.
        peak_bytes: peak memory of its process; None if unknown.
    """

    scan: str
    line: str | None = None
    failure: Failure | None = None
    warnings: int = 0
    stamp: str = ""
    disk_full: bool = False
    seconds: Mapping[str, float] = field(default_factory=dict)
    peak_bytes: int | None = None


def may_crash(ref: ScanRef) -> bool:
    """Whether a damaged file can crash the library that reads it, and the process."""
    return split_suffix(ref.path.name)[1] in CRASHING_SUFFIXES


def death_of(ref: ScanRef) -> Failure:
    """The failure of a scan whose process died twice."""
    advice = "give it more memory, or, if the file crashes the library that reads it, save it in another format."
    error = WorkerDied(ref.path, f"the process that converted it died twice: {advice}")
    return Failure(ref.source, error.stage, type(error).__name__, str(error))
