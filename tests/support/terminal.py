"""`runctl` as a person has it: the real program, in a pipe or on a real pseudo-terminal."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
import time

from tests.support.harness import REPOSITORY, Person

RUNCTL = (sys.executable, "-m", "run_operator.client.cli")
INTERRUPTIBLE = [
    sys.executable,
    "-c",
    "import os, signal, sys; signal.signal(signal.SIGINT, signal.SIG_DFL); os.execv(sys.argv[1], sys.argv[1:])",
]
"""Before a command: SIGINT has its effect also where the tests run in the background, and so ignore it."""


class Terminal:
    """`runctl` with the test's kubeconfig and namespace."""

    def __init__(self, person: Person) -> None:
        self._person = person

    def environment(self, **more: str) -> dict[str, str]:
        paths = f"{REPOSITORY / 'operator'}"
        return {**os.environ, "KUBECONFIG": str(self._person.kubeconfig), "PYTHONPATH": paths, **more}

    def run(self, verb: str, *arguments: object, stdin: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*RUNCTL, verb, *map(str, arguments), "-n", self._person.namespace],
            env=self.environment(), input=stdin, capture_output=True, text=True, check=False, timeout=90,
        )  # fmt: skip

    def says(self, *arguments: object) -> str:
        done = self.run(*arguments)  # type: ignore[arg-type]
        assert done.returncode == 0, done.stderr
        return done.stdout

    def on_a_terminal(self, *arguments: str, **environment: str) -> str:
        """Everything a person sees of it, until it ends."""
        return self.shows(*RUNCTL, *arguments, "-n", self._person.namespace, **environment)

    def shows(self, *command: str, **environment: str) -> str:
        """What a terminal shows of any command, until it ends."""
        pid, screen = pty.fork()
        if pid == 0:  # pragma: no cover - the child
            env = self.environment(**({"TERM": "xterm", "COLUMNS": "100"} | environment))
            os.execvpe(command[0], command, env)  # noqa: S606
        seen = b""
        until = time.monotonic() + 60
        while time.monotonic() < until and select.select([screen], [], [], 1)[0] is not None:
            try:
                chunk = os.read(screen, 4096) if select.select([screen], [], [], 0.2)[0] else None
            except OSError:
                break
            seen += chunk or b""
        os.close(screen)
        os.waitpid(pid, 0)
        return seen.decode()
