"""Text formats as editors and spreadsheets save them: byte order marks, decimal commas; quantised glTF."""

import json
from pathlib import Path

import numpy as np
import pytest

from gemax_cli.errors import BadFormat
from gemax_cli.scans.read import read_scan

POINTS = np.round(np.random.default_rng(4).uniform(-90, 90, (40, 3)), 3)
FACES = "".join(f"f {i} {i + 1} {i + 2}\n" for i in range(1, 39))
TEXTS = {
    "obj": "".join("v {} {} {}\n".format(*p) for p in POINTS) + FACES,
    "off": "OFF\n40 38 0\n" + "".join("{} {} {}\n".format(*p) for p in POINTS)
    + "".join(f"3 {i} {i + 1} {i + 2}\n" for i in range(38)),
    "xyz": "".join("{} {} {}\n".format(*p) for p in POINTS),
    "pts": "40\n" + "".join("{} {} {}\n".format(*p) for p in POINTS),
}  # fmt: skip


@pytest.mark.parametrize("suffix", TEXTS)
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_byte_order_mark_is_no_part_of_a_scan(suffix, end, tmp_path):
    path = tmp_path / f"a.{suffix}"
    path.write_bytes(b"\xef\xbb\xbf" + TEXTS[suffix].replace("\n", end).encode())
    scan = read_scan(path)
    np.testing.assert_array_equal(scan.points, POINTS)
    if suffix in ("obj", "off"):
        np.testing.assert_array_equal(scan.triangles, np.arange(38)[:, None] + [0, 1, 2])


@pytest.mark.parametrize("between", [";", " ", "\t", "; ", "  "])
@pytest.mark.parametrize("columns", [3, 6])
def test_decimal_commas_of_a_point_list(between, columns, tmp_path):
    rows = np.hstack([POINTS, POINTS])[:, :columns]
    rows[0] = np.round(rows[0])  # whole numbers have no comma
    lines = [between.join(f"{value:g}".replace(".", ",") for value in row) for row in rows]
    (tmp_path / "a.xyz").write_text("\n".join(lines))
    np.testing.assert_array_equal(read_scan(tmp_path / "a.xyz").points, rows[:, :3])


@pytest.mark.parametrize("between", [",", ", ", " , "])
def test_commas_that_separate_numbers(between, tmp_path):
    (tmp_path / "a.xyz").write_text("\n".join(between.join(map(str, row)) for row in POINTS))
    np.testing.assert_array_equal(read_scan(tmp_path / "a.xyz").points, POINTS)
    (tmp_path / "a.xyz").write_text("\n".join(between.join(f"{value:.0f}" for value in row) for row in POINTS))
    np.testing.assert_array_equal(read_scan(tmp_path / "a.xyz").points, np.round(POINTS))


def test_decimal_commas_of_a_mesh_are_named(tmp_path):
    (tmp_path / "a.obj").write_text(TEXTS["obj"].replace(".", ","))
    with pytest.raises(BadFormat, match=r"has commas in its numbers \(1,23\): export it again, with points"):
        read_scan(tmp_path / "a.obj")


@pytest.mark.parametrize("kind", [5120, 5121, 5122, 5123])
@pytest.mark.parametrize("required", [True, False])
def test_quantised_gltf_is_named(kind, required, tmp_path):
    content = {
        "accessors": [{"bufferView": 0, "componentType": kind, "count": 3, "type": "VEC3"}],
        "bufferViews": [{"buffer": 0, "byteLength": 24}],
        "meshes": [{"primitives": [{"attributes": {"POSITION": 0}}]}],
        "extensionsRequired": ["KHR_mesh_quantization"] * required,
    }
    path = Path(tmp_path / "a.gltf")
    path.write_text(json.dumps(content))
    with pytest.raises(BadFormat, match="KHR_mesh_quantization"):
        read_scan(path)


QUAD = "mtllib {}\nv 0 0 0\nv 9 0 0\nv 9 9 1\nv 0 9 0\nvt 0 0\nvt 1 0\nvt 1 1\nvt 0 1\nusemtl a\nf 1/1 2/2 3/3 4/4\n"


@pytest.mark.parametrize(
    ("library", "named", "image"),
    [
        ("newmtl a\nKd 1 1 1\nmap_Kd face.jpg\n", "a.mtl", "face.jpg"),
        ("newmtl a\r\n\tmap_Kd -s 1 1 1 C:\\\\x\\\\face.jpg\r\nnewmtl b\r\nmap_Kd b.png\r\n", "a.mtl", "face.jpg"),
        ("\ufeffnewmtl a\nmap_Kd ../../secret.png\n", "./sub/a.mtl", "secret.png"),
        ("newmtl a\nmap_Kd\n", "a.mtl", None),
        ("newmtl a\nmap_Bump bump.png\n", "a.mtl", None),
        ("map_Kd face.jpg\n", "other.mtl", None),
        ("map_Kd face.jpg\n", "/etc/passwd", None),
    ],
)
def test_the_picture_of_an_obj_is_read_from_the_materials_beside_it(library, named, image, tmp_path):
    (tmp_path / "a.mtl").write_bytes(library.encode())
    (tmp_path / "a.obj").write_text(QUAD.format(named))
    scan = read_scan(tmp_path / "a.obj")
    assert scan.texture is not None
    assert scan.texture.image == image
    assert [companion.name for companion in scan.companions] == ["a.mtl"] * named.endswith("a.mtl")
