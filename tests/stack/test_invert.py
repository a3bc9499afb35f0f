"""Maps back to depth: the bound, the mask, the raw file's coordinates, and what cannot be inverted."""

import json
import shutil
import struct
from dataclasses import replace

import numpy as np
import pytest

from gemax_cli.batch.run import convert
from gemax_cli.errors import BadFormat, FileUnreadable, OutputUnwritable, SettingsError
from gemax_cli.scans.read import read_scan
from gemax_cli.settings import QuantisationSettings, Settings
from gemax_cli.stack.invert import ColouredMesh, invert, largest_error, write_depth, write_ply
from gemax_cli.stack.png import read_png
from gemax_cli.stack.records import read_records
from tests.pictures import write_png


@pytest.fixture(scope="module")
def one_scan(raw, tmp_path_factory):
    """A raw folder with a single scan."""
    folder = tmp_path_factory.mktemp("one") / "raw"
    path = min(raw.rglob("*_F3D.wrl"))
    target = folder / path.relative_to(raw)
    target.parent.mkdir(parents=True)
    for file in path.parent.glob(f"{path.stem}*"):
        shutil.copy(file, target.parent)
    return folder


def folder_of(one_scan, place, **settings):
    convert([one_scan], place, Settings(**{"taus": (20, 40), **settings}))
    (record,) = read_records(place)
    return record


@pytest.fixture(scope="module")
def out(one_scan, tmp_path_factory):
    place = tmp_path_factory.mktemp("out") / "out"
    folder_of(one_scan, place, maps=("ri", "ri-minmax", "normals"))
    return place


def image(out, name):
    (record,) = read_records(out)
    return out / record.blocks[0].file.replace("depth16.png", name)


def true_depth(out):
    codes = read_png(image(out, "depth16.png")).astype(float)
    return np.where(codes > 0, (65535 - codes) / 65534 * 60, np.nan)


def test_every_map_of_a_folder_is_inverted_within_its_bound(converted):
    bounds = {}
    for record in read_records(converted):
        for m in record.blocks[0].maps:
            inverted = invert(converted / m.file)
            assert inverted.scan_id == record.scan_id
            assert inverted.tau == m.tau
            assert inverted.error_mm <= inverted.bound_mm <= (m.max_bin / 4096 * 60) / 2 + 0.001
            bounds.setdefault(m.tau, []).append(inverted.bound_mm)
    assert max(bounds[20]) < max(bounds[40])


def test_error_is_measured_on_the_pixels(out):
    inverted = invert(image(out, "gemax_tau020.png"))
    true = true_depth(out)
    assert np.array_equal(np.isnan(inverted.depth), np.isnan(true))
    assert np.nanmax(np.abs(inverted.depth - true)) == pytest.approx(inverted.error_mm, abs=1e-5)
    assert inverted.error_mm > 0.05  # eight bits are fewer than sixteen
    assert inverted.depth.dtype == np.float32


def test_the_range_image_is_inverted_too(out):
    inverted = invert(image(out, "ri.png"))
    assert (inverted.name, inverted.tau) == ("ri", None)
    assert inverted.error_mm <= inverted.bound_mm == pytest.approx(60 / 512, abs=1e-3)


def test_points_are_the_raw_files(one_scan, out):
    from scipy.spatial import cKDTree

    from gemax_cli.scans.read import read_scan

    points = invert(image(out, "gemax_tau020.png")).points()
    (record,) = read_records(out)
    assert points.shape == (record.blocks[0].valid_pixels, 3)
    away, _ = cKDTree(read_scan(one_scan / record.source).points).query(points)
    assert np.median(away) < 1.5
    nose = record.nose
    assert np.linalg.norm(points - [nose.x, nose.y, nose.z], axis=1).min() < 1.0


def test_rgb_images_hold_a_map_per_tau(one_scan, tmp_path):
    folder_of(one_scan, tmp_path / "out", stack="rgb", taus=(20, 30, 40, 50))
    first = image(tmp_path / "out", "gemax_tau020_030_040.png")
    assert invert(first).tau == 20
    assert invert(first, 40).tau == 40
    assert invert(first, 40).bound_mm > invert(first, 20).bound_mm
    assert invert(image(tmp_path / "out", "gemax_tau050.png")).tau == 50
    with pytest.raises(SettingsError, match=r"no map of tau = 50: give one of its own \(20, 30, 40\)"):
        invert(first, 50)


def test_depth_and_levels_of_the_folder_are_used(one_scan, tmp_path):
    folder_of(
        one_scan,
        tmp_path / "out",
        depths=(50, 80),
        taus=(20,),
        quantisation=QuantisationSettings(2048, 256),
        maps=("ri",),
    )
    (record,) = read_records(tmp_path / "out")
    for block in record.blocks:
        for m in block.all_maps:
            inverted = invert(tmp_path / "out" / m.file)
            assert inverted.block.depth_mm == block.depth_mm
            assert inverted.error_mm <= inverted.bound_mm
            assert np.nanmax(inverted.depth) <= block.depth_mm


def test_a_map_without_its_depth_image_is_inverted_where_zero_is_kept(one_scan, tmp_path):
    folder_of(one_scan, tmp_path / "out", quantisation=QuantisationSettings(reserve_zero=True), maps=("ri",))
    paths = [image(tmp_path / "out", name) for name in ("gemax_tau020.png", "ri.png")]
    before = [invert(path) for path in paths]
    image(tmp_path / "out", "depth16.png").unlink()
    for path, was in zip(paths, before, strict=True):
        now = invert(path)
        assert np.array_equal(now.depth, was.depth, equal_nan=True)
        assert now.error_mm is None
        assert was.error_mm <= was.bound_mm


@pytest.fixture
def copy(out, tmp_path):
    return shutil.copytree(out, tmp_path / "copy")


def test_without_its_depth_image_a_map_does_not_tell_its_background(copy):
    image(copy, "depth16.png").unlink()
    with pytest.raises(BadFormat, match=r"needs the depth16\.png beside it"):
        invert(image(copy, "gemax_tau020.png"))


def test_another_depth_image_is_not_trusted(copy):
    write_png(image(copy, "depth16.png"), np.ones((224, 224), np.uint16))
    with pytest.raises(BadFormat, match=r"needs the depth16\.png beside it"):
        invert(image(copy, "gemax_tau020.png"))


def test_a_map_that_was_changed_is_refused(copy):
    path = image(copy, "gemax_tau020.png")
    write_png(path, 255 - read_png(path))
    with pytest.raises(BadFormat, match="not the file that was written"):
        invert(path)


@pytest.mark.parametrize("name", ["normals.png", "ri-minmax.png"])
def test_maps_without_bins_are_refused(out, name):
    with pytest.raises(BadFormat, match="no bins of depth"):
        invert(image(out, name))


def test_the_depth_image_itself_is_no_map(out):
    with pytest.raises(BadFormat, match="is no map in the record"):
        invert(image(out, "depth16.png"))


def test_the_range_image_has_no_tau(out):
    with pytest.raises(SettingsError, match=r"no map of tau = 20: give one of its own \(none\)"):
        invert(image(out, "ri.png"), 20)


def test_a_missing_file_and_a_file_elsewhere(out, tmp_path):
    with pytest.raises(FileUnreadable, match="no such file"):
        invert(image(out, "gemax_tau099.png"))
    shutil.copy(image(out, "gemax_tau020.png"), tmp_path / "x.png")
    with pytest.raises(BadFormat, match="lies in no folder that gemax convert wrote"):
        invert(tmp_path / "x.png")


def test_a_scan_without_a_record(copy):
    stray = copy / "BU-3DFE" / "stray"
    stray.mkdir()
    shutil.copy(image(copy, "gemax_tau020.png"), stray)
    with pytest.raises(BadFormat, match="belongs to no scan in the records"):
        invert(stray / "gemax_tau020.png")


def test_a_damaged_record(copy):
    (record,) = read_records(copy)
    path = image(copy, "gemax_tau020.png")
    (copy / "records.jsonl").write_text(json.dumps({"scan": record.scan_id}) + "\n")
    with pytest.raises(BadFormat, match="damaged record"):
        invert(path)


def test_a_relative_path_works(out, monkeypatch):
    path = image(out, "gemax_tau020.png")
    monkeypatch.chdir(path.parent)
    assert invert("gemax_tau020.png").tau == 20


DEPTH = np.array([[0.25, np.nan], [59.5, 3.0]], np.float32)


def test_depth_is_written_as_npy_and_tiff(tmp_path):
    import imageio.v3 as iio

    write_depth(tmp_path / "d.npy", DEPTH)
    assert np.array_equal(np.load(tmp_path / "d.npy"), DEPTH, equal_nan=True)
    for name in ("d.tif", "d.TIFF"):
        write_depth(tmp_path / name, DEPTH)
        read = iio.imread(tmp_path / name, plugin="pillow")
        assert read.dtype == np.float32
        assert np.array_equal(read, DEPTH, equal_nan=True)


def test_another_suffix_and_a_missing_folder_are_told(tmp_path):
    with pytest.raises(SettingsError, match=r"\.npy, \.tif, \.tiff"):
        write_depth(tmp_path / "d.png", DEPTH)
    with pytest.raises(OutputUnwritable, match="cannot be written"):
        write_depth(tmp_path / "no" / "d.npy", DEPTH)
    with pytest.raises(OutputUnwritable, match="cannot be written"):
        write_ply(tmp_path / "no" / "d.ply", MESH)
    assert list(tmp_path.iterdir()) == []


POINTS = np.array([[1.5, -2.25, -1600.123456789], [0.1, 0.2, 0.3], [2.0, 3.0, -5.0]])
MESH = ColouredMesh(POINTS, np.array([[0, 1, 2]], np.int32), np.array([[255, 0, 9], [1, 2, 3], [0, 128, 64]], np.uint8))


def test_a_ply_is_what_the_format_says(tmp_path):
    write_ply(tmp_path / "p.ply", MESH)
    data = (tmp_path / "p.ply").read_bytes()
    head, _, body = data.partition(b"end_header\n")
    assert head.decode().splitlines() == [
        "ply", "format binary_little_endian 1.0", "element vertex 3",
        "property double x", "property double y", "property double z",
        "property uchar red", "property uchar green", "property uchar blue",
        "element face 1", "property list uchar int vertex_indices",
    ]  # fmt: skip
    vertices = [struct.pack("<3d3B", *p, *c) for p, c in zip(POINTS, MESH.colours.tolist(), strict=True)]
    assert body == b"".join(vertices) + struct.pack("<B3i", 3, 0, 1, 2)


def read_by_open3d(path):
    read = pytest.importorskip("open3d", exc_type=ImportError).io.read_triangle_mesh(str(path))
    return np.asarray(read.vertices), np.asarray(read.triangles), np.rint(255 * np.asarray(read.vertex_colors))


def read_by_trimesh(path):
    read = pytest.importorskip("trimesh").load(path, process=False)
    return read.vertices, read.faces, read.visual.vertex_colors[:, :3]


def read_by_gemax(path):
    read = read_scan(path)
    return read.points, read.triangles, np.rint(255 * read.colours) if read.colours.max() <= 1 else read.colours


@pytest.mark.parametrize("read", [read_by_open3d, read_by_trimesh, read_by_gemax])
def test_others_read_our_ply(out, tmp_path, read):
    mesh = invert(image(out, "gemax_tau020.png")).mesh()
    write_ply(tmp_path / "p.ply", mesh)
    for values, expected in zip(read(tmp_path / "p.ply"), mesh, strict=True):
        np.testing.assert_allclose(values, expected, rtol=1e-6, atol=1e-5)


def test_no_point_is_a_ply_too(tmp_path):
    nothing = np.empty((0, 3))
    write_ply(tmp_path / "p.ply", ColouredMesh(nothing, nothing.astype(np.int32), nothing.astype(np.uint8)))
    assert (tmp_path / "p.ply").read_bytes().endswith(b"end_header\n")


def test_a_mesh_faces_the_camera_and_has_no_walls(out):
    inverted = invert(image(out, "gemax_tau020.png"))
    points, triangles, colours = inverted.mesh()
    a, b, c = points[triangles].transpose(1, 0, 2)
    normals = np.cross(b - a, c - a)
    towards = -np.array(inverted.block.pixel_to_raw)[:, 2]
    assert (normals @ towards > 0).all()
    assert np.abs((points[triangles] - a[:, None]) @ towards).max() <= 5.0 * inverted.block.mm_per_pixel + 1e-6
    assert len(triangles) > 1.8 * len(points)
    grey = read_png(image(out, "gemax_tau020.png"))[read_png(image(out, "depth16.png")) > 0]
    assert np.array_equal(colours, np.repeat(grey[:, None], 3, axis=1))


def test_a_mirrored_file_keeps_its_faces_outward(out):
    inverted = invert(image(out, "gemax_tau020.png"))
    x, y, z = inverted.block.pixel_to_raw
    mirrored = (tuple(-value for value in x), y, z)
    mesh = replace(inverted, block=replace(inverted.block, pixel_to_raw=mirrored)).mesh()
    a, b, c = mesh.points[mesh.triangles].transpose(1, 0, 2)
    assert (np.cross(b - a, c - a) @ -np.array(mirrored)[:, 2] > 0).all()


def test_a_mesh_has_the_colours_of_the_texture_unless_it_was_changed(one_scan, tmp_path):
    folder_of(one_scan, tmp_path / "out", maps=("texture",), taus=(20,))
    path = image(tmp_path / "out", "texture.png")
    valid = read_png(image(tmp_path / "out", "depth16.png")) > 0
    inverted = invert(image(tmp_path / "out", "gemax_tau020.png"))
    assert np.array_equal(inverted.mesh().colours, read_png(path)[valid])
    write_png(path, np.zeros((*valid.shape, 3), np.uint8))
    grey = invert(image(tmp_path / "out", "gemax_tau020.png")).mesh().colours
    assert np.array_equal(grey[:, 0], read_png(image(tmp_path / "out", "gemax_tau020.png"))[valid])


def test_the_largest_error_of_no_pixel_is_nothing():
    assert largest_error(np.full((2, 2), np.nan, np.float32), np.zeros((2, 2), np.uint16), 60.0) == 0.0
