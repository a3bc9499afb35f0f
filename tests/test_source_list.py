"""Lists of sources on standard input, in every spelling that programs write."""

import codecs
import itertools
import os
from pathlib import Path

import pytest

from gemax_cli.batch.run import RunOptions, plan
from gemax_cli.errors import SettingsError
from gemax_cli.scans.walk import check_sources
from gemax_cli.source_list import read_source_list

NAMES = ["sub/head.obj", "a b/ä ö.obj", "脸/数据.wrl", "/data/bs000/bs000_N_N_0.bnt"]
PATHS = [Path(name) for name in NAMES]
UTF8 = {"utf-8": b"", "utf-8 with mark": codecs.BOM_UTF8}
WIDE = {"utf-16-le": codecs.BOM_UTF16_LE, "utf-16-be": codecs.BOM_UTF16_BE}
WIDE |= {"utf-32-le": codecs.BOM_UTF32_LE, "utf-32-be": codecs.BOM_UTF32_BE}
ENDS = {"LF": "\n", "CRLF": "\r\n", "NUL": "\0"}
SHAPES = {"plain": "{}", "no end": "{}", "blank lines": "{end}{}{end}{end}", "spaces behind": "{}  "}


def spelled(shape, end):
    text = "".join(SHAPES[shape].format(name, end=end) + end for name in NAMES)
    return text.removesuffix(end) if shape == "no end" else text


@pytest.mark.parametrize(("shape", "end", "mark"), list(itertools.product(SHAPES, ENDS, UTF8)))
def test_utf_8(shape, end, mark):
    assert read_source_list(UTF8[mark] + spelled(shape, ENDS[end]).encode()) == PATHS


MARKED = list(itertools.product(SHAPES, ENDS, WIDE))
MARKED.remove(("blank lines", "NUL", "utf-16-le"))  # a mark and a NUL of UTF-16 are the mark of UTF-32


@pytest.mark.parametrize(("shape", "end", "encoding"), MARKED)
def test_marked_wide_lists_are_decoded(shape, end, encoding):
    assert read_source_list(WIDE[encoding] + spelled(shape, ENDS[end]).encode(encoding)) == PATHS


@pytest.mark.parametrize(("shape", "end", "encoding"), list(itertools.product(SHAPES, ["LF", "CRLF"], WIDE)))
@pytest.mark.parametrize("names", [NAMES, NAMES[:1], ["/"], ["a"], ["脸/数.wrl"]])
def test_unmarked_wide_lists_are_refused(shape, end, encoding, names, monkeypatch):
    monkeypatch.setattr("tests.test_source_list.NAMES", names)
    with pytest.raises(SettingsError, match="UTF-16 without a byte order mark"):
        read_source_list(spelled(shape, ENDS[end]).encode(encoding))


@pytest.mark.parametrize("data", [b"", b"\n\n", b"\r\n", b"\xef\xbb\xbf", b"\xff\xfe", b"  \n\t\n"])
def test_an_empty_list(data):
    assert read_source_list(data) == []


def test_marks_of_lists_put_together():
    assert read_source_list(b"\xef\xbb\xbfa.obj\n\xef\xbb\xbfb.obj\r\r\n") == [Path("a.obj"), Path("b.obj")]


def test_a_list_of_find_with_a_line_end_behind():
    assert read_source_list(b"a.obj\0b.obj\0\n") == [Path("a.obj"), Path("b.obj")]


@pytest.mark.parametrize("data", [b"\xff\xfea", b"\xff\xfe\x00\xd8a\x00", b"\xfe\xff\xd8\x00\x00a"])
def test_damaged_utf_16_is_refused(data):
    with pytest.raises(SettingsError, match="is no UTF-16"):
        read_source_list(data)


@pytest.mark.skipif(os.name == "nt", reason="names of any bytes")
def test_names_of_any_bytes():
    assert os.fsencode(read_source_list(b"gr\xfc\xdfe.obj\n")[0]) == b"gr\xfc\xdfe.obj"


def test_spaces_belong_to_a_name_that_has_them(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("a.obj ").touch()
    assert read_source_list(b"a.obj \nb.obj \n") == [Path("a.obj "), Path("b.obj")]


def test_whole_disks_are_refused_unless_asked_for(tmp_path, monkeypatch):
    root = Path(tmp_path.anchor)
    (tmp_path / "link").symlink_to(root)
    for source in (root, tmp_path / "link"):
        with pytest.raises(SettingsError, match="is a whole disk: give the folders"):
            plan(source, tmp_path / "out")
    disk = tmp_path / "disk"
    (disk / "raw").mkdir(parents=True)
    monkeypatch.setattr(os.path, "ismount", lambda place: Path(place) in (disk, root))
    check_sources([disk / "raw"], disk / "out")
    check_sources([disk], tmp_path / "out")
    for source in (disk, tmp_path):
        with pytest.raises(SettingsError, match="--whole-disk"):
            plan(source, disk / "out" / "new")
    (disk / "raw" / "x.ply").touch()
    assert plan(disk, disk / "out", options=RunOptions(whole_disk=True))[1].found == 1
