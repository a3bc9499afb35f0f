"""A string is one path wherever paths are taken."""

from pathlib import Path, PurePosixPath

import pytest

from gemax_cli.errors import SettingsError
from gemax_cli.paths import as_path, as_paths


@pytest.mark.parametrize("given", ["raw/", Path("raw"), PurePosixPath("raw"), ["raw/"], (Path("raw"),), iter(["raw"])])
def test_one_path_in_any_form(given):
    assert as_paths(given) == [Path("raw")]


def test_several_paths_in_their_order():
    assert as_paths(["b", Path("a"), "b"]) == [Path("b"), Path("a"), Path("b")]
    assert as_paths([]) == []


@pytest.mark.parametrize("given", ["", b"raw", 5, None, [""], ["a", b"b"], [None]])
def test_what_is_no_path_is_named(given):
    with pytest.raises(SettingsError, match="is no path: give a file"):
        as_paths(given)


def test_a_folder_is_one_path():
    assert as_path("out") == Path("out")
    with pytest.raises(SettingsError, match="is no path"):
        as_path(["out"])
