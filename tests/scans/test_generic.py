"""Meshes and point clouds of general formats: what each holds, and every way Open3D fails in silence."""

from __future__ import annotations

import builtins
import json
import struct
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gemax_cli.errors import BadFormat, EmptyScan, FileUnreadable, LibraryMissing, ScanError, UnknownFormat
from gemax_cli.scans.claims import gltf_claim, pcd_claim, stl_claim
from gemax_cli.scans.generic import DEBIAN_PACKAGES, read_generic
from gemax_cli.scans.model import Scan
from tests.scans.mesh_files import (
    POINTS,
    TRIANGLES,
    glb,
    gltf,
    gltf_parts,
    off,
    pcd,
    ply_binary,
    ply_text,
    sensor,
    stl_binary,
    stl_text,
    write,
)

REAL = Path(__file__).resolve().parents[2].parent / "shared" / "scans" / "real"


@pytest.fixture(scope="module")
def open3d() -> ModuleType:
    try:
        import open3d
    except (ImportError, OSError) as error:  # no wheel for this Python, or a system library is missing
        pytest.skip(f"Open3D cannot be imported: {error}")
    return open3d


@pytest.fixture
def real() -> Path:
    if not REAL.is_dir():
        pytest.skip("the real scans are not beside this checkout")
    return REAL


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
    "house.glb": glb(),
    "house.gltf": gltf(),
    "CAPITALS.PLY": ply_text(),
}
MESH = pytest.mark.parametrize("name", MESHES.keys())


@MESH
def test_meshes(open3d: ModuleType, tmp_path: Path, name: str, capfd: pytest.CaptureFixture[str]) -> None:
    scan = read_generic(write(tmp_path / name, MESHES[name]))
    is_house(scan)
    assert scan.format == name.lower().rpartition(".")[2]
    assert (scan.grid, scan.texture, scan.warnings, dict(scan.landmarks)) == (None, None, (), {})
    assert capfd.readouterr().out == ""


@MESH
def test_a_mesh_cut_off_anywhere_is_refused(open3d: ModuleType, tmp_path: Path, name: str) -> None:
    data = MESHES[name].rstrip(b"\n")
    path = tmp_path / name
    needed = data.rindex(b"endsolid") if name == "text.stl" else len(data) - 1
    for length in [*range(1, needed, 9), needed]:
        path.write_bytes(data[:length])
        with pytest.raises(ScanError):
            read_generic(path)


FILES = {name: data for name, data in MESHES.items() if name.lower()[-3:] in ("stl", "glb", "ltf")}
FILES |= {"cloud.pcd": pcd(POINTS), "packed.pcd": pcd(POINTS, "binary_compressed")}
CLAIMS = {"stl": stl_claim, "glb": gltf_claim, "ltf": gltf_claim, "pcd": pcd_claim}
PIECES = st.sampled_from([b"9999999", b"\xff", b"", b"\n", b"-1", b" ", b"nan"])


@settings(max_examples=150, deadline=None)
@given(st.sampled_from([*FILES.items()]), st.data())
def test_a_damaged_header_never_gives_more_than_the_file_holds(file: tuple[str, bytes], data: st.DataObject) -> None:
    name, content = file
    damaged = bytearray(content)
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, min(len(damaged), 300) - 1))
        damaged[at : at + data.draw(st.integers(0, 3))] = data.draw(PIECES)
    try:
        claimed = CLAIMS[name.lower()[-3:]](Path(name), bytes(damaged))
    except ScanError:
        return
    assert (claimed.points or 0) <= len(damaged)
    assert (claimed.faces or 0) <= len(damaged)


# -- STL --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("data", [stl_binary(), stl_text()], ids=["binary", "text"])
def test_the_triangles_of_an_stl_share_their_corners(open3d: ModuleType, tmp_path: Path, data: bytes) -> None:
    scan = read_generic(write(tmp_path / "house.stl", data))
    assert len(scan.points) == 5
    assert len(np.unique(scan.triangles)) == 5


def test_a_binary_stl_that_begins_with_solid(open3d: ModuleType, tmp_path: Path) -> None:
    is_house(read_generic(write(tmp_path / "house.stl", b"solid bo" + stl_binary()[8:])))


def test_an_stl_of_another_length_is_refused(tmp_path: Path) -> None:
    for data in (stl_binary()[:-1], stl_binary() + b"\0", b"\0" * 84 + b"x"):
        with pytest.raises(BadFormat, match="its length is not that"):
            read_generic(write(tmp_path / "bad.stl", data))
    with pytest.raises(BadFormat, match="before its endsolid"):
        read_generic(write(tmp_path / "bad.stl", stl_text()[:-20]))


# -- glTF -------------------------------------------------------------------------------------------------------------


def test_every_mesh_of_a_glb_in_its_place(open3d: ModuleType, tmp_path: Path) -> None:
    content, buffer = gltf_parts(copies=3)
    scan = read_generic(write(tmp_path / "three.glb", glb(content, buffer)))
    assert scan.points.shape == (15, 3)
    assert scan.triangles.shape == (9, 3)
    assert scan.points[:, 0].max() == 24


def test_a_gltf_with_its_buffer_beside_it(open3d: ModuleType, tmp_path: Path) -> None:
    path = write(tmp_path / "house.gltf", gltf("house.bin"))
    with pytest.raises(BadFormat, match=r"needs the file 'house\.bin' beside it"):
        read_generic(path)
    write(tmp_path / "house.bin", gltf_parts()[1])
    is_house(read_generic(path))


@pytest.mark.parametrize(
    "uri", ["../secret.bin", "/etc/passwd", "sub/house.bin", "http://x/y.bin", "a\\b.bin", "..", "%2e%2e%2fx", "c:x"]
)
def test_a_gltf_reads_no_file_elsewhere(tmp_path: Path, uri: str) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    write(tmp_path / "secret.bin", gltf_parts()[1])
    with pytest.raises(BadFormat, match="outside its folder"):
        read_generic(write(folder / "house.gltf", gltf(uri)))


@pytest.mark.parametrize(
    ("packing", "name"), [("KHR_draco_mesh_compression", "Draco"), ("EXT_meshopt_compression", "meshopt")]
)
def test_packed_gltf_is_an_empty_scan_that_says_why(tmp_path: Path, packing: str, name: str) -> None:
    content, buffer = gltf_parts()
    content["extensionsRequired"] = [packing]
    with pytest.raises(EmptyScan, match=rf"packed with {name}"):
        read_generic(write(tmp_path / "packed.glb", glb(content, buffer)))


def test_an_accessor_of_nothing_is_an_empty_scan(tmp_path: Path) -> None:
    content, buffer = gltf_parts()
    del content["accessors"][1]["bufferView"]
    content["accessors"][1]["count"] = 10**10
    with pytest.raises(EmptyScan, match="has no content"):
        read_generic(write(tmp_path / "zeros.glb", glb(content, buffer)))


def test_a_glb_of_zeros_is_an_empty_scan(open3d: ModuleType, tmp_path: Path) -> None:
    content, buffer = gltf_parts()
    with pytest.raises(ScanError):
        read_generic(write(tmp_path / "zeros.glb", glb(content, b"\0" * len(buffer))))


@pytest.mark.parametrize("count", [10**9, 6, -1, "x"])
def test_an_accessor_longer_than_its_buffer_is_refused(open3d: ModuleType, tmp_path: Path, count: Any) -> None:
    content, buffer = gltf_parts()
    content["accessors"][1]["count"] = count
    with pytest.raises(BadFormat):
        read_generic(write(tmp_path / "long.glb", glb(content, buffer)))


@pytest.mark.parametrize(
    "text", [b"[]", b"5", b"{", b"[" * 100_000, b"\xff\xfe", b'{"accessors": [5], "bufferViews": 3}']
)
def test_json_that_is_no_gltf_is_refused(tmp_path: Path, text: bytes) -> None:
    with pytest.raises(ScanError):
        read_generic(write(tmp_path / "bad.gltf", text))


def test_another_version_of_glb_is_refused(tmp_path: Path) -> None:
    data = glb()
    with pytest.raises(BadFormat, match=r"no glTF 2\.0"):
        read_generic(write(tmp_path / "old.glb", data[:4] + struct.pack("<I", 1) + data[8:]))


# -- PCD --------------------------------------------------------------------------------------------------------------

KINDS = pytest.mark.parametrize("kind", ["ascii", "binary", "binary_compressed"])


@KINDS
def test_a_pcd(open3d: ModuleType, tmp_path: Path, kind: str) -> None:
    scan = read_generic(write(tmp_path / "cloud.pcd", pcd(POINTS, kind)))
    np.testing.assert_allclose(scan.points, POINTS)
    assert (len(scan.triangles), scan.grid, scan.warnings) == (0, None, ())


@KINDS
def test_an_organised_pcd(open3d: ModuleType, tmp_path: Path, kind: str) -> None:
    planes = sensor()
    scan = read_generic(write(tmp_path / "kinect.pcd", pcd(planes.reshape(-1, 3), kind, 8, 6)))
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


def test_zeros_in_an_organised_pcd_are_places_without_a_point(open3d: ModuleType, tmp_path: Path) -> None:
    planes = np.nan_to_num(sensor())
    assert len(read_generic(write(tmp_path / "k.pcd", pcd(planes.reshape(-1, 3), "binary", 8, 6))).points) == 46


def test_a_column_of_points_is_no_grid(open3d: ModuleType, tmp_path: Path) -> None:
    assert read_generic(write(tmp_path / "c.pcd", pcd(POINTS, "ascii", 1, 5))).grid is None


def test_a_pcd_of_nan_alone_is_an_empty_scan(open3d: ModuleType, tmp_path: Path) -> None:
    for width, height in ((5, 1), (3, 2)):
        nothing = np.full((width * height, 3), np.nan)
        with pytest.raises(EmptyScan):
            read_generic(write(tmp_path / "nan.pcd", pcd(nothing, "binary", width, height)))


def test_scattered_places_are_no_surface(open3d: ModuleType, tmp_path: Path) -> None:
    planes = np.full((4, 4, 3), np.nan)
    planes[0, 0], planes[3, 3] = 1, 2
    with pytest.raises(EmptyScan, match="scattered"):
        read_generic(write(tmp_path / "few.pcd", pcd(planes.reshape(-1, 3), "binary", 4, 4)))


@KINDS
def test_a_pcd_cut_off_is_refused(open3d: ModuleType, tmp_path: Path, kind: str) -> None:
    data = pcd(POINTS, kind).rstrip(b"\n")
    for length in [10, 100, data.index(b"DATA") + 3, *range(data.index(b"DATA") + 10, len(data) - 6, 7)]:
        with pytest.raises(ScanError):
            read_generic(write(tmp_path / "cut.pcd", data[:length]))


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
        read_generic(write(tmp_path / "bad.pcd", pcd(POINTS, "binary").replace(old, new, 1)))


@KINDS
def test_a_pcd_that_promises_too_much(tmp_path: Path, kind: str) -> None:
    data = pcd(POINTS, kind).replace(b"WIDTH 5", b"WIDTH 100000000").replace(b"POINTS 5", b"POINTS 100000000")
    with pytest.raises(BadFormat, match="promises at least"):
        read_generic(write(tmp_path / "huge.pcd", data))


def test_a_compressed_pcd_whose_sizes_lie(tmp_path: Path) -> None:
    data = pcd(POINTS, "binary_compressed")
    at = data.index(b"compressed\n") + len(b"compressed\n")
    for sizes in ((10**9, 60), (62, 2**32 - 1), (0, 2**32 - 1)):
        with pytest.raises(BadFormat, match="promises at least"):
            read_generic(write(tmp_path / "lie.pcd", data[:at] + struct.pack("<II", *sizes) + data[at + 8 :]))


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
    scan = read_generic(write(tmp_path / name, text.encode()))
    np.testing.assert_allclose(scan.points, POINTS)
    assert (len(scan.triangles), scan.metric, scan.warnings) == (0, False, ())


def test_not_finite_points_of_a_list_are_left_out_and_said(tmp_path: Path) -> None:
    scan = read_generic(write(tmp_path / "a.xyz", (listed("{} {} {}") + "nan nan nan\n1 inf 2\n").encode()))
    np.testing.assert_allclose(scan.points, POINTS)
    assert scan.warnings == ("2 points are not finite and are left out.",)


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        ("a.xyz", "1 2 3\n4 5\n", "three numbers"),
        ("a.xyz", "1 2 3\n4 x 6\n", "three numbers"),
        ("a.xyz", "1 2\n3 4\n", "three numbers"),
        ("a.xyz", "one\ntwo\nthree\nfour\n1 2 3\n", "begins with text"),
        ("a.xyz", "\x00\x01\x02" * 50, "begins with text|holds no point|three numbers"),
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
        read_generic(write(tmp_path / name, text.encode("latin-1")))


# -- Open3D itself ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (
            ImportError("libusb-1.0.so.0: cannot open shared object file: No such file or directory"),
            r"libusb-1\.0\.so\.0: apt install libusb-1\.0-0\.$",
        ),
        (
            ImportError("libGL.so.1: cannot open shared object file: No such file or directory"),
            r"libGL\.so\.1: apt install libgl1\.$",
        ),
        (ImportError("libgomp.so.1: cannot open shared object file"), r"libgomp\.so\.1: apt install libgomp1\.$"),
        (OSError("libX11.so.6: cannot open shared object file"), r"libX11\.so\.6: apt install libx11-6\.$"),
        (OSError("libc++.so.1: cannot open shared object file"), r"libc\+\+\.so\.1: apt install libc\+\+1\.$"),
        (ImportError("libfoo-2.so.7: cannot open shared object file"), r"libfoo-2\.so\.7: install it\.$"),
        (ModuleNotFoundError("No module named 'open3d'"), "pip install open3d"),
    ],
)
def test_what_open3d_lacks_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, error: Exception, sentence: str
) -> None:
    plain = builtins.__import__

    def failing(name: str, *rest: Any) -> Any:
        if name == "open3d":
            raise error
        return plain(name, *rest)

    monkeypatch.setattr(builtins, "__import__", failing)
    with pytest.raises(LibraryMissing, match=sentence):
        read_generic(write(tmp_path / "house.stl", stl_text()))


def test_every_package_name_is_a_debian_name() -> None:
    for library, package in DEBIAN_PACKAGES.items():
        assert library.startswith("lib")
        assert package == package.lower()


def test_open3d_is_imported_only_where_it_is_needed(tmp_path: Path) -> None:
    write(tmp_path / "a.xyz", listed("{} {} {}").encode())
    write(tmp_path / "a.obj", b"v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n")
    write(tmp_path / "a.ply", ply_text())
    write(tmp_path / "a.off", off())
    code = "import sys; from pathlib import Path; from gemax_cli.scans.generic import read_generic\n"
    code += f"for name in ('a.xyz', 'a.obj', 'a.ply', 'a.off'): read_generic(Path({str(tmp_path)!r}) / name)\n"
    code += "assert 'open3d' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).resolve().parents[2])


def test_a_crash_within_open3d_is_one_sentence(
    open3d: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def failing(*_: Any, **__: Any) -> None:
        raise RuntimeError("\x1b[1;31m[Open3D Error] something\nand more\x1b[0;m")

    monkeypatch.setattr(open3d.io, "read_triangle_mesh", failing)
    with pytest.raises(BadFormat, match=r"Open3D cannot read it \(\[Open3D Error\] something\)\.$"):
        read_generic(write(tmp_path / "house.stl", stl_text()))


def test_names_of_every_alphabet(open3d: ModuleType, tmp_path: Path) -> None:
    folder = tmp_path / "Gesichter, größer 顔"
    folder.mkdir()
    is_house(read_generic(write(folder / "ein Haus 家.stl", stl_text())))


def test_unknown_suffix_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(UnknownFormat, match=r"Known are \.ply"):
        read_generic(write(tmp_path / "a.fbx", b"x"))
    with pytest.raises(FileUnreadable):
        read_generic(tmp_path / "none.ply")
    (tmp_path / "folder.ply").mkdir()
    with pytest.raises(FileUnreadable):
        read_generic(tmp_path / "folder.ply")


# -- real scans -------------------------------------------------------------------------------------------------------


def test_leeperrysmith(real: Path) -> None:
    scan = read_generic(real / "leeperrysmith" / "LeePerrySmith.obj")
    assert scan.points.shape == (9223, 3)
    assert scan.triangles.shape == (17684, 3)
    assert np.ptp(scan.points[:, 0]) == pytest.approx(8.6, abs=0.3)
    assert scan.texture is not None
    assert scan.texture.coordinates.shape == (9223, 2)


def test_mediapipe_names_a_material_that_is_not_there(real: Path, capfd: pytest.CaptureFixture[str]) -> None:
    scan = read_generic(real / "mediapipe_canonical" / "canonical_face_model.obj")
    assert scan.points.shape == (468, 3)
    assert scan.triangles.shape == (898, 3)
    assert capfd.readouterr() == ("", "")


def test_menpo(real: Path) -> None:
    scan = read_generic(real / "menpo_template" / "template.ply")
    assert scan.points.shape == (53349, 3)
    assert scan.triangles.shape == (106111, 3)
    assert np.ptp(scan.points[:, 0]) == pytest.approx(180_000, rel=0.1)


def test_a_person_before_a_kinect(open3d: ModuleType, real: Path) -> None:
    scan = read_generic(real / "pcl_person" / "person.pcd")
    assert scan.grid is not None
    assert scan.grid.shape == (480, 640)
    assert len(scan.points) == 242_749 == (scan.grid >= 0).sum()
    top, bottom = scan.points[scan.grid[40][scan.grid[40] >= 0]], scan.points[scan.grid[440][scan.grid[440] >= 0]]
    assert np.median(top[:, 1] / top[:, 2]) < 0 < np.median(bottom[:, 1] / bottom[:, 2])  # y points down


def test_templates_cut_from_kinect_frames(open3d: ModuleType, real: Path) -> None:
    counts = [len(read_generic(path).points) for path in sorted((real / "pcl_person").glob("object_template_*.pcd"))]
    assert counts == [1397, 1552, 1301, 1449, 1159, 1419]


def test_the_json_of_the_test_files_is_valid() -> None:
    assert json.loads(gltf())["buffers"][0]["byteLength"] == len(gltf_parts()[1])
