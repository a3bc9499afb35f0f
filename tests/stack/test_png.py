import io
import os
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from gemax_cli.stack.atomic import remove_temporaries, write_atomically
from gemax_cli.stack.png import encode_png, read_png
from tests.pictures import write_png

IMAGES = st.one_of(
    hnp.arrays(np.uint8, hnp.array_shapes(min_dims=2, max_dims=2, max_side=17)),
    hnp.arrays(np.uint16, hnp.array_shapes(min_dims=2, max_dims=2, max_side=17)),
    hnp.arrays(np.uint8, st.tuples(st.integers(1, 9), st.integers(1, 9), st.just(3))),
)


@given(image=IMAGES)
def test_reads_back_what_was_written(tmp_path_factory, image):
    path = tmp_path_factory.mktemp("png") / "a.png"
    write_png(path, image)
    again = read_png(path)
    assert again.dtype == image.dtype
    np.testing.assert_array_equal(again, image)


def test_small_values_stay_16_bit(tmp_path):
    write_png(tmp_path / "a.png", np.array([[0, 1, 2]], np.uint16))
    assert (tmp_path / "a.png").read_bytes()[24] == 16
    assert read_png(tmp_path / "a.png").dtype == np.uint16


@pytest.mark.parametrize("dtype", [np.int32, np.float32, np.bool_, np.int64])
def test_refuses_other_types(dtype):
    with pytest.raises(TypeError, match="uint8 or uint16"):
        encode_png(np.zeros((4, 4), dtype))


def test_refuses_an_empty_image():
    with pytest.raises(TypeError, match="not empty"):
        encode_png(np.zeros((0, 4), np.uint8))


@given(image=IMAGES)
def test_other_decoders_read_the_same(image):
    """OpenCV decodes with libpng, which checks every checksum and the length of the packed rows."""
    cv2 = pytest.importorskip("cv2")
    again = cv2.imdecode(np.frombuffer(encode_png(image), np.uint8), cv2.IMREAD_UNCHANGED)
    np.testing.assert_array_equal(again if again.ndim == 2 else again[..., ::-1], image)


def test_views_are_written_as_they_look():
    image = np.arange(24, dtype=np.uint16).reshape(4, 6)[::-1, ::2]
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(encode_png(image)))), image)


def test_hardly_larger_than_level_6():
    rows, columns = np.mgrid[-112:112, -112:112] / 112.0
    depth = np.clip(1 - rows**2 - columns**2, 0, None)
    noise = np.random.default_rng(0).normal(0, 0.7, depth.shape)
    image = np.where(depth > 0, np.clip(depth * 250 + noise, 0, 255), 0).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "png", compress_level=6)
    assert len(encode_png(image)) <= 1.15 * len(buffer.getvalue())


def test_write_returns_the_hash_of_the_file(tmp_path):
    import hashlib

    digest = write_atomically(tmp_path / "a", b"abc")
    assert digest == hashlib.sha256(b"abc").hexdigest()
    assert (tmp_path / "a").read_bytes() == b"abc"


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / "a.png"
    path.write_bytes(b"old")

    def full(self, data):
        with self.open("wb") as file:
            file.write(data[:1])
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr("pathlib.Path.write_bytes", full)
    with pytest.raises(OSError, match="space"):
        write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.png"]


def test_removes_only_temporaries(tmp_path):
    (tmp_path / ".gemax-tmp-1-a.png").touch()
    (tmp_path / "a.png").touch()
    remove_temporaries(tmp_path)
    remove_temporaries(tmp_path / "missing")
    assert [p.name for p in tmp_path.iterdir()] == ["a.png"]


def test_pixels_are_in_the_file_unchanged_by_any_filter():
    """An independent decoder of our own kind of file: zlib and the five filters by hand."""
    image = np.arange(12, dtype=np.uint8).reshape(3, 4) ** 2
    data = encode_png(image)
    packed, at = b"", 8
    while at < len(data):
        length = int.from_bytes(data[at : at + 4], "big")
        packed += data[at + 8 : at + 8 + length] * (data[at + 4 : at + 8] == b"IDAT")
        at += length + 12
    rows = zlib.decompress(packed)
    before, out = [0] * 4, []
    for r in range(3):
        kind, *line = rows[5 * r : 5 * r + 5]
        done: list[int] = []
        for c, value in enumerate(line):
            left, up, corner = (done[c - 1] if c else 0), before[c], (before[c - 1] if c else 0)
            paeth = min((left, up, corner), key=lambda v: abs(left + up - corner - v))
            done.append((value + [0, left, up, (left + up) // 2, paeth][kind]) % 256)
        before = done
        out.append(done)
    np.testing.assert_array_equal(np.array(out, np.uint8), image)
