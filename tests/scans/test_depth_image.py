"""16-bit depth pictures: geometry, scale, and pictures that are none."""

from __future__ import annotations

import json
import struct
import zlib
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest
from PIL import Image

from gemax_cli.errors import BadFormat, EmptyScan, ScanError, SettingsError
from gemax_cli.scans.formats.depth_image import MAX_PIXELS, DepthCamera
from gemax_cli.scans.read import read_scan

DEPTH = (800 + np.add.outer(np.arange(6), 3 * np.arange(8))).astype(np.uint16)
DEPTH[0, 0] = DEPTH[2, 5] = 0
ADVICE = "are assumed; give --camera, or --fx and --unit, or a .json beside it."
ASSUMED = (f"Its scale is not known (no .json beside it): 1 mm per unit of depth and 1 mm per pixel {ADVICE}",)
UNTOLD = (ASSUMED[0].replace("no .json beside it", "the .json beside it does not name it"),)


def png(depth: np.ndarray, bits: int = 16, width: int | None = None, height: int | None = None) -> bytes:
    """A grey PNG written byte by byte, so that its header can lie."""
    rows = b"".join(b"\0" + row.astype(">u2" if bits == 16 else "u1").tobytes() for row in depth)
    header = struct.pack(">IIBBBBB", width or depth.shape[1], height or depth.shape[0], bits, 0, 0, 0, 0)
    parts = [(b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    chunks = [struct.pack(">I", len(b)) + k + b + struct.pack(">I", zlib.crc32(k + b)) for k, b in parts]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "face.png"
    path.write_bytes(png(DEPTH))
    return path


def beside(picture: Path, **values: object) -> None:
    picture.with_suffix(".json").write_text(json.dumps(values))


def test_without_perspective(picture: Path) -> None:
    scan = read_scan(picture)
    assert (scan.format, scan.metric, scan.warnings) == ("png", True, ASSUMED)
    assert scan.grid is not None
    assert scan.grid.shape == (6, 8)
    np.testing.assert_array_equal(scan.grid >= 0, DEPTH > 0)
    assert scan.points.shape == (46, 3)
    assert scan.points[scan.grid[1, 2]].tolist() == [2 - 3.5, 2.5 - 1, -807]  # right, up, to the camera
    assert len(scan.triangles) == 2 * 35 - 5


def test_the_triangles_face_the_camera(picture: Path) -> None:
    scan = read_scan(picture)
    a, b, c = (scan.points[scan.triangles[:, corner]] for corner in range(3))
    assert (np.cross(b - a, c - a)[:, 2] > 0).all()


def test_larger_is_farther(picture: Path) -> None:
    scan = read_scan(picture)
    assert scan.grid is not None
    assert scan.points[scan.grid[5, 7], 2] < scan.points[scan.grid[1, 0], 2] < 0


def test_a_negative_unit_says_that_larger_is_nearer(picture: Path) -> None:
    beside(picture, mm_per_unit=-0.5)
    scan = read_scan(picture)
    assert scan.grid is not None
    assert scan.points[scan.grid[1, 2], 2] == 403.5


def test_the_json_beside_it_gives_the_scale(picture: Path) -> None:
    beside(picture, mm_per_unit=0.25, mm_per_pixel=0.5, camera="a name that is not used")
    scan = read_scan(picture)
    assert scan.grid is not None
    np.testing.assert_allclose(scan.points[scan.grid[1, 2]], [-0.75, 0.75, -201.75])
    assert scan.warnings == ()


@pytest.mark.parametrize(
    ("values", "x", "y"),
    [
        ({"fx": 500}, (2 - 3.5) / 500, (2.5 - 1) / 500),
        ({"fx": 500, "fy": 400}, (2 - 3.5) / 500, (2.5 - 1) / 400),
        ({"fx": 500, "fy": 400, "cx": 3, "cy": 0}, (2 - 3) / 500, (0 - 1) / 400),
        ({"fx": 500, "cx": -10.5, "cy": 30}, (2 + 10.5) / 500, (30 - 1) / 500),
        ({"fx": 500, "mm_per_pixel": 7}, (2 - 3.5) / 500, (2.5 - 1) / 500),
    ],
)
def test_perspective(picture: Path, values: dict[str, float], x: float, y: float) -> None:
    beside(picture, **values)
    scan = read_scan(picture)
    assert scan.grid is not None
    np.testing.assert_allclose(scan.points[scan.grid[1, 2]], [807 * x, 807 * y, -807])


def test_a_ball_before_a_pinhole_is_round() -> None:
    """The planes of a camera undo its projection: a rendered ball has its radius again."""
    camera, radius, away = DepthCamera(mm_per_unit=0.05, fx=600.0, cx=30.0, cy=25.0), 80.0, 900.0
    rows, columns = np.mgrid[0:60, 0:64]
    rays = np.stack([(columns - 30) / 600, (25 - rows) / 600, -np.ones((60, 64))], axis=-1)
    b, c = rays @ [0, 0, -away], away**2 - radius**2
    distance = (b - np.sqrt(b * b - (rays**2).sum(-1) * c)) / (rays**2).sum(-1)
    planes = camera.planes(np.round(distance / 0.05).astype(np.uint16))
    np.testing.assert_allclose(np.linalg.norm(planes - [0, 0, -away], axis=-1), radius, atol=0.05)


@pytest.mark.parametrize("suffix", ["tif", "tiff", "png"])
def test_formats(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"face.{suffix}"
    iio.imwrite(path, DEPTH)
    scan = read_scan(path)
    assert scan.format == suffix
    assert len(scan.points) == 46
    assert scan.points[:, 2].min() == -float(DEPTH.max())


@pytest.mark.parametrize("top", [1, 200, 255, 256, 40000, 65535])
def test_no_value_is_cut_to_eight_bits(tmp_path: Path, top: int) -> None:
    values = np.full((4, 5), top, np.uint16)
    values[1, 1] = top // 2 + 1
    values[2, 3] = 0
    for suffix in ("png", "tif"):
        path = tmp_path / f"low.{suffix}"
        path.write_bytes(png(values)) if suffix == "png" else iio.imwrite(path, values)
        scan = read_scan(path)
        assert scan.grid is not None
        np.testing.assert_array_equal(-scan.points[:, 2], values[values > 0])


@pytest.mark.parametrize(
    "pixels",
    [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3), np.uint8), np.zeros((4, 4, 4), np.uint8), np.zeros((4, 4), bool)],
    ids=["8 bit", "RGB", "RGBA", "1 bit"],
)
def test_pictures_that_are_no_depths(tmp_path: Path, pixels: np.ndarray) -> None:
    path = tmp_path / "texture.png"
    iio.imwrite(path, pixels)
    with pytest.raises(BadFormat, match="no picture of one channel of 16 bits"):
        read_scan(path)


def test_a_decoder_that_cuts_to_eight_bits_is_noticed(picture: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "open", lambda file: Image.fromarray((DEPTH >> 8).astype(np.uint8)))
    with pytest.raises(BadFormat, match="comes out of the decoder as uint8"):
        read_scan(picture)


def test_nothing_measured_is_an_empty_scan(picture: Path) -> None:
    picture.write_bytes(png(np.zeros((6, 8), np.uint16)))
    with pytest.raises(EmptyScan, match="no point"):
        read_scan(picture)
    lonely = np.zeros((6, 8), np.uint16)
    lonely[0, 0] = lonely[3, 3] = 9
    picture.write_bytes(png(lonely))
    with pytest.raises(EmptyScan, match="scattered"):
        read_scan(picture)


@pytest.mark.parametrize("length", [20, 30, 45, 60, -30, -24])
def test_a_picture_cut_off_is_refused(picture: Path, length: int) -> None:
    data = picture.read_bytes()
    picture.write_bytes(data[:length])
    with pytest.raises(BadFormat):
        read_scan(picture)


def test_a_tiff_cut_off_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "face.tif"
    iio.imwrite(path, DEPTH)
    data = path.read_bytes()
    for length in range(4, len(data) - 100, 25):
        path.write_bytes(data[:length])
        with pytest.raises(ScanError):
            read_scan(path)


def test_a_picture_that_promises_too_much_is_not_decoded(picture: Path) -> None:
    picture.write_bytes(png(DEPTH, width=50_000, height=50_000))
    with pytest.raises(BadFormat, match=r"50000 x 50000 pixels"):
        read_scan(picture)
    side = int(MAX_PIXELS**0.5) + 1
    picture.write_bytes(png(DEPTH, width=side, height=side))
    with pytest.raises(BadFormat, match=f"{side} x {side} pixels"):
        read_scan(picture)


def test_damaged_bytes_never_raise_anything_else(picture: Path) -> None:
    data = picture.read_bytes()
    rng = np.random.default_rng(2)
    for _ in range(150):
        damaged = bytearray(data)
        for at in rng.integers(8, len(data), 2):
            damaged[at] = rng.integers(0, 256)
        picture.write_bytes(bytes(damaged))
        try:
            scan = read_scan(picture)
        except ScanError:
            continue
        assert np.isfinite(scan.points).all()


@pytest.mark.parametrize(
    "text",
    [
        '{"mm_per_unit": 0}',
        '{"mm_per_unit": "1"}',
        '{"mm_per_unit": null}',
        '{"mm_per_unit": true}',
        '{"mm_per_unit": NaN}',
        '{"mm_per_pixel": -1}',
        '{"mm_per_pixel": 1e300}',
        '{"fx": 0}',
        '{"fx": -5}',
        '{"fy": []}',
        '{"cx": Infinity}',
        '{"fx": 1' + "0" * 400 + "}",
    ],
)
def test_numbers_that_make_no_sense_are_refused(picture: Path, text: str) -> None:
    picture.with_suffix(".json").write_text(text)
    with pytest.raises(BadFormat, match=r"face\.json: (mm_per_unit|mm_per_pixel|fx|fy|cx) is "):
        read_scan(picture)


@pytest.mark.parametrize("text", ["{", "", "nonsense", "[" * 100_000, "\x00\xff", '{"fx": 1' + "0" * 5000 + "}"])
def test_json_that_is_none_is_refused(picture: Path, text: str) -> None:
    picture.with_suffix(".json").write_bytes(text.encode("latin-1"))
    with pytest.raises(ScanError, match=r"face\.json"):
        read_scan(picture)


@pytest.mark.parametrize("text", ["[]", "5", "{}", '{"label": "happy"}'])
def test_json_about_something_else_is_skipped(picture: Path, text: str) -> None:
    picture.with_suffix(".json").write_text(text)
    assert read_scan(picture).warnings == UNTOLD


@pytest.mark.parametrize("values", [{"mm_per_unit": 0.0}, {"mm_per_pixel": -1.0}, {"mm_per_unit": float("nan")}])
def test_a_camera_that_makes_no_sense_is_refused(values: dict[str, float]) -> None:
    with pytest.raises(SettingsError, match="give a number that makes sense"):
        DepthCamera(**values)


def test_the_same_damage_gives_the_same_sentence(picture: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(file: object) -> None:
        raise OSError(f"cannot identify image file {file!r}")

    monkeypatch.setattr(Image, "open", fail)
    with pytest.raises(BadFormat, match=r"cut off \(cannot identify image file\): copy"):
        read_scan(picture)


def test_a_name_that_json_makes_too_long_has_no_json(tmp_path: Path) -> None:
    path = tmp_path / f"{'a' * 251}.png"
    path.write_bytes(png(DEPTH))
    assert read_scan(path).warnings == ASSUMED


def test_a_big_tiff_is_read(tmp_path: Path) -> None:
    rows, columns = DEPTH.shape
    fields = [
        (256, columns),
        (257, rows),
        (258, 16),
        (259, 1),
        (262, 1),
        (273, 0),
        (277, 1),
        (278, rows),
        (279, DEPTH.size * 2),
    ]
    start = 16 + 8 + 20 * len(fields) + 8
    entries = b"".join(struct.pack("<HHQH6x", tag, 3, 1, start if tag == 273 else value) for tag, value in fields)
    head = b"II" + struct.pack("<HHHQQ", 43, 8, 0, 16, len(fields))
    path = tmp_path / "face.tif"
    path.write_bytes(head + entries + bytes(8) + DEPTH.astype("<u2").tobytes())
    want = tmp_path / "face.png"
    want.write_bytes(png(DEPTH))
    np.testing.assert_array_equal(read_scan(path).points, read_scan(want).points)
