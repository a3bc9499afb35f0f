"""The whole content of a raw file in memory, unpacked if it is gzipped, never more than a limit."""

from __future__ import annotations

import gzip
import os
import zlib
from io import BytesIO
from pathlib import Path

from gemax_cli.errors import BadFormat
from gemax_cli.scans.files import open_scan

MAX_BYTES = 256 * 2**20
"""Bytes of the largest file read, before and after unpacking: some hundred times a face scan."""

MAX_TEXT_BYTES = 48 * 2**20
"""Of the largest OBJ, OFF or point list: their parts take some twenty times the file while they are sorted out."""

_GZIP = b"\x1f\x8b"


def read_content(path: Path, limit: int = MAX_BYTES) -> bytes:
    """Read a file of at most ``limit`` bytes; a gzipped one is unpacked, whatever its name.

    Raises:
        FileUnreadable, EmptyScan: as ``open_scan``.
        BadFormat: the file is larger than ``limit``, packed or unpacked, or its packing is damaged.
    """
    return unpacked(path, read_bytes(path, limit), limit)


def read_bytes(path: Path, limit: int = MAX_BYTES) -> bytes:
    """Read a file of at most ``limit`` bytes as it lies on the disk.

    Raises:
        FileUnreadable, EmptyScan: as ``open_scan``.
        BadFormat: the file is larger than ``limit``.
    """
    with open_scan(path) as file:
        if os.fstat(file.fileno()).st_size > limit:
            raise BadFormat(path, f"has more than {limit:,} bytes: it is no face scan, or it has to be reduced first.")
        return file.readall()


def unpacked(path: Path, data: bytes, limit: int = MAX_BYTES) -> bytes:
    """What a file holds whose bytes are ``data``: those themselves, but for a gzipped one.

    Raises:
        BadFormat: its packing is damaged, or it unpacks to more than ``limit`` bytes.
    """
    if not data.startswith(_GZIP):
        return data
    try:
        with gzip.GzipFile(fileobj=BytesIO(data)) as file:
            content = file.read(limit + 1)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise BadFormat(path, "its gzip packing is damaged or cut off: copy it again.") from error
    if len(content) > limit:
        raise BadFormat(path, f"unpacks to more than {limit:,} bytes: it is no face scan.")
    return content
