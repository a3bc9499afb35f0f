"""The table of formats; meshes and point clouds of general formats, and the real scans."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

from gemax_cli.datasets.ids import split_suffix
from gemax_cli.errors import BadFormat, ScanError
from gemax_cli.scans.model import Scan
from gemax_cli.scans.raw_file import MAX_BYTES
from gemax_cli.scans.read import FOREIGN, FORMATS, KNOWN_SUFFIXES, Format, read_scan, sniff
from tests.scans.mesh_files import (
    POINTS,
    TRIANGLES,
    gltf,
    gltf_parts,
    off,
    ply_binary,
    ply_text,
    stl_binary,
    stl_text,
    write,
)
from tests.scans.seeds import seeds

REAL = Path(__file__).resolve().parents[2].parent / "shared" / "scans" / "real"


@pytest.fixture
def real() -> Path:
    if not REAL.is_dir():
        pytest.skip("the real scans are not beside this checkout")
    return REAL


# -- the table --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("row", FORMATS, ids=lambda row: row.suffixes[0])
def test_every_row_has_its_reader_and_suffixes_that_names_are_split_at(row: Format) -> None:
    module, _, function = row.reader.partition(":")
    assert callable(getattr(import_module(f"gemax_cli.scans.formats.{module}"), function))
    assert all(split_suffix(f"a.b{suffix.upper()}") == ("a.b", suffix) for suffix in row.suffixes)


def test_no_suffix_stands_in_two_rows() -> None:
    assert len(KNOWN_SUFFIXES) == sum(len(row.suffixes) for row in FORMATS)


def test_every_sound_file_is_told_as_its_own_format_or_not_at_all() -> None:
    for seed in seeds():
        told = sniff(seed.data[:4096], len(seed.data))
        assert told is None or told in FOREIGN or seed.suffix in told.suffixes


# -- meshes -----------------------------------------------------------------------------------------------------------


def is_house(scan: Scan) -> None:
    """The house, whatever the order of its points."""
    assert scan.points.shape == POINTS.shape
    assert scan.points.dtype == np.float64
    assert scan.triangles.dtype == np.int32
    assert not scan.metric
    corners = sorted(map(sorted, scan.points[scan.triangles].round(6).tolist()))
    assert corners == sorted(map(sorted, POINTS[TRIANGLES].round(6).tolist()))


MESHES = {
    "text.ply": ply_text(),
    "binary.ply": ply_binary(),
    "big.ply": ply_binary(order=">"),
    "house.off": off(),
    "binary.stl": stl_binary(),
    "text.stl": stl_text(),
    "CAPITALS.PLY": ply_text(),
}
MESH = pytest.mark.parametrize("name", MESHES.keys())


@MESH
def test_meshes(tmp_path: Path, name: str, capfd: pytest.CaptureFixture[str]) -> None:
    scan = read_scan(write(tmp_path / name, MESHES[name]))
    is_house(scan)
    assert scan.format == name.lower().rpartition(".")[2]
    assert (scan.grid, scan.texture, scan.warnings, dict(scan.landmarks)) == (None, None, (), {})
    assert capfd.readouterr().out == ""


@MESH
def test_a_mesh_cut_off_anywhere_is_refused(tmp_path: Path, name: str) -> None:
    data = MESHES[name].rstrip(b"\n")
    path = tmp_path / name
    needed = data.rindex(b"endsolid") if name == "text.stl" else len(data) - 1
    for length in [*range(1, needed, 9), needed]:
        path.write_bytes(data[:length])
        with pytest.raises(ScanError):
            read_scan(path)


# -- point lists ------------------------------------------------------------------------------------------------------


def listed(template: str, points: np.ndarray = POINTS) -> str:
    return "".join(template.format(*point) + "\n" for point in points)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.xyz", listed("{} {} {}")),
        ("a.xyz", listed("{},{},{}")),
        ("a.xyz", listed("{};{};{}")),
        ("a.xyz", listed("{}\t{}\t{}")),
        ("a.xyz", listed("  {:e} ,  {} ; {}  ")),
        ("a.xyz", listed("{} {} {}").replace("\n", "\r\n")),
        ("a.xyz", listed("{} {} {}").rstrip("\n")),
        ("a.xyz", "# a comment\n\n" + listed("{} {} {} # 1 2") + "// the end\n"),
        ("a.xyz", "X Y Z\n" + listed("{} {} {}")),
        ("a.xyz", "//X, Y, Z, R, G, B\n" + listed("{}, {}, {}, 255, 0, 7")),
        ("a.xyzn", listed("{} {} {} 0 0 1")),
        ("a.xyzrgb", listed("{} {} {} 0.5 0.5 0.5")),
        ("a.pts", "5\n" + listed("{} {} {} 12 255 0 0")),
        ("a.pts", listed("{} {} {}")),
        ("A.XYZ", listed("{} {} {}")),
    ],
)
def test_point_lists(tmp_path: Path, name: str, text: str) -> None:
    scan = read_scan(write(tmp_path / name, text.encode()))
    np.testing.assert_allclose(scan.points, POINTS)
    assert (len(scan.triangles), scan.metric, scan.warnings) == (0, False, ())


def test_not_finite_points_of_a_list_are_left_out_and_said(tmp_path: Path) -> None:
    scan = read_scan(write(tmp_path / "a.xyz", (listed("{} {} {}") + "nan nan nan\n1 inf 2\n").encode()))
    np.testing.assert_allclose(scan.points, POINTS)
    assert scan.warnings == ("2 points are not finite and are left out.",)


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        ("a.xyz", "1 2 3\n4 5\n", "three numbers"),
        ("a.xyz", "1 2 3\n4 x 6\n", "three numbers"),
        ("a.xyz", "1 2\n3 4\n", "three numbers"),
        ("a.xyz", "one\ntwo\nthree\nfour\n1 2 3\n", "begins with text"),
        ("a.xyz", "\x00\x01\x02" * 50, "holds no point"),
        ("a.pts", "6\n" + listed("{} {} {}"), "says that 6 points follow, but 5 do"),
        ("a.pts", "4\n" + listed("{} {} {}"), "says that 4 points follow, but 5 do"),
        ("a.pts", "9" * 5000 + "\n1 2 3\n", "points follow"),
        ("a.pts", "version: 1\nn_points: 2\n{\n1.5 2.5\n3 4\n}\n", "three numbers"),
        ("a.xyz", "1 2 1e12\n3 4 5\n", "too large"),
        ("a.xyz", "", "zero bytes"),
        ("a.xyz", "# nothing\n", "no point"),
        ("a.xyz", "nan nan nan\n", "no point"),
        ("a.xyz", "1 2 3\n", "all its points are the same"),
    ],
)
def test_lists_that_are_refused(tmp_path: Path, name: str, text: str, sentence: str) -> None:
    with pytest.raises(ScanError, match=sentence):
        read_scan(write(tmp_path / name, text.encode("latin-1")))


# -- Open3D itself ----------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_open3d_is_imported_only_where_it_is_needed(tmp_path: Path) -> None:
    write(tmp_path / "a.xyz", listed("{} {} {}").encode())
    write(tmp_path / "a.obj", b"v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n")
    write(tmp_path / "a.ply", ply_text())
    write(tmp_path / "a.off", off())
    code = "import sys; from pathlib import Path; from gemax_cli.scans.read import read_scan\n"
    code += f"for name in ('a.xyz', 'a.obj', 'a.ply', 'a.off'): read_scan(Path({str(tmp_path)!r}) / name)\n"
    code += "assert 'open3d' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).resolve().parents[2])


def test_names_of_every_alphabet(tmp_path: Path) -> None:
    folder = tmp_path / "Gesichter, größer 顔"
    folder.mkdir()
    is_house(read_scan(write(folder / "ein Haus 家.stl", stl_text())))


# -- real scans -------------------------------------------------------------------------------------------------------


def test_leeperrysmith(real: Path) -> None:
    scan = read_scan(real / "leeperrysmith" / "LeePerrySmith.obj")
    assert scan.points.shape == (9223, 3)
    assert scan.triangles.shape == (17684, 3)
    assert np.ptp(scan.points[:, 0]) == pytest.approx(8.6, abs=0.3)
    assert scan.texture is not None
    assert scan.texture.coordinates.shape == (9223, 2)


def test_mediapipe_names_a_material_that_is_not_there(real: Path, capfd: pytest.CaptureFixture[str]) -> None:
    scan = read_scan(real / "mediapipe_canonical" / "canonical_face_model.obj")
    assert scan.points.shape == (468, 3)
    assert scan.triangles.shape == (898, 3)
    assert capfd.readouterr() == ("", "")


def test_menpo(real: Path) -> None:
    scan = read_scan(real / "menpo_template" / "template.ply")
    assert scan.points.shape == (53349, 3)
    assert scan.triangles.shape == (106111, 3)
    assert np.ptp(scan.points[:, 0]) == pytest.approx(180_000, rel=0.1)


def test_a_person_before_a_kinect(real: Path) -> None:
    scan = read_scan(real / "pcl_person" / "person.pcd")
    assert scan.grid is not None
    assert scan.grid.shape == (480, 640)
    assert len(scan.points) == 242_749 == (scan.grid >= 0).sum()
    top, bottom = scan.points[scan.grid[40][scan.grid[40] >= 0]], scan.points[scan.grid[440][scan.grid[440] >= 0]]
    assert np.median(top[:, 1] / top[:, 2]) < 0 < np.median(bottom[:, 1] / bottom[:, 2])  # y points down


def test_templates_cut_from_kinect_frames(real: Path) -> None:
    counts = [len(read_scan(path).points) for path in sorted((real / "pcl_person").glob("object_template_*.pcd"))]
    assert counts == [1397, 1552, 1301, 1449, 1159, 1419]


def test_the_json_of_the_test_files_is_valid() -> None:
    assert json.loads(gltf())["buffers"][0]["byteLength"] == len(gltf_parts()[1])


@pytest.mark.parametrize("suffix", [".xyz", ".obj", ".off"])
def test_text_too_large_to_be_a_face_is_refused_unread(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"huge{suffix}"
    with path.open("wb") as file:
        file.truncate(MAX_BYTES + 1)
    with pytest.raises(BadFormat, match="has more than"):
        read_scan(path)
