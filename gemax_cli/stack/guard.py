"""The paths that gemax takes below an output folder, which may come from a stranger: no link, no pipe, no way out."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO

from gemax_cli.errors import OutputError, UnsafePath
from gemax_cli.stack.naming import OWN_FILE, is_image_name, is_scan_id

_KINDS = {
    stat.S_IFLNK: "a symbolic link",
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}
# no link is followed, and no pipe waits for its other end; Windows has neither flag
_FLAGS = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)


class NotRegular(OSError):
    """A link, folder, pipe, socket or device is where a regular file belongs."""


def kind_of(path: Path | str) -> str:
    """What a path is, for use in a sentence; "" for a regular file.

    Raises:
        OSError: there is nothing, or it cannot be reached.
    """
    return "" if stat.S_ISREG(mode := os.lstat(path).st_mode) else _KINDS.get(stat.S_IFMT(mode), "no file")


def open_regular(path: Path, mode: str = "rb") -> BinaryIO:
    """Open a regular file, unbuffered where it is written; a link is not followed.

    Raises:
        NotRegular: the path is something else.
        OSError: it cannot be opened.
    """
    buffering = -1 if mode == "rb" else 0
    return open(path, mode, buffering, opener=_open)  # type: ignore[return-value]


def _open(path: str, flags: int) -> int:
    try:
        _check(path, os.lstat(path).st_mode)  # before it is opened: devices act when they are
    except FileNotFoundError:
        if not flags & os.O_CREAT:
            raise
    file = os.open(path, flags | _FLAGS, 0o666)
    try:
        _check(path, os.fstat(file).st_mode)
    except OSError:
        os.close(file)
        raise
    return file


def _check(path: str, mode: int) -> None:
    if not stat.S_ISREG(mode):
        message = f"it is {_KINDS.get(stat.S_IFMT(mode), 'no file')}, not a file that gemax wrote"
        raise NotRegular(errno.EINVAL, message, path)


def read_regular(path: Path) -> bytes:
    """All bytes of a regular file.

    Raises:
        NotRegular: the path is something else.
        OSError: it cannot be read.
    """
    with open_regular(path) as file:
        return file.read()


def check_own_files(out: Path) -> None:
    """Check that the files directly in an output folder are regular files, as gemax makes them.

    Raises:
        OutputError: one is a link, pipe, folder or device; gemax would read or write what it leads to.
    """
    if not out.is_dir():
        return
    with os.scandir(out) as entries:
        own = sorted((e for e in entries if OWN_FILE.fullmatch(e.name)), key=lambda e: e.name)
    for entry in own:
        if not entry.is_file(follow_symlinks=False):
            message = f"is {kind_of(entry.path)}, not what gemax writes: remove it or give another output folder."
            raise OutputError(f"{entry.path}: {message}")


class Guard:
    """The one way from a path in a record, a table or a settings file to a path on the disk.

    Args:
        out: the output folder; it may itself be reached through links.
    """

    def __init__(self, out: Path) -> None:
        self.out = out
        self._sound: set[str] = set()  # folders that are no links, as first seen

    def path(self, file: str) -> Path:
        """The path of an image of the form ``<scan>/[dNNN/]<known name>.png``.

        Raises:
            UnsafePath: the path is of another form, or a folder on its way is a link or no folder.
        """
        place, _, name = file.rpartition("/")
        if not is_image_name(name):
            raise UnsafePath(self.out, f"names {file[:80]!r}, no image that gemax writes: it is left alone.")
        return self.folder(place) / name

    def folder(self, place: str) -> Path:
        """The folder of a scan or depth block; it need not be there.

        Raises:
            UnsafePath: it lies outside, or a folder on its way is a link or no folder.
        """
        if place not in self._sound:
            self._check_folder(place)
        return self.out / place

    def _check_folder(self, place: str) -> None:
        if not is_scan_id(place):
            raise UnsafePath(self.out, f"names the folder {place[:80]!r}, none that gemax makes.")
        parts = place.split("/")
        for end in range(1, len(parts) + 1):
            if not self._is_folder("/".join(parts[:end])):
                return
        self._sound.add(place)

    def _is_folder(self, place: str) -> bool:
        """Whether a folder is there; raises UnsafePath if something else is."""
        path = self.out / place
        try:
            mode = path.lstat().st_mode
        except FileNotFoundError:
            return False
        except OSError as error:
            raise UnsafePath(path, f"cannot be reached ({error.strerror}): check the output folder.") from error
        if not stat.S_ISDIR(mode):
            kind = _KINDS.get(stat.S_IFMT(mode), "a file")
            message = f"is {kind}, where gemax makes folders: remove it or give another output folder."
            raise UnsafePath(path, message)
        return True

    def has_file(self, file: str) -> bool:
        """Whether an image is there as a regular file, with no link on its way."""
        place, _, name = file.rpartition("/")
        try:
            if place not in self._sound:
                self._check_folder(place)
            return is_image_name(name) and not kind_of(f"{self.out}/{file}")  # no Path: for thousands of files
        except (UnsafePath, OSError):
            return False
