"""Ctrl-C and SIGTERM: both wind up what is under way."""

from __future__ import annotations

import signal
import sys
from typing import NoReturn


class Interrupted(KeyboardInterrupt):
    """Ctrl-C. Of its own class: where KeyboardInterrupt itself leaves code that C runs, CPython ends by the signal."""


class Terminated(KeyboardInterrupt):
    """SIGTERM: wind up as after Ctrl-C."""


_received: list[type[KeyboardInterrupt]] = []
_handled: list[int] = []


def install() -> None:
    """Raise Interrupted and Terminated from now on; Ctrl-C stays ignored where it is, as for jobs in the background."""
    _handled[:] = [signal.SIGTERM]
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        _handled.append(signal.SIGINT)
    for number in _handled:
        signal.signal(number, _stop)
    sys.unraisablehook = _say_what_was_lost


def _say_what_was_lost(lost: sys.UnraisableHookArgs) -> None:
    """As Python does, but not of a signal that came where nothing can be raised: it is raised again (``received``)."""
    if not isinstance(lost.exc_value, Interrupted | Terminated):
        sys.__unraisablehook__(lost)


def ignore() -> None:
    """Ignore what was handled: all is done, and nothing is left to stop."""
    for number in _handled:
        signal.signal(number, signal.SIG_IGN)


def received() -> type[KeyboardInterrupt] | None:
    """What was raised first, if anything. A library may have swallowed it, and failed in another way or not at all."""
    return _received[0] if _received else None


def raise_again() -> None:
    """Raise what was raised before and got lost."""
    if _received:
        raise _received[0]


def _stop(number: int, frame: object) -> NoReturn:  # noqa: ARG001
    _received.append(Terminated if number == signal.SIGTERM else Interrupted)
    raise _received[-1]
