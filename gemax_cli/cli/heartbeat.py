"""A line on the progress of a job every half a minute, where there is no terminal for a bar."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

SECONDS = 30.0  # between two lines


class Heartbeat:
    """Say count, rate and time left every ``SECONDS`` until it is stopped, also while nothing finishes."""

    def __init__(self, say: Callable[[str], None], total: int, things: str) -> None:
        self.done, self.total = 0, total
        self._say, self._things, self._started = say, things, time.monotonic()
        self._stop = threading.Event()
        threading.Thread(target=self._beat, daemon=True).start()

    def stop(self) -> None:
        """Say no more."""
        self._stop.set()

    def _beat(self) -> None:
        while not self._stop.wait(SECONDS):
            self._say(progress_text(self.done, self.total, time.monotonic() - self._started, self._things))


def progress_text(done: int, total: int, seconds: float, things: str) -> str:
    """The state of a job after some seconds, in one sentence."""
    count = f"{done} of {total} {things}"
    if not done:
        return f"{count} after {span_text(seconds)}."
    return f"{count}, {done / seconds:.1f} {things}/s, {span_text(seconds * (total - done) / done)} left."


def span_text(seconds: float) -> str:
    """A length of time in words: seconds up to a minute and a half, then minutes, then hours."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
