"""Damage to a cluster of the launcher that was started with --restarts: what dies is started again."""

from __future__ import annotations

import base64
import json
import os
import shutil
import signal
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cluster.paths import Home
from cluster.state import State
from cluster.supervise import Plan
from tests.support.harness import Person, wait_for

ETCD, API_SERVER, CONTROLLERS = "etcd", "kube-apiserver", "kube-controller-manager"


class Damage:
    """Of one cluster; `person` asks whether it is well again."""

    def __init__(self, cluster: str, person: Person) -> None:
        home = Home(cluster)
        state = State.load(home)
        assert state is not None
        self._supervisor = state.supervisor.pid
        self._components = {one.name: one.argv for one in Plan.read(home.plan).components}
        self._data = home.folder / "etcd"
        self._person = person

    def api_server_away(self, seconds: float) -> None:
        """It is killed, and started again after so long."""
        with self._nothing_restarts():
            self._kill(API_SERVER)
            time.sleep(seconds)
        self.wait_until_well()

    def restart_etcd(self) -> None:
        """It is killed and started again, and forgets every version before now."""
        self._kill(ETCD)
        self.wait_until_well()
        now = self._etcd("kv/range", {"key": "AA=="})["header"]["revision"]
        self._etcd("kv/compaction", {"revision": now, "physical": True})

    def backup(self, folder: Path) -> Path:
        """What etcd holds now."""
        pid = self._pid(ETCD)
        os.kill(pid, signal.SIGSTOP)
        try:
            return Path(shutil.copytree(self._data, folder / "backup", dirs_exist_ok=True))
        finally:
            os.kill(pid, signal.SIGCONT)

    def restore(self, backup: Path) -> None:
        """As the administrators' handbook says: everything that remembers is stopped, and started again on the backup."""
        with self._nothing_restarts():
            for name in self._components:
                self._kill(name)
            shutil.rmtree(self._data)
            shutil.copytree(backup, self._data)
        self.wait_until_well()

    def store(self, objects: Mapping[str, Any]) -> None:
        """Put objects into etcd by their keys, as they are. The controllers are away meanwhile and find all of it at once."""
        with self._nothing_restarts():
            self._kill(CONTROLLERS)
            for key, one in objects.items():
                pair = {"key": _encoded(key), "value": _encoded(json.dumps(one))}
                self._etcd("kv/put", pair)
        self.wait_until_well()

    def command(self, name: str) -> list[str]:
        """How a component is started."""
        return list(self._components[name])

    @contextmanager
    def frozen(self, name: str) -> Iterator[None]:
        """A component does nothing meanwhile, and remembers all it knew."""
        pid = self._pid(name)
        os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(pid, signal.SIGCONT)

    def wait_until_well(self) -> None:
        """Until the API server is ready and the rest runs."""
        wait_for("all components", lambda: all(self._found(name) for name in self._components))
        wait_for("the API server ready", lambda: not self._ask("/readyz"))

    def _ask(self, path: str) -> int:
        return self._person.kubectl("get", "--raw", path, check=False).returncode

    @contextmanager
    def _nothing_restarts(self) -> Iterator[None]:
        os.kill(self._supervisor, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(self._supervisor, signal.SIGCONT)

    def _kill(self, name: str) -> None:
        pid = self._pid(name)
        os.kill(pid, signal.SIGKILL)
        wait_for(f"the end of {name}", lambda: self._found(name) != pid)

    def _pid(self, name: str) -> int:
        return int(wait_for(name, lambda: self._found(name)))

    def _found(self, name: str) -> int:
        """0: it does not run. A zombie has no command line."""
        wanted = "\0".join(self._components[name]).encode() + b"\0"
        tasks = Path(f"/proc/{self._supervisor}/task/{self._supervisor}/children").read_text().split()
        for pid in map(int, tasks):
            try:
                if Path(f"/proc/{pid}/cmdline").read_bytes() == wanted:
                    return pid
            except OSError:
                continue
        return 0

    def _etcd(self, what: str, body: Any) -> Any:
        url = next(
            flag.partition("=")[2]
            for flag in self._components[ETCD]
            if flag.startswith("--advertise-client-urls")
        )
        request = urllib.request.Request(f"{url}/v3/{what}", json.dumps(body).encode())  # noqa: S310 - our own etcd
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - as above
            return json.loads(answer.read())


def _encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode("ascii")
