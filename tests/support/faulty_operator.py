"""`python -m tests.support.faulty_operator FOLDER`: the operator on a machine whose clock and whose DNS a test has in hand.

The folder holds `clock`, the seconds by which the clock is ahead, and, while names cannot be looked up,
`dns-gone`. The name `api.test` is the loopback.
"""

from __future__ import annotations

import socket
import sys
import time
from pathlib import Path
from typing import Any, Final

from run_operator.__main__ import main

NAME: Final = "api.test"
LOOK: Final = 0.1

_time, _getaddrinfo = time.time, socket.getaddrinfo


class Machine:
    """What the process sees of time and names."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._ahead = 0.0
        self._looked = float("-inf")

    def time(self) -> float:
        """Seconds since the epoch."""
        if time.monotonic() - self._looked > LOOK:
            self._looked = time.monotonic()
            found = self._folder / "clock"
            self._ahead = float(found.read_text()) if found.exists() else 0.0
        return _time() + self._ahead

    def getaddrinfo(self, host: Any, *rest: Any, **more: Any) -> Any:
        """As the resolver of the system."""
        if host == NAME:
            if (self._folder / "dns-gone").exists():
                raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
            host = "127.0.0.1"
        return _getaddrinfo(host, *rest, **more)


if __name__ == "__main__":
    machine = Machine(Path(sys.argv.pop(1)))
    time.time = machine.time
    socket.getaddrinfo = machine.getaddrinfo
    main()
