"""Ctrl-C and SIGTERM: both cancel the tasks in flight and keep the finished ones."""

from __future__ import annotations

import signal
import sys
import threading
from types import FrameType
from typing import NoReturn


class Terminated(KeyboardInterrupt):
    """Raised at SIGTERM; the run ends as after Ctrl-C."""


_received: list[type[KeyboardInterrupt]] = []


def install() -> None:
    """Raise KeyboardInterrupt and Terminated from now on. An ignored Ctrl-C stays ignored (background jobs)."""
    signal.signal(signal.SIGTERM, _stop)
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, _stop)
    sys.unraisablehook = _say_what_was_lost
    threading.excepthook = _say_what_a_thread_met


def received() -> type[KeyboardInterrupt] | None:
    """The first exception raised by a signal, if any. A library may have lost it or replaced it."""
    return _received[0] if _received else None


def raise_again() -> None:
    """Raise the first exception of a signal again, if there was one."""
    if _received:
        raise _received[0]


def _say_what_was_lost(lost: sys.UnraisableHookArgs) -> None:
    """Print as Python does, except for a signal in a finaliser, where no exception can leave: see ``received``."""
    if not isinstance(lost.exc_value, KeyboardInterrupt):
        sys.__unraisablehook__(lost)


def _say_what_a_thread_met(met: threading.ExceptHookArgs) -> None:
    """Print as Python does, but not after a signal: joblib's threads fail when its pool is ended."""
    if not _received:
        threading.__excepthook__(met)


def _stop(number: int, _: FrameType | None) -> NoReturn:
    _received.append(Terminated if number == signal.SIGTERM else KeyboardInterrupt)
    raise _received[-1]
