"""Lines for the log at the end of a function, whatever it did to its streams: tracebacks of its code, words of the runner."""

from __future__ import annotations

import contextlib
import os
import sys
import traceback
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import TracebackType

STDOUT, STDERR = 1, 2
HIDDEN = (os.path.dirname(os.path.abspath(__file__)), "<frozen importlib", os.path.dirname(os.path.abspath(traceback.__file__)) + "/importlib/")  # fmt: skip
"""Where the frames are that a person did not write: this folder, and how Python imports."""


def show(error: BaseException) -> None:
    """Print the traceback as Python would, from the first frame that is the user's."""
    try:
        lines = traceback.format_exception(type(error), error, _users(error.__traceback__))
    except Exception:  # noqa: BLE001 - the function has changed the library, or the error cannot be shown
        return
    say("".join(lines))


def say(text: str, where: int = STDERR) -> None:
    """Write the text where the log is, after what the function printed. A function may have closed, replaced or removed its streams."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):
            stream.flush()
    left = text.encode(errors="backslashreplace")
    with contextlib.suppress(OSError):
        while left:
            left = left[os.write(where, left) :]


def _users(trace: TracebackType | None) -> TracebackType | None:
    while trace is not None and trace.tb_frame.f_code.co_filename.startswith(HIDDEN):
        trace = trace.tb_next
    return trace
