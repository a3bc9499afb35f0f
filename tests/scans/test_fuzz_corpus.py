"""What fuzzing found, each case made as small as it gets; and a short run of the fuzzer itself."""

from __future__ import annotations

import io
import struct
import warnings
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gemax_cli.errors import BadFormat, ScanError
from gemax_cli.scans.read import read_scan
from tests.scans import fuzz, mesh_files
from tests.scans.mesh_files import POINTS
from tests.scans.seeds import seeds

pytestmark = pytest.mark.slow

HOUSE_OBJ = b"v 0 0 0\nv 4 0 0\nv 4 3 1\nf 1 2 3\n"
DEPTH = (800 + np.add.outer(np.arange(6), 3 * np.arange(8))).astype(np.uint16)


def changed(data: bytes, old: bytes, new: bytes) -> bytes:
    assert old in data
    return data.replace(old, new, 1)


def picture(kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    Image.fromarray(DEPTH).save(file, kind, **options)
    return file.getvalue()


def png_with(change: Callable[[bytes], bytes]) -> bytes:
    """A PNG with other packed pixels and a checksum that fits them."""
    data = picture("png")
    at = data.index(b"IDAT")
    (length,) = struct.unpack_from(">I", data, at - 4)
    body = change(data[at + 4 : at + 4 + length])
    chunk = struct.pack(">I", len(body)) + b"IDAT" + body + struct.pack(">I", zlib.crc32(b"IDAT" + body))
    return data[: at - 4] + chunk + data[at + 8 + length :]


def larger(data: bytes, width: int, height: int) -> bytes:
    head = data[12:16] + struct.pack(">II", width, height) + data[24:29]
    return data[:12] + head + struct.pack(">I", zlib.crc32(head)) + data[33:]


PCD = mesh_files.pcd(POINTS)
STL = mesh_files.stl_text()
PLY = mesh_files.ply_text()
TIFF = picture("tiff", compression="tiff_deflate")

REFUSED = {
    # Text in place of numbers, which a library of old took for zero or for the digits before it.
    "word.pcd": changed(PCD, b"4 3 1", b"4 x 1"),
    "comma.pcd": changed(PCD, b"4 3 1", b"4 1,5 1"),
    "underscore.pcd": changed(PCD, b"4 3 1", b"4 1_000 1"),
    "word.stl": changed(STL, b"4 3 1", b"4 x 1"),
    "hexadecimal.stl": changed(STL, b"4 3 1", b"4 0x10 1"),
    "underscore.xyz": b"0 0 0\n1 1_000 0\n2 2 2\n",
    "underscore.ply": changed(PLY, b"4 3 1", b"nan 1_0 1"),
    "comma.obj": changed(HOUSE_OBJ, b"f 1 2 3", b"f 1,5 2 3"),
    "hexadecimal.obj": changed(HOUSE_OBJ, b"f 1 2 3", b"f 0x1 2 3"),
    # Items that are not there.
    "lines.pcd": PCD[: PCD.index(b"4 3 1")],
    "columns.pcd": changed(PCD, b"4 3 1", b"4 3"),
    "fields.pcd": changed(PCD, b"SIZE 4 4 4", b"SIZE 4 4"),
    "axis.pcd": changed(PCD, b"FIELDS x y z", b"FIELDS x y y"),
    "type.pcd": changed(PCD, b"TYPE F F F", b"TYPE F F X"),
    "corner.stl": changed(STL, b"vertex 4 3 1\n", b""),
    "facet.stl": changed(STL, b"endfacet\n", b""),
    "end.stl": changed(STL, b"endsolid", b"endso"),
    "corners.ply": changed(PLY, b"vertex_indices", b"vertex_nonsense"),
    "format.ply": changed(PLY, b"format ascii", b"fo mat ascii"),
    "twice.ply": changed(PLY, b"element face", b"element vertex 5\nelement face"),
    "face.obj": HOUSE_OBJ + b"f ",
    "bare-face.obj": HOUSE_OBJ + b"f",
    "point.obj": HOUSE_OBJ + b"v",
    # Open3D ends the process here.
    "sparse.gltf": changed(mesh_files.gltf(), b'"componentType"', b'"sparse": {"count": 1}, "componentType"'),
    # Pictures: decoders skip checksums, and give zeros for rows that are missing.
    "checksum.png": (lambda d: d[:-20] + bytes([d[-20] ^ 1]) + d[-19:])(picture("png")),
    "end.png": picture("png")[:-12],
    "rows.png": png_with(lambda body: zlib.compress(zlib.decompress(body)[:-17])),
    "pixels.png": png_with(lambda body: body[:-1] + bytes([body[-1] ^ 1])),
    "chunk.png": (lambda d: d[:33] + b"\x7f\xff\xff\xff" + d[37:])(picture("png")),
    "bomb.png": larger(picture("png"), 12_000, 9_000),
    "deflate.tif": (lambda at: TIFF[:at] + b"\xff\xff" + TIFF[at + 2 :])(TIFF.index(b"\x78\x9c") + 2),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused_with_a_short_sentence_and_nothing_else(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(REFUSED[name])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(BadFormat) as refusal:
            read_scan(path)
    fuzz.check_error(refusal.value)


def long_words() -> dict[str, bytes]:
    vrml = b"#VRML V2.0 utf8\nShape { geometry IndexedFaceSet { "
    return {
        "version.wrl": b"#VRML V" + 300 * b"9" + b" utf8\n",
        "field.wrl": vrml + 300 * b"c" + b" [ 1 2",
        "node.wrl": vrml + b"coord " + 300 * b"C" + b" {",
        "word.ply": changed(PLY, b"4 3 1", b"4 3 " + 300 * b"\xff"),
    }


@pytest.mark.parametrize("name", long_words())
def test_sentences_stay_short_whatever_the_file_holds(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(long_words()[name])
    with pytest.raises(ScanError) as refusal:
        read_scan(path)
    fuzz.check_error(refusal.value)


def test_numbers_that_signal_are_no_warning(tmp_path: Path) -> None:
    points = POINTS.copy()
    points.view(np.uint32)[1, 1] = 0x7F800001  # NaN that signals
    path = tmp_path / "signal.ply"
    path.write_bytes(mesh_files.ply_binary(points, np.empty((0, 3), np.int32)))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(read_scan(path).points) == 4


def test_a_height_left_out_is_one_row(tmp_path: Path) -> None:
    path = tmp_path / "a.pcd"
    path.write_bytes(changed(PCD, b"HEIGHT 1\n", b""))
    np.testing.assert_allclose(read_scan(path).points, POINTS)


def test_lzw_pictures_need_no_other_library(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    path.write_bytes(picture("tiff", compression="tiff_lzw"))
    assert len(read_scan(path).points) == DEPTH.size


@pytest.mark.skipif(not hasattr(fuzz.os, "fork"), reason="the fuzzer works in a forked child")
def test_a_short_run_of_the_fuzzer_finds_nothing(tmp_path: Path) -> None:
    choice = [seed for seed in seeds() if seed.suffix not in (".glb", ".gltf")]
    counts = fuzz.fuzz(tmp_path / "work", range(1500), seed=1, choice=choice)
    findings = tmp_path / "work" / "findings" / "findings.jsonl"
    assert counts["inputs"] == 1500
    assert not findings.exists(), findings.read_text()


@pytest.mark.skipif(not hasattr(fuzz.os, "fork"), reason="the fuzzer works in a forked child")
@pytest.mark.parametrize("fault", ["loop", "crash", "memory", "error", "lie"])
def test_the_fuzzer_notices(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: str) -> None:
    """Planted faults of each kind are findings, so that none means that there is none."""
    choice = [seed for seed in seeds() if seed.suffix == ".xyz"]
    sound = read_scan_of(tmp_path, choice[0].data)
    calls = iter(range(10_000))

    def faulty(path: Path) -> object:
        if next(calls) == 5:
            FAULTS[fault](sound)
        return sound if fault == "lie" else read_scan(path)

    monkeypatch.setattr(fuzz, "read_scan", faulty)
    monkeypatch.setattr(fuzz, "SLOW", 0.3)
    monkeypatch.setattr(fuzz, "STUCK", 1.0)
    if fault == "lie":
        monkeypatch.setattr(fuzz, "make_input", lambda *_: fuzz.Seed("a.xyz", b"0 0 0\n1 1 1\n"))
    fuzz.fuzz(tmp_path / "work", range(12), seed=1, choice=choice)
    assert (tmp_path / "work" / "findings" / "findings.jsonl").exists()


def read_scan_of(folder: Path, data: bytes) -> object:
    (folder / "sound.xyz").write_bytes(data)
    return read_scan(folder / "sound.xyz")


def loop(_: object) -> None:
    while True:
        pass


def hog(_: object) -> None:
    np.ones(1 << 28)


def crash(_: object) -> None:
    fuzz.os.kill(fuzz.os.getpid(), 9)


def error(_: object) -> None:
    raise ZeroDivisionError


FAULTS = {"loop": loop, "crash": crash, "memory": hog, "error": error, "lie": lambda _: None}
