"""PLY and OFF: every layout of their items, and what must be refused."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gemax_cli.errors import BadFormat, EmptyScan, ScanError
from gemax_cli.scans.model import Scan
from gemax_cli.scans.read import read_scan
from tests.scans.mesh_files import POINTS, TRIANGLES, off, ply_binary, ply_text, write

ORDERS = {"ascii": "", "binary_little_endian": "<", "binary_big_endian": ">"}
CODES = {"char": "b", "uchar": "B", "short": "h", "ushort": "H", "int": "i", "uint": "I", "float": "f", "double": "d"}
CODES |= {"int8": "b", "uint8": "B", "int16": "h", "uint16": "H", "int32": "i", "uint32": "I"}
CODES |= {"float32": "f", "float64": "d"}


def ply(kind: str, elements: list[tuple[str, list[str], list[list]]], end: str = "\n") -> bytes:
    """A PLY of any elements: name, properties, and values of every item; a list is one value."""
    header, body = ["ply", f"format {kind} 1.0", "comment made by hand", "obj_info none"], b""
    for name, properties, items in elements:
        header += [f"element {name} {len(items)}", *[f"property {each}" for each in properties]]
        for item in items:
            numbers = [n for each, value in zip(properties, item, strict=True) for n in typed(each, value)]
            if kind == "ascii":
                body += (" ".join(repr(value) for _, value in numbers) + end).encode()
            else:
                body += b"".join(struct.pack(ORDERS[kind] + CODES[code], value) for code, value in numbers)
    return end.join([*header, "end_header", ""]).encode() + body


def typed(each: str, value: object) -> list[tuple[str, object]]:
    """The numbers of a property with their types."""
    words = each.split()
    if isinstance(value, list):
        return [(words[1], len(value)), *[(words[2], number) for number in value]]
    return [(words[0], value)]


XYZ = ["float x", "float y", "float z"]
CORNERS = ["list uchar int vertex_indices"]
VERTICES = [point.tolist() for point in POINTS]
FACES = [[triangle.tolist()] for triangle in TRIANGLES]
KIND = pytest.mark.parametrize("kind", ORDERS)


def read(tmp_path: Path, data: bytes) -> Scan:
    return read_scan(write(tmp_path / "house.ply", data))


def is_house(scan: Scan) -> None:
    np.testing.assert_allclose(scan.points, POINTS)
    np.testing.assert_array_equal(scan.triangles, TRIANGLES)
    assert scan.points.dtype == np.float64
    assert scan.triangles.dtype == np.int32
    assert (scan.format, scan.metric, scan.grid, scan.warnings) == ("ply", False, None, ())


@KIND
def test_a_house(tmp_path: Path, kind: str) -> None:
    is_house(read(tmp_path, ply(kind, [("vertex", XYZ, VERTICES), ("face", CORNERS, FACES)])))


@KIND
@pytest.mark.parametrize("end", ["\r\n", "\r"])
def test_line_ends_of_the_header(tmp_path: Path, kind: str, end: str) -> None:
    is_house(read(tmp_path, ply(kind, [("vertex", XYZ, VERTICES), ("face", CORNERS, FACES)], end)))


@KIND
@pytest.mark.parametrize("real", ["float", "double", "float32", "float64"])
@pytest.mark.parametrize("integer", ["char", "ushort", "int", "uint", "uint8", "int16", "float", "double"])
def test_every_type(tmp_path: Path, kind: str, real: str, integer: str) -> None:
    xyz = [f"{real} {axis}" for axis in "xyz"]
    length = {"float": "uint", "double": "int"}.get(integer, integer)
    faces = ("face", [f"list {length} {integer} vertex_index"], FACES)
    is_house(read(tmp_path, ply(kind, [("vertex", xyz, VERTICES), faces])))


@KIND
def test_other_properties_in_any_order(tmp_path: Path, kind: str) -> None:
    colours = ["uchar red", "double z", "float nx", "float x", "list uchar short extra", "float y"]
    vertices = [[7, z, 0.5, x, [1, 2], y] for x, y, z in VERTICES]
    faces = ["int quality", "list uchar float texcoord", *CORNERS, "uchar flags"]
    items = [[9, [0.0, 0.5], *face, 3] for face in FACES]
    is_house(read(tmp_path, ply(kind, [("vertex", colours, vertices), ("face", faces, items)])))


@KIND
def test_other_elements_before_between_and_behind(tmp_path: Path, kind: str) -> None:
    edges = ("edge", ["int a", "int b"], [[0, 1], [1, 2]])
    ragged = ("strip", ["list int int numbers"], [[[1, 2, 3]], [[4]], [[]]])
    empty = ("nothing", ["float f"], [])
    elements = [ragged, empty, ("vertex", XYZ, VERTICES), edges, ragged, ("face", CORNERS, FACES), ragged, edges]
    is_house(read(tmp_path, ply(kind, elements)))


@KIND
def test_faces_before_their_points(tmp_path: Path, kind: str) -> None:
    is_house(read(tmp_path, ply(kind, [("face", CORNERS, FACES), ("vertex", XYZ, VERTICES)])))


@KIND
def test_polygons_of_every_size(tmp_path: Path, kind: str) -> None:
    polygons = [[[0, 1, 2, 3]], [[3, 2, 4]], [[0, 1]], [[]], [[0, 1, 2, 4, 3]]]
    scan = read(tmp_path, ply(kind, [("vertex", XYZ, VERTICES), ("face", CORNERS, polygons)]))
    assert scan.triangles.tolist() == [[0, 1, 2], [0, 2, 3], [3, 2, 4], [0, 1, 2], [0, 2, 4], [0, 4, 3]]
    quads = read(tmp_path, ply(kind, [("vertex", XYZ, VERTICES), ("face", CORNERS, [[[0, 1, 2, 3]]] * 2)]))
    assert quads.triangles.tolist() == [[0, 1, 2], [0, 2, 3]] * 2


@KIND
def test_without_faces_it_is_bare_points(tmp_path: Path, kind: str) -> None:
    for elements in ([("vertex", XYZ, VERTICES)], [("vertex", XYZ, VERTICES), ("face", CORNERS, [])]):
        scan = read(tmp_path, ply(kind, elements))
        np.testing.assert_allclose(scan.points, POINTS)
        assert scan.triangles.shape == (0, 3)


@KIND
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_not_finite_points(tmp_path: Path, kind: str, value: float) -> None:
    vertices = [*VERTICES[:2], [1.0, float(value), 2.0], *VERTICES[2:]]
    cloud = read(tmp_path, ply(kind, [("vertex", XYZ, vertices)]))
    np.testing.assert_allclose(cloud.points, POINTS)
    assert cloud.warnings == ("1 points are not finite and are left out.",)
    with pytest.raises(BadFormat, match="not numbers, or too large"):
        read(tmp_path, ply(kind, [("vertex", XYZ, vertices), ("face", CORNERS, FACES)]))


@KIND
@pytest.mark.parametrize("value", [0.0, 3.5])
def test_all_points_the_same_is_an_empty_scan(tmp_path: Path, kind: str, value: float) -> None:
    with pytest.raises(EmptyScan, match="all its points are the same"):
        read(tmp_path, ply(kind, [("vertex", XYZ, [[value] * 3] * 5), ("face", CORNERS, FACES)]))


@KIND
@pytest.mark.parametrize(
    "elements", [[], [("vertex", XYZ, [])], [("vertex", XYZ[:2], [[1.0, 2.0]])], [("point", XYZ, VERTICES)]]
)
def test_without_points_it_is_an_empty_scan(tmp_path: Path, kind: str, elements: list) -> None:
    with pytest.raises(EmptyScan, match=r"no vertex with x, y and z|no point"):
        read(tmp_path, ply(kind, elements))


@KIND
@pytest.mark.parametrize("corner", [5, -1, -2, 2**31 - 1])
def test_a_corner_without_a_point_is_named(tmp_path: Path, kind: str, corner: int) -> None:
    for polygons in ([[[0, 1, corner]]], [[[0, 1, 2]], [[0, 1, 2, corner]]]):
        with pytest.raises(BadFormat, match=f"names point {corner}, but there are 5"):
            read(tmp_path, ply(kind, [("vertex", XYZ, VERTICES), ("face", CORNERS, polygons)]))


def test_faces_of_less_than_three_corners_alone(tmp_path: Path) -> None:
    with pytest.raises(BadFormat, match="none of its faces has three corners"):
        read(tmp_path, ply("ascii", [("vertex", XYZ, VERTICES), ("face", CORNERS, [[[0, 1]], [[]]])]))


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        (b"vertex 5", b"vertex 99999999999", "promises at least"),
        (b"face 3", b"face 99999999999", "promises at least"),
        (b"vertex 5", b"vertex 9", "promises at least"),
        (b"vertex 5", b"vertex 6", "less or more than its header promises"),
        (b"vertex 5", b"vertex 4", "less or more than its header promises"),
        (b"face 3", b"face 2", "less or more than its header promises"),
        (b"vertex 5", b"vertex -5", "counts '-5' items"),
        (b"vertex 5", b"vertex", "counts '' items"),
        (b"vertex 5", b"vertex 5e3", "counts '5e3' items"),
        (b"face 3", b"face 4", "less or more than its header promises"),
        (b"end_header", b"end", "header of a PLY"),
        (b"ply", b"plx", "header of a PLY"),
        (b"format ascii", b"format xml", "holds 'xml', which no PLY knows"),
        (b"property float x", b"property f5 x", "holds 'f5', which no PLY knows"),
        (b"property float x", b"property", "holds '', which no PLY knows"),
        (b"list uchar int", b"list uchar", "holds 'vertex_indices', which no PLY knows"),
        (b"list uchar int", b"list u5 int", "holds 'u5', which no PLY knows"),
        (b"element face 3", b"element tristrips 3", "triangle strips"),
        (b"4 3 1", b"4 x 1", "word in place of a number"),
        (b"3 3 2 4", b"-3 3 2 4", "or other numbers"),
        (b"3 3 2 4", b"3.5 3 2 4", "or other numbers"),
        (b"3 3 2 4", b"3 3 2 4.5", "or other numbers"),
        (b"3 3 2 4", b"3 3 2 1e300", "or other numbers"),
        (b"3 3 2 4", b"1e300 3 2 4", "or other numbers"),
        (b"3 3 2 4", b"nan 3 2 4", "or other numbers"),
        (b"3 3 2 4", b"3 3 2 nan", "or other numbers"),
    ],
)
def test_a_ply_that_contradicts_itself(tmp_path: Path, old: bytes, new: bytes, sentence: str) -> None:
    data = ply_text()
    assert old in data
    with pytest.raises(BadFormat, match=sentence) as caught:
        read(tmp_path, data.replace(old, new, 1))
    assert str(caught.value).endswith(".")


@KIND
def test_lists_of_impossible_lengths(tmp_path: Path, kind: str) -> None:
    for length in ("int", "uint"):
        data = ply(kind, [("vertex", XYZ, VERTICES), ("face", [f"list {length} int vertex_indices"], FACES)])
        for at in range(len(data) - 50, len(data)):
            damaged = bytearray(data)
            damaged[at : at + 1] = b"\xff" if kind != "ascii" else b"9"
            try:
                scan = read(tmp_path, bytes(damaged))
            except ScanError:
                continue
            assert scan.triangles.max() < 5


@KIND
def test_cut_off_anywhere(tmp_path: Path, kind: str) -> None:
    data = ply(kind, [("vertex", XYZ, VERTICES), ("face", CORNERS, FACES)])
    data = data.rstrip(b"\n") if kind == "ascii" else data
    for length in range(1, len(data)):
        with pytest.raises(ScanError):
            read(tmp_path, data[:length])


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(["text", "little", "big", "off"]), st.data())
@pytest.mark.slow
def test_damaged_files_are_read_or_refused_never_worse(
    tmp_path_factory: pytest.TempPathFactory, kind: str, data: st.DataObject
) -> None:
    whole = {"text": ply_text(), "little": ply_binary(), "big": ply_binary(order=">"), "off": off()}[kind]
    damaged = bytearray(whole)
    pieces = st.sampled_from(
        [b"", b"-", b"9999999", b"\n", b"nan", b"1e999", b"property list char double q\n", b"#", b"\xff\xff"]
    )
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(damaged) - 1))
        damaged[at : at + data.draw(st.integers(0, 4))] = data.draw(pieces | st.binary(max_size=4))
    path = write(tmp_path_factory.getbasetemp() / f"damaged.{'off' if kind == 'off' else 'ply'}", bytes(damaged))
    try:
        scan = read_scan(path)
    except ScanError:
        return
    assert np.isfinite(scan.points).all()
    assert not scan.triangles.size or 0 <= scan.triangles.min() <= scan.triangles.max() < len(scan.points)


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from([*ORDERS]),
    st.lists(st.tuples(*[st.floats(-1e6, 1e6, width=32)] * 3), min_size=2, max_size=12, unique=True),
    st.data(),
)
@pytest.mark.slow
def test_random_meshes_come_back(
    tmp_path_factory: pytest.TempPathFactory, kind: str, points: list, data: st.DataObject
) -> None:
    polygon = st.lists(st.integers(0, len(points) - 1), min_size=3, max_size=6)
    polygons = data.draw(st.lists(polygon, max_size=8))
    content = ply(kind, [("vertex", XYZ, [list(p) for p in points]), ("face", CORNERS, [[p] for p in polygons])])
    scan = read_scan(write(tmp_path_factory.getbasetemp() / "random.ply", content))
    np.testing.assert_array_equal(scan.points, points)
    assert scan.triangles.tolist() == [[p[0], p[k], p[k + 1]] for p in polygons for k in range(1, len(p) - 1)]


def test_open3d_reads_the_same(tmp_path: Path) -> None:
    try:
        import open3d
    except (ImportError, OSError) as error:
        pytest.skip(f"Open3D cannot be imported: {error}")
    sphere = open3d.geometry.TriangleMesh.create_sphere(90.0, 7)
    for text in (True, False):
        path = tmp_path / "sphere.ply"
        open3d.io.write_triangle_mesh(str(path), sphere, write_ascii=text)
        scan = read_scan(path)
        np.testing.assert_allclose(scan.points, np.asarray(sphere.vertices), atol=1e-4)
        np.testing.assert_array_equal(scan.triangles, np.asarray(sphere.triangles))
    path = tmp_path / "sphere.off"
    open3d.io.write_triangle_mesh(str(path), sphere)
    np.testing.assert_allclose(read_scan(path).points, np.asarray(sphere.vertices), atol=1e-4)
    np.testing.assert_array_equal(read_scan(path).triangles, np.asarray(sphere.triangles))


# -- OFF --------------------------------------------------------------------------------------------------------------


def read_text(tmp_path: Path, text: bytes) -> Scan:
    return read_scan(write(tmp_path / "house.off", text))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"", b""),
        (b"\n", b"\r\n"),
        (b"OFF\n", b"OFF\n# a house\n\n"),
        (b"OFF\n", b"OFF "),
        (b"OFF\n5 3 0", b"COFF\n5 3"),
        (b"0 3 0\n", b"0 3 0 255 0 0 255 # red\n"),
        (b"3 3 2 4\n", b"3 3 2 4 0.5 0.5 0.5\n"),
        (b"3 3 2 4\n", b"3 3 2 4\n\n\n# the end\n"),
    ],
)
def test_off(tmp_path: Path, old: bytes, new: bytes) -> None:
    scan = read_text(tmp_path, off().replace(old, new) if old else off())
    np.testing.assert_allclose(scan.points, POINTS)
    np.testing.assert_array_equal(scan.triangles, TRIANGLES)
    assert scan.format == "off"


def test_off_of_polygons(tmp_path: Path) -> None:
    scan = read_text(tmp_path, off(polygons=[[0, 1, 2, 3], [3, 2, 4]]))
    np.testing.assert_array_equal(scan.triangles, TRIANGLES)
    assert read_text(tmp_path, off(polygons=[])).triangles.shape == (0, 3)


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        (b"5 3 0", b"99999999 3 0", "promises 99999999 points and 3 faces, but has 8 lines"),
        (b"5 3 0", b"5 99999999 0", "promises 5 points and 99999999 faces, but has 8 lines"),
        (b"5 3 0", b"5 4 0", "but has 8 lines"),
        (b"OFF", b"OFX", "does not begin with OFF"),
        (b"OFF", b"OFF BINARY", "does not begin with OFF"),
        (b"5 3 0", b"five 3 0", "does not begin with OFF"),
        (b"4 0 0", b"4 0", "holds fewer numbers"),
        (b"4 0 0", b"4 x 0", "holds fewer numbers"),
        (b"3 3 2 4", b"3 3 2", "holds fewer numbers"),
        (b"3 3 2 4", b"-3 3 2", "holds fewer numbers"),
        (b"3 3 2 4", b"3 3 2 x", "holds fewer numbers"),
        (b"3 3 2 4", b"3 3 2 99999999999999999999", "holds fewer numbers"),
        (b"3 3 2 4", b"3 3 2 -1", "names point -1, but there are 5"),
        (b"3 3 2 4", b"3 3 2 5", "names point 5, but there are 5"),
        (b"4 0 0", b"4 nan 0", "not numbers"),
    ],
)
def test_an_off_that_contradicts_itself(tmp_path: Path, old: bytes, new: bytes, sentence: str) -> None:
    with pytest.raises(BadFormat, match=sentence):
        read_text(tmp_path, off().replace(old, new, 1))


def test_an_off_cut_off_anywhere(tmp_path: Path) -> None:
    data = off().rstrip(b"\n")
    for length in range(1, len(data)):
        with pytest.raises(ScanError):
            read_text(tmp_path, data[:length])


def test_an_off_without_a_surface(tmp_path: Path) -> None:
    for points in (POINTS[:0], POINTS * 0):
        with pytest.raises(EmptyScan):
            read_text(tmp_path, off(points, []))
