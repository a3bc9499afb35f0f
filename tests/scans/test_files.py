from __future__ import annotations

import hashlib
import os

import numpy as np
import pytest

from gemax_cli.errors import EmptyScan, FileUnreadable
from gemax_cli.scans.files import fingerprint_of, open_scan, read_start


def test_a_file_is_opened_and_closed(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"abc")
    with open_scan(path) as file:
        assert file.read() == b"abc"
    assert file.closed


def test_the_start_and_the_size(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"abcdef")
    assert read_start(path, 3) == (b"abc", 6)
    assert read_start(path, 100) == (b"abcdef", 6)


@pytest.mark.parametrize("parts", [(), (b"",), (b"abc",), (b"a", b"", b"bc"), (b"ab", np.arange(5.0).data)])
def test_the_fingerprint_of_parts_is_that_of_the_whole(parts):
    whole = b"".join(bytes(part) for part in parts)
    assert fingerprint_of(*parts) == (len(whole), hashlib.sha256(whole).hexdigest())


def refused(path, error, sentence):
    with pytest.raises(error, match=sentence) as caught, open_scan(path):
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
        with pytest.raises(FileUnreadable, match=sentence), open_scan(path):
            raise error


def test_other_errors_pass(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"abc")
    with pytest.raises(ZeroDivisionError), open_scan(path):
        raise ZeroDivisionError
