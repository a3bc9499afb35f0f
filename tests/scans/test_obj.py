"""Wavefront OBJ: every way to write a face, and what must be refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gemax_cli.errors import BadFormat, EmptyScan, ScanError
from gemax_cli.scans.model import Scan
from gemax_cli.scans.read import read_scan
from tests.scans.naive_vrml import naive_fan

SQUARE = "v 0 0 0\nv 1 0 0\nv 1 1 0.5\nv 0 1 0\n"
UV = "vt 0 0\nvt 1 0\nvt 1 1\nvt 0 1\n"


@pytest.fixture
def read(tmp_path: Path):
    def reader(text: str | bytes) -> Scan:
        path = tmp_path / "face.obj"
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return read_scan(path)

    return reader


FACES = {
    "plain": "f 1 2 3\nf 1 3 4\n",
    "quad": "f 1 2 3 4\n",
    "with normals": "vn 0 0 1\nf 1//1 2//1 3//1 4//1\n",
    "from the end": "f -4 -3 -2 -1\n",
    "mixed signs": "f 1 -3 3\nf -4 3 4\n",
    "blanks": "  f   1\t2  3   4  \n",
    "comments": "f 1 2 3 # 7 8 9\n# f 4 4 4\nf 1 3 4#\n",
    "continued": "f 1 2 \\\n 3 4\n",
    "no last line end": "f 1 2 3 4",
    "materials": "mtllib none.mtl\nusemtl a\ng one\nf 1 2 3\nusemtl b\no two\ns off\nf 1 3 4\n",
    "other elements": "vp 0.5\nl 1 2\np 1\nf 1 2 3 4\ncurv 0 1 1 2\n",
}


@pytest.mark.parametrize("faces", FACES.values(), ids=FACES.keys())
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_faces(read, faces: str, end: str) -> None:
    scan = read((SQUARE + faces).replace("\n", end))
    assert scan.format == "obj"
    assert not scan.metric
    assert scan.points.tolist() == [[0, 0, 0], [1, 0, 0], [1, 1, 0.5], [0, 1, 0]]
    assert scan.triangles.tolist() == [[0, 1, 2], [0, 2, 3]]
    assert scan.triangles.dtype == np.int32
    assert scan.texture is None


def test_counting_back_starts_at_the_face(read) -> None:
    scan = read("v 0 0 0\nv 1 0 0\nv 0 1 0\nf -3 -2 -1\nv 5 5 5\nv 6 5 5\nv 5 6 5\nf -3 -2 -1\nf -6 2 -1\n")
    assert scan.triangles.tolist() == [[0, 1, 2], [3, 4, 5], [0, 1, 5]]


def test_colours_and_weights_behind_the_coordinates(read) -> None:
    for more in ("1.0", "0.2 0.3 0.4"):
        text = "".join(f"{line} {more}\n" for line in SQUARE.splitlines())
        assert read(text + "f 1 2 3").points[2].tolist() == [1, 1, 0.5]


def test_bare_points(read) -> None:
    assert read(SQUARE).triangles.shape == (0, 3)


@pytest.mark.parametrize(
    "faces",
    ["f 1/1 2/2 3/3 4/4", "f 1/1/1 2/2/1 3/3/1 4/4/1", "f -4/-4 -3/-3 -2/-2 -1/-1", "f 1/1 2/2 3/3\nf 1/1 3/3 4/4"],
)
def test_texture_coordinates(read, faces: str) -> None:
    scan = read(f"{SQUARE}{UV}vn 0 0 1\n{faces}\n")
    assert scan.texture is not None
    assert scan.texture.image is None
    assert scan.texture.coordinates.tolist() == [[0, 0], [1, 0], [1, 1], [0, 1]]
    assert scan.texture.triangles.tolist() == [[0, 1, 2], [0, 2, 3]]
    assert scan.texture.triangles.dtype == np.int32


def test_texture_indexes_differ_from_those_of_the_points(read) -> None:
    scan = read(f"{SQUARE}{UV}vt 0.5 0.25 0\nf 1/5 2/4 3/3\nf 1/1 3/2 4/5\n")
    assert scan.texture is not None
    assert scan.texture.triangles.tolist() == [[4, 3, 2], [0, 1, 4]]
    assert scan.texture.coordinates[4].tolist() == [0.5, 0.25]


@pytest.mark.parametrize(
    "faces",
    [
        "f 1/1 2/2 3/3\nf 1 3 4",
        "f 1/1 2/2 3/9",
        "f 1/1 2/2 3/-9",
        "f 1//1 2//1 3//1",
        "f 1/0 2/2 3/3",
        "f 1/0 2/-2 3/3",
    ],
)
def test_texture_coordinates_that_do_not_fit_cost_the_texture_alone(read, faces: str) -> None:
    scan = read(f"{SQUARE}{UV}vn 0 0 1\n{faces}\n")
    assert scan.texture is None
    assert len(scan.triangles) == faces.count("f")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (SQUARE + "f 1 2 5", "names a point beyond the last of 4"),
        (SQUARE + "f 1 2 -5", "names a point beyond the last of 4"),
        (SQUARE + "f 1 2 -9", "names a point beyond the last of 4"),
        (SQUARE + "f 0 1 2", "OBJ counts from 1"),
        (SQUARE + "f 1 2 3\nf 1 0 2", "OBJ counts from 1"),
        (SQUARE + "f 1 2", "less than three corners"),
        (SQUARE + "f 1 2 3\nf 4", "less than three corners"),
        (SQUARE + "f 1 2 3\nf #\nf 1 2 3", "less than three corners"),
        (SQUARE + "f 1 2 three", "'three', which is no index"),
        (SQUARE + "f 1 2 3.5", "'3.5', which is no index"),
        (SQUARE + "f 1 2 99999999999", "which is no index"),
        (SQUARE + "v 1 2", "begins with v does not hold 3 numbers"),
        (SQUARE + "v 1 2 x", "begins with v does not hold 3 numbers"),
        ("v 1 2\nv 3 4\n", "begins with v does not hold 3 numbers"),
        (SQUARE + "v 1 2 nan\nf 1 2 3", "not numbers"),
        (SQUARE + "v 1 2 1e400\nf 1 2 3", "not numbers"),
        (SQUARE + "vt x y\nf 1/1 2/1 3/1", "begins with vt does not hold 2 numbers"),
    ],
)
def test_refused_with_a_sentence(read, text: str, sentence: str) -> None:
    with pytest.raises(BadFormat, match=sentence) as caught:
        read(text)
    assert str(caught.value).endswith(".")


@pytest.mark.parametrize("text", ["# nothing\n", "v 0 0 0\nv 0 0 0\nv 0 0 0\nf 1 2 3\n", "\x00" * 100, "g empty\n"])
def test_without_a_surface(read, text: str) -> None:
    with pytest.raises(EmptyScan):
        read(text)


def test_a_face_of_many_thousand_corners(read) -> None:
    rng = np.random.default_rng(3)
    text = "".join(f"v {x} {y} {z}\n" for x, y, z in rng.normal(size=(5000, 3)))
    scan = read(text + "f " + " ".join(map(str, range(1, 5001))) + "\n")
    assert scan.triangles.shape == (4998, 3)
    assert scan.triangles[-1].tolist() == [0, 4998, 4999]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(st.integers(1, 9), min_size=3, max_size=6), min_size=1, max_size=8), st.data())
def test_random_faces(tmp_path_factory: pytest.TempPathFactory, faces: list[list[int]], data: st.DataObject) -> None:
    points = np.arange(27.0).reshape(9, 3) ** 1.5
    lines = [f"v {x!r} {y!r} {z!r}" for x, y, z in points.tolist()]
    for face in faces:
        back = data.draw(st.booleans())
        tail = data.draw(st.sampled_from(["", "/7", "//3", "/7/3"]))
        lines.append("f " + " ".join(f"{corner - 10 if back else corner}{tail}" for corner in face))
    path = tmp_path_factory.getbasetemp() / "random.obj"
    path.write_text(data.draw(st.sampled_from(["\n", "\r\n", "\n\n"])).join(lines))
    scan = read_scan(path)
    corners = [corner - 1 for face in faces for corner in [*face, 0]]
    expected = [[corners[place] for place in triangle] for triangle in naive_fan(corners, -1)]
    assert scan.triangles.tolist() == expected
    np.testing.assert_array_equal(scan.points, points)


@settings(max_examples=200, deadline=None)
@given(st.data())
@pytest.mark.slow
def test_a_damaged_file_is_read_or_refused_never_worse(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    damaged = bytearray((SQUARE + UV + "f 1/1 2/2 3/3\nf -4/1 3/3 4/4\n").encode())
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(damaged) - 1))
        piece = st.sampled_from(
            [b"", b"0", b"-", b"/", b"f ", b"v ", b"\\", b"\\\n", b"#", b"\n", b"1e999", b"nan", b"99999999999"]
        )
        damaged[at : at + data.draw(st.integers(0, 5))] = data.draw(piece | st.binary(max_size=4))
    path = tmp_path_factory.getbasetemp() / "damaged.obj"
    path.write_bytes(bytes(damaged))
    try:
        scan = read_scan(path)
    except ScanError:
        return
    assert np.isfinite(scan.points).all()
    assert not scan.triangles.size or 0 <= scan.triangles.min() <= scan.triangles.max() < len(scan.points)
    if scan.texture is not None:
        assert scan.texture.triangles.shape == scan.triangles.shape
        assert 0 <= scan.texture.triangles.min() <= scan.texture.triangles.max() < len(scan.texture.coordinates)


def test_open3d_loses_what_is_read_here(read, tmp_path: Path) -> None:
    """Why Open3D is not asked: should it one day read quads and keep every point, this reader can go."""
    try:
        import open3d
    except (ImportError, OSError) as error:
        pytest.skip(f"Open3D cannot be imported: {error}")
    scan = read(SQUARE + "v 2 2 2\nusemtl a\nf 1 2 3\nusemtl b\nf 1 2 3 4\n")
    theirs = open3d.io.read_triangle_mesh(str(tmp_path / "face.obj"))
    assert len(scan.triangles) == 3
    assert len(scan.points) == 5
    assert (len(theirs.triangles), len(theirs.vertices)) != (3, 5)
