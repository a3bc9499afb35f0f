"""``.wrl`` files with their landmark files; oracles on generated spellings and on look-alike data."""

from __future__ import annotations

import gzip
import math
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numba
import numpy as np
import pytest

from gemax_cli.datasets.bu3dfe import BU3DFE
from gemax_cli.errors import BadFormat, EmptyScan, ScanError
from gemax_cli.scans import read
from gemax_cli.scans.formats.wrl import BND_COUNT, LANDMARK_TOLERANCE, PSE_COUNT
from gemax_cli.scans.model import Scan
from gemax_cli.scans.read import read_scan
from tests.scans.naive_vrml import SQUARE, TEXTURED, Placement, Shape, Spelling, area, expected_mesh, write_vrml

SHARED = Path(__file__).resolve().parents[2].parent / "shared"
MAKER = SHARED / "scans" / "make_scans.py"


def grid_shape(side: int = 12, step: float = 10.0) -> Shape:
    """A bump of side x side points, quads and triangles mixed."""
    rows = [
        (step * column, step * row, 30 * math.exp(-((row - side / 2) ** 2 + (column - side / 2) ** 2) / side))
        for row in range(side)
        for column in range(side)
    ]
    polygons = []
    for row in range(side - 1):
        for column in range(side - 1):
            a = row * side + column
            quad = [a, a + 1, a + 1 + side, a + side]
            polygons += [quad] if (row + column) % 3 else [quad[:3], [quad[0], quad[2], quad[3]]]
    return Shape(rows, polygons)


BUMP = grid_shape()
BUMP_FILE = write_vrml([BUMP], Spelling())


@pytest.fixture
def face(tmp_path: Path) -> Path:
    path = tmp_path / "F0001_AN01WH_F3D.wrl"
    path.write_bytes(BUMP_FILE)
    return path


def landmark_lines(count: int, separator: str = "\t\t") -> list[str]:
    numbers = [(7 * number) % len(BUMP.points) for number in range(count)]
    return [f"{number}{separator}{' '.join(f'{v:.4f}' for v in BUMP.points[number])}" for number in numbers]


def with_landmarks(face: Path, lines: list[str], suffix: str = ".bnd", end: str = "\n") -> Scan:
    face.with_suffix(suffix).write_bytes((end.join(lines) + end).encode())
    return read_scan(face)


# -- the scan ---------------------------------------------------------------------------------------------------------


def test_a_face(face: Path) -> None:
    scan = read_scan(face)
    expected = expected_mesh([BUMP])
    assert (scan.path, scan.format, scan.metric, scan.warnings) == (face, "wrl", True, ())
    assert scan.grid is None
    assert scan.texture is None
    assert dict(scan.landmarks) == {}
    np.testing.assert_allclose(scan.points, expected.points)
    np.testing.assert_array_equal(scan.triangles, expected.triangles)


@pytest.mark.parametrize(
    ("unit", "metric"), [(1, True), (5, True), (0.5, False), (0.001, False), (0.1, False), (1000, False)]
)
def test_metric_is_what_has_the_size_of_a_face_in_millimetres(face: Path, unit: float, metric: bool) -> None:
    scaled = replace(BUMP, placements=[Placement(scale=(unit, unit, unit))])
    face.write_bytes(write_vrml([scaled], Spelling()))
    assert read_scan(face).metric is metric


def test_far_from_the_origin_like_casia(face: Path) -> None:
    far = replace(BUMP, placements=[Placement(translation=(20, 30, -1600))])
    face.write_bytes(write_vrml([far], Spelling("\r\n", ",", extras=True)))
    scan = read_scan(face)
    assert scan.metric
    np.testing.assert_allclose(scan.points, expected_mesh([far]).points)


@pytest.mark.parametrize("name", ["face.wrl.gz", "face.wrl", "face.wrz"])
def test_gzipped_whatever_the_name(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(gzip.compress(BUMP_FILE))
    scan = read_scan(path)
    assert scan.format == "wrl"
    assert len(scan.points) == len(BUMP.points)


def test_two_gzip_members_are_one_file(tmp_path: Path) -> None:
    path = tmp_path / "face.wrl.gz"
    path.write_bytes(gzip.compress(BUMP_FILE[:500]) + gzip.compress(BUMP_FILE[500:]))
    assert len(read_scan(path).points) == len(BUMP.points)


@pytest.mark.parametrize("length", [3, 30, -9, -1])
def test_a_gzip_cut_off_is_refused(tmp_path: Path, length: int) -> None:
    path = tmp_path / "face.wrl.gz"
    path.write_bytes(gzip.compress(BUMP_FILE)[:length])
    with pytest.raises(BadFormat, match="gzip"):
        read_scan(path)


def test_a_gzip_bomb_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "face.wrl.gz"
    path.write_bytes(gzip.compress(BUMP_FILE + b" " * 10_000_000))
    monkeypatch.setitem(read._BY_SUFFIX, ".wrl.gz", replace(read._BY_SUFFIX[".wrl.gz"], limit=1_000_000))
    with pytest.raises(BadFormat, match="unpacks to more than 1,000,000 bytes"):
        read_scan(path)


def test_a_file_too_large_is_refused_unread(face: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(read._BY_SUFFIX, ".wrl", replace(read._BY_SUFFIX[".wrl"], limit=1000))
    with pytest.raises(BadFormat, match="more than 1,000 bytes"):
        read_scan(face)


@pytest.mark.parametrize("value", [0.0, 7.5])
def test_points_all_the_same_are_an_empty_scan(face: Path, value: float) -> None:
    face.write_bytes(write_vrml([Shape([(value,) * 3] * 4, [[0, 1, 2, 3]])], Spelling()))
    with pytest.raises(EmptyScan, match="all its points are the same"):
        read_scan(face)


def test_coordinates_beyond_any_unit_are_refused(face: Path) -> None:
    face.write_bytes(
        write_vrml([Shape([(0.0, 0.0, 0.0), (1e300, 0.0, 0.0), (0.0, 1.0, 0.0)], [[0, 1, 2]])], Spelling())
    )
    with pytest.raises(BadFormat, match="too large"):
        read_scan(face)


def test_a_transform_that_overflows_is_refused(face: Path) -> None:
    huge = replace(SQUARE, placements=[Placement(scale=(1e200, 1, 1)), Placement(scale=(1e200, 1, 1))])
    face.write_bytes(write_vrml([huge], Spelling()))
    with pytest.raises(BadFormat, match="too large"):
        read_scan(face)


# -- landmarks --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("separator", ["\t\t", " ", ",", " , "])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r", "\n\n"])
def test_a_bnd(face: Path, separator: str, end: str) -> None:
    scan = with_landmarks(face, landmark_lines(BND_COUNT, separator), end=end)
    assert list(scan.landmarks) == [f"bnd_{number}" for number in range(83)]
    assert scan.warnings == ()
    for number, position in enumerate(scan.landmarks.values()):
        np.testing.assert_array_equal(position, scan.points[(7 * number) % 144])


def test_a_landmark_is_a_copy_of_its_point(face: Path) -> None:
    scan = with_landmarks(face, landmark_lines(BND_COUNT))
    assert not np.shares_memory(scan.landmarks["bnd_0"], scan.points)


def test_capitals_and_gzip_find_their_landmarks(tmp_path: Path) -> None:
    path = tmp_path / "F0001_AN01WH_F3D.WRL.GZ"
    path.write_bytes(gzip.compress(BUMP_FILE))
    (tmp_path / "F0001_AN01WH_F3D.BND").write_text("\n".join(landmark_lines(BND_COUNT)))
    assert len(read_scan(path).landmarks) == BND_COUNT


def test_a_pse_belongs_to_the_raw_scan_alone(face: Path) -> None:
    raw = face.with_name("F0001_AN01WH_RAW.wrl")
    raw.write_bytes(BUMP_FILE)
    raw.with_suffix(".bnd").write_text("\n".join(landmark_lines(BND_COUNT)))
    assert dict(read_scan(raw).landmarks) == {}
    scan = with_landmarks(raw, [f" {line}" for line in landmark_lines(PSE_COUNT, " ")], ".pse")
    assert list(scan.landmarks) == [f"pse_{number}" for number in range(8)]
    face.with_suffix(".pse").write_text("\n".join(landmark_lines(PSE_COUNT)))
    assert dict(read_scan(face).landmarks) == {}


@pytest.mark.parametrize("count", [1, 82, 84])
def test_another_number_of_lines_is_left_out_and_said(face: Path, count: int) -> None:
    scan = with_landmarks(face, landmark_lines(count))
    assert dict(scan.landmarks) == {}
    assert scan.warnings == (f"F0001_AN01WH_F3D.bnd is left out: it has {count} landmarks in place of 83.",)


@pytest.mark.parametrize(
    "line",
    [
        "144 0 0 0",
        "-1 0 0 0",
        "99999999999999999999 0 0 0",
        "0 nan 0 0",
        "0 inf 0 0",
        "0 0 0",
        "0 0 0 0 0",
        "zero 0 0 0",
        "0x0 0 0 0",
        "1.0 0 0 0",
        "\x00ÿ",
        "0 a b c",
        "0 5 5 5",
        "0 1e999 0 0",
        "7 0 0 0",
    ],
)
def test_a_line_that_does_not_fit_is_left_out_and_said(face: Path, line: str) -> None:
    lines = landmark_lines(BND_COUNT)
    lines[40] = line
    scan = with_landmarks(face, lines)
    assert set(scan.landmarks) == {f"bnd_{number}" for number in range(83)} - {"bnd_40"}
    assert scan.warnings == ("F0001_AN01WH_F3D.bnd: 1 of 83 landmarks do not fit the surface and are left out.",)


def test_landmarks_of_another_scan_are_left_out_and_said(face: Path) -> None:
    face.with_suffix(".bnd").write_text("\n".join(landmark_lines(BND_COUNT)))
    face.write_bytes(write_vrml([replace(BUMP, placements=[Placement(translation=(0, 4, 0))])], Spelling()))
    scan = read_scan(face)
    assert dict(scan.landmarks) == {}
    assert scan.warnings == ("F0001_AN01WH_F3D.bnd is left out: 83 of its 83 landmarks do not fit the surface.",)


@pytest.mark.parametrize(("away", "count"), [(0.9 * LANDMARK_TOLERANCE, 83), (1.1 * LANDMARK_TOLERANCE, 0)])
def test_the_tolerance_is_kept(face: Path, away: float, count: int) -> None:
    face.with_suffix(".bnd").write_text("\n".join(landmark_lines(BND_COUNT)))
    face.write_bytes(write_vrml([replace(BUMP, placements=[Placement(translation=(away, 0, 0))])], Spelling()))
    assert len(read_scan(face).landmarks) == count


def test_a_landmark_file_of_any_size_does_no_harm(face: Path) -> None:
    face.with_suffix(".bnd").write_bytes(b"1 2 3 4\n" * 100_000)
    scan = read_scan(face)
    assert len(scan.warnings) == 1
    assert "more than 100,000 bytes" in scan.warnings[0]


def test_an_empty_landmark_file_is_said(face: Path) -> None:
    face.with_suffix(".bnd").touch()
    assert "is left out" in read_scan(face).warnings[0]


def test_a_folder_named_like_landmarks_is_none(face: Path) -> None:
    face.with_suffix(".bnd").mkdir()
    assert read_scan(face).warnings == ()


def test_random_bytes_as_landmarks_never_raise(face: Path) -> None:
    rng = np.random.default_rng(5)
    good = "\n".join(landmark_lines(BND_COUNT)).encode()
    for _ in range(60):
        damaged = bytearray(good)
        for at in rng.integers(0, len(good), rng.integers(1, 30)):
            damaged[at] = rng.integers(0, 256)
        face.with_suffix(".bnd").write_bytes(bytes(damaged))
        scan = read_scan(face)
        for position in scan.landmarks.values():
            assert np.linalg.norm(scan.points - position, axis=1).min() == 0


# -- oracles ----------------------------------------------------------------------------------------------------------


def oracle(path: Path) -> tuple[np.ndarray, np.ndarray]:
    try:
        import pymeshlab
    except (ImportError, OSError) as error:  # it needs system libraries that a bare machine lacks
        pytest.skip(f"pymeshlab cannot be imported: {error}")
    meshes = pymeshlab.MeshSet(verbose=False)
    meshes.load_new_mesh(str(path))
    mesh = meshes.current_mesh()
    return mesh.vertex_matrix(), mesh.face_matrix()


@pytest.mark.parametrize(
    "spelling",
    [Spelling(), Spelling("\r\n", ",", order=1), Spelling(define=True, number="{:.9e}", order=2)],
    ids=["plain", "CRLF, commas", "names, exponents"],
)
@pytest.mark.slow
def test_pymeshlab_reads_the_same_mesh(tmp_path: Path, spelling: Spelling) -> None:
    tilted = Placement((1, -2, 3), (1, 2, -1, 0.7), (2, 0.5, 3), (0.3, 1, 0.2, -1.1), (10, 20, -30))
    drawn = [BUMP, replace(TEXTURED, ccw=False), replace(SQUARE, placements=[Placement(translation=(0, 0, 9)), tilted])]
    path = tmp_path / "mesh.wrl"
    path.write_bytes(write_vrml(drawn, spelling))
    points, triangles = oracle(path)
    scan = read_scan(path)
    np.testing.assert_allclose(scan.points, points, atol=1e-4)
    assert len(scan.triangles) == len(triangles)
    assert area(scan.points, scan.triangles) == pytest.approx(area(points, triangles), rel=1e-5)


@pytest.fixture(scope="module")
def lookalikes(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    if not MAKER.is_file():
        pytest.skip("the generator of look-alike scans is not beside this checkout")
    if numba.config.DISABLE_JIT:
        pytest.skip("whole scans take seconds each where kernels are not compiled")
    folder = tmp_path_factory.mktemp("lookalikes")
    options = [
        "--dataset",
        "bu3dfe",
        "--subjects",
        "1",
        "--seed",
        "31",
        "--scans-per-subject",
        "few",
        "--raw",
        "--degrade",
        "none",
    ]
    made = subprocess.run(
        [sys.executable, str(MAKER), str(folder), *options], capture_output=True, text=True, check=False
    )
    if made.returncode:
        pytest.skip(f"the generator does not run here: {made.stderr[-200:]}")
    return sorted(folder.rglob("*.wrl"))


@pytest.mark.slow
def test_lookalikes_are_read_whole(lookalikes: list[Path]) -> None:
    assert len(lookalikes) == 6
    for path in lookalikes:
        scan = read_scan(path)
        assert scan.metric
        assert scan.warnings == ()
        if path.stem.endswith("F3D"):
            assert scan.texture is not None
            assert scan.texture.image == path.with_suffix(".bmp").name
            assert scan.texture.triangles.shape == scan.triangles.shape
            assert 0 <= scan.texture.coordinates.min() <= scan.texture.coordinates.max() <= 1
            assert len(scan.landmarks) == BND_COUNT
        else:
            assert scan.texture is None
            assert len(scan.landmarks) == PSE_COUNT


def test_pymeshlab_reads_the_same_lookalikes(lookalikes: list[Path]) -> None:
    for path in lookalikes[:2]:
        points, triangles = oracle(path)
        scan = read_scan(path)
        np.testing.assert_allclose(scan.points, points, atol=2e-5)  # the oracle reads single precision
        assert len(scan.triangles) == len(triangles)
        assert area(scan.points, scan.triangles) == pytest.approx(area(points, triangles), rel=1e-3)


def test_the_nose_tip_is_the_most_forward_point_within_the_outline(lookalikes: list[Path]) -> None:
    truth = {}
    for line in (lookalikes[0].parents[2] / "truth.csv").read_text().splitlines()[1:]:
        values = line.split(",")
        truth[Path(values[0]).name] = np.array(values[10:13], float)
    scan = read_scan(next(path for path in lookalikes if path.name.endswith("NE00" + path.name[10:12] + "_F3D.wrl")))
    outline = np.array([scan.landmarks[name] for name in BU3DFE.nose_outline])
    inside = ((scan.points >= outline.min(0)) & (scan.points <= outline.max(0)))[:, :2].all(axis=1)
    tip = scan.points[inside][scan.points[inside][:, 2].argmax()]
    assert np.linalg.norm(tip - truth[scan.path.name]) < 6


def test_a_lookalike_cut_off_anywhere_is_refused(lookalikes: list[Path], tmp_path: Path) -> None:
    data = lookalikes[0].read_bytes()
    end_of_shape = data.index(b"Viewpoint")
    for length in np.linspace(20, end_of_shape - 30, 25).astype(int):
        path = tmp_path / "cut.wrl"
        path.write_bytes(data[:length])
        with pytest.raises(ScanError):
            read_scan(path)
