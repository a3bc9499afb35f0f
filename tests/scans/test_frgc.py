from __future__ import annotations

import gzip
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gemax_cli.errors import BadFormat, EmptyScan, ScanError
from gemax_cli.scans.read import read_scan
from tests.scans.organised_files import BACKGROUND, abs_text, face_planes


def camera_planes(rows=12, columns=9):
    """x, y, z with row 0 at the top, 1.4 m before the camera, as the sensor writes them."""
    planes = face_planes(rows, columns)[:3, ::-1].copy()
    planes[2][planes[2] != BACKGROUND] -= 1400.0
    return planes


def write(folder: Path, text: str | bytes, name: str = "02463d546.abs") -> Path:
    path = folder / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


@pytest.fixture(scope="module")
def room(tmp_path_factory):
    return tmp_path_factory.mktemp("damaged")


def test_a_scan_is_read_whole(tmp_path):
    planes = camera_planes()
    path = write(tmp_path, abs_text(planes))
    scan = read_scan(path)
    measured = planes[2] != BACKGROUND
    assert (scan.path, scan.format, scan.metric, scan.warnings) == (path, "abs", True, ())
    assert scan.texture is None
    assert dict(scan.landmarks) == {}
    np.testing.assert_array_equal(scan.grid >= 0, measured)
    np.testing.assert_allclose(scan.points, planes[:, measured].T, atol=1e-6)
    assert len(scan.triangles) > 50


def test_row_0_is_the_forehead_and_z_is_negative(tmp_path):
    scan = read_scan(write(tmp_path, abs_text(camera_planes())))
    top, bottom = (scan.points[row[row >= 0], 1].mean() for row in (scan.grid[0], scan.grid[-1]))
    assert top > bottom
    assert scan.points[:, 2].max() < -1300


def test_triangles_face_the_camera(tmp_path):
    scan = read_scan(write(tmp_path, abs_text(camera_planes())))
    a, b, c = (scan.points[scan.triangles[:, k]] for k in range(3))
    assert (np.cross(b - a, c - a)[:, 2] > 0).all()


@pytest.mark.parametrize("name", ["a.abs", "a.abs.gz", "a.ABS.GZ"])
@pytest.mark.parametrize("packed", [False, True])
def test_packing_is_told_by_content(tmp_path, name, packed):
    text = abs_text(camera_planes()).encode()
    plain = read_scan(write(tmp_path, text, "plain.abs"))
    scan = read_scan(write(tmp_path, gzip.compress(text) if packed else text, name))
    np.testing.assert_array_equal(scan.points, plain.points)


@pytest.mark.parametrize("change", [("\n", "\r\n"), ("\n", " \n"), (" ", "  "), (" 0.", "\n0."), ("rows", "ROWS")])
def test_whitespace_and_line_ends_do_not_count(tmp_path, change):
    text = abs_text(camera_planes())
    head, body = text.split(":", 1)
    head, body = (head.replace(*change), body) if change[0] == "rows" else (head, body.replace(*change))
    want = read_scan(write(tmp_path, text))
    np.testing.assert_array_equal(read_scan(write(tmp_path, f"{head}:{body}")).points, want.points)


def test_the_flag_alone_tells_what_was_measured(tmp_path):
    planes = camera_planes()
    flags = (planes[2] != BACKGROUND).astype(int)
    flags[6, 4] = 0
    text = abs_text(planes, flags)
    assert read_scan(write(tmp_path, text)).grid[6, 4] == -1


@pytest.mark.parametrize("word", ["nan", "inf", "-inf", "1e300"])
def test_impossible_points_are_dropped_with_a_warning(tmp_path, word):
    text = abs_text(camera_planes())
    number = f"{camera_planes()[2, 6, 4]:.6f}"
    assert number in text
    scan = read_scan(write(tmp_path, text.replace(number, word, 1)))
    assert np.isfinite(scan.points).all()
    assert scan.warnings == ("points dropped for impossible coordinates: 1.",)


GOOD = abs_text(camera_planes())
PACKED = gzip.compress(GOOD.encode(), mtime=0)


@pytest.mark.parametrize(
    ("text", "error", "sentence"),
    [
        ("", EmptyScan, "zero bytes"),
        ("nonsense", BadFormat, "does not begin with"),
        (GOOD.replace("rows", "lines"), BadFormat, "does not begin with"),
        (GOOD.replace("12 rows", "-12 rows"), BadFormat, "does not begin with"),
        (GOOD.replace("12 rows", "1e9 rows"), BadFormat, "does not begin with"),
        (GOOD.replace("12 rows", "99999 rows"), BadFormat, "values where 99999 x 9"),
        (GOOD.replace("12 rows", "99999 rows").replace("9 columns", "99999 columns"), BadFormat, "says it holds"),
        (GOOD.replace("12 rows", "0 rows"), BadFormat, "says it holds"),
        (GOOD.replace("12 rows", "13 rows"), BadFormat, "values where 13 x 9"),
        (GOOD.replace("12 rows", "11 rows"), BadFormat, "values where 11 x 9"),
        (GOOD[: len(GOOD) // 2], BadFormat, "values where"),
        (GOOD[:60], BadFormat, "values where"),
        (GOOD.split(":")[0] + ":\n", BadFormat, "has 0 values"),
        (GOOD.split(":")[0] + ":\n   \n  ", BadFormat, "has 0 values"),
        (GOOD + " 1", BadFormat, "values where"),
        (GOOD + " x", BadFormat, "something else"),
        (GOOD + "\x00", BadFormat, "something else"),
        (GOOD + ",", BadFormat, "something else"),
        (GOOD + " 0" * 20000, BadFormat, "far more than"),
        (b"\x1f\x8b" + os.urandom(50), BadFormat, "gzip packing is damaged"),
        (b"\x1f\x8b", BadFormat, "gzip packing is damaged"),
        (gzip.compress(GOOD.encode())[:-20], BadFormat, "gzip packing is damaged"),
        (gzip.compress(GOOD.encode()[:300]), BadFormat, "values where"),
        (gzip.compress(b"nonsense"), BadFormat, "does not begin with"),
        (abs_text(flags=np.zeros((12, 9), int)), EmptyScan, "only background"),
        (abs_text(flags=np.full((12, 9), 2)), EmptyScan, "only background"),
        (abs_text(np.zeros((3, 6, 6)), np.ones((6, 6), int)), EmptyScan, "same depth"),
    ],
)
def test_damage_is_named(tmp_path, text, error, sentence):
    path = write(tmp_path, text)
    with pytest.raises(error, match=sentence) as caught:
        read_scan(path)
    assert str(caught.value).startswith(f"{path}: ")


def test_swapped_sizes_are_noticed(tmp_path):
    text = abs_text(camera_planes(24, 30), rows=30, columns=24)
    with pytest.raises(BadFormat, match="form no grid of 30 x 24"):
        read_scan(write(tmp_path, text))


@pytest.mark.slow
def test_a_small_packed_file_cannot_fill_the_memory(tmp_path):
    bomb = gzip.compress(b"2 rows\n2 columns\npixels (flag X Y Z):\n" + b"0 " * 20_000_000)
    assert len(bomb) < 100_000
    with pytest.raises(BadFormat, match="far more than"):
        read_scan(write(tmp_path, bomb, "bomb.abs.gz"))
    larger = gzip.compress(b"9" * 110_000_000, 1)
    with pytest.raises(BadFormat, match="unpacks to more than"):
        read_scan(write(tmp_path, larger, "larger.abs.gz"))


def test_an_endless_line_is_no_header(tmp_path):
    with pytest.raises(BadFormat, match="does not begin"):
        read_scan(write(tmp_path, gzip.compress(b"9" * 5_000_000)))


def test_the_largest_size_is_stated(tmp_path):
    with pytest.raises(BadFormat, match="says it holds 1025 x 1024 points: 1 to 1048576 are read"):
        read_scan(write(tmp_path, "1025 rows\n1024 columns\npixels (flag X Y Z):\n"))


def read_or_refuse(path: Path) -> bool:
    """Whether a damaged scan was read; if so it is sound in itself."""
    try:
        scan = read_scan(path)
    except ScanError:
        return False
    assert np.isfinite(scan.points).all()
    assert scan.triangles.max() < len(scan.points)
    return True


@settings(max_examples=120, deadline=None)
@given(st.data())
@pytest.mark.slow
def test_changed_bytes_are_refused_or_leave_a_sound_scan(room, data):
    raw = bytearray(GOOD.encode())
    for _ in range(data.draw(st.integers(1, 5))):
        at = data.draw(st.one_of(st.integers(0, 60), st.integers(0, len(raw) - 1)))
        raw[at] = data.draw(st.one_of(st.integers(0, 255), st.sampled_from(list(b"0123456789.-+eE \n"))))
    read_or_refuse(write(room, bytes(raw), "changed.abs"))


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_changed_packed_bytes_are_refused_or_leave_a_sound_scan(room, data):
    raw = bytearray(PACKED)
    for _ in range(data.draw(st.integers(1, 3))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    read_or_refuse(write(room, bytes(raw), "changed.abs.gz"))


@pytest.mark.parametrize("end", [*range(0, 80, 3), *range(100, len(GOOD) - 12, 211)])
def test_a_scan_cut_anywhere_is_refused(room, end):
    assert not read_or_refuse(write(room, GOOD[:end], "cut.abs"))


@pytest.mark.parametrize("end", range(0, len(PACKED), 23))
def test_a_packed_scan_cut_anywhere_is_refused(room, end):
    assert not read_or_refuse(write(room, PACKED[:end], "cut.abs.gz"))


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=300))
def test_random_bytes_are_refused(room, data):
    assert not read_or_refuse(write(room, data, "random.abs"))
