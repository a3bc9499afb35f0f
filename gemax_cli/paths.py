"""One way to take paths from a caller: a string or path is one of them, never a sequence of characters."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from gemax_cli.errors import SettingsError

AnyPath = str | os.PathLike[str]
"""A path as callers give it."""
AnyPaths = AnyPath | Iterable[AnyPath]
"""One path, or several."""


def as_path(path: AnyPath) -> Path:
    """The path as ``Path``.

    Raises:
        SettingsError: it is empty, or no path at all.
    """
    if not isinstance(path, str | os.PathLike) or not os.fspath(path):
        raise SettingsError(f"{path!r} is no path: give a file or a folder.")
    return Path(path)


def as_paths(paths: AnyPaths) -> list[Path]:
    """The paths as a list; a bare string is one path.

    Raises:
        SettingsError: one of them is empty, or no path at all.
    """
    if isinstance(paths, str | os.PathLike):
        return [as_path(paths)]
    if not isinstance(paths, Iterable) or isinstance(paths, bytes):
        raise SettingsError(f"{paths!r} is no path: give a file, a folder, or a list of them.")
    return [as_path(path) for path in paths]
