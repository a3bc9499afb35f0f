"""Files written whole or not at all."""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gemax_cli.errors import OutputUnwritable

TEMPORARY = ".gemax-tmp-"
DISK_FULL = (errno.ENOSPC, errno.EDQUOT)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary sibling to write to; it is renamed to ``path`` if all goes well, else removed.

    Raises:
        OSError: as the file system says; no partial file is left under ``path``.
    """
    temporary = path.with_name(f"{TEMPORARY}{os.getpid()}-{path.name}"[:255])
    try:
        yield temporary
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def write_atomically(path: Path, data: bytes) -> str:
    """Write ``data`` to ``path`` whole or not at all and return its SHA-256.

    Raises:
        OSError: as the file system says; no partial file is left under ``path``.
    """
    with replacing(path) as temporary:
        temporary.write_bytes(data)
    return hashlib.sha256(data).hexdigest()


def write_output(path: Path, data: bytes) -> None:
    """Write a file that the user named, whole or not at all.

    Raises:
        OutputUnwritable: it cannot be written.
    """
    try:
        write_atomically(path, data)
    except OSError as error:
        raise OutputUnwritable(f"{path}: cannot be written ({error.strerror}): give another path.") from error


def remove_temporaries(folder: Path) -> None:
    """Remove what a killed writer left in ``folder``."""
    if folder.is_dir():
        for path in folder.glob(f"{TEMPORARY}*"):
            path.unlink(missing_ok=True)
