"""Telling a person what is going on: every step with its time, long ones with a live line or a line now and then."""

from __future__ import annotations

import os
import shutil
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final, TextIO

LIVE_EVERY: Final = 1.0
"""Seconds between two looks of the live line: it moves also while a long link or download says nothing."""
PLAIN_EVERY: Final = 15.0
"""Seconds between two lines about the same long step where there is no terminal."""
BAR: Final = 24
CLEAR: Final = "\r\x1b[2K"


@dataclass
class Step:
    """One thing under way."""

    title: str
    out: TextIO
    began: float = field(default_factory=time.monotonic)
    _detail: str = ""
    _said: float = field(default_factory=time.monotonic)
    _turn: threading.Lock = field(default_factory=threading.Lock)

    def update(self, detail: str, share: float | None = None) -> None:
        """Say how far it is; `share` (0 to 1) draws a bar."""
        self._detail = f": {_bar(share)}{detail}"
        self.show()

    def show(self) -> None:
        """As it is now."""
        with self._turn:
            now = time.monotonic()
            line = f"  {self.title}{self._detail or ' ...'}  {now - self.began:.0f} s"
            if _live(self.out):
                width = shutil.get_terminal_size().columns - 1  # a line that wraps could not be cleared
                self.out.write(f"{CLEAR}{line[:width]}")
                self.out.flush()
            elif now - self._said > PLAIN_EVERY:
                self._said = now
                self.out.write(line + "\n")
                self.out.flush()


@contextmanager
def step(title: str, out: TextIO | None = None, every: float = LIVE_EVERY) -> Iterator[Step]:
    """A step with its time; the mark at the end says whether it went well."""
    stream = out or sys.stderr
    current = Step(title, stream)
    stream.write(f"  {title} ..." if _live(stream) else f"  {title} ...\n")
    stream.flush()
    over = threading.Event()
    clock = threading.Thread(target=_tick, args=(current, over, every), daemon=True)
    clock.start()
    mark = "failed after"
    try:
        yield current
        mark = "done in"
    finally:
        over.set()
        clock.join()
        clear = CLEAR if _live(stream) else ""
        stream.write(f"{clear}  {title}: {mark} {time.monotonic() - current.began:.1f} s\n")
        stream.flush()


def _tick(current: Step, over: threading.Event, every: float) -> None:
    while not over.wait(every):
        current.show()


def _live(out: TextIO) -> bool:
    """Whether a line can be written over: a terminal that knows how."""
    return out.isatty() and os.environ.get("TERM", "dumb") != "dumb"


def _bar(share: float | None) -> str:
    if share is None:
        return ""
    filled = round(BAR * min(1.0, max(0.0, share)))
    return f"[{'#' * filled}{'.' * (BAR - filled)}] {share:4.0%}  "
