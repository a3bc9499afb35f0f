"""Opening a raw file so that whatever is wrong with it is one of this package's errors."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from io import FileIO
from pathlib import Path

from gemax_cli.errors import EmptyScan, FileUnreadable
from gemax_cli.scans.model import Fingerprint


@contextmanager
def open_scan(path: Path) -> Iterator[FileIO]:
    """Open a regular file that is not empty, unbuffered; failures of the system inside become FileUnreadable.

    Raises:
        FileUnreadable: the file is missing, a folder, a pipe or device, or may not be read.
        EmptyScan: the file has no bytes.
    """
    try:
        size = _regular_size(path)
        if size == 0:
            raise EmptyScan(path, "the file is empty (zero bytes): copy it again from the source.")
        with path.open("rb", buffering=0) as file:
            yield file
    except OSError as error:
        raise FileUnreadable(path, f"cannot be read ({_reason(error)}).") from error


def read_start(path: Path, length: int) -> tuple[bytes, int]:
    """Return the first ``length`` bytes of a file (fewer if it is shorter) and its whole size in bytes.

    Raises:
        FileUnreadable, EmptyScan: as ``open_scan``.
    """
    with open_scan(path) as file:
        return file.read(length), os.fstat(file.fileno()).st_size


def fingerprint_of(*parts: bytes | memoryview) -> Fingerprint:
    """The fingerprint of a file that consists of these parts."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    return Fingerprint(sum(memoryview(part).nbytes for part in parts), digest.hexdigest())


def _regular_size(path: Path) -> int:
    # Looked at before it is opened: opening a named pipe would wait for a writer for ever.
    status = path.stat()
    if stat.S_ISDIR(status.st_mode):
        raise FileUnreadable(path, "is a folder, not a scan: name a file in it.")
    if not stat.S_ISREG(status.st_mode):
        raise FileUnreadable(path, "is a pipe or device, not a file: save its content to a file first.")
    return status.st_size


def _reason(error: OSError) -> str:
    if isinstance(error, FileNotFoundError):
        return "there is no such file; check the spelling, or whether it was moved"
    if isinstance(error, PermissionError):
        return "permission denied; give yourself the right to read it"
    return error.strerror or str(error)
