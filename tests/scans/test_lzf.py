"""The LZF kernel against a plain decoder, on what a packer with back references writes and on damage."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gemax_cli.scans.formats.pcd import unpack_lzf
from tests.scans.mesh_files import lzf


def naive_unpack(packed: bytes, room: int) -> bytes | None:
    """Byte by byte; None where ``packed`` is damaged or too long."""
    out, source = bytearray(), list(packed)
    try:
        while source:
            control = source.pop(0)
            if control < 32:
                out += (
                    bytes(source.pop(0) for _ in range(control + 1)) if len(source) > control else bytes([source[999]])
                )
            else:
                length = control // 32
                length += source.pop(0) if length == 7 else 0
                distance = 256 * (control % 32) + source.pop(0) + 1
                if distance > len(out):
                    return None
                for _ in range(length + 2):
                    out.append(out[-distance])
            if len(out) > room:
                return None
    except IndexError:
        return None
    return bytes(out)


def naive_pack(data: bytes) -> bytes:
    """Greedy, with the longest match of the last 8192 bytes; short on purpose, not on time."""
    packed, at = bytearray(), 0
    while at < len(data):
        best, where = 0, 0
        for start in range(max(0, at - 8192), at):
            length = 0
            while length < 264 and at + length < len(data) and data[start + length] == data[at + length]:
                length += 1
            if length > best:
                best, where = length, start
        if best < 3:
            packed += bytes([0, data[at]])
            at += 1
            continue
        distance, length = at - where - 1, best - 2
        packed += bytes([(min(length, 7) << 5) | distance >> 8, *([length - 7] if length >= 7 else []), distance & 255])
        at += best
    return bytes(packed)


def unpack(packed: bytes, room: int) -> bytes | None:
    out = np.full(room, 0xAA, np.uint8)
    count = unpack_lzf(np.frombuffer(packed, np.uint8), out)
    return None if count < 0 else out[:count].tobytes()


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.binary(min_size=1, max_size=4), st.integers(1, 150)), max_size=6))
@pytest.mark.slow
def test_what_is_packed_comes_back(parts: list[tuple[bytes, int]]) -> None:
    data = b"".join(piece * times for piece, times in parts)
    for packed in (naive_pack(data), lzf(data)):
        assert naive_unpack(packed, len(data)) == data
        assert unpack(packed, len(data)) == data
        assert unpack(packed, len(data) + 10) == data


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=40), st.integers(0, 300))
def test_any_bytes_are_unpacked_or_refused_as_by_the_plain_decoder(packed: bytes, room: int) -> None:
    assert unpack(packed, room) == naive_unpack(packed, room)


@pytest.mark.parametrize(
    "packed",
    [b"\x00", b"\x1f" + b"a" * 31, b"\x20", b"\x20\x00", b"\xe0", b"\xe0\x01", b"\x00a\x20\x01", b"\x00a\xff\xff\xff"],
)
def test_damage_is_told(packed: bytes) -> None:
    assert naive_unpack(packed, 1000) is None
    assert unpack(packed, 1000) is None


def test_a_reference_may_reach_into_what_it_writes() -> None:
    assert unpack(b"\x01ab\xe0\x05\x01", 100) == b"ab" * 8


def test_no_byte_is_written_beyond_the_room() -> None:
    packed = naive_pack(b"abc" * 50)
    for room in range(149):
        out = np.full(160, 0xAA, np.uint8)
        assert unpack_lzf(np.frombuffer(packed, np.uint8), out[:room]) == -1
        assert (out[room:] == 0xAA).all()
