import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from gemax_cli.synthetic.writers import write_bnd, write_bnt, write_lm2, write_lm3, write_picture, write_wrl

from .naive import read_bnd, read_bnt, read_landmarks, read_wrl

coordinates = st.floats(-2000, 2000)
on_disk = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@st.composite
def meshes(draw):
    points = draw(arrays.arrays(float, st.tuples(st.integers(5, 12), st.just(3)), elements=coordinates))
    corner = st.permutations(range(len(points)))
    sizes = draw(st.lists(st.integers(3, 5), min_size=1, max_size=8))
    return points, [draw(corner)[:size] for size in sizes]


def padded(polygons):
    width = max(map(len, polygons))
    return np.array([[*p, *[-1] * (width - len(p))] for p in polygons], dtype=np.int32)


@on_disk
@given(meshes())
def test_wrl_round_trip(tmp_path, mesh):
    points, polygons = mesh
    write_wrl(tmp_path / "a.wrl", points, padded(polygons))
    back = read_wrl(tmp_path / "a.wrl")
    assert back["points"] == pytest.approx(points, abs=5.1e-5)
    assert back["polygons"] == [list(p) for p in polygons]
    assert back["url"] is None
    assert "texture_points" not in back


def test_wrl_with_texture(tmp_path, random):
    points, places = random.normal(size=(6, 3)), random.random((7, 2))
    polygons, texture = padded([[0, 1, 2], [2, 3, 4, 5]]), padded([[6, 5, 4], [3, 2, 1, 0]])
    write_wrl(tmp_path / "a.wrl", points, polygons, places, texture, "a_F3D.bmp")
    back = read_wrl(tmp_path / "a.wrl")
    assert back["url"] == "a_F3D.bmp"
    assert back["texture_points"] == pytest.approx(places, abs=1e-6)
    assert back["texture_polygons"] == [[6, 5, 4], [3, 2, 1, 0]]
    assert back["polygons"] == [[0, 1, 2], [2, 3, 4, 5]]


@on_disk
@given(
    arrays.arrays(float, st.tuples(st.integers(1, 6), st.integers(1, 6), st.just(5)), elements=coordinates),
    st.integers(0, 2**32),
)
def test_bnt_round_trip(tmp_path, planes, seed):
    points, texture = planes[..., :3].copy(), planes[..., 3:] / 4000 + 0.5
    empty = np.random.default_rng(seed).random(points.shape[:2]) < 0.3
    points[empty] = np.nan
    write_bnt(tmp_path / "a.bnt", points, texture, "bs000_N_N_0.png")
    back = read_bnt(tmp_path / "a.bnt")
    assert back["image"] == "bs000_N_N_0.png"
    assert back["background"] == -1e9
    for axis in range(3):
        assert (back["planes"][axis][empty] == -1e9).all()
        assert back["planes"][axis][~empty] == pytest.approx(points[..., axis][~empty], abs=5.1e-5)
    assert np.moveaxis(back["planes"][3:], 0, -1) == pytest.approx(texture, abs=1e-6)


def test_bnt_bytes_of_a_single_pixel(tmp_path):
    write_bnt(tmp_path / "a.bnt", np.array([[[1.0, 2.0, 4.0]]]), np.array([[[0.5, 0.25]]]), "i")
    head = bytes.fromhex("0100 0100 0000000065cdcdc1 0100 69 05000000")
    body = bytes.fromhex("000000000000f03f 0000000000000040 0000000000001040 000000000000e03f 000000000000d03f")
    assert (tmp_path / "a.bnt").read_bytes() == head + body


def test_bnt_keeps_a_place_without_depth(tmp_path):
    points = np.full((2, 2, 3), np.nan)
    points[0, 1, :2] = 5.0, 6.0
    write_bnt(tmp_path / "a.bnt", points, np.zeros((2, 2, 2)), "i")
    assert read_bnt(tmp_path / "a.bnt")["planes"][:3, 0, 1].tolist() == [5.0, 6.0, -1e9]


@on_disk
@given(st.lists(st.tuples(coordinates, coordinates, coordinates), min_size=0, max_size=23))
def test_landmark_files_round_trip(tmp_path, points):
    marks = {f"Mark {i} of face": np.array(p) for i, p in enumerate(points)}
    flat = {name: p[:2] for name, p in marks.items()}
    write_lm3(tmp_path / "a.lm3", marks)
    write_lm2(tmp_path / "a.lm2", flat)
    for file, expected in (("a.lm3", marks), ("a.lm2", flat)):
        back = read_landmarks(tmp_path / file)
        assert list(back) == list(expected)
        for name, place in back.items():
            assert place == pytest.approx(expected[name], abs=5.1e-4)


def test_bnd_lines(tmp_path):
    points = np.arange(12.0).reshape(4, 3) / 8
    write_bnd(tmp_path / "a.bnd", np.array([3, 0]), points)
    text = (tmp_path / "a.bnd").read_bytes()
    assert text == b"3\t\t1.1250 1.2500 1.3750\n0\t\t0.0000 0.1250 0.2500\n"
    index, places = read_bnd(tmp_path / "a.bnd")
    assert index == [3, 0]
    assert places == pytest.approx(points[index])


@pytest.mark.parametrize("name", ["a.png", "a.bmp"])
def test_picture_round_trip(tmp_path, random, name):
    image = pytest.importorskip("PIL.Image")
    pixels = random.integers(0, 256, (7, 5, 3), dtype=np.uint8)
    write_picture(tmp_path / name, pixels)
    with image.open(tmp_path / name) as opened:
        assert opened.format.lower() == name[-3:]
        assert (np.asarray(opened) == pixels).all()


def test_same_input_same_bytes(tmp_path, random):
    points, polygons = random.normal(size=(9, 3)), padded([[0, 4, 8], [1, 2, 3, 7]])
    for name in ("a", "b"):
        write_wrl(tmp_path / f"{name}.wrl", points, polygons)
        write_bnt(tmp_path / f"{name}.bnt", points[None], points[None, :, :2], "x.png")
    assert (tmp_path / "a.wrl").read_bytes() == (tmp_path / "b.wrl").read_bytes()
    assert (tmp_path / "a.bnt").read_bytes() == (tmp_path / "b.bnt").read_bytes()
