"""Which picture a scan gets, and what happens to pictures that are not what they seem."""

from __future__ import annotations

import io
import os
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from gemax_cli.errors import BadPicture, PictureMissing, ScanError
from gemax_cli.scans import picture as module
from gemax_cli.scans.model import Scan, TextureMap
from gemax_cli.scans.picture import NO_PICTURE, VERTEX_COLOURS, colours_of, find_picture, load_pictures
from gemax_cli.scans.read import read_scan
from tests.scans.mesh_files import POINTS, TRIANGLES, write

LIE = TextureMap("a.png", np.zeros((3, 2)), np.zeros((3, 3), np.int32))


def encoded(colour=(10, 20, 30), kind="PNG", size=(4, 3), mode="RGB") -> bytes:
    buffer = io.BytesIO()
    Image.new(mode, size, colour).save(buffer, kind)
    return buffer.getvalue()


def scan_at(path: Path, texture: TextureMap | None = LIE, colours=None) -> Scan:
    return Scan(path, "x", POINTS.astype(float), TRIANGLES, texture=texture, colours=colours)


@pytest.mark.parametrize(
    ("scan", "named", "there", "taken"),
    [
        ("F0001_AN01WH_F3D.wrl", "F0001_AN01WH_F3D.bmp", ["F0001_AN01WH_F3D.bmp"], "F0001_AN01WH_F3D.bmp"),
        ("F0001_AN01WH_F3D.wrl", "C:\\old\\F0001_AN01WH_F3D.bmp", ["F0001_AN01WH_F3D.bmp"], "F0001_AN01WH_F3D.bmp"),
        ("F0001_AN01WH_RAW.wrl", "F0001_AN01WH_RAW.bmp", ["F0001_AN01WH_F3D.bmp"], "F0001_AN01WH_F3D.bmp"),
        ("F0001_AN01WH_RAW.wrl", None, ["F0001_AN01WH_F3D.bmp"], "F0001_AN01WH_F3D.bmp"),
        ("F0001_AN01WH_F3D.wrl", "F0001_AN01WH_F2D.bmp", ["F0001_AN01WH_F2D.bmp"], None),
        ("F0001_AN01WH_F3D.wrl", None, ["F0001_AN01WH_F2D.bmp"], None),
        ("bs000_N_N_0.bnt", "bs000_N_N_0", ["bs000_N_N_0.png"], "bs000_N_N_0.png"),
        ("000.wrl", None, ["000.jpg"], "000.jpg"),
        ("a.obj", "skin.JPG", ["skin.jpg"], "skin.jpg"),
        ("a.obj", "../secret.png", ["b.png"], None),
        ("a.obj", "..", ["b.png"], None),
        ("a.obj", "x" * 5000, ["b.png"], None),
    ],
)
def test_which_picture(tmp_path, scan, named, there, taken):
    write(tmp_path.parent / "secret.png", encoded())
    for name in there:
        write(tmp_path / name, encoded())
    if taken is None:
        with pytest.raises(PictureMissing, match="is not beside it"):
            find_picture(tmp_path / scan, named)
    else:
        assert find_picture(tmp_path / scan, named).name == taken


@pytest.mark.skipif(os.name == "nt", reason="links take rights there")
def test_links_that_lead_elsewhere_are_not_followed(tmp_path):
    inside, store = tmp_path / "in", tmp_path / "store"
    inside.mkdir()
    store.mkdir()
    scan, picture = write(store / "a.obj", b""), write(store / "a.png", encoded())
    (inside / "a.png").symlink_to(picture)
    write(inside / "b.obj", b"")
    with pytest.raises(PictureMissing):
        find_picture(inside / "b.obj", "a.png")
    (inside / "a.obj").symlink_to(scan)  # a folder of links to files that lie beside each other
    assert find_picture(inside / "a.obj", "a.png") == inside / "a.png"
    os.mkfifo(inside / "c.png")
    with pytest.raises(PictureMissing):
        find_picture(inside / "b.obj", "c.png")


def bomb(columns=60_000, rows=60_000) -> bytes:
    """A PNG of a few bytes that says it has billions of pixels."""
    parts = [
        (b"IHDR", struct.pack(">IIBBBBB", columns, rows, 8, 2, 0, 0, 0)),
        (b"IDAT", zlib.compress(b"")),
        (b"IEND", b""),
    ]
    chunks = [
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in parts
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


@pytest.mark.parametrize(
    ("data", "match"),
    [
        (b"no picture", "cannot be decoded"),
        (encoded()[:40], "cannot be decoded"),
        (encoded(kind="GIF"), "cannot be decoded"),
        (bomb(), r"60000 x 60000 pixels|cannot be decoded"),
        (bomb(9000, 9000), "9000 x 9000 pixels"),
        (encoded(700, mode="I;16"), "8 bits"),
        (encoded(0.5, "TIFF", mode="F"), "8 bits"),
    ],
)
def test_pictures_that_cannot_be_used(tmp_path, data, match):
    write(tmp_path / "a.png", data)
    with pytest.raises(BadPicture, match=match) as caught:
        load_pictures(scan_at(tmp_path / "a.obj"), LIE)
    assert caught.value.path == tmp_path / "a.png"
    assert str(caught.value).count("\n") == 0


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_damaged_pictures_are_refused_or_read(tmp_path_factory, data):
    kind = data.draw(st.sampled_from(["PNG", "JPEG", "BMP", "TIFF"]))
    whole = bytearray(encoded(kind=kind, size=(20, 10)))
    for _ in range(data.draw(st.integers(1, 4))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    folder = tmp_path_factory.mktemp("p")
    write(folder / "a.png", bytes(whole[: data.draw(st.integers(1, len(whole)))]))
    try:
        (found,), _ = load_pictures(scan_at(folder / "a.obj"), LIE)
    except ScanError:
        return
    assert found.pixels.dtype == np.uint8
    assert found.pixels.ndim == 3


@pytest.mark.parametrize(
    ("mode", "colour", "kind"),
    [
        ("RGB", (1, 2, 3), "BMP"),
        ("RGBA", (1, 2, 3, 9), "PNG"),
        ("L", 7, "PNG"),
        ("P", 0, "PNG"),
        ("CMYK", (0, 0, 0, 0), "JPEG"),
    ],
)
def test_kinds_of_pictures(tmp_path, mode, colour, kind):
    write(tmp_path / "a.png", encoded(colour, kind, mode=mode))
    (found,), problems = load_pictures(scan_at(tmp_path / "a.obj"), LIE)
    assert found.pixels.shape == (3, 4, 3)
    want = {"RGB": (1, 2, 3), "RGBA": (1, 2, 3), "L": (7, 7, 7), "P": (0, 0, 0), "CMYK": (255, 255, 255)}[mode]
    assert (found.pixels == want).all()
    assert problems == ()


def test_all_pictures_together_have_room(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "MAX_PIXELS", 20)
    for name in "ab":
        write(tmp_path / f"{name}.png", encoded())
    lie = TextureMap("a.png", LIE.coordinates, LIE.triangles, ("b.png",), np.zeros(3, np.uint8))
    found, (problem,) = load_pictures(scan_at(tmp_path / "a.obj"), lie)
    assert [picture is None for picture in found] == [False, True]
    assert "4 x 3 pixels" in problem


def test_a_picture_comes_before_colours_and_these_before_none(tmp_path):
    own = np.zeros((5, 3), np.uint8)
    nothing = colours_of(scan_at(tmp_path / "a.obj", None))
    assert (nothing.source, nothing.companions) == (NO_PICTURE, ())
    assert nothing.warnings[0].startswith("No texture: a.obj: has neither")
    missing = colours_of(scan_at(tmp_path / "a.obj"))
    assert [(file.name, *file.fingerprint) for file in missing.companions] == [("a.png", 0, "")]
    assert colours_of(scan_at(tmp_path / "a.obj", LIE, own)).source == VERTEX_COLOURS
    with pytest.raises(PictureMissing):
        colours_of(scan_at(tmp_path / "a.obj"), required=True)
    write(tmp_path / "a.png", b"broken")
    assert [file.fingerprint.size for file in colours_of(scan_at(tmp_path / "a.obj")).companions] == [6]
    write(tmp_path / "a.png", encoded())
    found = colours_of(scan_at(tmp_path / "a.obj", LIE, own))
    assert (found.source, found.companions[0].name) == ("a.png", "a.png")


OBJ = "mtllib m.mtl\n{}v 0 0 0\nv 4 0 0\nv 4 3 1\nv 0 3 0\nvt 0 0\nvt 1 0\nvt 1 1\n{}"
FACES = "usemtl skin\nf 1/1 2/2 3/3\nusemtl eye\nf 1/1 3/2 4/3\nusemtl bare\nf 2/1 3/2 4/3\n"
LIBRARY = "newmtl skin\nmap_Kd -s 1 1 1 C:\\old\\skin.jpg\nnewmtl bare\nKd 1 1 1\nnewmtl eye\n  map_Kd my eye.png\n"


def test_materials_of_an_obj(tmp_path):
    write(tmp_path / "m.mtl", LIBRARY.encode())
    texture = read_scan(write(tmp_path / "a.obj", OBJ.format("", FACES).encode())).texture
    assert texture is not None
    assert (texture.image, texture.more) == ("skin.jpg", ("my eye.png",))
    assert texture.which is not None
    assert texture.which.tolist()[:2] == [0, 1]
    assert np.isnan(texture.coordinates[texture.triangles[2]]).all()
    write(tmp_path / "skin.jpg", encoded(kind="JPEG"))
    found, (problem,) = load_pictures(read_scan(tmp_path / "a.obj"), texture)
    assert found[0] is not None
    assert "my eye.png" in problem


def test_a_library_elsewhere_is_not_opened(tmp_path):
    (tmp_path / "in").mkdir()
    write(tmp_path / "m.mtl", LIBRARY.encode())
    text = OBJ.format("", FACES).replace("m.mtl", "../m.mtl")
    texture = read_scan(write(tmp_path / "in" / "a.obj", text.encode())).texture
    assert texture is not None
    assert (texture.image, texture.more) == (None, ())


def test_colours_of_the_points_of_an_obj(tmp_path):
    lines = "v 0 0 0 1 0 0.5\nv 4 0 0 0 0 0\nv 4 3 1 0 1 0\nf 1 2 3\n"
    assert read_scan(write(tmp_path / "a.obj", lines.encode())).colours.tolist() == [
        [255, 0, 128],
        [0, 0, 0],
        [0, 255, 0],
    ]


PLY = "ply\nformat ascii 1.0\ncomment TextureFile a b.png\nelement vertex 4\n{}element face 2\n{}end_header\n{}"
XYZ = "property float x\nproperty float y\nproperty float z\n"
INDEXES = "property list uchar int vertex_indices\n"


def test_texture_of_the_faces_of_a_ply(tmp_path):
    body = "0 0 0\n4 0 0\n4 3 1\n0 3 0\n3 0 1 2 6 0 0 1 0 1 1\n4 0 2 3 1 8 0 0 1 1 0 1 .5 0\n"
    text = PLY.format(XYZ, INDEXES + "property list uchar float texcoord\n", body)
    texture = read_scan(write(tmp_path / "a.ply", text.encode())).texture
    assert texture is not None
    assert texture.image == "a b.png"
    places = texture.coordinates[texture.triangles].tolist()
    assert places == [[[0, 0], [1, 0], [1, 1]], [[0, 0], [1, 1], [0, 1]], [[0, 0], [0, 1], [0.5, 0]]]


def test_texture_and_colours_of_the_vertices_of_a_ply(tmp_path):
    properties = (
        XYZ + "property float s\nproperty float t\nproperty uchar red\nproperty uchar green\nproperty uchar blue\n"
    )
    body = "0 0 0 0 0 255 0 1\n4 0 0 1 0 0 0 1\n4 3 1 1 1 0 9 1\n0 3 0 0 1 7 0 1\n3 0 1 2\n3 0 2 3\n"
    scan = read_scan(write(tmp_path / "a.ply", PLY.format(properties, INDEXES, body).encode()))
    assert scan.texture is not None
    assert scan.texture.coordinates[scan.texture.triangles[1]].tolist() == [[0, 0], [1, 1], [0, 1]]
    assert scan.colours.tolist() == [[255, 0, 1], [0, 0, 1], [0, 9, 1], [7, 0, 1]]
