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
