"""A task of a batch and what became of it: what passes between the processes. Cheap to import."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from gemax_cli.datasets.model import ScanRef
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


@dataclass(frozen=True)
class Outcome:
    """What became of a task: a record's line, or a failure.

    Attributes:
        scan: identity of the scan.
        line: the record as JSON; None after a failure.
        failure: why not; None after success.
        warnings: how many the record carries.
        disk_full: nothing more can be written.
        seconds: per stage.
        peak_bytes: the most memory that its process has held; None if unknown.
    """

    scan: str
    line: str | None = None
    failure: Failure | None = None
    warnings: int = 0
    disk_full: bool = False
    seconds: Mapping[str, float] = field(default_factory=dict)
    peak_bytes: int | None = None
