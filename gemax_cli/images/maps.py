"""The maps in a folder of mapped images, read block by block beside their masks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gemax_cli.errors import BadFormat, FileUnreadable
from gemax_cli.images.mapping import MaskedImage
from gemax_cli.images.model import ImageSource
from gemax_cli.images.read import open_image
from gemax_cli.images.records import ImageMapRecord, ImageRecord
from gemax_cli.scans.raw_file import sha256_of
from gemax_cli.stack.guard import Guard, kind_of

Grey = NDArray[np.uint8]
Mask = NDArray[np.bool_]


def open_map(out: Path, record: ImageRecord, m: ImageMapRecord) -> MaskedImage:
    """Open a map and the mask of its image; without a mask file, value 0 is no data if it is reserved.

    Raises:
        ScanError: a file is missing, not the one that was written, or of another size.
    """
    grey = open_recorded(out, record, m.file, m.sha256)
    mask = open_recorded(out, record, record.mask.file, record.mask.sha256) if record.mask else None
    return MaskedImage(grey, mask, "0" if record.first_code else "none")


def open_recorded(out: Path, record: ImageRecord, file: str, sha256: str) -> ImageSource:
    """Open an 8-bit image of a record.

    Raises:
        ScanError: it is missing, not the one that was written, or of another kind.
    """
    path = recorded_path(Guard(out), file)
    image = open_image(path)
    if sha256_of(path) != sha256:
        raise BadFormat(path, "is not the file that was written (its SHA-256 differs): map the image again.")
    if image.dtype != np.uint8 or image.shape != (record.rows, record.columns):
        raise BadFormat(path, f"is {image.shape} of {image.dtype}, its record says otherwise: map the image again.")
    return image


def recorded_path(guard: Guard, file: str) -> Path:
    """The path of an image of a record; no link is on its way.

    Raises:
        UnsafePath: a folder on its way is a link or no folder.
        FileUnreadable: it is missing, a link, a pipe or a folder.
    """
    place, _, name = file.rpartition("/")
    path = guard.folder(place) / name
    try:
        kind = kind_of(path)
    except OSError as error:
        raise FileUnreadable(path, "is missing: map the image again.") from error
    if kind:
        raise FileUnreadable(path, f"is {kind}, not an image that gemax wrote: it is left alone.")
    return path


def grey_rows(masked: MaskedImage) -> Iterator[tuple[Grey, Mask]]:
    """Yield (n, columns) grey values from the top, and where they are data."""
    for _, (grey, valid) in masked.rows():
        yield grey, valid


def grey_counts(masked: MaskedImage) -> NDArray[np.int64]:
    """Pixels of each grey value, (256,), of those that are data."""
    counts = np.zeros(256, np.int64)
    for grey, valid in grey_rows(masked):
        counts += np.bincount(grey[valid], minlength=256)
    return counts
