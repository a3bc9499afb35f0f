"""Ways to damage a file: those that bytes suffer on disks and networks, and those that parsers fall for."""

from __future__ import annotations

import gzip
import random
import re
import struct
import zlib
from collections.abc import Callable

_NUMBER = re.compile(rb"[-+]?\d+\.?\d*(?:[eE][-+]?\d+)?")
_WORD = re.compile(rb"[^\s,\[\]{}]+")
NUMBERS = (
    b"0", b"-1", b"1", b"-0", b"255", b"256", b"65535", b"65536", b"2147483647", b"2147483648", b"-2147483649",
    b"4294967295", b"4294967296", b"99999999999", b"18446744073709551616", b"1e9", b"1e308", b"1e309", b"-1e400",
    b"nan", b"inf", b"-inf", b"NaN", b"1.#IND", b"0x10", b"1_000", b"1,5", b"1e", b"--1", b"1e-400", b"\xd9\xa3",
    b"000000000000000000000001", b"9" * 400, b"0." + b"3" * 300, b"", b"x",
)  # fmt: skip
TOKENS = (
    b"[", b"]", b"{", b"}", b'"', b"'", b"#", b"\\", b"/", b"\0", b"\xff\xfe", b"\r", b"\n", b",", b" ",
    b"\x0c", b"\x1a",
    b"DEF A ", b"USE A", b"USE P0", b"NULL", b"PROTO X [] { Shape {} } ", b"EXTERNPROTO Y [] [\"y\"] ", b"ROUTE a TO b",
    b"Transform { children [ ", b"scale 0 0 0 ", b"scale 1e300 1e300 1e300 ", b"rotation 0 0 0 1 ", b"coord ",
    b"Coordinate { point [ ", b"coordIndex [ ", b"IndexedFaceSet { ", b"convex FALSE ", b"-1 ", b"Switch { ", b"LOD { ",
    b"Inline { url \"x\" } ", b"f -1 -2 -3\n", b"v 1 2\n", b"vt 1\n", b"f 1/1/1 2//2 3\n", b"f 1 1 1\n", b"l 1 2\n",
    b"element vertex 99999999\n", b"element face 0\n", b"property list uchar int vertex_indices\n", b"end_header\n",
    b"property float x\n", b"property list int double q\n", b"format ascii 1.0\n", b"facet", b"endfacet", b"vertex",
    b"endsolid", b"WIDTH 0\n", b"HEIGHT 65536\n", b"POINTS 4294967297\n", b"DATA ascii\n", b"DATA binary\n",
    b"SIZE 8 8 8\n",
    b"COUNT 0 1 99\n", b"TYPE U I F\n", b"FIELDS x x x\n", b"FIELDS _ y z\n", b"landmarks", b"Nose tip\r\n",
    b"rows", b"columns",
    b'"uri":"../../etc/passwd",', b'"uri":"/etc/passwd",', b'"byteStride":4,', b'"sparse":{"count":1},',
    b'"count":1e9,',
    b'"mode":0,', b"true", b"[[[[[[[[", b'"bufferView":9,', b'"mm_per_unit":1e999,', b'"fx":0,', b'"fy":1e-300,',
)  # fmt: skip
_EXTREMES = (
    0,
    1,
    2,
    0x7F,
    0x80,
    0xFF,
    0x7FFF,
    0x8000,
    0xFFFF,
    0x7FFFFFFF,
    0x80000000,
    0xFFFFFFFF,
    2**63 - 1,
    2**64 - 1,
)
_FLOATS = (0.0, -0.0, 1.0, -1.0, 1e9, -1e9, 1e300, float("nan"), float("inf"), float("-inf"), 5e-324, -999999.0)


def damaged(dice: random.Random, data: bytes, other: bytes) -> bytes:
    """``data`` after one to four mutations; ``other`` is a file to cut pieces from."""
    for _ in range(min(4, 1 + int(dice.expovariate(1.2)))):
        data = dice.choice(_MUTATIONS)(dice, data, other)[:20_000]
    return data


def _place(dice: random.Random, data: bytes) -> int:
    """A place in the file, as often as not near its start, where headers are."""
    end = min(len(data), 128) if dice.random() < 0.4 else len(data)
    return dice.randrange(end + 1) if end else 0


def _range(dice: random.Random, data: bytes) -> tuple[int, int]:
    start = _place(dice, data)
    return start, min(len(data), start + int(2 ** dice.uniform(0, 9)))


def _bits(dice: random.Random, data: bytes, other: bytes) -> bytes:
    out = bytearray(data)
    for _ in range(dice.choice((1, 1, 2, 8))):
        if out:
            out[min(_place(dice, data), len(out) - 1)] ^= 1 << dice.randrange(8)
    return bytes(out)


def _byte(dice: random.Random, data: bytes, other: bytes) -> bytes:
    at = _place(dice, data)
    return data[:at] + bytes([dice.randrange(256)]) + data[at + dice.randrange(2) :]


def _deleted(dice: random.Random, data: bytes, other: bytes) -> bytes:
    start, stop = _range(dice, data)
    return data[:start] + data[stop:]


def _cut(dice: random.Random, data: bytes, other: bytes) -> bytes:
    return data[: dice.randrange(len(data) + 1)]


def _repeated(dice: random.Random, data: bytes, other: bytes) -> bytes:
    start, stop = _range(dice, data)
    return data[:stop] + data[start:stop] * dice.choice((1, 1, 2, 40)) + data[stop:]


def _moved(dice: random.Random, data: bytes, other: bytes) -> bytes:
    start, stop = _range(dice, data)
    rest, at = data[:start] + data[stop:], _place(dice, data)
    return rest[:at] + data[start:stop] + rest[at:]


def _zeroed(dice: random.Random, data: bytes, other: bytes) -> bytes:
    start, stop = _range(dice, data)
    return data[:start] + dice.choice((b"\0", b"\xff", b" ", b"9")) * (stop - start) + data[stop:]


def _token(dice: random.Random, data: bytes, other: bytes) -> bytes:
    at = _place(dice, data)
    return data[:at] + dice.choice(TOKENS) + data[at:]


def _number(dice: random.Random, data: bytes, other: bytes) -> bytes:
    """Another number, or what is none, in place of one."""
    found = list(_NUMBER.finditer(data, dice.randrange(len(data) + 1) if dice.random() < 0.7 else 0, len(data)))[:40]
    if not found:
        return _integer(dice, data, other)
    word = dice.choice(found)
    return data[: word.start()] + dice.choice(NUMBERS) + data[word.end() :]


def _swapped(dice: random.Random, data: bytes, other: bytes) -> bytes:
    """Two words change places."""
    found = list(_WORD.finditer(data))
    if len(found) < 2:
        return data[::-1]
    a, b = sorted(dice.sample(found, 2), key=lambda word: word.start())
    return data[: a.start()] + b[0] + data[a.end() : b.start()] + a[0] + data[b.end() :]


def _integer(dice: random.Random, data: bytes, other: bytes) -> bytes:
    size, order = dice.choice((1, 2, 4, 8)), dice.choice(("little", "big"))
    value = dice.choice(_EXTREMES) % 256**size
    at = _place(dice, data)
    return data[:at] + value.to_bytes(size, order) + data[at + size :]


def _float(dice: random.Random, data: bytes, other: bytes) -> bytes:
    kind = dice.choice(("<f", "<d", ">f"))
    value = dice.choice(_FLOATS)
    packed = struct.pack(kind, value if kind == "<d" or abs(value) < 1e38 or value != value else float("inf"))
    at = _place(dice, data)
    return data[:at] + packed + data[at + len(packed) :]


def _spliced(dice: random.Random, data: bytes, other: bytes) -> bytes:
    start, stop = _range(dice, other)
    at = _place(dice, data)
    return data[:at] + other[start:stop] + data[at + dice.choice((0, stop - start)) :]


def _crossed(dice: random.Random, data: bytes, other: bytes) -> bytes:
    at = dice.random()
    return data[: int(at * len(data))] + other[int(at * len(other)) :]


def _appended(dice: random.Random, data: bytes, other: bytes) -> bytes:
    return data + dice.choice((b"\0" * 8, b"junk\n", other[:200], b"\n", dice.randbytes(16)))


_MUTATIONS: tuple[Callable[[random.Random, bytes, bytes], bytes], ...] = (
    _bits, _byte, _deleted, _cut, _repeated, _moved, _zeroed, _token, _number, _number, _number, _swapped, _integer,
    _integer, _float, _spliced, _crossed, _appended,
)  # fmt: skip


def packed_anew(suffix: str, dice: random.Random, data: bytes, damage: Callable[[bytes], bytes]) -> bytes:
    """Damage that a checksum does not tell: within gzip, and within the chunks of a PNG."""
    if suffix.endswith(".gz") and dice.random() < 0.6:
        return gzip.compress(damage(gzip.decompress(data)), mtime=0)
    if suffix == ".png" and dice.random() < 0.7:
        return _png(dice, data, damage)
    return damage(data)


def _png(dice: random.Random, data: bytes, damage: Callable[[bytes], bytes]) -> bytes:
    at, chunks = 8, []
    while at + 12 <= len(data):
        (length,) = struct.unpack_from(">I", data, at)
        chunks.append((data[at + 4 : at + 8], data[at + 8 : at + 8 + length]))
        at += 12 + length
    victim = dice.randrange(len(chunks))
    kind, body = chunks[victim]
    packed = kind == b"IDAT" and dice.random() < 0.6
    chunks[victim] = kind, zlib.compress(damage(zlib.decompress(body))) if packed else damage(body)
    return data[:8] + b"".join(
        struct.pack(">I", len(b)) + k + b + struct.pack(">I", zlib.crc32(k + b)) for k, b in chunks
    )
