"""Which files of the package a call goes through: how much somebody has to open who follows one decision."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import run_operator

PACKAGE = Path(run_operator.__file__).parent


def files_walked(call: Callable[[], object], *rooms: str) -> set[str]:
    """The files of these rooms in which a function ran during the call, as `room/file.py`. Properties count too."""
    folders = tuple(f"{PACKAGE / room}/" for room in rooms)
    found: set[str] = set()

    def entered(frame: FrameType, event: str, _: Any) -> None:
        name = frame.f_code.co_filename
        if event == "call" and name.startswith(folders):
            found.add(str(Path(name).relative_to(PACKAGE)))

    before = sys.getprofile()
    sys.setprofile(entered)
    try:
        call()
    finally:
        sys.setprofile(before)
    return found
