"""TIFF, BigTIFF and GeoTIFF, through tifffile: strip by strip, or tile row by tile row.

tifffile rather than Pillow: it is pure Python on NumPy, and reads BigTIFF of both byte orders, tiles, signed, float and
64-bit values, many bands and pages, all of which Pillow refuses or converts. A GeoTIFF is a TIFF with some tags more,
so that georeferencing needs no library of its own.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

from gemax_cli.errors import BadFormat
from gemax_cli.images.model import (
    NODATA_TAG,
    GeoTag,
    ImageSource,
    Pixels,
    check_memory,
    check_packing,
    check_size,
    check_type,
    explained,
    pick_band,
)

GEO_TAGS = (33550, 33922, 34264, 34735, 34736, 34737, 50844)
"""Pixel scale, tie points (also ground control points), transformation, keys, their numbers and texts, RPC."""
MOST_TAG_VALUES = 1 << 16
MOST_PAGES = 1 << 16
_BUFFER_BYTES = 1 << 25

logging.getLogger("tifffile").addHandler(logging.NullHandler())  # errors are raised; its log would go to stderr


def open_tiff(path: Path, band: int | None) -> ImageSource:
    """Open one band of a TIFF; bands are counted over the samples of every page.

    Raises:
        BadFormat: as ``read.open_image``.
    """
    with tifffile.TiffFile(path) as file:
        page, number, sample = _find_band(path, file, band)
        check_size(path, page.imagelength, page.imagewidth)
        dtype = check_type(path, np.dtype(page.dtype if page.dtype is not None else "V1"))
        _check_segments(path, page, dtype)
        return ImageSource(
            path, page.imagelength, page.imagewidth, dtype, partial(_read_tiff, path, number, sample),
            _nodata(page), "", _georeference(page),
        )  # fmt: skip


def _find_band(path: Path, file: tifffile.TiffFile, band: int | None) -> tuple[tifffile.TiffPage, int, int]:
    """The page that holds a band, the page's number, and the sample of its pixels; reduced copies do not count."""
    bands: list[tuple[int, int]] = []
    for number, page in enumerate(file.pages):
        if number >= MOST_PAGES:
            raise BadFormat(path, f"has more than {MOST_PAGES:,} pages: split it.")
        page = page.aspage()
        if not page.is_reduced and not page.is_mask:
            bands += [(number, sample) for sample in range(min(page.samplesperpixel, MOST_PAGES))]
    number, sample = bands[pick_band(path, len(bands), band)]
    return file.pages[number].aspage(), number, sample


def _check_segments(path: Path, page: tifffile.TiffPage, dtype: np.dtype[Any]) -> None:
    """Check what decoding takes before anything is decoded."""
    if page.imagedepth != 1:
        raise BadFormat(path, "is a volume: save the slice to be mapped as an image.")
    samples = page.samplesperpixel
    check_packing(path, page.imagelength * page.imagewidth * samples * dtype.itemsize)
    together = samples if page.planarconfig == 1 else 1
    length, width = _segment_shape(page)
    check_memory(path, length * width * together * dtype.itemsize, "its strips or tiles")
    if len(page.dataoffsets) != len(page.databytecounts) or len(page.dataoffsets) != math.prod(page.chunked):
        raise BadFormat(path, "lacks some of its strips or tiles: it is damaged or cut off.")


def _segment_shape(page: tifffile.TiffPage) -> tuple[int, int]:
    if page.is_tiled:
        return page.tilelength, page.tilewidth
    return min(page.rowsperstrip, page.imagelength), page.imagewidth


def _nodata(page: tifffile.TiffPage) -> float | None:
    tag = page.tags.get(NODATA_TAG)
    try:
        return None if tag is None else float(str(tag.value).strip().strip("\0"))
    except ValueError:
        return None


def _georeference(page: tifffile.TiffPage) -> tuple[GeoTag, ...]:
    tags = [page.tags[code] for code in GEO_TAGS if code in page.tags]
    return tuple((tag.code, int(tag.dtype), tag.count, tag.value, True) for tag in tags if tag.count <= MOST_TAG_VALUES)


def _read_tiff(path: Path, number: int, sample: int) -> Iterator[Pixels]:
    """Yield the rows of a band, a strip or a row of tiles at a time; what a sparse file leaves out is no-data or 0."""
    with explained(path), tifffile.TiffFile(path) as file:
        page = file.pages[number].aspage()
        missing = _nodata(page) or 0
        rows = np.empty((0, page.imagewidth), page.dtype)
        for data, (plane, _, top, left, _), _ in page.segments(maxworkers=1, buffersize=_BUFFER_BYTES):
            contiguous = page.planarconfig == 1 or page.samplesperpixel == 1
            if not contiguous and plane != sample:
                continue
            if left == 0:
                rows = np.full(_rows_shape(page, top), missing).astype(page.dtype)
            if data is not None:
                values = data[0, :, :, sample if contiguous else 0][: len(rows)]
                width = min(values.shape[1], page.imagewidth - left)
                rows[: len(values), left : left + width] = values[:, :width]
            if left + _segment_shape(page)[1] >= page.imagewidth:
                yield rows


def _rows_shape(page: tifffile.TiffPage, top: int) -> tuple[int, int]:
    return min(_segment_shape(page)[0], page.imagelength - top), page.imagewidth
