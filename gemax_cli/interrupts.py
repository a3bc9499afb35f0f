"""Ctrl-C and SIGTERM while processes start."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import resource_tracker


@contextmanager
def signals_wait() -> Iterator[None]:
    """Delay Ctrl-C and SIGTERM while workers start: a signal then would leave processes behind.

    The workers inherit that Ctrl-C is blocked. A terminal sends Ctrl-C to all processes, but the parent must end the
    workers.
    """
    if not hasattr(signal, "pthread_sigmask") or threading.current_thread() is not threading.main_thread():
        yield
        return
    received: list[int] = []
    resource_tracker.ensure_running()  # starting it unblocks Ctrl-C
    heeded = [n for n in (signal.SIGINT, signal.SIGTERM) if signal.getsignal(n) not in (signal.SIG_IGN, None)]
    handlers = {number: signal.signal(number, lambda n, _: received.append(n)) for number in heeded}
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        for heard, handler in handlers.items():
            signal.signal(heard, handler)
        for number in received:
            signal.raise_signal(number)
