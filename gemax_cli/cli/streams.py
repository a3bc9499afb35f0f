"""Standard streams that were closed, whose reader is gone, or whose disk is full."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable
from typing import TypeVar

from gemax_cli.errors import OutputUnwritable

Result = TypeVar("Result")


class Stream(io.TextIOWrapper):
    """A standard stream that drops what can no longer be read.

    Once its reader has closed the pipe, the rest goes nowhere: a run goes on, and its exit code stays.
    """

    def __init__(self, number: int, *, results: bool) -> None:
        """Write to a file descriptor; ``results`` must arrive, messages need not."""
        self._number, self._results = number, results
        file = open(number, "wb", closefd=False)  # noqa: SIM115 - a descriptor, open as long as the process is
        encoding = getattr(sys.stdout if results else sys.stderr, "encoding", None)
        super().__init__(file, encoding, errors="backslashreplace", line_buffering=not results or file.isatty())

    def write(self, text: str, /) -> int:
        """Write, or drop what has no reader.

        Raises:
            OutputUnwritable: results cannot be written, because the disk is full, say.
        """
        return self._tried(lambda: super(Stream, self).write(text), len(text))

    def flush(self) -> None:
        """Flush, or drop what has no reader; raises as ``write``."""
        self._tried(super().flush, None)

    def _tried(self, do: Callable[[], Result], otherwise: Result) -> Result:
        try:
            return do()
        except OSError as error:
            self._drop()
            if self._results and not isinstance(error, BrokenPipeError):
                message = f"results cannot be written to standard output ({error.strerror}): send them elsewhere."
                raise OutputUnwritable(message) from error
            return otherwise

    def _drop(self) -> None:
        """Send the rest, and what is in the buffer, to nowhere."""
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self._number)
        os.close(nowhere)


def install() -> None:
    """Replace stdout and stderr of this process. A closed descriptor becomes the null device.

    Else the next file that is opened would get its number, and messages would be written into that file.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            lowest_free = os.open(os.devnull, os.O_RDWR)  # which is this number
            os.set_inheritable(lowest_free, True)
    sys.stdin = sys.stdin or open(0, closefd=False)  # noqa: SIM115 - as above
    sys.stdout, sys.stderr = Stream(1, results=True), Stream(2, results=False)
