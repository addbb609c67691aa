"""The supervisor of one cluster: starts what a plan says, in order, and ends everything when it ends.

`python -m cluster.supervise PLAN.json`. In the shape `full` it is PID 1 of the cluster's own namespaces. When a
component dies, it writes `failed` beside the plan, with the component's name, and ends; or restarts it, as the
kubelet of a control plane does, where the plan says so.
"""

from __future__ import annotations

import json
import os
import signal
import ssl
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from cluster.processes import die_with_parent

MODULE: Final = "cluster.supervise"
GATE_TIMEOUT: Final = 90.0
STOP_TIMEOUT: Final = 5.0


@dataclass(frozen=True)
class Component:
    """One program; `after_api`: started only when the API server is ready."""

    name: str
    argv: list[str]
    after_api: bool = False
    env: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Plan:
    """What to run. `setup` commands come first, one after the other."""

    api: str
    ca: str
    logs: str
    components: list[Component]
    setup: list[list[str]] = field(default_factory=list)
    restarts: bool = False
    """Whether a component that dies is restarted: for tests that kill components."""

    def write(self, path: Path) -> None:
        """As JSON."""
        path.write_text(json.dumps(asdict(self), indent=1))

    @classmethod
    def read(cls, path: Path) -> Plan:
        """The inverse of `write`."""
        raw: dict[str, Any] = json.loads(path.read_text())
        raw["components"] = [Component(**component) for component in raw["components"]]
        return cls(**raw)


class Supervisor:
    """Runs one plan."""

    def __init__(self, plan: Plan, failed: Path) -> None:
        self._plan = plan
        self._failed = failed
        self._children: dict[str, subprocess.Popen[bytes]] = {}
        self._stop = threading.Event()

    def run(self) -> int:
        """Until SIGTERM (0) or until a component dies (1)."""
        for sign in (signal.SIGTERM, signal.SIGINT):
            signal.signal(sign, lambda *_: self._stop.set())
        for command in self._plan.setup:
            subprocess.run(command, check=True)
        try:
            self._start(after_api=False)
            if self._api_ready():
                self._start(after_api=True)
            return self._watch()
        finally:
            self._end()

    def _start(self, *, after_api: bool) -> None:
        for component in self._plan.components:
            if component.after_api == after_api:
                self._spawn(component)

    def _spawn(self, component: Component) -> None:
        log = Path(self._plan.logs, f"{component.name}.log").open("ab")  # noqa: SIM115 - the child keeps it
        self._children[component.name] = subprocess.Popen(
            component.argv,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=os.environ | component.env,
            preexec_fn=die_with_parent,  # noqa: PLW1509 - no threads here
        )
        log.close()

    def _api_ready(self) -> bool:
        context = ssl.create_default_context(cafile=self._plan.ca)
        deadline = time.monotonic() + GATE_TIMEOUT
        while time.monotonic() < deadline and not self._stop.is_set() and not self._dead():
            try:
                with urllib.request.urlopen(f"{self._plan.api}/readyz", context=context, timeout=2):  # noqa: S310
                    return True
            except (urllib.error.URLError, OSError):
                self._stop.wait(0.05)
        return False

    def _watch(self) -> int:
        while not self._stop.wait(0.1 if self._plan.restarts else 0.5):
            _reap_orphans(self._children.values())
            dead = self._dead()
            if dead and self._plan.restarts:
                self._spawn(next(one for one in self._plan.components if one.name == dead))
            elif dead:
                self._failed.write_text(dead)
                return 1
        return 0

    def _dead(self) -> str | None:
        return next((name for name, child in self._children.items() if child.poll() is not None), None)

    def _end(self) -> None:
        """Newest first, so that nobody misses what it depends on."""
        for child in reversed(self._children.values()):
            child.terminate()
        deadline = time.monotonic() + STOP_TIMEOUT
        for child in self._children.values():
            try:
                child.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()


def _reap_orphans(children: Any) -> None:
    """PID 1 inherits the orphans of its namespace (container shims): zombies must not pile up."""
    if os.getpid() != 1:
        return
    mine = {child.pid for child in children}
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal() and int(entry.name) not in mine:
            _reap(int(entry.name))


def _reap(pid: int) -> None:
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return  # not a child of ours


def main() -> None:
    """See the module's docstring."""
    path = Path(sys.argv[1])
    sys.exit(Supervisor(Plan.read(path), path.with_name("failed")).run())


if __name__ == "__main__":
    main()
