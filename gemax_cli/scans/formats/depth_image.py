"""16-bit depth pictures (PNG, TIFF) to an organised Scan in millimetres."""

from __future__ import annotations

import json
import re
import struct
import warnings
import zlib
from dataclasses import dataclass, fields, replace
from io import BytesIO
from os.path import isfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gemax_cli.errors import BadFormat, SettingsError
from gemax_cli.scans.assemble import organised_scan
from gemax_cli.scans.grey16 import has_grey16_header
from gemax_cli.scans.model import Scan
from gemax_cli.scans.raw_file import RawFile, read_raw

MAX_PIXELS = 8_000_000
"""Pixels of the largest picture read; depth cameras have about one million."""

_MAX_SIDECAR_BYTES = 100_000
_LARGEST = 1e6
_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_OBJECT = re.compile(r"<[^<>]* at 0x[0-9a-fA-F]+>")


@dataclass(frozen=True)
class DepthCamera:
    """How the values of a depth picture become millimetres; also the keys of the JSON file beside it.

    Attributes:
        mm_per_unit: millimetres of depth per unit of the picture. Larger values are farther from the camera, as depth
            cameras write them; a negative number says that larger is nearer.
        mm_per_pixel: distance of neighbouring pixels, of a picture without perspective.
        fx: focal length in pixels. With it the picture has perspective (a pinhole camera), and mm_per_pixel is unused.
        fy: the same along the columns; as ``fx`` if not given.
        cx: column of the optical axis, counted from the centre of the first pixel; the picture's middle if not given.
        cy: row of the optical axis, likewise.

    Raises:
        SettingsError: a value is no number, or out of any camera's range.
    """

    mm_per_unit: float = 1.0
    mm_per_pixel: float = 1.0
    fx: float | None = None
    fy: float | None = None
    cx: float | None = None
    cy: float | None = None

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if not _makes_sense(field.name, value):
                raise SettingsError(f"{field.name} is {str(value)[:40]!r}: give a number that makes sense, or none.")

    def planes(self, depth: NDArray[np.uint16]) -> NDArray[np.float64]:
        """Coordinates (rows, columns, 3) in mm: x to the right, y up, z to the camera, which is at z = 0.

        Args:
            depth: (rows, columns) values of the picture.
        """
        rows, columns = depth.shape
        x = np.arange(columns) - ((columns - 1) / 2 if self.cx is None else self.cx)
        y = ((rows - 1) / 2 if self.cy is None else self.cy) - np.arange(rows)[:, None]
        away = depth.astype(np.float64) * self.mm_per_unit  # a whole number as unit would keep 16 bits, unsigned
        if self.fx is None:
            x, y = x * self.mm_per_pixel + 0 * away, y * self.mm_per_pixel + 0 * away
        else:
            x, y = x * away / self.fx, y * away / (self.fy or self.fx)
        return np.stack([x, y, -away], axis=-1)


def read_depth_image(raw: RawFile) -> Scan:
    """Read a picture of one 16-bit channel whose values are depths; 0 means that nothing was measured.

    A picture does not say what its numbers mean. ``X.json`` beside ``X.png`` may: an object with any of the keys of
    DepthCamera. Without it one unit is 1 mm and one pixel 1 mm, and the scan's warnings say so.

    Raises:
        BadFormat: it is no picture of one 16-bit channel, damaged, too large, or its JSON file makes no sense.
        EmptyScan: no value but 0, or no neighbours.
    """
    camera = _camera_of(raw.path.with_suffix(".json"))
    depth = _decoded(raw.path, raw.data)
    scan = organised_scan(raw.path, (camera or DepthCamera()).planes(depth), depth > 0, metric=True)
    assumed = "its scale is not known (no .json beside it): 1 mm per unit of depth and 1 mm per pixel are assumed."
    return scan if camera else replace(scan, warnings=(assumed,))


def _decoded(path: Path, data: bytes) -> NDArray[np.uint16]:
    if not has_grey16_header(BytesIO(data)):
        raise BadFormat(path, "is no picture of one 16-bit channel (a texture?): depths are saved as 16-bit grey.")
    try:
        return _pixels(path, data)
    except (BadFormat, MemoryError):
        raise
    except Exception as error:  # a decoder may raise anything
        raise BadFormat(path, f"the picture is damaged or cut off ({_first_line(error)}): copy it again.") from error


def _pixels(path: Path, data: bytes) -> NDArray[np.uint16]:
    from PIL import Image

    if data.startswith(_PNG_SIGNATURE):
        _check_png(path, data)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of sizes, for which there is a limit of our own
        with Image.open(BytesIO(data)) as picture:
            _check_size(path, picture.width, picture.height)
            if getattr(picture, "n_frames", 1) > 1:
                raise BadFormat(path, "holds several pictures: save the depths alone.")
            depth: NDArray[Any] = np.asarray(picture)
    if depth.dtype.kind not in "ui" or depth.dtype.itemsize < 2 or depth.ndim != 2:
        what = f"comes out of the decoder as {depth.dtype} of shape {depth.shape}, not as 16-bit grey: save it as PNG."
        raise BadFormat(path, what)
    return depth.astype(np.uint16)  # older versions of Pillow give 32 bits


def _check_size(path: Path, width: int, height: int) -> None:
    if width * height > MAX_PIXELS:
        size = f"{width} x {height}"
        raise BadFormat(path, f"has {size} pixels, more than any depth camera: reduce it or cut out the face.")


def _check_png(path: Path, data: bytes) -> None:
    """Find what Pillow's decoder ignores: wrong checksums, a missing end, and missing rows, which become zeros.

    Raises:
        ValueError, zlib.error: the message says what is wrong.
        BadFormat: it is too large to be unpacked.
    """
    at, kind, packed = len(_PNG_SIGNATURE), b"", list[bytes]()
    while kind != b"IEND":
        end = at + 8 + int.from_bytes(data[at : at + 4], "big")
        if end + 4 > len(data):
            raise ValueError("it ends too early")
        if zlib.crc32(data[at + 4 : end]) != int.from_bytes(data[end : end + 4], "big"):
            raise ValueError("a checksum is wrong")
        kind = data[at + 4 : at + 8]
        packed += [data[at + 8 : end]] * (kind == b"IDAT")
        at = end + 4
    width, height = struct.unpack_from(">II", data, 16)
    _check_size(path, width, height)
    needed = height * (2 * width + 1)
    # one more than needed, so that the checksum behind the rows is looked at, too
    if len(zlib.decompressobj().decompress(b"".join(packed), needed + 1)) < needed:
        raise ValueError("rows are missing")


def _first_line(error: Exception) -> str:
    """A decoder's message without names and addresses of objects: the same file gives the same sentence."""
    line = _OBJECT.sub("", str(error).strip().partition("\n")[0])
    return (line or type(error).__name__).rstrip(". ")[:100]


def _makes_sense(name: str, value: object) -> bool:
    if value is None:
        return not name.startswith("mm_")
    # Written so that NaN fails, too; an int may be too long to become a float.
    if isinstance(value, bool) or not isinstance(value, int | float) or not -_LARGEST < value < _LARGEST:
        return False
    return name in ("cx", "cy") or value > 0 or (name == "mm_per_unit" and value != 0)


def _camera_of(path: Path) -> DepthCamera | None:
    """The camera that a JSON file describes; None where there is no such file, or no key of it is known."""
    if not isfile(path):  # noqa: PTH113 - is_file() raises where .json makes the name too long
        return None
    try:
        content = json.loads(read_raw(path, _MAX_SIDECAR_BYTES).data)
    except (ValueError, RecursionError) as error:
        raise BadFormat(path, f"is no JSON ({error}): correct it, or move it away.") from error
    known = {field.name for field in fields(DepthCamera)}
    values = {key: value for key, value in content.items() if key in known} if isinstance(content, dict) else {}
    try:
        return DepthCamera(**values) if values else None
    except SettingsError as error:
        raise BadFormat(path, str(error)) from error
