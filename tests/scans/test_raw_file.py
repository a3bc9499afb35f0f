from __future__ import annotations

import gzip
import hashlib
import os

import pytest

from gemax_cli.errors import BadFormat, EmptyScan, FileUnreadable
from gemax_cli.scans.raw_file import fingerprint_of, open_raw, read_raw, sha256_of


def test_a_file_is_opened_and_closed(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"abc")
    with open_raw(path) as file:
        assert file.read() == b"abc"
    assert file.closed


@pytest.mark.parametrize("content", [b"abc", b"\x1f", b"\x1f\x8a", b"x" * 100_000])
def test_a_file_is_read_as_it_lies_on_the_disk_or_unpacked(tmp_path, content):
    path = tmp_path / "a"
    for data in (content, gzip.compress(content)):
        path.write_bytes(data)
        fingerprint = (len(data), hashlib.sha256(data).hexdigest())
        assert read_raw(path) == (path, content, fingerprint, data[:4096])
        assert sha256_of(path) == fingerprint_of(data).sha256


@pytest.mark.parametrize(("size", "said"), [(1000, ""), (1001, "has more than 1,000 bytes")])
def test_nothing_beyond_the_limit_is_read(tmp_path, size, said):
    path = tmp_path / "a"
    path.write_bytes(bytes(size))
    packed = tmp_path / "b"
    packed.write_bytes(gzip.compress(bytes(size)))
    if said:
        with pytest.raises(BadFormat, match=said):
            read_raw(path, 1000)
        with pytest.raises(BadFormat, match="unpacks to more than 1,000 bytes"):
            read_raw(packed, 1000)
    else:
        assert read_raw(path, 1000).data == read_raw(packed, 1000).data == bytes(size)


def refused(path, error, sentence):
    with pytest.raises(error, match=sentence) as caught, open_raw(path):
        pass
    assert caught.value.path == path
    assert caught.value.message.endswith(".")


def test_what_is_no_file_is_named(tmp_path):
    refused(tmp_path / "no", FileUnreadable, "no such file")
    refused(tmp_path, FileUnreadable, "is a folder")
    (tmp_path / "empty").touch()
    refused(tmp_path / "empty", EmptyScan, "zero bytes")
    refused(tmp_path / ("x" * 300), FileUnreadable, "cannot be read")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="named pipes are a thing of POSIX")
def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    refused(tmp_path / "pipe", FileUnreadable, "pipe or device")


def test_links_that_go_round_or_nowhere_are_named(tmp_path):
    (tmp_path / "round").symlink_to(tmp_path / "round")
    (tmp_path / "nowhere").symlink_to(tmp_path / "gone")
    refused(tmp_path / "round", FileUnreadable, "cannot be read")
    refused(tmp_path / "nowhere", FileUnreadable, "no such file")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="the superuser may read everything")
def test_a_forbidden_file_is_named(tmp_path):
    path = tmp_path / "secret"
    path.write_bytes(b"abc")
    path.chmod(0)
    refused(path, FileUnreadable, "permission denied")


def test_failures_while_reading_are_named(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"abc")
    for error, sentence in (
        (OSError(5, "Input/output error"), "Input/output"),
        (PermissionError(13, "x"), "permission"),
    ):
        with pytest.raises(FileUnreadable, match=sentence), open_raw(path):
            raise error


def test_other_errors_pass(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"abc")
    with pytest.raises(ZeroDivisionError), open_raw(path):
        raise ZeroDivisionError
