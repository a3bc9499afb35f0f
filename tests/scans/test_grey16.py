from __future__ import annotations

import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from gemax_cli.errors import EmptyScan, FileUnreadable
from gemax_cli.scans.grey16 import is_depth_picture

GREY16 = np.arange(48, dtype=np.uint16).reshape(6, 8) * 1000


def picture(path, kind):
    images = {
        "grey16": lambda: Image.fromarray(GREY16),
        "grey8": lambda: Image.fromarray((GREY16 // 256).astype(np.uint8)),
        "rgb": lambda: Image.new("RGB", (8, 6)),
        "rgba": lambda: Image.new("RGBA", (8, 6)),
        "palette": lambda: Image.new("P", (8, 6)),
        "bits": lambda: Image.new("1", (8, 6)),
        "grey_alpha": lambda: Image.new("LA", (8, 6)),
        "float": lambda: Image.fromarray(GREY16.astype(np.float32)),
    }
    images[kind]().save(path)
    return path


@pytest.mark.parametrize("suffix", ["png", "tif"])
@pytest.mark.parametrize("kind", ["grey16", "grey8", "rgb", "rgba", "palette", "bits"])
def test_only_16_bit_grey_is_taken(tmp_path, kind, suffix):
    assert is_depth_picture(picture(tmp_path / f"a.{suffix}", kind)) is (kind == "grey16")


def test_grey_with_alpha_and_floats_are_not(tmp_path):
    assert not is_depth_picture(picture(tmp_path / "a.png", "grey_alpha"))
    assert is_depth_picture(picture(tmp_path / "a.tif", "float"))


@pytest.mark.parametrize("compression", ["raw", "tiff_lzw", "tiff_adobe_deflate"])
def test_packing_does_not_matter(tmp_path, compression):
    Image.fromarray(GREY16).save(tmp_path / "a.tif", compression=compression)
    assert is_depth_picture(tmp_path / "a.tif")


def tiff(order, entries, big=False):
    """The directory alone of a TIFF or BigTIFF: (tag, type, count, value)."""
    mark = b"II" if order == "<" else b"MM"
    packed = b"".join(struct.pack(f"{order}HHQH6x" if big else f"{order}HHIHxx", *entry) for entry in entries)
    if big:
        return mark + struct.pack(f"{order}HHHQQ", 43, 8, 0, 16, len(entries)) + packed + bytes(8)
    return mark + struct.pack(f"{order}HIH", 42, 8, len(entries)) + packed + bytes(4)


@pytest.mark.parametrize(("order", "big"), [("<", False), (">", False), ("<", True)])
@pytest.mark.parametrize(
    ("entries", "answer"),
    [
        ([(258, 3, 1, 16)], True),
        ([(258, 3, 1, 16), (277, 3, 1, 1), (339, 3, 1, 1)], True),
        ([(256, 3, 1, 640), (258, 3, 1, 16)], True),
        ([(258, 3, 1, 8)], False),
        ([(258, 3, 1, 16), (277, 3, 1, 3)], False),
        ([(258, 3, 3, 16)], False),
        ([(258, 4, 1, 16)], False),
        ([(258, 3, 1, 16), (339, 3, 1, 2)], False),
        ([(258, 3, 1, 16), (339, 3, 1, 3)], False),
        ([(256, 3, 1, 640)], False),
        ([], False),
    ],
)
def test_both_byte_orders_and_sizes(tmp_path, order, big, entries, answer):
    path = tmp_path / "a.tif"
    path.write_bytes(tiff(order, entries, big))
    assert is_depth_picture(path) is answer


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_cut_headers_are_not_pictures(tmp_path, suffix):
    data = picture(tmp_path / f"a.{suffix}", "grey16").read_bytes()
    whole = tmp_path / f"cut.{suffix}"
    for end in range(1, 26):
        whole.write_bytes(data[:end])
        assert not is_depth_picture(whole)


def test_a_directory_beyond_the_file_is_none(tmp_path):
    path = tmp_path / "a.tif"
    path.write_bytes(b"II*\x00\xff\xff\xff\xff" + bytes(100))
    assert not is_depth_picture(path)
    path.write_bytes(b"II*\x00\x08\x00\x00\x00\xff\xff" + bytes(100))
    assert not is_depth_picture(path)
    path.write_bytes(b"II+\x00\x08\x00\x00\x00" + b"\xff" * 100)
    assert not is_depth_picture(path)


@given(
    st.binary(min_size=1, max_size=80),
    st.sampled_from([b"", b"II*\x00\x08\x00\x00\x00", b"II+\x00", b"\x89PNG\r\n\x1a\n"]),
)
def test_any_bytes_have_an_answer(tmp_path_factory, tail, head):
    path = tmp_path_factory.getbasetemp() / "any.tif"
    path.write_bytes(head + tail)
    assert is_depth_picture(path) in (True, False)


def test_files_that_cannot_be_read_are_named(tmp_path):
    (tmp_path / "a.png").touch()
    with pytest.raises(EmptyScan):
        is_depth_picture(tmp_path / "a.png")
    with pytest.raises(FileUnreadable):
        is_depth_picture(tmp_path / "b.png")
