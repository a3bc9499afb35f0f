"""A fault at the n-th call to the file system, as SQLite's tests have it: kill, full disk, interruption.

Each run happens in a forked child, because an audit hook cannot be removed again.
"""

from __future__ import annotations

import errno
import os
import signal
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
KILLED, UNTOUCHED = -signal.SIGKILL, 99
"""Exit codes of a child: killed by its fault; ended before the turn of its fault came."""


@dataclass
class Fault:
    """Something that befalls call number ``turn`` (from 0) that changes a file below ``folder``.

    Attributes:
        act: what happens; gets the name of the audit event.
        lasting: it happens at all later calls, too.
    """

    folder: Path
    act: Callable[[str], None]
    turn: int
    lasting: bool = False
    seen: int = field(default=-1, init=False)

    def hook(self, event: str, arguments: tuple[object, ...]) -> None:
        """The audit hook."""
        if not changes(event, arguments) or not self._below(arguments):
            return
        self.seen += 1
        if self.seen == self.turn or (self.lasting and self.seen > self.turn):
            self.act(event)

    def _below(self, arguments: tuple[object, ...]) -> bool:
        place = str(self.folder)
        return any(isinstance(a, str | os.PathLike) and os.fspath(a).startswith(place) for a in arguments)


def changes(event: str, arguments: tuple[object, ...]) -> bool:
    """Whether an audit event is about to change a file or folder."""
    if event == "open":
        return isinstance(arguments[2], int) and bool(arguments[2] & WRITING)
    return event in ("os.rename", "os.remove", "os.mkdir", "os.truncate")


def kill(event: str) -> None:
    """kill -9 of this process."""
    os.kill(os.getpid(), signal.SIGKILL)


def disk_full(event: str) -> None:
    """ENOSPC wherever space is needed."""
    if event != "os.remove":
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def read_only(event: str) -> None:
    """EROFS: the file system was remounted, as after an error of the disk."""
    raise OSError(errno.EROFS, os.strerror(errno.EROFS))


def interrupt(event: str) -> None:
    """Ctrl-C."""
    raise KeyboardInterrupt


def run_with(fault: Fault, do: Callable[[], int]) -> int:
    """Exit code of ``do`` in a child that ``fault`` befalls; UNTOUCHED, or negative where a signal ended it."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            sys.addaudithook(fault.hook)
            code = do()
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(UNTOUCHED if fault.seen < fault.turn else code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


class Disk:
    """What of a folder is on the disk for certain: what was synced. The rest is lost when the power goes.

    The worst of three kinds is modelled (LOSSES): "names" of files that were not synced are lost; only their "content"
    is, so that they have no bytes (ext4 with delayed allocation); "images" are, but what was appended to a record file
    came through by chance.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.content: dict[int, bytes] = {}  # by inode
        self.named: dict[str, int] = {}  # inode by path relative to the folder

    def install(self) -> None:
        """Replace the calls that sync, in this process."""
        os.sync, os.fsync = self.sync, self.fsync

    def _files(self) -> dict[str, int]:
        paths = (path for path in self.folder.rglob("*") if path.is_file())
        return {path.relative_to(self.folder).as_posix(): path.stat().st_ino for path in paths}

    def sync(self) -> None:
        """os.sync"""
        self.named = self._files()
        self.content = {inode: (self.folder / name).read_bytes() for name, inode in self.named.items()}

    def fsync(self, number: int) -> None:
        """os.fsync of a file: its content; of a folder: the names in it."""
        place = Path(f"/proc/self/fd/{number}").readlink()
        if place.is_file():
            self.content[place.stat().st_ino] = place.read_bytes()
        elif self.folder in (place, *place.parents):
            inside = place.relative_to(self.folder).as_posix()
            self.named = {n: inode for n, inode in self.named.items() if Path(n).parent.as_posix() != inside}
            self.named |= {n: inode for n, inode in self._files().items() if Path(n).parent.as_posix() == inside}

    def after_power_cut(self, lost: str) -> dict[str, bytes]:
        """What the next start finds."""
        named = self.named if lost == "names" else self._files()
        left = {name: self.content.get(inode, b"") for name, inode in named.items()}
        lucky = [name for name in named if lost == "images" and name.endswith(".jsonl")]
        return left | {name: (self.folder / name).read_bytes() for name in lucky}


LOSSES = ("names", "content", "images")


def power_cut(disk: Disk, lost: str) -> Callable[[str], None]:
    """Leave in the folder what its disk holds for certain, and end the process."""

    def act(event: str) -> None:
        left = disk.after_power_cut(lost)
        sys.addaudithook(lambda *_: None)
        for path in disk.folder.rglob("*"):
            if path.is_file():
                name = path.relative_to(disk.folder).as_posix()
                path.write_bytes(left[name]) if name in left else path.unlink()
        os.kill(os.getpid(), signal.SIGKILL)

    return act
