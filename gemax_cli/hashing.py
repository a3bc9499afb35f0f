"""The one hash of files."""

from __future__ import annotations

import hashlib
from pathlib import Path

PART_BYTES = 1 << 18  # stays in the second-level cache


def sha256_of(path: Path) -> str:
    """SHA-256 of a file, 64 hexadecimal digits.

    Raises:
        OSError: it cannot be read.
    """
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while part := file.read(PART_BYTES):
            digest.update(part)
    return digest.hexdigest()
