"""glTF through Open3D: every mesh in its place, and every way to fail in silence."""

from __future__ import annotations

import builtins
import contextlib
import json
import struct
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gemax_cli.errors import BadFormat, EmptyScan, LibraryMissing, ScanError
from gemax_cli.open3d_library import DEBIAN_PACKAGES
from gemax_cli.scans.formats.gltf import check_gltf
from gemax_cli.scans.model import Scan
from gemax_cli.scans.read import read_scan
from tests.scans.mesh_files import POINTS, TRIANGLES, glb, gltf, gltf_parts, write


@pytest.fixture(scope="module")
def open3d() -> ModuleType:
    try:
        import open3d
    except (ImportError, OSError) as error:  # no wheel for this Python, or a system library is missing
        pytest.skip(f"Open3D cannot be imported: {error}")
    return open3d


def is_house(scan: Scan) -> None:
    np.testing.assert_allclose(scan.points, POINTS)
    np.testing.assert_array_equal(scan.triangles, TRIANGLES)
    assert scan.points.dtype == np.float64
    assert scan.triangles.dtype == np.int32
    assert (scan.metric, scan.grid, scan.texture, scan.warnings) == (False, None, None, ())


@pytest.mark.parametrize(("name", "data"), [("house.glb", glb()), ("house.gltf", gltf()), ("HOUSE.GLB", glb())])
def test_a_house(open3d: ModuleType, tmp_path: Path, capfd: pytest.CaptureFixture[str], name: str, data: bytes) -> None:
    scan = read_scan(write(tmp_path / name, data))
    is_house(scan)
    assert scan.format == name.lower()[6:]
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(("name", "data"), [("house.glb", glb()), ("house.gltf", gltf())])
def test_cut_off_anywhere(open3d: ModuleType, tmp_path: Path, name: str, data: bytes) -> None:
    for length in [*range(1, len(data) - 1, 7), len(data) - 1]:
        with pytest.raises(ScanError):
            read_scan(write(tmp_path / name, data[:length]))


def refused_or_passed(name: str, data: bytes) -> None:
    """Anything but a ScanError is a failure of the test."""
    with contextlib.suppress(ScanError):
        check_gltf(Path(name), data)


@settings(max_examples=200, deadline=None)
@given(st.sampled_from([glb(), gltf()]), st.data())
def test_the_check_of_damaged_files_never_raises_anything_else(whole: bytes, data: st.DataObject) -> None:
    damaged = bytearray(whole)
    pieces = [b"", b"9999999", b"-1", b"[", b"{}", b"null", b'"x"', b"1.5", b"[[]]", b"true", b"\xff", b",", b":"]
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(damaged) - 1))
        damaged[at : at + data.draw(st.integers(0, 4))] = data.draw(st.sampled_from(pieces))
    refused_or_passed("face.glb", bytes(damaged))


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_json_of_any_types_never_raises_anything_else(data: st.DataObject) -> None:
    content: Any = gltf_parts()[0]
    where = content
    for _ in range(data.draw(st.integers(0, 4))):
        keys = list(where) if isinstance(where, dict) else list(range(len(where)))
        key = data.draw(st.sampled_from(keys))
        if not isinstance(where[key], dict | list) or not where[key]:
            break
        where = where[key]
    key = data.draw(st.sampled_from(list(where) if isinstance(where, dict) else list(range(len(where)))))
    where[key] = data.draw(JSON_VALUES)
    refused_or_passed("face.gltf", json.dumps(content).encode())


def test_every_mesh_of_a_glb_in_its_place(open3d: ModuleType, tmp_path: Path) -> None:
    content, buffer = gltf_parts(copies=3)
    scan = read_scan(write(tmp_path / "three.glb", glb(content, buffer)))
    assert scan.points.shape == (15, 3)
    assert scan.triangles.shape == (9, 3)
    assert scan.points[:, 0].max() == 24


def test_a_gltf_with_its_buffer_beside_it(open3d: ModuleType, tmp_path: Path) -> None:
    path = write(tmp_path / "house.gltf", gltf("house.bin"))
    with pytest.raises(BadFormat, match=r"needs the file 'house\.bin' beside it"):
        read_scan(path)
    write(tmp_path / "house.bin", gltf_parts()[1])
    is_house(read_scan(path))


@pytest.mark.parametrize(
    "uri", ["../secret.bin", "/etc/passwd", "sub/house.bin", "http://x/y.bin", "a\\b.bin", "..", "%2e%2e%2fx", "c:x"]
)
def test_a_gltf_reads_no_file_elsewhere(tmp_path: Path, uri: str) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    write(tmp_path / "secret.bin", gltf_parts()[1])
    with pytest.raises(BadFormat, match="outside its folder"):
        read_scan(write(folder / "house.gltf", gltf(uri)))


@pytest.mark.parametrize(
    ("packing", "name"), [("KHR_draco_mesh_compression", "Draco"), ("EXT_meshopt_compression", "meshopt")]
)
def test_packed_gltf_is_an_empty_scan_that_says_why(tmp_path: Path, packing: str, name: str) -> None:
    content, buffer = gltf_parts()
    content["extensionsRequired"] = [packing]
    with pytest.raises(EmptyScan, match=rf"packed with {name}"):
        read_scan(write(tmp_path / "packed.glb", glb(content, buffer)))


def test_an_accessor_of_nothing_is_an_empty_scan(tmp_path: Path) -> None:
    content, buffer = gltf_parts()
    del content["accessors"][1]["bufferView"]
    content["accessors"][1]["count"] = 10**10
    with pytest.raises(EmptyScan, match="have no content"):
        read_scan(write(tmp_path / "zeros.glb", glb(content, buffer)))


def test_a_glb_of_zeros_is_an_empty_scan(open3d: ModuleType, tmp_path: Path) -> None:
    content, buffer = gltf_parts()
    with pytest.raises(ScanError):
        read_scan(write(tmp_path / "zeros.glb", glb(content, b"\0" * len(buffer))))


@pytest.mark.parametrize("count", [10**9, 6, -1, "x"])
def test_an_accessor_longer_than_its_buffer_is_refused(open3d: ModuleType, tmp_path: Path, count: Any) -> None:
    content, buffer = gltf_parts()
    content["accessors"][1]["count"] = count
    with pytest.raises(BadFormat):
        read_scan(write(tmp_path / "long.glb", glb(content, buffer)))


@pytest.mark.parametrize(
    "text", [b"[]", b"5", b"{", b"[" * 100_000, b"\xff\xfe", b'{"accessors": [5], "bufferViews": 3}']
)
def test_json_that_is_no_gltf_is_refused(tmp_path: Path, text: bytes) -> None:
    with pytest.raises(ScanError):
        read_scan(write(tmp_path / "bad.gltf", text))


def test_another_version_of_glb_is_refused(tmp_path: Path) -> None:
    data = glb()
    with pytest.raises(BadFormat, match=r"no glTF 2\.0"):
        read_scan(write(tmp_path / "old.glb", data[:4] + struct.pack("<I", 1) + data[8:]))


def test_a_model_without_triangles_is_an_empty_scan(open3d: ModuleType, tmp_path: Path) -> None:
    content, buffer = gltf_parts()
    content["meshes"][0]["primitives"][0]["mode"] = 0
    with pytest.raises(ScanError):
        read_scan(write(tmp_path / "points.glb", glb(content, buffer)))


# -- Open3D itself ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (
            ImportError("libusb-1.0.so.0: cannot open shared object file: No such file or directory"),
            r"libusb-1\.0\.so\.0: apt install libusb-1\.0-0, or convert it to OBJ\.$",
        ),
        (
            ImportError("libGL.so.1: cannot open shared object file: No such file or directory"),
            r"libGL\.so\.1: apt install libgl1, or convert it to OBJ\.$",
        ),
        (
            ImportError("libgomp.so.1: cannot open shared object file"),
            r"libgomp\.so\.1: apt install libgomp1, or convert it to OBJ\.$",
        ),
        (
            OSError("libX11.so.6: cannot open shared object file"),
            r"libX11\.so\.6: apt install libx11-6, or convert it to OBJ\.$",
        ),
        (
            OSError("libc++.so.1: cannot open shared object file"),
            r"libc\+\+\.so\.1: apt install libc\+\+1, or convert it to OBJ\.$",
        ),
        (
            ImportError("libfoo-2.so.7: cannot open shared object file"),
            r"libfoo-2\.so\.7: install it, or convert it to OBJ\.$",
        ),
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
        read_scan(write(tmp_path / "house.glb", glb()))


def test_every_package_name_is_a_debian_name() -> None:
    for library, package in DEBIAN_PACKAGES.items():
        assert library.startswith("lib")
        assert package == package.lower()


def test_a_crash_within_open3d_is_one_sentence(
    open3d: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def failing(*_: Any, **__: Any) -> None:
        raise RuntimeError("\x1b[1;31m[Open3D Error] something\nand more\x1b[0;m")

    monkeypatch.setattr(open3d.io, "read_triangle_mesh", failing)
    with pytest.raises(BadFormat, match=r"Open3D cannot read it \(\[Open3D Error\] something\)\.$"):
        read_scan(write(tmp_path / "house.glb", glb()))
