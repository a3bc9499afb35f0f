"""Telling depth pictures from all others by their headers alone, without decoding a pixel.

Pillow is not used. It does not distinguish a failing disk from a file that is no picture. Of a TIFF it reads the
content of all tags, which in older versions can be many times the file.
"""

from __future__ import annotations

import re
import struct
from io import BytesIO, FileIO
from pathlib import Path

from gemax_cli.scans.raw_file import MAX_BYTES, open_raw

_PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"  # signature, length and name of the first chunk
_BITS, _SAMPLES, _SAMPLE_FORMAT = 258, 277, 339  # TIFF 6.0, section 8 and 19
_SHORT, _UNSIGNED, _FLOAT = 3, 1, 3
_NPY, _EXR = b"\x93NUMPY", b"\x76\x2f\x31\x01"
_MOST_HEADER = 4096  # bytes of the header of an array or OpenEXR picture that are looked at
_NPY_HEADER = re.compile(
    rb"'descr': '[<>|=]?(?:f[248]|u2|i[248]|u[48])'(?=.*'shape': \((\d{1,5}), (\d{1,5})\))", re.DOTALL
)
_EXR_CHANNELS = b"\0channels\0chlist\0"  # name and type of the attribute
FEWEST_OF_ARRAY = 48  # rows and columns of an array in a folder; smaller ones are landmarks and the like
# Header with the place of the directory, count of entries, entry. Pillow reads no BigTIFF of the other byte order.
_LAYOUTS = {
    b"II*\x00": ("<4xI", "<H", "<HHIH2x"),
    b"MM\x00*": (">4xI", ">H", ">HHIH2x"),
    b"II+\x00": ("<8xQ", "<Q", "<HHQH6x"),
}
_MOST_ENTRIES = 512  # of a TIFF's directory; baseline pictures have about 15


def is_depth_picture(path: Path) -> bool:
    """Whether a file may be a depth picture; False for damaged headers and all other files.

    A PNG of one channel of 16 bits, such a TIFF or one of 32-bit floating-point numbers, a two-dimensional NumPy array
    of the size of a picture, an OpenEXR picture of one channel.

    Raises:
        FileUnreadable, EmptyScan: as ``open_raw``.
    """
    with open_raw(path) as file:
        return has_depth_header(file)


def has_depth_header(file: FileIO | BytesIO) -> bool:
    """The same of a file that stands at its start."""
    start = file.read(26)
    if start.startswith(_PNG):
        return start[24:] == b"\x10\x00"  # bit depth 16, colour type grey
    if start.startswith((_NPY, _EXR)):
        return _is_depth_array(start + file.read(_MOST_HEADER))
    return len(start) == 26 and start[:4] in _LAYOUTS and _tiff_is_grey(file, start)


def _is_depth_array(start: bytes) -> bool:
    """Whether the header of a .npy or .exr names one channel of numbers that may be depths."""
    if start.startswith(_EXR):
        return _count_channels(start) == 1
    header = _NPY_HEADER.search(start)
    return header is not None and min(map(int, header.groups())) >= FEWEST_OF_ARRAY


def _count_channels(start: bytes) -> int:
    """Channels of an OpenEXR picture: in its header each is a name that ends in NUL and 16 bytes."""
    _, _, rest = start.partition(_EXR_CHANNELS)
    at, end, count = 4, 4 + int.from_bytes(rest[:4], "little") - 1, 0
    while at < min(end, len(rest)):
        at, count = rest.find(b"\0", at) + 17, count + 1
        if at < 17:
            return 0
    return count


def _tiff_is_grey(file: FileIO | BytesIO, start: bytes) -> bool:
    header, counter, entry = map(struct.Struct, _LAYOUTS[start[:4]])
    file.seek(min(header.unpack_from(start)[0], MAX_BYTES))
    head = file.read(counter.size)
    count = counter.unpack(head)[0] if len(head) == counter.size else 0
    entries = file.read(entry.size * count) if count <= _MOST_ENTRIES else b""
    values = {_SAMPLES: 1, _SAMPLE_FORMAT: _UNSIGNED}
    for tag, kind, number, value in entry.iter_unpack(entries[: len(entries) // entry.size * entry.size]):
        if tag in (_BITS, _SAMPLES, _SAMPLE_FORMAT):
            values[tag] = value if kind == _SHORT and number == 1 else 0
    depth = values.get(_BITS), values[_SAMPLE_FORMAT]
    return values[_SAMPLES] == 1 and depth in ((16, _UNSIGNED), (32, _FLOAT))
