"""An image that is read block by block, whatever its size."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gemax_cli.errors import BadFormat, FileUnreadable, LibraryMissing, ScanError, not_installed

Pixels = NDArray[Any]
GeoTag = tuple[int, int, int, Any, bool]
"""A TIFF tag as tifffile writes it: code, type, count, value, once."""
NODATA_TAG = 42113
"""The TIFF tag of GDAL for the value without data."""

BLOCK_PIXELS = 1 << 21
"""Pixels of the blocks that are worked on; what a block takes in memory is some 100 MB."""
MOST_IN_MEMORY = 1 << 31
"""Bytes of an image, or a part of one, that can only be read whole."""
MOST_PIXELS = 1 << 36
"""Pixels of the largest image."""
CODECS = "imagecodecs"
LARGEST_PACKING = 1 << 13
"""How many times a file's own size its pixels may take: deflate reaches 1,032, the densest codecs some thousands."""


@dataclass(frozen=True, eq=False)
class ImageSource:
    """One band of an image file.

    Attributes:
        path: of the file.
        rows: height.
        columns: width.
        dtype: of the values, in this machine's byte order.
        read: opens the file and yields its rows, from the top, in blocks of any height, (n, columns).
        nodata: the value that the file itself says is no data; None for none.
        unit: of the values, where the file says it.
        georeference: tags of a GeoTIFF that say where on earth the image lies.
    """

    path: Path
    rows: int
    columns: int
    dtype: np.dtype[Any]
    read: Callable[[], Iterator[Pixels]]
    nodata: float | None = None
    unit: str = ""
    georeference: tuple[GeoTag, ...] = ()

    @property
    def shape(self) -> tuple[int, int]:
        """(rows, columns)."""
        return self.rows, self.columns

    @property
    def pixels(self) -> int:
        """How many there are."""
        return self.rows * self.columns

    def blocks(self) -> Iterator[tuple[int, Pixels]]:
        """Yield (first row, (n, columns) values), at most ``BLOCK_PIXELS`` at once, or one row.

        Raises:
            ScanError: the file cannot be read, or does not hold what its header says.
        """
        height, done = max(1, BLOCK_PIXELS // self.columns), 0
        for part in self.read():
            for start in range(0, len(part), height):
                block = part[start : start + height]
                yield done, np.ascontiguousarray(block, self.dtype)
                done += len(block)
        if done != self.rows:
            raise BadFormat(self.path, f"holds {done} of {self.rows} rows: it is cut off, copy it again.")


def check_size(path: Path, rows: int, columns: int) -> None:
    """Raise BadFormat for an image without pixels, or with more than can be counted."""
    if min(rows, columns) < 1 or rows * columns > MOST_PIXELS:
        raise BadFormat(path, f"says that it has {rows} x {columns} pixels: it is damaged, or no image.")


def check_packing(path: Path, size: int) -> None:
    """Raise BadFormat if a file is far too small to hold ``size`` bytes of pixels, whatever their compression."""
    there = path.stat().st_size
    if size > there * LARGEST_PACKING:
        raise BadFormat(path, f"has {there:,} bytes and promises pixels of {size:,}: it is damaged or cut off.")


def check_memory(path: Path, size: int, what: str = "its pixels") -> None:
    """Raise BadFormat if ``size`` bytes are too many to be read at once."""
    if size > MOST_IN_MEMORY:
        message = f"{what} take {size:,} bytes at once: save it as a TIFF of strips or tiles, or as .npy."
        raise BadFormat(path, message)


def check_type(path: Path, dtype: np.dtype[Any]) -> np.dtype[Any]:
    """The type of real pixel values, in this machine's byte order.

    Raises:
        BadFormat: they are complex, text, or of another kind.
    """
    if dtype.kind == "c":
        raise BadFormat(path, "has complex values: give their intensity, |z|^2, as float TIFF or .npy.")
    if dtype.kind not in "iufb" or dtype.itemsize > 8:
        raise BadFormat(path, f"has values of type {dtype}: give whole numbers or floats of up to 64 bits.")
    return np.dtype(np.uint8) if dtype.kind == "b" else dtype.newbyteorder("=")


def pick_band(path: Path, bands: int, band: int | None) -> int:
    """Index of the band asked for.

    Raises:
        BadFormat: there are several and none is asked for, or there is no such band.
    """
    if band is None and bands != 1:
        raise BadFormat(path, f"has {bands} bands or pages: choose one with --band.")
    if band is not None and band > bands:
        raise BadFormat(path, f"has {bands} bands or pages, not {band}: give one of them.")
    return (band or 1) - 1


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Re-raise what a library says of a damaged file as BadFormat, of a compression as LibraryMissing."""
    try:
        yield
    except (ScanError, MemoryError):
        raise
    except OSError as error:
        if error.errno is not None:
            raise FileUnreadable(path, f"cannot be read ({error.strerror}): check the file and the disk.") from error
        raise _damaged(path, error) from error
    except Exception as error:  # decoders raise many kinds of errors for damaged data
        raise _damaged(path, error) from error


def _damaged(path: Path, error: Exception) -> ScanError:
    reason = " ".join(str(error).split())[:120] or type(error).__name__
    if CODECS in reason:  # tifffile's own words begin with the compression
        return LibraryMissing(path, not_installed(f"its compression, {reason.partition(' requires')[0]},", CODECS))
    return BadFormat(path, f"is damaged or of an unknown variant ({reason}): copy or save it again.")
