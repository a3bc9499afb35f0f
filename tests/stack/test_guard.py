"""The one way from a path in a record to the disk."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gemax_cli.errors import OutputError, UnsafePath
from gemax_cli.stack.guard import Guard, NotRegular, check_own_files, open_regular, read_regular
from gemax_cli.stack.naming import is_image_name, is_scan_id

PARTS = st.sampled_from(
    ["..", ".", "", "a", "BU-3DFE", "C:", "a\\b", "d060", "\0", ".hidden", "x ", "depth16.png", "ü"]
)


@given(st.lists(PARTS, min_size=1, max_size=5))
def test_a_path_is_inside_or_refused(parts):
    out, file = Path("out").absolute(), "/".join(parts)
    try:
        path = Guard(out).path(file)
    except UnsafePath:
        return
    assert os.path.normpath(path) == os.fspath(path)
    assert path.is_relative_to(out)
    assert is_image_name(path.name)


@pytest.mark.parametrize(
    "scan", ["BU-3DFE/F0001/F0001_AN01WH", "other/Zoë 笑", "other/a..b", "x~0123abcd", "FRGC/04/04_2d-1"]
)
def test_ids_that_gemax_gives(scan):
    assert is_scan_id(scan)


@pytest.mark.parametrize(
    "scan", ["", "/", "a/", "/a", "a//b", "..", "a/../b", ".a", "a\\b", "a:b", "a\nb", "\udcff", 2000 * "a"]
)
def test_ids_that_gemax_does_not_give(scan):
    assert not is_scan_id(scan)


@pytest.mark.parametrize(
    "name", ["depth16.png", "texture.png", "mask.png", "normals.png", "gemax_tau020.png", "gemax_tau020_030_1000.png"]
)
def test_names_of_images(name):
    assert is_image_name(name)


@pytest.mark.parametrize(
    "name", ["run.json", "gemax_tau20.png", "gemax_tau.png", "DEPTH16.png", "gemax_tau020_030_040_050.png", "x.png"]
)
def test_other_names(name):
    assert not is_image_name(name)


@pytest.mark.skipif(os.name == "nt", reason="links and pipes of POSIX")
def test_only_regular_files_are_opened(tmp_path):
    (tmp_path / "file").write_bytes(b"x")
    (tmp_path / "link").symlink_to("file")
    (tmp_path / "dead").symlink_to("nothing")
    os.mkfifo(tmp_path / "pipe")
    assert read_regular(tmp_path / "file") == b"x"
    for name, kind in (
        ("link", "a symbolic link"),
        ("dead", "a symbolic link"),
        ("pipe", "a named pipe"),
        (".", "a folder"),
    ):
        for mode in ("rb", "ab+"):
            with pytest.raises(NotRegular, match=kind):
                open_regular(tmp_path / name, mode)
    with pytest.raises(FileNotFoundError):
        read_regular(tmp_path / "gone")
    assert not (tmp_path / "nothing").exists()


@pytest.mark.skipif(os.name == "nt", reason="links of POSIX")
@pytest.mark.parametrize(
    "name", ["run.json", "records-3-of-9.jsonl", "landmarks.csv", ".gemax.lock", ".gemax-tmp-1-run.json"]
)
def test_files_of_gemax_are_no_links(tmp_path, name):
    check_own_files(tmp_path)
    (tmp_path / "notes.txt").symlink_to("elsewhere")
    check_own_files(tmp_path)
    (tmp_path / name).symlink_to("elsewhere")
    with pytest.raises(OutputError, match="is a symbolic link, not what gemax writes: remove it"):
        check_own_files(tmp_path)
