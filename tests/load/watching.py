"""Watch events as they come, passed to a function by a thread."""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Callable
from typing import Any, Self

from tests.support.harness import Person


class Watch:
    """`kubectl get KIND --watch` of a person's namespace, begun again when the API server ends it; a context manager.

    An API server that is busy closes the watches of those who are slow: kubectl then ends without a word. A new one
    begins with what there is.
    """

    def __init__(self, person: Person, kind: str, hear: Callable[[dict[str, Any]], None]) -> None:
        flags = ["get", kind, "--watch", "--output-watch-events", "-o", "json"]
        self._command = [
            person.program,
            "--kubeconfig",
            str(person.kubeconfig),
            "-n",
            person.namespace,
            *flags,
        ]
        self._hear = hear
        self._ending = False
        self._process = self._start()
        self._thread = threading.Thread(target=self._read, name=f"watch-{kind}")
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """End it."""
        self._ending = True
        while self._thread.is_alive():
            self._process.terminate()
            self._thread.join(0.1)

    def _start(self) -> subprocess.Popen[str]:
        return subprocess.Popen(self._command, stdout=subprocess.PIPE, text=True)

    def _read(self) -> None:
        """kubectl prints an event a line."""
        while True:
            with self._process as process:
                for line in process.stdout or ():
                    self._hear(json.loads(line))
            if self._ending:
                return
            self._process = self._start()
