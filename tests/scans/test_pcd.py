"""PCD: text, binary and compressed, in rows or not, and what must be refused."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest

from gemax_cli.errors import BadFormat, EmptyScan, ScanError
from gemax_cli.scans.read import read_scan
from tests.scans.mesh_files import POINTS, pcd, sensor, write

KINDS = pytest.mark.parametrize("kind", ["ascii", "binary", "binary_compressed"])


@KINDS
def test_a_pcd(tmp_path: Path, kind: str) -> None:
    scan = read_scan(write(tmp_path / "cloud.pcd", pcd(POINTS, kind)))
    np.testing.assert_allclose(scan.points, POINTS)
    assert (len(scan.triangles), scan.grid, scan.warnings) == (0, None, ())


@KINDS
def test_an_organised_pcd(tmp_path: Path, kind: str) -> None:
    planes = sensor()
    scan = read_scan(write(tmp_path / "kinect.pcd", pcd(planes.reshape(-1, 3), kind, 8, 6)))
    assert scan.grid is not None
    assert scan.grid.shape == (6, 8)
    assert scan.grid.dtype == np.int32
    assert len(scan.points) == 46
    assert not scan.metric
    measured = np.isfinite(planes).all(axis=-1)
    np.testing.assert_array_equal(scan.grid >= 0, measured)
    np.testing.assert_allclose(scan.points[scan.grid[measured]], planes[measured])
    # 35 cells: one with a missing corner at the top left gives one triangle; four around the hole give one each.
    assert len(scan.triangles) == 2 * 35 - 5


def test_zeros_in_an_organised_pcd_are_places_without_a_point(tmp_path: Path) -> None:
    planes = np.nan_to_num(sensor())
    assert len(read_scan(write(tmp_path / "k.pcd", pcd(planes.reshape(-1, 3), "binary", 8, 6))).points) == 46


def test_a_column_of_points_is_no_grid(tmp_path: Path) -> None:
    assert read_scan(write(tmp_path / "c.pcd", pcd(POINTS, "ascii", 1, 5))).grid is None


def test_a_pcd_of_nan_alone_is_an_empty_scan(tmp_path: Path) -> None:
    for width, height in ((5, 1), (3, 2)):
        nothing = np.full((width * height, 3), np.nan)
        with pytest.raises(EmptyScan):
            read_scan(write(tmp_path / "nan.pcd", pcd(nothing, "binary", width, height)))


def test_scattered_places_are_no_surface(tmp_path: Path) -> None:
    planes = np.full((4, 4, 3), np.nan)
    planes[0, 0], planes[3, 3] = 1, 2
    with pytest.raises(EmptyScan, match="scattered"):
        read_scan(write(tmp_path / "few.pcd", pcd(planes.reshape(-1, 3), "binary", 4, 4)))


@KINDS
def test_a_pcd_cut_off_is_refused(tmp_path: Path, kind: str) -> None:
    data = pcd(POINTS, kind).rstrip(b"\n")
    for length in [10, 100, data.index(b"DATA") + 3, *range(data.index(b"DATA") + 10, len(data) - 6, 7)]:
        with pytest.raises(ScanError):
            read_scan(write(tmp_path / "cut.pcd", data[:length]))


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        (b"WIDTH 5", b"WIDTH 999999999", "contradict each other"),
        (b"POINTS 5", b"POINTS 6", "contradict each other"),
        (b"WIDTH 5\nHEIGHT 1", b"WIDTH 99999\nHEIGHT 99999", "contradict each other"),
        (b"WIDTH 5", b"WIDTH five", "no number"),
        (b"SIZE 4 4 4", b"SIZE 4 4 x", "no number"),
        (b"WIDTH 5", b"BREADTH 5", "header of a PCD"),
        (b"DATA binary", b"DATUM", "header of a PCD"),
    ],
)
def test_a_pcd_that_contradicts_itself(tmp_path: Path, old: bytes, new: bytes, sentence: str) -> None:
    with pytest.raises(BadFormat, match=sentence):
        read_scan(write(tmp_path / "bad.pcd", pcd(POINTS, "binary").replace(old, new, 1)))


@KINDS
def test_a_pcd_that_promises_too_much(tmp_path: Path, kind: str) -> None:
    data = pcd(POINTS, kind).replace(b"WIDTH 5", b"WIDTH 100000000").replace(b"POINTS 5", b"POINTS 100000000")
    with pytest.raises(BadFormat, match="promises at least"):
        read_scan(write(tmp_path / "huge.pcd", data))


def test_a_compressed_pcd_whose_sizes_lie(tmp_path: Path) -> None:
    data = pcd(POINTS, "binary_compressed")
    at = data.index(b"compressed\n") + len(b"compressed\n")
    for sizes in ((10**9, 60), (62, 2**32 - 1), (0, 2**32 - 1)):
        with pytest.raises(BadFormat, match="promises at least"):
            read_scan(write(tmp_path / "lie.pcd", data[:at] + struct.pack("<II", *sizes) + data[at + 8 :]))
