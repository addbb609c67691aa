"""The S3 server of the launcher as a process of a test."""

from __future__ import annotations

import subprocess
import urllib.error
import urllib.request
from pathlib import Path

from cluster.s3 import Server, program
from tests.support.harness import free_port, wait_for


class S3Process:
    """A bucket and a user for each project."""

    def __init__(self, folder: Path) -> None:
        self._program = program()
        self._folder = folder
        self._port = port = free_port()
        self.server = Server(f"http://127.0.0.1:{port}")
        self._component = self.server.component(self._program, folder, f"127.0.0.1:{port}")
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """And wait until it answers."""
        with (self._folder / "s3.log").open("ab") as log:
            self._process = subprocess.Popen(
                self._component.argv, env=self._component.env, stdout=log, stderr=log
            )
        wait_for("the S3 server", self._answers)

    def add_project(self, project: str) -> dict[str, str]:
        """The SDK's variables for a new bucket of a new user."""
        return self.server.add_project(self._program, project)

    def stop(self) -> None:
        """And wait for its end."""
        assert self._process is not None
        self._process.terminate()
        self._process.wait(timeout=30)

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self._port}/healthz", timeout=2):
                return True
        except urllib.error.URLError:
            return False
