"""The output of `runctl wait`: a line for each change, and on a terminal a status line below them."""

from __future__ import annotations

import contextlib
import shutil
import sys
import threading
import time
from collections.abc import Mapping
from typing import Any, Final, Self

from run_operator.api.raw import mapping, text
from run_operator.client.cli import output as shown
from run_operator.client.errors import ForbiddenError
from run_operator.client.log_reader import LogLine
from run_operator.client.terminal_text import short, visible
from run_operator.client.wait import no_lines

TICK: Final = 1.0


class Live:
    """An observer of `waiting.wait`. States go to standard error, the program's lines to standard output."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._tty = shown.clever(sys.stderr)
        self._colours = shown.coloured(sys.stderr)
        self._began = time.monotonic()
        self._said = self._live = ""
        self._raw: Mapping[str, Any] = {}
        self._lock = threading.RLock()
        self._over = threading.Event()
        self._ticker = threading.Thread(target=self._tick, name="live", daemon=True)

    def __enter__(self) -> Self:
        if self._tty:
            self._ticker.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        with self._lock:
            self._erase()

    def changed(self, raw: Mapping[str, Any]) -> None:
        """A line whenever state or message are other ones."""
        status = mapping(raw.get("status"))
        state, message = text(status.get("state")) or "CREATED", visible(text(status.get("message")))
        with self._lock:
            self._raw = raw
            if f"{state}{message}" != self._said:
                self._said = f"{state}{message}"
                named = shown.state(state) if self._colours else state
                self._print(f"run {self._name}: {named}" + (f": {message}" if message else ""), sys.stderr)
            self._draw()

    def line(self, line: LogLine) -> None:
        """As the program wrote it."""
        with self._lock:
            self._print(line.text, sys.stdout)
            self._draw()

    def denied(self, error: ForbiddenError) -> None:
        """Why there are no lines."""
        with self._lock:
            self._print(no_lines(self._name, error), sys.stderr)
            self._draw()

    def note(self, said: str) -> None:
        """Print a note about lines that are not shown."""
        with self._lock:
            self._print(visible(said), sys.stderr)
            self._draw()

    def _print(self, said: str, stream: Any) -> None:
        self._erase()
        stream.write(said + "\n")
        stream.flush()

    def _erase(self) -> None:
        if self._live:
            sys.stderr.write(shown.CLEAR)
            sys.stderr.flush()
            self._live = ""

    def _draw(self) -> None:
        if not self._tty or self._over.is_set():
            return
        width = shutil.get_terminal_size().columns - 1
        status = mapping(self._raw.get("status"))
        elapsed = int(time.monotonic() - self._began)
        said = f"{status.get('state', '...')}  {elapsed // 60}:{elapsed % 60:02}  {last_metrics(status)}"
        self._live = visible(said)[:width].rstrip()
        sys.stderr.write(shown.CLEAR + self._live)
        sys.stderr.flush()

    def _tick(self) -> None:
        while not self._over.wait(TICK):
            with self._lock, contextlib.suppress(OSError):
                self._draw()


def last_metrics(status: Mapping[str, Any], most: int = 4) -> str:
    """`loss 0.12  acc 0.93`: the last value of each of the first metrics by name."""
    found = []
    for name, value in sorted(mapping(status.get("metrics")).items())[:most]:
        last = value[-1] if isinstance(value, list) and value else value
        found.append(f"{name} {short(last)}" if isinstance(last, int | float) else f"{name} -")
    return "  ".join(found)
