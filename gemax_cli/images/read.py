"""Opening image files: one row of the table per format, told by its first bytes."""

from __future__ import annotations

import struct
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np

from gemax_cli.errors import BadFormat, UnknownFormat
from gemax_cli.images.model import (
    BLOCK_PIXELS,
    ImageSource,
    Pixels,
    check_memory,
    check_packing,
    check_size,
    check_type,
    explained,
    pick_band,
)
from gemax_cli.paths import AnyPath, as_path
from gemax_cli.scans.raw_file import open_raw
from gemax_cli.stack.png import SIGNATURE, read_png

Opener = Callable[[Path, int | None], ImageSource]
START = 132  # bytes that tell the format
_PNG_GREY, _PNG_COLOURS = 0, {2: 3, 4: 2, 6: 4}  # colour types, and the channels of the others
RADIOMETRIC = (
    "is a JPEG, whose 8 bits hold no HDR image: of a radiometric JPEG give the raw sensor values, which "
    "'exiftool -b -RawThermalImage FILE > raw.tiff' takes out of it."
)


def open_image(path: AnyPath, band: int | None = None) -> ImageSource:
    """Open an image: PNG, TIFF, BigTIFF, GeoTIFF, .npy or DICOM. Its pixels are read later, block by block.

    Args:
        path: of the file; its first bytes tell the format.
        band: of a file of several bands or pages, from 1; None demands that there is one.

    Raises:
        FileUnreadable: the file is missing, a folder, a pipe or device, or may not be read.
        UnknownFormat: no reader knows it.
        BadFormat: it is damaged, of an unknown variant, or has several bands and none was chosen.
        LibraryMissing: the library that reads this format or compression is not installed.
    """
    path = as_path(path)
    with open_raw(path) as file:
        start = file.read(START)
    for matches, opener in READERS:
        if matches(start):
            with explained(path):
                return opener(path, band)
    raise UnknownFormat(path, "is no PNG, TIFF, .npy or DICOM: save it as one of these.")


# --- PNG


def _open_png(path: Path, band: int | None) -> ImageSource:
    with path.open("rb") as file:
        head = file.read(26)
    columns, rows, bits, colour = struct.unpack_from(">IIBB", head, 16)
    check_size(path, rows, columns)
    if colour != _PNG_GREY and (colour not in _PNG_COLOURS or bits != 8):
        raise BadFormat(path, "is a PNG of a palette or of 16-bit colours: save the grey values as 16-bit PNG or TIFF.")
    channels = _PNG_COLOURS.get(colour, 1)
    index = pick_band(path, channels, band)
    size = rows * columns * channels * max(1, bits // 8)
    check_memory(path, size)
    check_packing(path, size)
    dtype = np.dtype(np.uint16 if bits == 16 else np.uint8)
    return ImageSource(path, rows, columns, dtype, partial(_read_png, path, index))


def _read_png(path: Path, index: int) -> Iterator[Pixels]:
    with explained(path), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow warns of pictures of 90 million pixels; ours are checked
        image = read_png(path)
    yield image[..., index] if image.ndim == 3 else image


# --- .npy


def _open_npy(path: Path, band: int | None) -> ImageSource:
    array = _map_npy(path)
    if array.ndim not in (2, 3):
        raise BadFormat(path, f"has {array.ndim} dimensions: give (rows, columns), or with a third one for bands.")
    shape, axis = _without_bands(array.shape)
    check_size(path, *shape)
    index = pick_band(path, 1 if axis is None else array.shape[axis], band)
    dtype = check_type(path, array.dtype)
    return ImageSource(path, *shape, dtype, partial(_read_npy, path, shape, axis, index))


def _without_bands(shape: tuple[int, ...]) -> tuple[tuple[int, int], int | None]:
    """(rows, columns), and the axis of the bands: the shorter one of the first and the last."""
    if len(shape) == 2:
        return (shape[0], shape[1]), None
    return ((shape[0], shape[1]), 2) if shape[2] <= shape[0] else ((shape[1], shape[2]), 0)


def _map_npy(path: Path) -> Pixels:
    array: Pixels = np.load(path, mmap_mode="r", allow_pickle=False)
    return array


def _read_npy(path: Path, shape: tuple[int, int], axis: int | None, index: int) -> Iterator[Pixels]:
    """Yield blocks of rows, each through a map of its own: pages of one long map would count as our memory."""
    height = max(1, BLOCK_PIXELS // shape[1])
    for start in range(0, shape[0], height):
        with explained(path):
            array = _map_npy(path)
            plane = array if axis is None else array[index] if axis == 0 else array[..., index]
            yield np.array(plane[start : start + height])


# --- the table


def _open_tiff(path: Path, band: int | None) -> ImageSource:
    from gemax_cli.images.tiff import open_tiff

    return open_tiff(path, band)


def _open_dicom(path: Path, band: int | None) -> ImageSource:
    from gemax_cli.images.dicom import open_dicom

    return open_dicom(path, band)


def _refuse_jpeg(path: Path, _: int | None) -> ImageSource:
    raise UnknownFormat(path, RADIOMETRIC)


READERS: tuple[tuple[Callable[[bytes], bool], Opener], ...] = (
    (lambda start: start.startswith(SIGNATURE), _open_png),
    (lambda start: start[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"), _open_tiff),
    (lambda start: start.startswith(b"\x93NUMPY"), _open_npy),
    (lambda start: start[128:132] == b"DICM", _open_dicom),
    (lambda start: start.startswith(b"\xff\xd8\xff"), _refuse_jpeg),
)
SUFFIXES = frozenset((".png", ".tif", ".tiff", ".btf", ".tf8", ".npy", ".dcm"))
"""Of the files that are looked for in folders; a file that is named may have any."""
