"""Tracebacks of the user's code, without the frames of the runner."""

from __future__ import annotations

import os
import sys
import traceback
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import TracebackType

HIDDEN = (os.path.dirname(os.path.abspath(__file__)), "<frozen importlib", os.path.dirname(os.path.abspath(traceback.__file__)) + "/importlib/")  # fmt: skip
"""Where the frames are that a person did not write: this folder, and how Python imports."""


def show(error: BaseException) -> None:
    """Print the traceback as Python would, from the first frame that is the user's."""
    sys.stdout.flush()
    traceback.print_exception(type(error), error, _users(error.__traceback__))
    sys.stderr.flush()


def _users(trace: TracebackType | None) -> TracebackType | None:
    while trace is not None and trace.tb_frame.f_code.co_filename.startswith(HIDDEN):
        trace = trace.tb_next
    return trace
