"""Talking to a cluster while it is brought up: kubectl with the cluster's own kubeconfig."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Final

from cluster.errors import ClusterError
from cluster.paths import Home
from cluster.processes import wait_until

READY_TIMEOUT: Final = 90.0
LAST_LINES: Final = 12
ANSWER_TIMEOUT: Final = 120.0


def kubectl(home: Home, programs: Path, *arguments: str, stdin: str | None = None) -> str:
    """The output. Raises ClusterError with what kubectl said."""
    done = _run(home, programs, *arguments, stdin=stdin)
    if done.returncode:
        raise ClusterError(f"kubectl {' '.join(arguments)}: {done.stderr.strip()}")
    return done.stdout


def wait_ready(home: Home, programs: Path, alive: Callable[[], bool]) -> None:
    """Until the API server answers and the default service account is there. Raises ClusterError."""
    question = ("get", "serviceaccount", "default", "-n", "default")
    ready = wait_until(
        lambda: not alive() or _run(home, programs, *question).returncode == 0, READY_TIMEOUT, every=0.1
    )
    if not alive() or not ready:
        raise ClusterError(explain(home))


def explain(home: Home) -> str:
    """Which component is to blame, with its last words."""
    failed = home.folder / "failed"
    name = failed.read_text().strip() if failed.exists() else "kube-apiserver"
    log = home.logs / f"{name}.log"
    if not log.exists():  # nothing was started: the preparations failed
        name, log = "the supervisor", home.logs / "supervisor.log"
    last = log.read_text(errors="replace").splitlines()[-LAST_LINES:] if log.exists() else []
    return "\n".join([f"{name} did not come up; the end of {log}:", *(f"    {line[:300]}" for line in last)])


def _run(
    home: Home, programs: Path, *arguments: str, stdin: str | None = None
) -> subprocess.CompletedProcess[str]:
    command = [str(programs / "kubectl"), *arguments]
    try:
        return subprocess.run(
            command,
            input=stdin,
            text=True,
            capture_output=True,
            check=False,
            timeout=ANSWER_TIMEOUT,
            env=os.environ | {"KUBECONFIG": str(home.kubeconfig)},
        )
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(command, 1, "", f"no answer within {ANSWER_TIMEOUT:g} s")
