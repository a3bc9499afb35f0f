"""PNG images."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gemax_cli.stack.guard import read_regular

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_HEADER = struct.Struct(">IIBBBBB")  # columns, rows, bits, colour type, compression, filter and interlace methods
_LENGTH = struct.Struct(">I")
_GREY, _RGB = 0, 2
_UP = 2  # the filter of every row: differences to the row above
_LEVEL = 1  # of libdeflate, 1 to 12: files are 2 % larger than with zlib's level 6, in a fifth of its time


def encode_png(image: NDArray[Any]) -> bytes:
    """PNG file of a (rows, columns) uint8 or uint16 image, or a (rows, columns, 3) uint8 one.

    Every row is filtered by the row above (PNG filter "Up"), then compressed by libdeflate, whose bytes depend on the
    input and its version alone. ISA-L takes half of its time, but was seen three times to pack equal pixels
    into one byte more.
    """
    if image.dtype not in (np.uint8, np.uint16) or not image.size:
        raise TypeError(f"a PNG of ours is uint8 or uint16 and not empty, not {image.shape} {image.dtype}")
    import deflate  # a machine that only trains may lack it

    rows, columns = image.shape[:2]
    colour = _RGB if image.ndim == 3 else _GREY
    header = _HEADER.pack(columns, rows, 8 * image.dtype.itemsize, colour, 0, 0, 0)
    packed = bytes(deflate.zlib_compress(_filtered(image).data, _LEVEL))
    return SIGNATURE + _chunk(b"IHDR", header) + _chunk(b"IDAT", packed) + _chunk(b"IEND", b"")


def _filtered(image: NDArray[Any]) -> NDArray[np.uint8]:
    """(rows, 1 + bytes of a row): the filter's number, then the filtered bytes, high byte first."""
    stored = np.ascontiguousarray(image, image.dtype.newbyteorder(">")).view(np.uint8).reshape(len(image), -1)
    rows = np.empty((len(stored), 1 + stored.shape[1]), np.uint8)
    rows[:, 0] = _UP
    rows[0, 1:] = stored[0]
    np.subtract(stored[1:], stored[:-1], out=rows[1:, 1:])
    return rows


def _chunk(name: bytes, content: bytes) -> bytes:
    checksum = zlib.crc32(content, zlib.crc32(name))
    return b"".join((_LENGTH.pack(len(content)), name, content, _LENGTH.pack(checksum)))


def read_png(path: Path) -> NDArray[Any]:
    """Pixels of a PNG as they are stored: uint8 or uint16, (rows, columns) or (rows, columns, channels).

    Raises:
        OSError: the file is missing, a link, no file, or no image.
    """
    return decode_png(read_regular(path))


def decode_png(data: bytes) -> NDArray[Any]:
    """Pixels of the PNG that ``data`` is, as ``read_png`` gives them.

    Raises:
        OSError: it is no image.
    """
    import imageio.v3 as iio

    image = np.asarray(iio.imread(data, plugin="pillow"))
    # byte 24 is the bit depth: older versions of Pillow give 16-bit grey 32 bits, and all give 16-bit colours 8 bits
    if len(data) > 24 and data[24] == 16 and image.dtype != np.uint16:
        image = image.astype(np.uint16)
    return image
