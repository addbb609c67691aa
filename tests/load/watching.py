"""Watch events as they come, told to a function by a thread."""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Callable
from typing import Any

from tests.harness import Person


class Watch:
    """`kubectl get KIND --watch` of a person's namespace."""

    def __init__(self, person: Person, kind: str, hear: Callable[[dict[str, Any]], None]) -> None:
        flags = ["get", kind, "--watch", "--output-watch-events", "-o", "json"]
        command = [person.program, "--kubeconfig", str(person.kubeconfig), "-n", person.namespace, *flags]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self._hear = hear
        self._thread = threading.Thread(target=self._read, name=f"watch-{kind}")
        self._thread.start()

    def stop(self) -> None:
        """End it."""
        self._process.terminate()
        self._process.wait()
        self._thread.join()

    def _read(self) -> None:
        """kubectl prints an event a line."""
        for line in self._process.stdout or ():
            self._hear(json.loads(line))
