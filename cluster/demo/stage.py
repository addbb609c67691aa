"""What the demo plays on: kubectl in one namespace, and lines for the person who watches."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from cluster.errors import ClusterError

NAMESPACE: Final = "run-demo"
TIMEOUT: Final = 90.0
"""Seconds a Run may take to come to the state that is waited for."""
FINAL: Final = ("COMPLETED", "ERROR")
LOOK: Final = 0.2


def say(line: str = "") -> None:
    """To the person, at once."""
    print(line, flush=True)


class Stage:
    """kubectl with one kubeconfig."""

    def __init__(self, kubeconfig: Path, kubectl: str) -> None:
        self.kubeconfig = kubeconfig
        self._kubectl = kubectl
        self._environment = os.environ | {"KUBECONFIG": str(kubeconfig)}

    def run(self, *arguments: str, stdin: str | None = None, namespace: str = NAMESPACE) -> str:
        """What kubectl prints; an empty namespace leaves it to the objects. Raises ClusterError with its complaint."""
        place = ["-n", namespace] if namespace else []
        done = subprocess.run(
            [self._kubectl, *place, *arguments],
            env=self._environment,
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        if done.returncode:
            raise ClusterError(f"kubectl {' '.join(arguments)}: {done.stderr.strip()}")
        return done.stdout

    def show(self, *arguments: str) -> None:
        """The command as a person would type it, and what it prints."""
        say(f"\n$ kubectl -n {NAMESPACE} {' '.join(map(_quoted, arguments))}")
        said = self.run(*arguments).rstrip()
        if said:
            say(said)

    def clear(self, run: str) -> None:
        """Remove the Run of an earlier demo, with all it owns."""
        self.run("delete", "run", run, "--ignore-not-found", "--wait=true")
        selector = f"--selector=run-operator.io/run={run}"
        self.run("wait", "--for=delete", "jobs,deployments,pods,services,pvc", selector, "--timeout=60s")

    def start(self, *arguments: str, filtered: str = "") -> subprocess.Popen[str]:
        """kubectl in the background; its output is ours to read, or goes through a `filtered` shell pipe to the person."""
        if filtered:
            command = ["sh", "-c", f'"$0" "$@" | {filtered}', self._kubectl, "-n", NAMESPACE, *arguments]
            return subprocess.Popen(command, env=self._environment, text=True)
        command = [self._kubectl, "-n", NAMESPACE, *arguments]
        return subprocess.Popen(command, env=self._environment, stdout=subprocess.PIPE, text=True)

    def until(self, what: str, question: Callable[[], str]) -> str:
        """The first answer that is not empty. Raises ClusterError when none comes in time."""
        deadline = time.monotonic() + TIMEOUT
        while time.monotonic() < deadline:
            if answer := question():
                return answer
            time.sleep(LOOK)
        raise ClusterError(f"{what}: not within {TIMEOUT:g} s")

    def follow(self, run: str, until: str, *, logs: bool = False) -> None:
        """Show states, and log lines as they come, until the state is reached. Raises ClusterError for another end."""
        began, shown, output = time.monotonic(), "", None
        watch = self.start("get", "run", run, "--watch", f"-o=go-template={_LINE}")
        state = ""
        try:
            for line in watch.stdout or ():
                state, pod, message = line.rstrip("\n").split("|", 2)
                if f"{state}{message}" != shown:
                    shown = f"{state}{message}"
                    say(f"  {time.monotonic() - began:5.1f} s  {state:<10} {message}")
                if logs and output is None and pod and state in ("RUNNING", *FINAL):
                    output = self.start("logs", "-f", pod, filtered="sed 's/^/           | /'")
                if state in (until, *FINAL) or time.monotonic() - began > TIMEOUT:
                    break
        finally:
            watch.kill()
            watch.wait()
            if output:
                output.wait(timeout=10)
        if state != until:
            raise ClusterError(f"run {run} is {state or 'nowhere'} and not {until}; see the operator's log")


def converted(export: Path) -> str:
    """What runctl makes of an export."""
    command = [sys.executable, "-m", "run_operator.client.cli", "manifest", str(export), "-n", NAMESPACE]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def _quoted(argument: str) -> str:
    return f"'{argument}'" if any(c in argument for c in "{}[]* ") else argument


_LINE: Final = (
    "{{.status.state}}|{{with .status.pods}}{{(index . 0).name}}{{end}}|{{with .status.message}}{{.}}{{end}}"
    '{{"\\n"}}'  # no tabs: kubectl aligns them
)
