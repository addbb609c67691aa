"""Processes are known by number and start time, never by name: a number alone may have been given away again."""

from __future__ import annotations

import ctypes
import os
import signal
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

PR_SET_PDEATHSIG: Final = 1
_START_TIME: Final = 19
"""Field of /proc/PID/stat after the command, counted from 0: start time in clock ticks since boot."""


@dataclass(frozen=True)
class Process:
    """One process that was started by us."""

    pid: int
    started: int
    boot: str = ""
    """Which boot of the machine; numbers and times restart with each. Empty: unknown."""

    @classmethod
    def of(cls, pid: int) -> Process:
        """Raises ProcessLookupError when there is none."""
        started = _started(pid)
        if started is None:
            raise ProcessLookupError(pid)
        return cls(pid, started, _boot())

    @classmethod
    def from_json(cls, raw: dict[str, Any]) -> Process:
        """The inverse of `to_json`."""
        return cls(int(raw["pid"]), int(raw["started"]), str(raw.get("boot", "")))

    def to_json(self) -> dict[str, Any]:
        """For a state file."""
        return asdict(self)

    @property
    def alive(self) -> bool:
        """Whether this very process still runs (a zombie does not)."""
        return self.boot in ("", _boot()) and _started(self.pid) == self.started

    def stop(self, grace: float) -> None:
        """SIGTERM, and after `grace` seconds SIGKILL; returns when it has ended."""
        for sign, seconds in ((signal.SIGTERM, grace), (signal.SIGKILL, 10.0)):
            if not self.alive:
                return
            os.kill(self.pid, sign)
            if wait_until(lambda: not self.alive, seconds):
                return


def with_arguments(*arguments: str) -> list[Process]:
    """Processes whose command line holds these arguments, one after the other; those started last come first."""
    wanted = b"\0" + b"\0".join(argument.encode() for argument in arguments) + b"\0"
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal() and wanted in _command_line(entry):
            with suppress(ProcessLookupError):  # it has just ended
                found.append(Process.of(int(entry.name)))
    return sorted(found, key=lambda process: (process.started, process.pid), reverse=True)


def _command_line(entry: Path) -> bytes:
    try:
        return (entry / "cmdline").read_bytes()
    except OSError:
        return b""


def wait_until(true: Any, seconds: float, every: float = 0.05) -> bool:
    """Wait until `true()` holds; False when it does not in time."""
    deadline = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline:
            return False
        time.sleep(every)
    return True


def die_with_parent() -> None:
    """For `preexec_fn`: this process gets SIGKILL when the thread that started it ends."""
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def _boot() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def _started(pid: int) -> int | None:
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    fields = text.rpartition(")")[2].split()
    return None if fields[0] in ("Z", "X") else int(fields[_START_TIME])
