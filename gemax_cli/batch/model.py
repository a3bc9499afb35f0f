"""The messages between processes: a task of a batch and its outcome. This module imports no kernels."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from gemax_cli.datasets.ids import split_suffix
from gemax_cli.datasets.model import ScanRef
from gemax_cli.errors import ScanError, WorkerDied, WriteFailed
from gemax_cli.placement import Placement
from gemax_cli.scans.read import CRASHING_SUFFIXES
from gemax_cli.settings import Settings
from gemax_cli.stack.atomic import DISK_FULL
from gemax_cli.stack.records import ScanRecord
from gemax_cli.stack.tables import Failure

Reason = Literal["new", "adds", "overwrite", "settings", "changed", "files", "damaged", "lost"]
_OF_ONE_SCAN = (
    (re.compile(r" \([^()]*\d[^()]*\)"), ""),
    (re.compile(r"\S*\w\.[A-Za-z]\w{1,3}\b"), "FILE"),
    (re.compile(r"(?<![\w-])[-+]?\d[\d.,]*(?<=\d)\b"), "N"),
)


@dataclass(frozen=True)
class Step:
    """A scan to convert, or one with a record to add maps to, and why."""

    ref: ScanRef
    reason: Reason = "new"

    @property
    def sequence(self) -> str:
        """The sequence of the scan; "" where it belongs to none."""
        return sequence_of(self.ref)

    @property
    def adds(self) -> bool:
        """Whether maps are added to what is there."""
        return self.reason == "adds"


def sequence_of(ref: ScanRef) -> str:
    """The sequence of a scan; "" where it belongs to none."""
    return ref.frame.sequence if ref.frame else ""


@dataclass(frozen=True)
class Task:
    """Convert ``ref`` into ``out``; with an ``older`` record, only add the maps that it lacks.

    ``placement`` is that of a frame in its sequence, ``failure`` why its sequence has none.
    """

    ref: ScanRef
    out: Path
    settings: Settings
    older: ScanRecord | None = None
    placement: Placement | None = None
    failure: Failure | None = None

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
        warnings: those of the record.
        stamp: of the raw files as they were before they were read; "" where they were not read.
        disk_full: whether the task failed because the disk is full.
        seconds: per stage.
        peak_bytes: peak memory of its process; None if unknown.
        shared: whether it is the mapping of a scope that was applied to a scan that is converted already.
        unmapped: whether the record lacks maps that the mapping of the scope is needed for.
    """

    scan: str
    line: str | None = None
    failure: Failure | None = None
    warnings: tuple[str, ...] = ()
    stamp: str = ""
    disk_full: bool = False
    seconds: Mapping[str, float] = field(default_factory=dict)
    peak_bytes: int | None = None
    shared: bool = False
    unmapped: bool = False


def kind_of_warning(sentence: str) -> str:
    """A warning without what differs from scan to scan: brackets, names of files and numbers."""
    for of_one_scan, instead in _OF_ONE_SCAN:
        sentence = of_one_scan.sub(instead, sentence)
    return sentence


def may_crash(ref: ScanRef) -> bool:
    """Whether a damaged file can crash the library that reads it, and the process."""
    return split_suffix(ref.path.name)[1] in CRASHING_SUFFIXES


def death_of(path: Path, source: str) -> Failure:
    """The failure of a file whose process died twice."""
    advice = "give it more memory, or, if the file crashes the library that reads it, save it in another format."
    error = WorkerDied(path, f"the process that converted it died twice: {advice}")
    return Failure(source, error.stage, type(error).__name__, str(error))


def failure_of(path: Path, source: str, error: Exception) -> Failure:
    """The failure of a file whose task raised ``error``."""
    name = type(error).__name__
    if isinstance(error, ScanError):
        return Failure(source, error.stage, name, str(error))
    if isinstance(error, MemoryError):
        return Failure(source, "memory", name, f"{path}: takes more memory than there is: give fewer --jobs.")
    message = f"{path}: internal error, please report it ({name}: {error})."
    return Failure(source, "internal", name, message)


def is_disk_full(error: BaseException | None) -> bool:
    """Whether an error, or what caused it, is that the disk is full."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in DISK_FULL:
            return True
        error = error.__cause__
    return False


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Re-raise OSError as an error that names the folder that is written to.

    Raises:
        WriteFailed: the disk is full, or the folder may not be written to.
    """
    try:
        yield
    except OSError as error:
        message = f"cannot be written ({error.strerror}): check the output folder and its permissions."
        if error.errno in DISK_FULL:
            message = "cannot be written, the disk is full: free some space and run the same command again."
        raise WriteFailed(path, message) from error
