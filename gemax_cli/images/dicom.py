"""DICOM images, through pydicom: stored values times slope plus intercept, such as Hounsfield units."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from gemax_cli.errors import BadFormat, LibraryMissing, not_installed
from gemax_cli.images.model import ImageSource, Pixels, check_memory, check_packing, check_size, explained, pick_band


def _pydicom(path: Path) -> Any:
    try:
        import pydicom
    except ImportError as error:
        raise LibraryMissing(path, not_installed("a DICOM image", "pydicom")) from error
    return pydicom


def open_dicom(path: Path, band: int | None) -> ImageSource:
    """Open one frame of a grey DICOM image.

    Raises:
        BadFormat: it has no pixels, or colours.
        LibraryMissing: pydicom, or the library of its compression, is not installed.
    """
    header = _pydicom(path).dcmread(path, stop_before_pixels=True)
    if int(header.get("SamplesPerPixel", 1)) != 1 or "Rows" not in header:
        raise BadFormat(path, "is a DICOM file without a grey image: give one of a single sample per pixel.")
    rows, columns, frames = int(header.Rows), int(header.Columns), int(header.get("NumberOfFrames", 1) or 1)
    check_size(path, rows, columns)
    index = pick_band(path, frames, band)
    size = rows * columns * frames * max(1, int(header.BitsAllocated) // 8)
    check_memory(path, size)
    check_packing(path, size)
    slope, intercept = _rescale(header)
    padding = header.get("PixelPaddingValue")
    nodata = None if padding is None else float(padding) * slope + intercept
    dtype = np.dtype(np.int64 if slope.is_integer() and intercept.is_integer() else np.float64)
    unit = str(header.get("RescaleType", ""))[:16]
    return ImageSource(path, rows, columns, dtype, partial(_read_dicom, path, index, dtype), nodata, unit)


def _rescale(header: Any) -> tuple[float, float]:
    return float(header.get("RescaleSlope", 1) or 1), float(header.get("RescaleIntercept", 0) or 0)


def _read_dicom(path: Path, index: int, dtype: np.dtype[Any]) -> Iterator[Pixels]:

    with explained(path):
        data = _pydicom(path).dcmread(path)
        slope, intercept = _rescale(data)
        stored = data.pixel_array
    frame = stored[index] if stored.ndim == 3 else stored
    yield (frame.astype(np.float64) * slope + intercept).astype(dtype)
