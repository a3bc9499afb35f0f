"""PCD point clouds of the Point Cloud Library: text, binary and compressed.

Open3D is not used: it takes words that are no numbers for zeros, and lines that are missing for points.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gemax_cli.errors import BadFormat
from gemax_cli.jit import kernel
from gemax_cli.scans.assemble import all_finite, as_points, check_triangles, cloud_scan, organised_scan
from gemax_cli.scans.model import Points, Scan
from gemax_cli.scans.raw_file import MAX_BYTES, RawFile
from gemax_cli.scans.text_lines import as_bytes, count_lines, read_columns

_HEADER = re.compile(rb"(?:[^\r\n]*\r?\n){1,100}?DATA[ \t]+([a-z_]+)[ \t]*\r?\n")
_LINE = re.compile(rb"^(FIELDS|SIZE|TYPE|COUNT|WIDTH|HEIGHT|POINTS)[ \t]+([^\r\n]*)", re.MULTILINE)
_TYPES = {"F4": "f4", "F8": "f8", "I1": "i1", "I2": "i2", "I4": "i4", "I8": "i8"}
_TYPES |= {"U1": "u1", "U2": "u2", "U4": "u4", "U8": "u8"}
_LONGEST_HEADER = 4096
_PACKING = struct.Struct("<II")  # bytes packed and unpacked
_MOST_VALUES = 64  # of one field: histograms of features have up to 308, in clouds of features alone


@dataclass(frozen=True)
class PcdHeader:
    """What a PCD says it holds.

    Attributes:
        fields: numpy's type and number of values of each field, by name, in order.
        points: how many.
        shape: (rows, columns) of an organised cloud, else None.
        kind: ascii, binary or binary_compressed.
        end: where the points begin.
    """

    fields: dict[str, tuple[str, int]]
    points: int
    shape: tuple[int, int] | None
    kind: str
    end: int

    @property
    def layout(self) -> np.dtype[Any]:
        """One point in the binary form."""
        return np.dtype([(name, f"<{kind}", (count,)) for name, (kind, count) in self.fields.items()])


def read_pcd(raw: RawFile) -> Scan:
    """Read the x, y and z of a PCD; one of several rows becomes an organised scan.

    Raises:
        BadFormat: it is no PCD, damaged or cut off, or contradicts itself.
        EmptyScan: it holds no point, or all points are the same.
    """
    path, data = raw.path, raw.data
    header = read_pcd_header(path, data)
    points = _points(path, header, memoryview(data)[header.end :])
    if header.shape is None:
        return cloud_scan(path, points)
    packed = header.kind == "binary_compressed"
    check_triangles(path, 2 * header.points, header.points * header.layout.itemsize if packed else len(data))
    # Some sensors write 0 0 0 where they measured nothing, others NaN.
    measured = all_finite(points) & points.any(axis=1)
    return organised_scan(path, points.reshape(*header.shape, 3), measured.reshape(header.shape), metric=False)


def read_pcd_header(path: Path, data: bytes) -> PcdHeader:
    """Parse the header; BadFormat where it is none, contradicts itself, or promises more than the file can hold."""
    match = _HEADER.match(data[:_LONGEST_HEADER])
    values = {line[1].decode(): line[2].split() for line in _LINE.finditer(match[0])} if match else {}
    if match is None or not {"WIDTH", "FIELDS", "SIZE", "TYPE"} <= set(values):
        raise BadFormat(path, "does not begin with the header of a PCD: it is damaged or cut off, copy it again.")
    width, height = _count(path, values["WIDTH"]), _count(path, values.get("HEIGHT", [b"1"]))
    points = _count(path, values.get("POINTS", [b"%d" % (width * height)]))
    if width * height != points:
        sizes = f"{width} x {height} and {points} points"
        raise BadFormat(path, f"says {sizes}, which contradict each other: export it again.")
    shape = (height, width) if height > 1 and width > 1 else None
    header = PcdHeader(_fields(path, values), points, shape, match[1].decode(), match.end())
    _check_room(path, header, data)
    return header


def _fields(path: Path, values: dict[str, list[bytes]]) -> dict[str, tuple[str, int]]:
    names = [name.decode("latin-1") for name in values["FIELDS"]]
    sizes = [_count(path, [size]) for size in values["SIZE"]]
    counts = [_count(path, [count]) for count in values.get("COUNT", [b"1"] * len(names))]
    kinds = [f"{kind.decode('latin-1')}{size}" for kind, size in zip(values["TYPE"], sizes, strict=False)]
    if not len(names) == len(sizes) == len(kinds) == len(counts) == len(values["TYPE"]):
        raise BadFormat(path, "its header names fields, sizes and types of different numbers: it is damaged.")
    unknown = [kind for kind in kinds if kind not in _TYPES]
    if unknown or not all(1 <= count <= _MOST_VALUES for count in counts):
        raise BadFormat(
            path, f"its header holds a field of an unknown type ({', '.join(unknown)[:40] or 'its count'})."
        )
    # Paddings may all be called "_".
    fields = {f"{k} _" if name == "_" else name: (_TYPES[kinds[k]], counts[k]) for k, name in enumerate(names)}
    if len(fields) != len(names) or any(fields.get(axis, ("", 0))[1] != 1 for axis in "xyz"):
        raise BadFormat(path, "its header does not name x, y and z once each: it holds no points of a surface.")
    return fields


def _check_room(path: Path, header: PcdHeader, data: bytes) -> None:
    needed, room = header.points * header.layout.itemsize, len(data) - header.end
    if header.kind == "binary_compressed":
        packed, unpacked = _PACKING.unpack_from(data, header.end) if room >= _PACKING.size else (0, 0)
        _check(path, packed, room - _PACKING.size)
        _check(path, needed, unpacked)
        # LZF packs 264 bytes into 3 at best.
        _check(path, unpacked, min(88 * packed + 88, MAX_BYTES))
    elif header.kind == "binary":
        _check(path, needed, room)
    elif header.kind == "ascii":
        _check(path, 2 * header.points * sum(count for _, count in header.fields.values()), room + 1)
    else:
        raise BadFormat(path, f"its header says DATA {header.kind[:20]}, which no PCD knows: it is damaged.")


def _check(path: Path, needed: int, room: int) -> None:
    if needed > room:
        raise BadFormat(path, f"its header promises at least {needed:,} bytes, but there are {room:,}: it is cut off.")


def _count(path: Path, words: list[bytes]) -> int:
    if len(words) != 1 or not re.fullmatch(rb"[0-9]{1,12}", words[0]):
        raise BadFormat(path, "its header holds a count that is no number: it is damaged, copy it again.")
    return int(words[0])


def _points(path: Path, header: PcdHeader, body: memoryview) -> Points:
    if header.kind == "ascii":
        return _from_text(path, header, bytearray(body))
    if header.kind == "binary":
        items = np.frombuffer(body, header.layout, header.points)
        columns = {axis: items[axis] for axis in "xyz"}
    else:
        columns = _unpacked(path, header, body)
    return as_points([columns[axis] for axis in "xyz"])


def _from_text(path: Path, header: PcdHeader, text: bytearray) -> Points:
    """One point a line, all fields in order."""
    starts = np.cumsum([0, *(count for _, count in header.fields.values())])
    places = [int(starts[list(header.fields).index(axis)]) for axis in "xyz"]
    lines, _ = count_lines(as_bytes(text), 0)
    if lines != header.points:
        raise BadFormat(path, f"promises {header.points} points, but has {lines} lines for them: copy it again.")
    try:
        points, _ = read_columns(text, 0, tuple(sorted(places)), lines, int(starts[-1]))
    except ValueError as error:
        what = f"a line does not hold {starts[-1]} numbers: it is damaged, copy it again."
        raise BadFormat(path, what) from error
    return points if places == sorted(places) else points[:, np.argsort(np.argsort(places))]


def _unpacked(path: Path, header: PcdHeader, body: memoryview) -> dict[str, NDArray[Any]]:
    """The compressed form: first all x, then all y ..."""
    packed, unpacked = _PACKING.unpack_from(body)
    out = np.zeros(unpacked, np.uint8)
    if unpack_lzf(np.frombuffer(body, np.uint8, packed, _PACKING.size), out) != unpacked:
        raise BadFormat(path, "its packing is damaged: copy it again.")
    columns, start = {}, 0
    for name, (kind, count) in header.fields.items():
        columns[name] = np.frombuffer(out.data, f"<{kind}", header.points * count, start)
        start += columns[name].nbytes
    return columns


@kernel
def unpack_lzf(packed: NDArray[np.uint8], out: NDArray[np.uint8]) -> int:
    """Unpack LZF (M. Lehmann's LibLZF, the format of compressed PCD files).

    A control byte below 32 is followed by that many literal bytes and one more; any other repeats bytes written
    before: its upper three bits, plus a byte where they are all set, are the length less 2, the lower five and the
    next byte the distance less 1.

    Args:
        packed: (n,) uint8.
        out: (m,) uint8, room for the content.

    Returns:
        Bytes written, or -1 where ``packed`` is damaged or its content is longer than ``out``.
    """
    at, to = 0, 0
    while at < packed.size:
        control = np.int64(packed[at])
        at += 1
        if control < 32:
            length = control + 1
            if at + length > packed.size or to + length > out.size:
                return -1
            for step in range(length):
                out[to + step] = packed[at + step]
            at += length
        else:
            length = control >> 5
            if length == 7 and at < packed.size:
                length += np.int64(packed[at])
                at += 1
            if at >= packed.size:
                return -1
            source = to - ((control & 31) << 8) - np.int64(packed[at]) - 1
            at += 1
            length += 2
            if source < 0 or to + length > out.size:
                return -1
            for step in range(length):  # one by one: a source may reach into what is being written
                out[to + step] = out[source + step]
        to += length
    return to
