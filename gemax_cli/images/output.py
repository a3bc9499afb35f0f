"""Writing 8-bit images row by row: PNG, or TIFF where the image is large or lies somewhere on earth."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import DTypeLike, NDArray

from gemax_cli.images.model import NODATA_TAG, GeoTag, ImageSource
from gemax_cli.stack.atomic import replacing
from gemax_cli.stack.png import encode_png

PNG_PIXELS = 1 << 24
"""Pixels up to which an image is written as PNG, which is compressed at once; above it is an uncompressed TIFF."""
_STRIP_BYTES = 1 << 18
_ASCII = 2
Bytes = NDArray[np.uint8]


class RowSink(Protocol):
    """Takes the rows of an image from the top."""

    def put(self, rows: Bytes) -> None:
        """Take the next (n, columns) rows."""


def is_tiff(image: ImageSource) -> bool:
    """Whether the maps of an image are TIFFs."""
    return image.pixels > PNG_PIXELS or bool(image.georeference)


@contextmanager
def image_sink(path: Path, image: ImageSource, nodata: int | None = None) -> Iterator[RowSink]:
    """Something that writes rows to ``path``, whole or not at all.

    Args:
        path: of the file; its suffix says the format.
        image: that it is a map of: size and georeferencing.
        nodata: the grey value that stands for no data, which a GeoTIFF can say.

    Raises:
        OSError: as the file system says.
    """
    with replacing(path) as temporary:
        if path.suffix == ".png":
            kept = _PngSink(image.rows, image.columns)
            yield kept
            temporary.write_bytes(encode_png(kept.pixels))
        else:
            strips = max(1, _STRIP_BYTES // image.columns)
            tags = _tags(image, nodata)
            offset = write_tiff_header(temporary, image.shape, np.uint8, rowsperstrip=strips, extratags=tags)
            with temporary.open("r+b") as file:
                file.seek(offset)
                yield _FileSink(file)


class _PngSink:
    def __init__(self, rows: int, columns: int) -> None:
        self.pixels: Bytes = np.zeros((rows, columns), np.uint8)
        self._done = 0

    def put(self, rows: Bytes) -> None:
        """Keep the rows."""
        self.pixels[self._done : self._done + len(rows)] = rows
        self._done += len(rows)


class _Writable(Protocol):
    def write(self, data: memoryview, /) -> int:
        """Write bytes."""


class _FileSink:
    def __init__(self, file: _Writable) -> None:
        self._file = file

    def put(self, rows: Bytes) -> None:
        """Write the rows."""
        self._file.write(np.ascontiguousarray(rows).data)


def _tags(image: ImageSource, nodata: int | None) -> tuple[GeoTag, ...]:
    if image.georeference and nodata is not None:
        return (*image.georeference, (NODATA_TAG, _ASCII, 0, str(nodata), True))
    return image.georeference


def write_tiff_header(path: Path, shape: tuple[int, int], dtype: DTypeLike, **options: Any) -> int:
    """Write a grey TIFF of zeros, with ``options`` of tifffile's; returns where its pixels begin."""
    import tifffile

    big = shape[0] * shape[1] * np.dtype(dtype).itemsize > (1 << 32) - (1 << 25)
    placed = tifffile.imwrite(
        path, None, shape=shape, dtype=dtype, photometric="minisblack", metadata=None, software=False,
        returnoffset=True, bigtiff=big, **options,
    )  # fmt: skip
    assert placed is not None
    return placed[0]
