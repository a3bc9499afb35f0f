"""Depth pictures to an organised Scan in millimetres: 16-bit PNG and TIFF, float TIFF, NumPy arrays, OpenEXR."""

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

from gemax_cli.cameras import CAMERAS, Camera
from gemax_cli.errors import BadFormat, EmptyScan, GemaxError, LibraryMissing, SettingsError, not_installed
from gemax_cli.scans.assemble import organised_scan
from gemax_cli.scans.grey16 import has_depth_header
from gemax_cli.scans.model import Scan
from gemax_cli.scans.raw_file import RawFile, read_raw
from gemax_cli.settings import MM_PER_UNIT, CameraSettings, Unit

MAX_PIXELS = 8_000_000
"""Pixels of the largest picture read; depth cameras have about one million."""

Depths = NDArray[Any]
"""(rows, columns) numbers of any type."""

WIDEST_PIXEL_MM = 8.0
"""Of a surface that may be a face: a nose is four such pixels wide."""

MOST_METRES = 20.0  # median of depths that are metres; larger ones are millimetres
FEWEST_PIXELS = 4  # rows and columns
ADVICE = "assumed; give --camera, or --fx and --unit, or a .json beside it."
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

    def planes(self, depth: Depths) -> NDArray[np.float64]:
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


def read_depth_image(raw: RawFile, camera: CameraSettings | None = None, unit: Unit = "auto") -> Scan:
    """Read a picture of one channel whose values are depths; 0, NaN and infinity mean that nothing was measured.

    A picture does not say what its numbers mean. ``X.json`` beside ``X.png`` may: an object with any of the keys of
    DepthCamera. What it leaves out, the settings say. Without either one unit is 1 mm (of floating-point values 1 m, if
    they are small enough for that) and one pixel 1 mm, and the scan's warnings say so. Surface so far away that its
    pixels are wider than ``WIDEST_PIXEL_MM`` shows no face and is left out.

    Raises:
        BadFormat: it is no picture of depths, damaged, too large, not of the camera's shape, or its JSON file makes no
            sense.
        EmptyScan: nothing was measured, no neighbours, or all of it is too far away.
        LibraryMissing: no library that reads OpenEXR is installed.
    """
    beside = raw.path.with_suffix(".json")
    told = _values_beside(beside)
    depth = _decoded(raw.path, raw.data)
    measured = np.isfinite(depth) & (depth > 0)
    values, warnings = _camera_values(raw.path, depth, measured, camera or CameraSettings(), unit, told)
    try:
        known = DepthCamera(**values)
    except SettingsError as error:
        raise BadFormat(beside, str(error)) from error
    near = measured & _near_enough(depth, known)
    if measured.any() and not near.any():
        raise EmptyScan(raw.path, "all of it is too far away for a face: give the unit of its depths with --unit.")
    scan = organised_scan(raw.path, known.planes(np.where(near, depth, 0)), near, metric=True)
    return replace(scan, camera=True, warnings=tuple(warnings))


def _camera_values(
    path: Path, depth: Depths, measured: NDArray[np.bool_], camera: CameraSettings, unit: Unit,
    told: dict[str, Any] | None,
) -> tuple[dict[str, Any], list[str]]:  # fmt: skip
    """The fields of a picture's DepthCamera, and sentences on those that nobody gave."""
    preset = CAMERAS.get(camera.name)
    values, warnings = dict(told or {}), list[str]()
    if not values.keys() - {"mm_per_unit"}:
        values |= _given_intrinsics(path, depth.shape, camera, preset)
    scaled = bool(values)
    if "mm_per_unit" in values:
        pass
    elif unit != "auto":
        values["mm_per_unit"] = MM_PER_UNIT[unit]
    elif depth.dtype.kind == "f":
        metres = measured.any() and float(np.median(depth[measured])) < MOST_METRES
        values["mm_per_unit"] = MM_PER_UNIT["m" if metres else "mm"]
        warnings.append(f"Depths were taken for {'metres' if metres else 'millimetres'}, by their size.")
    elif preset:
        values["mm_per_unit"] = preset.mm_per_unit
    if not scaled:
        beside = "no .json beside it" if told is None else "the .json beside it does not name it"
        what = "1 mm per pixel is" if "mm_per_unit" in values else "1 mm per unit of depth and 1 mm per pixel are"
        warnings.append(f"Its scale is not known ({beside}): {what} {ADVICE}")
    return values, warnings


def _given_intrinsics(
    path: Path, shape: tuple[int, ...], camera: CameraSettings, preset: Camera | None
) -> dict[str, float]:
    if preset is None:
        return {name: value for name in ("fx", "fy", "cx", "cy") if (value := getattr(camera, name)) is not None}
    known = preset.intrinsics(shape[1], shape[0])
    if known is None:
        sizes = ", ".join(f"{mode.width} x {mode.height}" for mode in preset.modes)
        raise BadFormat(
            path,
            f"has {shape[1]} x {shape[0]} pixels, which is no size of {camera.name} ({sizes}) and none of its shape: "
            "give --fx, --fy, --cx and --cy instead of --camera.",
        )
    return known._asdict()


def _near_enough(depth: Depths, camera: DepthCamera) -> NDArray[np.bool_]:
    """Where a pixel is no wider than WIDEST_PIXEL_MM."""
    if camera.fx is None:
        return np.ones(depth.shape, np.bool_)
    with np.errstate(invalid="ignore", over="ignore"):
        return np.asarray(np.abs(depth.astype(np.float64) * camera.mm_per_unit) <= WIDEST_PIXEL_MM * camera.fx)


def _decoded(path: Path, data: bytes) -> Depths:
    suffix = path.suffix.lower()
    if suffix not in (".npy", ".exr") and not has_depth_header(BytesIO(data)):
        what = "is no picture of one channel of 16 bits or of floating-point numbers (a texture?)"
        raise BadFormat(path, f"{what}: depths are saved as 16-bit grey.")
    try:
        depth = {".npy": _array, ".exr": _exr}.get(suffix, _pixels)(path, data)
    except (GemaxError, MemoryError):
        raise
    except Exception as error:  # a decoder may raise anything
        raise BadFormat(path, f"the picture is damaged or cut off ({_first_line(error)}): copy it again.") from error
    if depth.ndim != 2 or min(depth.shape) < FEWEST_PIXELS:
        shape = " x ".join(map(str, depth.shape))
        raise BadFormat(path, f"holds {shape} values, no picture of depths: save rows and columns of depths alone.")
    return depth


def _array(path: Path, data: bytes) -> Depths:
    """The values of a .npy file, of numbers alone: nothing in it is executed."""
    file = BytesIO(data)
    version = np.lib.format.read_magic(file)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, _, kind = read(file)
    _check_size(path, max(shape[-1:], default=1), int(np.prod(shape[:-1], dtype=object)))
    if kind.hasobject or kind.kind not in "uif":
        raise BadFormat(path, f"holds values of type {kind}, no depths: save them as numbers.")
    depth: Depths = np.load(BytesIO(data), allow_pickle=False)
    return np.squeeze(depth).astype(np.float64 if kind.kind == "f" else np.int64, copy=False)


def _exr(path: Path, data: bytes) -> Depths:
    """The one channel of an OpenEXR picture. OpenEXR opens the file itself, after its header was checked."""
    if not has_depth_header(BytesIO(data)):
        raise BadFormat(path, "is no OpenEXR picture of one channel: save the depths alone.")
    try:
        import OpenEXR
    except ImportError as error:
        raise LibraryMissing(path, not_installed("this format", "OpenEXR", "save it as .npy")) from error
    lowest, highest = OpenEXR.File(str(path), header_only=True).parts[0].header["dataWindow"]
    _check_size(path, *(int(size) + 1 for size in highest - lowest))
    (channel,) = OpenEXR.File(str(path)).channels().values()
    depth: Depths = channel.pixels
    return depth.astype(np.float64)


def _pixels(path: Path, data: bytes) -> Depths:
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
    if depth.dtype.kind == "f" and depth.ndim == 2:
        return depth
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


def _values_beside(path: Path) -> dict[str, Any] | None:
    """The values of DepthCamera's fields in a JSON file; None where there is no such file."""
    if not isfile(path):  # noqa: PTH113 - is_file() raises where .json makes the name too long
        return None
    try:
        content = json.loads(read_raw(path, _MAX_SIDECAR_BYTES).data)
    except (ValueError, RecursionError) as error:
        raise BadFormat(path, f"is no JSON ({error}): correct it, or move it away.") from error
    known = {field.name for field in fields(DepthCamera)}
    return {key: value for key, value in content.items() if key in known} if isinstance(content, dict) else {}
