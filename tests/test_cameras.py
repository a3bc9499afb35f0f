"""Depth cameras by name, and their pictures in every form."""

import json

import imageio.v3 as iio
import numpy as np
import pytest

from gemax_cli.cameras import CAMERAS
from gemax_cli.errors import BadFormat, EmptyScan, LibraryMissing, SettingsError
from gemax_cli.face.orient import orient_scan
from gemax_cli.scans.grey16 import is_depth_picture
from gemax_cli.scans.read import read_scan
from gemax_cli.settings import MM_PER_UNIT, CameraSettings, NoseSettings, Settings

RADIUS, AWAY = 80.0, 600.0


def ball(camera, width, height, unit=1.0):
    """Depths of a ball before a camera; 0 beside it."""
    rows, columns = np.mgrid[:height, :width]
    x, y = (columns - camera.cx) / camera.fx, (camera.cy - rows) / camera.fy
    square = x * x + y * y + 1
    inside = AWAY**2 - square * (AWAY**2 - RADIUS**2)
    depth = (AWAY - np.sqrt(np.maximum(inside, 0))) / square
    return np.where(inside > 0, depth / unit, 0)


def sphere_of(points):
    """Centre and radius of the best sphere through points (least squares)."""
    terms = np.column_stack([2 * points, np.ones(len(points))])
    *centre, rest = np.linalg.lstsq(terms, (points**2).sum(1), rcond=None)[0]
    return np.array(centre), np.sqrt(rest + np.dot(centre, centre))


MODES = [(name, mode) for name, camera in CAMERAS.items() for mode in camera.modes]


@pytest.mark.parametrize(("name", "mode"), MODES)
@pytest.mark.parametrize("scale", [1, 0.5])
def test_a_ball_is_round_and_in_its_place(name, mode, scale, tmp_path):
    width, height = int(mode.width * scale), int(mode.height * scale)
    camera = CAMERAS[name].intrinsics(width, height)
    assert camera.fx == pytest.approx(mode.intrinsics.fx * scale)
    path = tmp_path / "a.tif"
    iio.imwrite(path, np.round(ball(camera, width, height, CAMERAS[name].mm_per_unit)).astype(np.uint16))
    scan = read_scan(path, CameraSettings(name))
    centre, radius = sphere_of(scan.points)
    np.testing.assert_allclose([*centre, radius], [0, 0, -AWAY, RADIUS], atol=0.5)
    assert scan.warnings == ()


@pytest.mark.parametrize("name", CAMERAS)
def test_pictures_of_no_mode_are_refused_with_its_sizes(name, tmp_path):
    iio.imwrite(tmp_path / "a.png", np.full((100, 333), 600, np.uint16))
    with pytest.raises(BadFormat, match=rf"333 x 100 pixels, which is no size of {name} \(.*: give --fx"):
        read_scan(tmp_path / "a.png", CameraSettings(name))


def test_a_turned_picture_has_the_camera_turned():
    camera = CAMERAS["kinect-v1"].intrinsics(480, 640)
    assert camera == (575.816, 575.816, 239.5, 319.5)


FORMS = {"png": np.uint16, "tif": np.uint16, "tiff": np.float32, "npy": np.float32}


def write(path, values):
    np.save(path, values) if path.suffix == ".npy" else iio.imwrite(path, values)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("unit", MM_PER_UNIT)
def test_every_form_in_every_unit(form, unit, tmp_path):
    camera = CAMERAS["kinect-v2"].intrinsics(512, 424)
    values = ball(camera, 512, 424, MM_PER_UNIT[unit])
    if FORMS[form] is np.uint16 and (values.max() < 100 or values.max() > 65535):
        pytest.skip("does not fit 16 bits")
    path = tmp_path / f"a.{form}"
    write(path, values.astype(FORMS[form]))
    assert is_depth_picture(path)
    scan = read_scan(path, CameraSettings("kinect-v2"), unit)
    assert scan.warnings == ()
    np.testing.assert_allclose(sphere_of(scan.points)[1], RADIUS, atol=6 if unit == "cm" else 0.5)


@pytest.mark.parametrize(("unit", "word"), [("m", "metres"), ("mm", "millimetres")])
def test_floating_point_depths_are_metres_or_millimetres_by_their_size(unit, word, tmp_path):
    camera = CAMERAS["truedepth"].intrinsics(640, 480)
    values = ball(camera, 640, 480, MM_PER_UNIT[unit]).astype(np.float32)
    values[values == 0] = np.nan
    values[:9], values[9:12] = np.inf, -1
    np.save(tmp_path / "a.npy", values)
    scan = read_scan(tmp_path / "a.npy", CameraSettings("truedepth"))
    assert scan.warnings == (f"Depths were taken for {word}, by their size.",)
    np.testing.assert_allclose(sphere_of(scan.points)[1], RADIUS, atol=0.1)


@pytest.mark.parametrize("invalid", [65535, 10000])
def test_what_is_too_far_for_a_face_is_left_out(invalid, tmp_path):
    camera = CAMERAS["kinect-v2"].intrinsics(512, 424)
    values = np.round(ball(camera, 512, 424)).astype(np.uint16)
    values[values == 0] = invalid
    iio.imwrite(tmp_path / "a.png", values)
    assert read_scan(tmp_path / "a.png", CameraSettings("kinect-v2")).points[:, 2].min() > -700
    iio.imwrite(tmp_path / "a.png", np.full((424, 512), invalid, np.uint16))
    with pytest.raises(EmptyScan, match="too far away for a face: give the unit"):
        read_scan(tmp_path / "a.png", CameraSettings("kinect-v2"))


def test_the_json_comes_first_and_the_settings_fill_its_gaps(tmp_path):
    path = tmp_path / "a.png"
    iio.imwrite(path, np.full((424, 512), 6000, np.uint16))
    path.with_suffix(".json").write_text(json.dumps({"fx": 500}))
    scan = read_scan(path, CameraSettings("kinect-v2"), "0.1mm")
    np.testing.assert_allclose(scan.points[0], [-255.5 * 600 / 500, 211.5 * 600 / 500, -600])
    path.with_suffix(".json").write_text(json.dumps({"mm_per_unit": 0.1}))
    scan = read_scan(path, CameraSettings(fx=300, cx=0, cy=0), "m")
    np.testing.assert_allclose(scan.points[0], [0, 0, -600])


def test_a_unit_alone_leaves_the_pixels_unknown(tmp_path):
    iio.imwrite(tmp_path / "a.png", np.full((9, 9), 600, np.uint16))
    (warning,) = read_scan(tmp_path / "a.png", unit="mm").warnings
    assert warning.startswith("Its scale is not known (no .json beside it): 1 mm per pixel is assumed; give --camera")


@pytest.mark.parametrize(
    "values",
    [np.zeros((9, 3)), np.zeros((9, 9, 3)), np.zeros(9), np.zeros((2, 2)), np.zeros((9, 9), complex), np.array("x")],
)
def test_arrays_that_are_no_depths(values, tmp_path):
    np.save(tmp_path / "a.npy", values)
    with pytest.raises(BadFormat):
        read_scan(tmp_path / "a.npy")
    assert not is_depth_picture(tmp_path / "a.npy")


def test_arrays_of_objects_are_not_unpacked(tmp_path):
    np.save(tmp_path / "a.npy", np.array([[{}] * 64] * 64), allow_pickle=True)
    assert not is_depth_picture(tmp_path / "a.npy")
    with pytest.raises(BadFormat, match="holds values of type object"):
        read_scan(tmp_path / "a.npy")


def test_an_array_cut_off_or_that_promises_too_much(tmp_path):
    path = tmp_path / "a.npy"
    np.save(path, np.ones((64, 64), np.float32))
    data = path.read_bytes()
    for length in range(7, len(data), 997):
        path.write_bytes(data[:length])
        with pytest.raises(BadFormat):
            read_scan(path)
    path.write_bytes(data.replace(b"(64, 64)", b"(99999, 99999)").replace(b"      \n", b"\n"))
    with pytest.raises(BadFormat, match="99999 x 99999 pixels"):
        read_scan(path)


def exr(channels):
    """The header of an OpenEXR picture."""
    listed = b"".join(name + b"\0" + b"\2\0\0\0" + bytes(4) + b"\1\0\0\0" * 2 for name in channels) + b"\0"
    head = b"\x76\x2f\x31\x01\2\0\0\0channels\0chlist\0" + len(listed).to_bytes(4, "little") + listed
    return head + b"compression\0compression\0\1\0\0\0\0\0"


@pytest.mark.parametrize(
    ("channels", "depth"), [([b"Z"], True), ([b"Y"], True), ([b"B", b"G", b"R"], False), ([], False)]
)
def test_open_exr_pictures_of_one_channel_may_be_depths(channels, depth, tmp_path):
    (tmp_path / "a.exr").write_bytes(exr(channels))
    assert is_depth_picture(tmp_path / "a.exr") is depth
    for end in range(4, 40):
        (tmp_path / "b.exr").write_bytes(exr(channels)[:end])
        is_depth_picture(tmp_path / "b.exr")
    with pytest.raises((LibraryMissing, BadFormat)):
        read_scan(tmp_path / "a.exr")


def test_an_open_exr_picture_is_read(tmp_path):
    library = pytest.importorskip("OpenEXR")
    camera = CAMERAS["truedepth"].intrinsics(640, 480)
    header = {"compression": library.ZIP_COMPRESSION, "type": library.scanlineimage}
    depth = (ball(camera, 640, 480) / 1000).astype(np.float32)
    library.File(header, {"Z": depth}).write(str(tmp_path / "a.exr"))
    scan = read_scan(tmp_path / "a.exr", CameraSettings("truedepth"), "m")
    np.testing.assert_allclose(sphere_of(scan.points)[1], RADIUS, atol=0.5)


TURNS = {"+y": 0, "-x": 1, "-y": 2, "+x": 3}


@pytest.mark.parametrize("up", TURNS)
def test_up_is_heeded_on_a_picture_held_on_its_side(up, tmp_path):
    upright = 600 + np.add.outer(np.arange(20), 3 * np.arange(30)).astype(np.uint16)
    whole = []
    for turns, axis in ((0, "auto"), (TURNS[up], up)):
        iio.imwrite(tmp_path / "a.png", np.rot90(upright, turns))
        whole.append(orient_scan(read_scan(tmp_path / "a.png", CameraSettings(fx=500)), NoseSettings(up=axis)))
    first, second = (frontal.scan.points[np.lexsort(frontal.scan.points.T)] for frontal in whole)
    np.testing.assert_allclose(first, second, atol=1e-9)
    raw = whole[1].scan.points @ whole[1].to_raw[:, :3].T
    np.testing.assert_allclose(raw, read_scan(tmp_path / "a.png", CameraSettings(fx=500)).points, atol=1e-9)


@pytest.mark.parametrize(
    "values",
    [{"name": "no-such"}, {"fx": 0.0}, {"fx": float("nan")}, {"cx": 3.0}, {"fx": 500.0, "fy": -1.0}, {"fx": 1e9},
     {"name": "d435", "fx": 600.0}],
)  # fmt: skip
def test_cameras_that_make_no_sense(values):
    with pytest.raises(SettingsError):
        CameraSettings(**values)


def test_the_camera_is_recorded():
    settings = Settings(camera=CameraSettings("d415"))
    assert Settings.from_dict(settings.as_dict()) == settings
    assert settings.digest != Settings().digest
