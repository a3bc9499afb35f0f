from __future__ import annotations

import gzip
import hashlib
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gemax_cli.errors import BadFormat, EmptyScan, FileUnreadable, ScanError, UnknownFormat
from gemax_cli.scans.formats import bnt
from gemax_cli.scans.model import Fingerprint
from gemax_cli.scans.read import CRASHING_SUFFIXES, IMAGE_SUFFIXES, KNOWN_SUFFIXES, SEARCHED_SUFFIXES, read_scan, sniff
from tests.scans.naive_vrml import TEXTURED, Spelling, write_vrml
from tests.scans.organised_files import abs_text, bnt_bytes, lm3_text
from tests.scans.seeds import Seed, seeds

VRML = b"#VRML V2.0 utf8\nShape { geometry IndexedFaceSet { } }\n"
MESH = write_vrml([TEXTURED], Spelling())
PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + bytes(40)
ABS = abs_text().encode()


def write(folder, name, data):
    path = folder / name
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(
    ("name", "data", "format_"),
    [
        ("a.bnt", bnt_bytes(), "bnt"),
        ("A.BNT", bnt_bytes(), "bnt"),
        ("a.b.bnt", bnt_bytes(), "bnt"),
        ("a.abs", ABS, "abs"),
        ("a.abs.gz", gzip.compress(ABS), "abs"),
        ("a.abs.gz", ABS, "abs"),
        ("a.ABS.gz", gzip.compress(ABS), "abs"),
    ],
)
def test_organised_scans_are_read(tmp_path, name, data, format_):
    scan = read_scan(write(tmp_path, name, data))
    assert scan.format == format_
    assert len(scan.points) > 50


@pytest.mark.parametrize("seed", [Seed("a.wrl", gzip.compress(MESH)), *seeds()], ids=lambda seed: seed.name)
def test_the_fingerprint_is_that_of_the_file_on_the_disk(tmp_path, seed):
    if seed.suffix in CRASHING_SUFFIXES:
        pytest.importorskip("open3d", exc_type=ImportError)
    for name, data in seed.beside:
        write(tmp_path, name, data)
    expected = Fingerprint(len(seed.data), hashlib.sha256(seed.data).hexdigest())
    assert read_scan(write(tmp_path, seed.name, seed.data)).fingerprint == expected


def test_a_scan_is_opened_once(tmp_path, monkeypatch):
    opened, plain = [], Path.open
    monkeypatch.setattr(Path, "open", lambda path, *a, **k: opened.append(path.name) or plain(path, *a, **k))
    for seed in seeds():
        write(tmp_path, seed.name, seed.data)
        if seed.suffix not in CRASHING_SUFFIXES:  # their library opens the file itself
            opened.clear()
            read_scan(tmp_path / seed.name)
            assert opened.count(seed.name) == 1


def test_a_path_given_as_text_is_taken(tmp_path):
    assert len(read_scan(str(write(tmp_path, "a.bnt", bnt_bytes()))).points) > 50


@pytest.mark.parametrize(
    ("name", "data", "sentence"),
    [
        ("a.wrl", bnt_bytes(), "is named .wrl but is a Bosphorus scan: rename it to .bnt"),
        ("a.bnt", VRML, "is named .bnt but is VRML: rename it to .wrl"),
        ("a.bnt", b"\xef\xbb\xbf" + VRML, "is VRML"),
        ("a.ply", VRML, "is VRML"),
        ("a.wrl", PNG, "is a PNG picture: rename it to .png"),
        ("a.bnt", ABS, "is an FRGC range image: rename it to .abs"),
        ("a.bnt", gzip.compress(VRML), "is a gzip archive: unpack it"),
        ("a.obj", b"ply\nformat ascii 1.0\n", "is a PLY mesh: rename it to .ply"),
        ("a.ply", b"OFF\n3 1 0\n", "is an OFF mesh"),
        ("a.ply", b"COFF\n3 1 0\n", "is an OFF mesh"),
        ("a.ply", b"# .PCD v0.7\n", "is a PCD point cloud"),
        ("a.ply", b"VERSION .7\nFIELDS x y z\n", "is a PCD point cloud"),
        ("a.stl", b"glTF\x02\x00\x00\x00", "is a binary glTF model"),
        ("a.abs", b"II*\x00" + bytes(100), "is a TIFF picture"),
        ("a.abs", b"MM\x00*" + bytes(100), "is a TIFF picture"),
        ("a.png", b"\xff\xd8\xff\xe0" + bytes(100), "is a JPEG picture: replace it by the scan itself"),
        ("a.png", b"BM" + bytes(12) + b"\x28\x00\x00\x00" + bytes(100), "is a BMP picture"),
        ("a.wrl", b"PK\x03\x04" + bytes(100), "is a ZIP archive"),
        ("a.bnt", b"<!DOCTYPE html><html>", "is a web page: download the scan again"),
        ("a.bnt", b"\n<HTML><body>Please log in", "is a web page"),
        ("a.bnt", b"%PDF-1.4", "is a PDF document"),
        ("a.bnt", lm3_text().encode(), "is a landmark file"),
    ],
)
def test_a_wrong_name_is_told_from_the_content(tmp_path, name, data, sentence):
    path = write(tmp_path, name, data)
    with pytest.raises(BadFormat) as caught:
        read_scan(path)
    assert sentence in caught.value.message
    assert caught.value.message.endswith(".")


@pytest.mark.parametrize("name", ["a.xyzzy", "a", "a.gz", ".wrl", "a.wrl.bak", "a.lm3", "a.jpg"])
def test_unknown_names_are_refused_with_the_known_ones(tmp_path, name):
    with pytest.raises(UnknownFormat) as caught:
        read_scan(write(tmp_path, name, b"whatever"))
    assert all(suffix in caught.value.message for suffix in KNOWN_SUFFIXES)
    assert "looks like" not in caught.value.message


def test_an_unknown_name_is_told_what_it_holds(tmp_path):
    with pytest.raises(UnknownFormat, match="it looks like VRML"):
        read_scan(write(tmp_path, "a.txt", VRML))


@pytest.mark.parametrize("suffix", [*KNOWN_SUFFIXES, ".xyzzy"])
def test_files_without_content_are_named_whatever_their_kind(tmp_path, suffix):
    with pytest.raises(EmptyScan, match="zero bytes"):
        read_scan(write(tmp_path, f"a{suffix}", b""))
    with pytest.raises(FileUnreadable, match="no such file"):
        read_scan(tmp_path / f"missing{suffix}")
    (tmp_path / f"folder{suffix}").mkdir()
    with pytest.raises(FileUnreadable, match="is a folder"):
        read_scan(tmp_path / f"folder{suffix}")


def test_a_file_that_vanishes_midway_is_named(tmp_path, monkeypatch):
    def vanished(raw):
        raise FileNotFoundError(2, "No such file or directory")

    monkeypatch.setattr(bnt, "read_bnt", vanished)
    with pytest.raises(FileUnreadable, match="no such file"):
        read_scan(write(tmp_path, "a.bnt", bnt_bytes()))


def test_own_errors_of_a_reader_pass(tmp_path):
    with pytest.raises(BadFormat, match="asks for"):
        read_scan(write(tmp_path, "a.bnt", bnt_bytes() + b"x"))


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=100))
def test_content_always_has_an_answer(data):
    content = sniff(data, len(data))
    assert content is None or (content.name and (content.advice or content.suffixes))


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=300), st.sampled_from([".bnt", ".abs", ".abs.gz"]))
def test_random_bytes_are_refused_by_name(tmp_path_factory, data, suffix):
    path = write(tmp_path_factory.getbasetemp(), f"random{suffix}", data)
    with pytest.raises(ScanError):
        read_scan(path)


def test_a_bnt_is_known_by_its_sizes():
    data = bnt_bytes()
    assert sniff(data[:4096], len(data)).suffixes == (".bnt",)
    assert sniff(data[:4096], len(data) + 1) is None
    assert sniff(b"", 0) is None


def test_pictures_are_known_suffixes():
    assert set(IMAGE_SUFFIXES) < SEARCHED_SUFFIXES < set(KNOWN_SUFFIXES)


@pytest.mark.parametrize("name", ["a.wrl", "a.wrl.gz", "a.WRZ"])
def test_vrml_may_be_packed(tmp_path, name):
    mesh = "coord Coordinate { point [0 0 0, 90 0 0, 0 90 1] } coordIndex [0 1 2 -1]"
    text = f"#VRML V2.0 utf8\nShape {{ geometry IndexedFaceSet {{ {mesh} }} }}\n"
    scan = read_scan(write(tmp_path, name, gzip.compress(text.encode())))
    assert (scan.format, len(scan.points)) == ("wrl", 3)


def test_finding_scans_needs_no_heavy_library():
    code = (
        "import sys; import gemax_cli.scans.walk, gemax_cli.scans.read;"
        "print([m for m in ('numba', 'open3d', 'scipy', 'PIL', 'imageio', 'joblib') if m in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


@pytest.mark.slow
def test_a_bosphorus_scan_needs_no_open3d(tmp_path):
    path = write(tmp_path, "a.bnt", bnt_bytes())
    code = (
        "import sys; from pathlib import Path; from gemax_cli.scans.read import read_scan;"
        "read_scan(Path(sys.argv[1])); print([m for m in ('open3d', 'imageio', 'joblib') if m in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
