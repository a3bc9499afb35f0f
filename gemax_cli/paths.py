"""Paths from callers. A string is one path, never a sequence of characters."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from gemax_cli.errors import SettingsError

AnyPath = str | os.PathLike[str]
"""One path, as a string or path object."""
AnyPaths = AnyPath | Iterable[AnyPath]
"""One path, or several."""


def as_path(path: AnyPath) -> Path:
    """Return the path as ``Path``.

    Raises:
        SettingsError: it is empty, or no path at all.
    """
    if not isinstance(path, str | os.PathLike) or not os.fspath(path):
        raise SettingsError(f"{path!r} is no path: give a file or a folder.")
    return Path(path)


def as_paths(paths: AnyPaths) -> list[Path]:
    """Return the paths as a list; a string is one path.

    Raises:
        SettingsError: one of them is empty, or no path at all.
    """
    if isinstance(paths, str | os.PathLike):
        return [as_path(paths)]
    if not isinstance(paths, Iterable) or isinstance(paths, bytes):
        raise SettingsError(f"{paths!r} is no path: give a file, a folder, or a list of them.")
    return [as_path(path) for path in paths]
