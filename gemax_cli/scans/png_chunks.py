"""Whether a PNG is whole: decoders pass over checksums, and give zeros for rows that are missing."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

from gemax_cli.errors import BadFormat

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_HEAD, _CHECKSUM = struct.Struct(">I4s"), struct.Struct(">I")
_SIZES = struct.Struct(">II5B")  # width, height, bits, colour type, compression, filter, interlacing
_DAMAGED = "the picture is damaged or cut off ({}): copy it again."


def check_grey16_png(path: Path, data: bytes, most_pixels: int) -> None:
    """Check every chunk's checksum, the end mark, and that there are as many rows as the header says.

    Args:
        path: for messages.
        data: a PNG of one 16-bit channel.
        most_pixels: refuse larger pictures, before anything is unpacked.

    Raises:
        BadFormat: it is damaged, cut off or too large.
    """
    chunks = _chunks(path, data)
    if not chunks or chunks[0][0] != b"IHDR" or len(chunks[0][1]) != _SIZES.size:
        raise BadFormat(path, _DAMAGED.format("it has no header"))
    width, height, _, _, _, _, interlaced = _SIZES.unpack(chunks[0][1])
    if width * height > most_pixels:
        size = f"{width} x {height}"
        raise BadFormat(path, f"has {size} pixels, more than any depth camera: reduce it or cut out the face.")
    needed = height * (2 * width + 1)  # interlaced pictures have a few bytes more
    unpacked = _unpacked(path, b"".join(body for kind, body in chunks if kind == b"IDAT"), needed)
    if unpacked < needed or interlaced > 1:
        raise BadFormat(path, _DAMAGED.format("rows are missing"))


def _chunks(path: Path, data: bytes) -> list[tuple[bytes, bytes]]:
    """Kind and content of every chunk up to IEND."""
    at, kind, found = len(SIGNATURE), b"", list[tuple[bytes, bytes]]()
    while kind != b"IEND":
        length, kind = _HEAD.unpack_from(data, at) if at + _HEAD.size <= len(data) else (len(data), b"")
        end = at + _HEAD.size + length
        if end + _CHECKSUM.size > len(data):
            raise BadFormat(path, _DAMAGED.format("it ends too early"))
        if zlib.crc32(data[at + 4 : end]) != _CHECKSUM.unpack_from(data, end)[0]:
            raise BadFormat(path, _DAMAGED.format("a checksum is wrong"))
        found.append((kind, data[at + _HEAD.size : end]))
        at = end + _CHECKSUM.size
    return found


def _unpacked(path: Path, packed: bytes, most: int) -> int:
    """Bytes that ``packed`` unpacks to, counted up to one more than ``most``: so that its checksum is looked at."""
    try:
        return len(zlib.decompressobj().decompress(packed, most + 1))
    except zlib.error as error:
        raise BadFormat(path, _DAMAGED.format(error)) from error
