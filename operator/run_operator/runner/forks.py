"""Processes that a function forks end by SIGTERM as if there were no runner."""

from __future__ import annotations

import os
import signal
import threading
from typing import Any, Callable

Handler = Callable[..., Any]


def guard(handler: Handler) -> None:
    """`handler`: the runner's for SIGTERM. A child gets the default in its place, and no SIGTERM of its first moments is lost.

    Python drops the signals that a child gets before it has set itself up. So SIGTERM waits from before the fork until then.
    """
    masks: dict[int, Any] = {}  # by thread: what was blocked before

    def before() -> None:
        masks[threading.get_ident()] = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])

    def release() -> None:
        mask = masks.pop(threading.get_ident(), None)
        if mask is not None:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)

    def in_child() -> None:
        try:
            if signal.getsignal(signal.SIGTERM) == handler:
                signal.signal(signal.SIGTERM, signal.SIG_DFL)
        finally:
            release()

    os.register_at_fork(before=before, after_in_parent=release, after_in_child=in_child)
