"""Open, read and hash raw files. Each is read once, up to a size limit; every failure has an error class."""

from __future__ import annotations

import gzip
import hashlib
import os
import stat
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO, FileIO
from pathlib import Path
from typing import NamedTuple

from gemax_cli.datasets.ids import bare_name
from gemax_cli.errors import BadFormat, EmptyScan, FileUnreadable
from gemax_cli.scans.model import Fingerprint

MAX_BYTES = 256 * 2**20
"""Bytes of the largest file read, before and after unpacking: some hundred times a face scan."""

START = 4096
"""Bytes that are looked at to tell what a file is."""

_HASHED_AT_ONCE = 1 << 24  # bytes: a whole file of most scans, and little of a large scene


class RawFile(NamedTuple):
    """A raw file in memory.

    Attributes:
        path: for messages, and to find what lies beside it.
        data: what the file holds, unpacked if it is gzipped.
        fingerprint: of the bytes as they lie on the disk.
        start: the first of these bytes, which tell what the file is.
    """

    path: Path
    data: bytes
    fingerprint: Fingerprint
    start: bytes


@contextmanager
def open_raw(path: Path) -> Iterator[FileIO]:
    """Open a regular file that is not empty, unbuffered; failures of the system inside become FileUnreadable.

    Raises:
        FileUnreadable: the file is missing, a folder, a pipe or device, or may not be read.
        EmptyScan: the file has no bytes.
    """
    try:
        _check_regular(path)
        with path.open("rb", buffering=0) as file:
            yield file
    except OSError as error:
        raise FileUnreadable(path, why_unreadable(error)) from error


def why_unreadable(error: OSError) -> str:
    """What to say of a file that the system does not let us read."""
    reason = error.strerror or str(error)
    if isinstance(error, FileNotFoundError):
        reason = "there is no such file; check the spelling, or whether it was moved"
    if isinstance(error, PermissionError):
        reason = "permission denied; give yourself the right to read it"
    return f"cannot be read ({reason})."


def read_raw(path: Path, limit: int = MAX_BYTES) -> RawFile:
    """Read a file of at most ``limit`` bytes; a gzipped one is unpacked, whatever its name.

    Raises:
        FileUnreadable, EmptyScan: as ``open_raw``.
        BadFormat: the file is larger than ``limit``, packed or unpacked, or its packing is damaged.
    """
    with open_raw(path) as file:
        if os.fstat(file.fileno()).st_size > limit:
            raise BadFormat(path, f"has more than {limit:,} bytes, too many for its kind: reduce it, or leave it out.")
        stored = file.readall()
    data = _unpacked(path, stored, limit) if stored.startswith(b"\x1f\x8b") else stored
    return RawFile(path, data, fingerprint_of(stored), stored[:START])


def file_beside(path: Path, name: str) -> Path | None:
    """The file in the folder of ``path`` that has the last part of ``name``; None where there is none.

    A file may name others by any path: only a file that lies beside it is taken, and no link that leads elsewhere.
    """
    bare = bare_name(name)
    file = path.with_name(bare) if bare else path
    if not bare or not os.path.isfile(file):  # noqa: PTH113 - is_file() raises where the name is too long
        return None
    # both, because a folder of links to files that lie beside each other is a folder like any other
    places = {os.path.realpath(path.parent), os.path.dirname(os.path.realpath(path))}  # noqa: PTH120
    return file if os.path.dirname(os.path.realpath(file)) in places else None  # noqa: PTH120


def fingerprint_of(data: bytes) -> Fingerprint:
    """The fingerprint of a file that holds ``data``."""
    return Fingerprint(len(data), hashlib.sha256(data).hexdigest())


def sha256_of(path: Path) -> str:
    """SHA-256, in hexadecimal digits, of a file of any kind; OSError where it cannot be read."""
    digest = hashlib.sha256()
    with path.open("rb", buffering=0) as file:
        while part := file.read(_HASHED_AT_ONCE):
            digest.update(part)
    return digest.hexdigest()


def _unpacked(path: Path, data: bytes, limit: int) -> bytes:
    try:
        with gzip.GzipFile(fileobj=BytesIO(data)) as file:
            content = file.read(limit + 1)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise BadFormat(path, "its gzip packing is damaged or cut off: copy it again.") from error
    if len(content) > limit:
        raise BadFormat(path, f"unpacks to more than {limit:,} bytes: it is no face scan.")
    return content


def _check_regular(path: Path) -> None:
    # Checked before it is opened: opening a named pipe would wait for a writer for ever.
    status = path.stat()
    if stat.S_ISDIR(status.st_mode):
        raise FileUnreadable(path, "is a folder, not a scan: name a file in it.")
    if not stat.S_ISREG(status.st_mode):
        raise FileUnreadable(path, "is a pipe or device, not a file: save its content to a file first.")
    if status.st_size == 0:
        raise EmptyScan(path, "the file is empty (zero bytes): copy it again from the source.")
