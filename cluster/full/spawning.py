"""Namespaces of its own for the cluster, and the process that is PID 1 in them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

from cluster.errors import ClusterError
from cluster.paths import SOURCE, Home
from cluster.prerequisites import search_path
from cluster.processes import Process, wait_until
from cluster.supervise import MODULE

START_TIMEOUT: Final = 10.0
NAMESPACES: Final = (
    "unshare", "--net", "--mount", "--pid", "--fork", "--mount-proc", "--kill-child", "--propagation", "slave",
)  # fmt: skip
"""Slave: where systemd shares all mounts, those made in here (a tmpfs over /run!) must not come to the host."""


def spawn(home: Home) -> subprocess.Popen[bytes]:
    """Begin; the answer is the process outside the namespaces."""
    command = [*NAMESPACES, sys.executable, "-m", MODULE, str(home.plan)]
    with (home.logs / "supervisor.log").open("ab") as log:
        return subprocess.Popen(
            command,
            cwd=SOURCE.parent,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            env=os.environ | {"PATH": search_path()},
        )


def outer_process(home: Home, outer: subprocess.Popen[bytes]) -> Process:
    """As it can be found again. Raises ClusterError when it has ended already."""
    try:
        return Process.of(outer.pid)
    except ProcessLookupError as error:
        raise _no_namespaces(home) from error


def inner_process(home: Home, outer: subprocess.Popen[bytes]) -> Process:
    """PID 1 of the cluster, as the host numbers it. Raises ClusterError when there is none."""
    children = Path(f"/proc/{outer.pid}/task/{outer.pid}/children")

    def found() -> bool:
        return outer.poll() is not None or bool(children.read_text().split())

    wait_until(found, START_TIMEOUT)
    if outer.poll() is not None:
        raise _no_namespaces(home)
    return Process.of(int(children.read_text().split()[0]))


def _no_namespaces(home: Home) -> ClusterError:
    last = (home.logs / "supervisor.log").read_text(errors="replace").strip()[-400:]
    return ClusterError(
        f"the namespaces could not be made (is this a container without CAP_SYS_ADMIN?): {last}"
    )
