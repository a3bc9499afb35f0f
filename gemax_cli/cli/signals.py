"""Ctrl-C and SIGTERM: both end what is in flight and leave what is done."""

from __future__ import annotations

import signal
import sys
import threading
from types import FrameType
from typing import NoReturn


class Terminated(KeyboardInterrupt):
    """SIGTERM: end as after Ctrl-C."""


_received: list[type[KeyboardInterrupt]] = []


def install() -> None:
    """Raise KeyboardInterrupt and Terminated from now on; Ctrl-C stays ignored where it is, as in background jobs."""
    signal.signal(signal.SIGTERM, _stop)
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, _stop)
    sys.unraisablehook = _say_what_was_lost
    threading.excepthook = _say_what_a_thread_met


def received() -> type[KeyboardInterrupt] | None:
    """What was raised first, if anything: a library may have swallowed it, or failed in another way because of it."""
    return _received[0] if _received else None


def raise_again() -> None:
    """Raise what was raised before and got lost."""
    if _received:
        raise _received[0]


def _say_what_was_lost(lost: sys.UnraisableHookArgs) -> None:
    """As Python does, but not of a signal that came in a finaliser, where nothing can be raised: see ``received``."""
    if not isinstance(lost.exc_value, KeyboardInterrupt):
        sys.__unraisablehook__(lost)


def _say_what_a_thread_met(met: threading.ExceptHookArgs) -> None:
    """As Python does, but not after a signal: joblib's own threads stumble when its pool is ended."""
    if not _received:
        threading.__excepthook__(met)


def _stop(number: int, _: FrameType | None) -> NoReturn:
    _received.append(Terminated if number == signal.SIGTERM else KeyboardInterrupt)
    raise _received[-1]
