"""Telling 16-bit grey pictures from all others by their headers alone, without decoding a pixel.

Pillow is not used. It does not distinguish a failing disk from a file that is no picture. Of a TIFF it reads the
content of all tags, which in older versions can be many times the file.
"""

from __future__ import annotations

import struct
from io import BytesIO, FileIO
from pathlib import Path

from gemax_cli.scans.raw_file import MAX_BYTES, open_raw

_PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"  # signature, length and name of the first chunk
_BITS, _SAMPLES, _SAMPLE_FORMAT = 258, 277, 339  # TIFF 6.0, section 8 and 19
_SHORT, _UNSIGNED = 3, 1
# Header with the place of the directory, count of entries, entry. Pillow reads no BigTIFF of the other byte order.
_LAYOUTS = {
    b"II*\x00": ("<4xI", "<H", "<HHIH2x"),
    b"MM\x00*": (">4xI", ">H", ">HHIH2x"),
    b"II+\x00": ("<8xQ", "<Q", "<HHQH6x"),
}
_MOST_ENTRIES = 512  # of a TIFF's directory; baseline pictures have about 15


def is_grey16(path: Path) -> bool:
    """Whether a PNG or TIFF has one channel of 16 bits; False for damaged headers and all other files.

    Raises:
        FileUnreadable, EmptyScan: as ``open_raw``.
    """
    with open_raw(path) as file:
        return has_grey16_header(file)


def has_grey16_header(file: FileIO | BytesIO) -> bool:
    """The same of a file that stands at its start."""
    start = file.read(26)
    if start.startswith(_PNG):
        return start[24:] == b"\x10\x00"  # bit depth 16, colour type grey
    return len(start) == 26 and start[:4] in _LAYOUTS and _tiff_is_grey16(file, start)


def _tiff_is_grey16(file: FileIO | BytesIO, start: bytes) -> bool:
    header, counter, entry = map(struct.Struct, _LAYOUTS[start[:4]])
    file.seek(min(header.unpack_from(start)[0], MAX_BYTES))
    head = file.read(counter.size)
    count = counter.unpack(head)[0] if len(head) == counter.size else 0
    entries = file.read(entry.size * count) if count <= _MOST_ENTRIES else b""
    values = {_SAMPLES: 1, _SAMPLE_FORMAT: _UNSIGNED}
    for tag, kind, number, value in entry.iter_unpack(entries[: len(entries) // entry.size * entry.size]):
        if tag in (_BITS, _SAMPLES, _SAMPLE_FORMAT):
            values[tag] = value if kind == _SHORT and number == 1 else 0
    return values == {_BITS: 16, _SAMPLES: 1, _SAMPLE_FORMAT: _UNSIGNED}
