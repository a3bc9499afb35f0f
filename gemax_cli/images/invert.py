"""Invert an 8-bit map of an image with its record: back to the input's unit, block by block."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gemax_cli.errors import BadFormat, FileUnreadable, OutputUnwritable, SettingsError
from gemax_cli.images.bins import ValueBins
from gemax_cli.images.mapping import MaskedImage
from gemax_cli.images.maps import grey_rows, open_map
from gemax_cli.images.output import write_tiff_header
from gemax_cli.images.records import ImageMapRecord, ImageRecord, read_image_records
from gemax_cli.paths import AnyPath, as_path
from gemax_cli.stack.atomic import replacing
from gemax_cli.stack.folder import OutputFolder

TIFF_SUFFIXES = (".tif", ".tiff")


@dataclass(frozen=True, eq=False)
class InvertedImage:
    """The values of a map, in the input's unit.

    Attributes:
        record: of the image.
        map: the map.
        bins: the values that its grey values stand for.
    """

    record: ImageRecord
    map: ImageMapRecord
    bins: ValueBins
    _grey: MaskedImage

    @property
    def bound(self) -> float:
        """Upper bound of every pixel's error, in the input's unit; pixels clipped to the range aside."""
        return self.map.bound

    @property
    def dtype(self) -> np.dtype[Any]:
        """float32, or float64 where float32 is too coarse for the bins."""
        return self.bins.stored_centres.dtype

    def rows(self) -> Iterator[NDArray[np.floating]]:
        """Yield (n, columns) values from the top; NaN where there is no data.

        Raises:
            ScanError: the map cannot be read.
        """
        for grey, valid in grey_rows(self._grey):
            yield self.bins.values(grey, valid)

    @property
    def values(self) -> NDArray[np.floating]:
        """(rows, columns) all of them."""
        return np.concatenate(list(self.rows()))


def invert_image(image: AnyPath) -> InvertedImage:
    """Invert a map in a folder of ``gemax map``. Each pixel gets the middle of its bin on the scale.

    Raises:
        ScanError: the file is not readable, in no record, or not the one that was written.
    """
    path, folder = as_path(image), OutputFolder.holding(image)
    if not path.is_file():
        raise FileUnreadable(path, "there is no such file: give a map.")
    file = path.resolve().relative_to(folder.path.resolve()).as_posix()
    for record in read_image_records(folder.path):
        for m in record.maps:
            if m.file == file:
                return InvertedImage(record, m, record.bins_of(m), open_map(folder.path, record, m))
    raise BadFormat(path, f"is no map in the records of {folder.path}: map the image again.")


def write_values(path: Path, inverted: InvertedImage) -> int:
    """Write the values as NumPy array (.npy) or float TIFF (.tif, .tiff), block by block; returns the valid pixels.

    Raises:
        SettingsError: the suffix is another one.
        OutputUnwritable: the file cannot be written.
        ScanError: the map cannot be read.
    """
    suffix, shape = path.suffix.lower(), (inverted.record.rows, inverted.record.columns)
    if suffix not in (".npy", *TIFF_SUFFIXES):
        raise SettingsError(f"{path}: values are written as .npy, .tif or .tiff: give one of these suffixes.")
    try:
        with replacing(path) as temporary:
            offset = (_npy_header if suffix == ".npy" else write_tiff_header)(temporary, shape, inverted.dtype)
            return _write_rows(temporary, offset, inverted)
    except OSError as error:
        raise OutputUnwritable(f"{path}: cannot be written ({error.strerror}): give another path.") from error


def _write_rows(path: Path, offset: int, inverted: InvertedImage) -> int:
    valid = 0
    with path.open("r+b") as file:
        file.seek(offset)
        for rows in inverted.rows():
            valid += int(np.isfinite(rows).sum())
            file.write(np.ascontiguousarray(rows).data)
    return valid


def _npy_header(path: Path, shape: tuple[int, int], dtype: np.dtype[Any]) -> int:
    header = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
    with path.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, header)
        return file.tell()
