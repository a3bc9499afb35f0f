"""Pictures written as the product writes them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from gemax_cli.scans.raw_file import sha256_of
from gemax_cli.stack.png import encode_png


def write_png(path: Path, image: NDArray[Any]) -> str:
    """Encode and write one image, with the folders above it; returns the SHA-256 of the file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(encode_png(image))
    return sha256_of(path)
