"""STL, binary and text: corners made one, and what must be refused."""

from __future__ import annotations

import contextlib
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gemax_cli.errors import BadFormat, EmptyScan, ScanError
from gemax_cli.scans.model import Scan
from gemax_cli.scans.read import read_scan
from tests.scans.mesh_files import POINTS, TRIANGLES, stl_binary, stl_text, write

BOTH = pytest.mark.parametrize("whole", [stl_binary(), stl_text()], ids=["binary", "text"])


def read(tmp_path: Path, data: bytes) -> Scan:
    return read_scan(write(tmp_path / "house.stl", data))


def is_house(scan: Scan) -> None:
    """Every triangle in its order, its corners in theirs, whatever the numbers of the points."""
    np.testing.assert_allclose(scan.points[scan.triangles], POINTS[TRIANGLES])
    assert (len(scan.points), scan.format, scan.metric, scan.warnings) == (5, "stl", False, ())
    assert scan.points.dtype == np.float64
    assert scan.triangles.dtype == np.int32


@BOTH
def test_the_triangles_share_their_corners(tmp_path: Path, whole: bytes) -> None:
    is_house(read(tmp_path, whole))


@pytest.mark.parametrize("seed", range(20))
def test_equal_corners_become_one_point(tmp_path: Path, seed: int) -> None:
    rng = np.random.default_rng(seed)
    corners = rng.integers(-2, 3, (30, 3, 3)) * rng.choice([1.0, -0.0], (30, 3, 3))
    facets = b"".join(struct.pack("<12fH", *np.zeros(3), *one.ravel(), 0) for one in corners)
    scan = read(tmp_path, bytes(80) + struct.pack("<I", 30) + facets)
    points, number = np.unique(corners.reshape(-1, 3), axis=0, return_inverse=True)
    np.testing.assert_array_equal(scan.points, points)
    np.testing.assert_array_equal(scan.triangles, number.reshape(-1, 3))


def test_a_binary_one_that_begins_with_solid(tmp_path: Path) -> None:
    is_house(read(tmp_path, b"solid bo" + stl_binary()[8:]))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"\n", b"\r\n"),
        (b"\n", b"\n\n\t "),
        (b"vertex", b"VERTEX"),
        (b"vertex", b"  vertex  "),
        (b"solid house", b"solid"),
        (b"endsolid house", b"endsolid"),
        (b"endsolid house\n", b"endsolid house"),
    ],
)
def test_spellings_of_text(tmp_path: Path, old: bytes, new: bytes) -> None:
    is_house(read(tmp_path, stl_text().replace(old, new)))


def test_several_solids_are_one_mesh(tmp_path: Path) -> None:
    halves = stl_text(triangles=TRIANGLES[:2]) + stl_text(triangles=TRIANGLES[2:])
    is_house(read(tmp_path, halves))


def test_corners_that_differ_in_the_last_bit_stay_two(tmp_path: Path) -> None:
    points = POINTS.copy()
    apart = np.nextafter(points[2], np.float32(np.inf), dtype=np.float32)
    data = stl_binary(np.vstack([points, apart]), np.array([[0, 1, 2], [0, 5, 3], [3, 2, 4]]))
    assert len(read(tmp_path, data).points) == 6


@pytest.mark.parametrize("data", [stl_binary()[:-1], stl_binary() + b"\0", b"\0" * 84 + b"x", b"x" * 30])
def test_another_length_is_refused(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(BadFormat, match="its length is not that"):
        read(tmp_path, data)


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        (b"endsolid house\n", b"", "endsolid"),
        (b"endsolid house\n", b"endsol", "endsolid"),
        (b"vertex 4 0 0", b"vertex 4 0", "not spelled"),
        (b"vertex 4 0 0\n", b"", "not spelled"),
        (b"vertex 4 0 0", b"vertex 4 x 0", "in place of a number"),
    ],
)
def test_damaged_text_is_refused(tmp_path: Path, old: bytes, new: bytes, sentence: str) -> None:
    assert old in stl_text()
    with pytest.raises(BadFormat, match=sentence):
        read(tmp_path, stl_text().replace(old, new, 1))


@BOTH
def test_cut_off_anywhere(tmp_path: Path, whole: bytes) -> None:
    needed = whole.rindex(b"endsolid") + 7 if whole[:5] == b"solid" else len(whole) - 1
    for length in range(1, needed + 1):
        with pytest.raises(ScanError):
            read(tmp_path, whole[:length])


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_not_finite_points_are_refused(tmp_path: Path, value: float) -> None:
    points = POINTS.copy()
    points[3, 1] = value
    with pytest.raises(BadFormat, match="not numbers"):
        read(tmp_path, stl_binary(points))


def test_without_a_surface(tmp_path: Path) -> None:
    for data in (stl_binary(triangles=TRIANGLES[:0]), stl_binary(POINTS * 0), stl_text(POINTS * 0)):
        with pytest.raises(EmptyScan):
            read(tmp_path, data)


def test_a_count_larger_than_the_file_allocates_nothing(tmp_path: Path) -> None:
    with pytest.raises(BadFormat):
        read(tmp_path, stl_binary()[:80] + struct.pack("<I", 2**32 - 1) + stl_binary()[84:])


@settings(max_examples=150, deadline=None)
@given(st.booleans(), st.data())
def test_damaged_files_never_raise_anything_else(
    tmp_path_factory: pytest.TempPathFactory, text: bool, data: st.DataObject
) -> None:
    damaged = bytearray(stl_text() if text else stl_binary())
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(damaged) - 1))
        damaged[at : at + data.draw(st.integers(0, 4))] = data.draw(st.binary(max_size=4))
    path = write(tmp_path_factory.getbasetemp() / "damaged.stl", bytes(damaged))
    with contextlib.suppress(ScanError):
        scan = read_scan(path)
        assert np.isfinite(scan.points).all()
        assert 0 <= scan.triangles.min() <= scan.triangles.max() < len(scan.points)
