"""The platform engineer's day. Fake nodes run no programs: a process here is the operator of the Deployment, with its account."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from tests.support.harness import (
    REPOSITORY,
    OperatorProcess,
    Person,
    account_of,
    cluster_down,
    cluster_name,
    cluster_up,
)
from tests.support.walkthrough import follow

NAME: Final = cluster_name("day")
NAMESPACE: Final = "ml-system"
DAY: Final = REPOSITORY / "docs" / "days" / "platform-engineer.md"
OURS: Final = "RUN_OPERATOR_"
PARTS: Final = ("crds", "manifests")
LOOK: Final = 0.3
"""Seconds between two looks at the Deployment."""


class Kubelet(threading.Thread):
    """Runs the operator while its Deployment is there, with the settings that the Deployment gives it."""

    def __init__(self, admin: Person, folder: Path) -> None:
        super().__init__(name="kubelet", daemon=True)
        self._admin = Person(admin.kubeconfig, NAMESPACE)
        self._folder = folder
        self._operator: OperatorProcess | None = None
        self._of = ""
        self._enough = threading.Event()
        self.served: set[str] = set()

    def run(self) -> None:
        """Until `end`."""
        while not self._enough.wait(LOOK):
            found = self._admin.get("deployment", "run-operator") or {}
            wanted = str(found.get("metadata", {}).get("uid", ""))
            if wanted != self._of or (self._operator and not self._operator.running):
                self._kill()
            if wanted and not self._operator:
                with contextlib.suppress(AssertionError):  # its namespace is on its way out; tried again
                    self._start(found, wanted)
        self._kill()

    def _start(self, deployment: dict[str, Any], uid: str) -> None:
        account = account_of(self._admin.kubeconfig, self._folder / "account", NAMESPACE, "run-operator")
        (container,) = deployment["spec"]["template"]["spec"]["containers"]
        given = {
            one["name"].removeprefix(OURS): one.get("value")
            for one in container["env"]
            if one["name"].startswith(OURS)
        }
        settings = {
            name.lower(): value for name, value in given.items() if not name.endswith(("_URL", "_HOSTS"))
        }
        operator = OperatorProcess(account, self._folder / "operator.log", NAMESPACE, **settings)
        operator.start()
        self._operator, self._of = operator, uid
        self.served.add(uid)

    def _kill(self) -> None:
        if self._operator:
            self._operator.kill()
        self._operator, self._of = None, ""

    def end(self) -> None:
        """The operator is gone when this returns."""
        self._enough.set()
        self.join()


@pytest.fixture
def new_cluster() -> Iterator[Person]:
    """It never had the CRDs.

    Where they were removed and came back, the quota controller counts Runs in its old cache: its watch failed meanwhile, and
    it waits before it lists again. It writes what it counted when a pod ends, and looks again after five minutes.
    """
    kubeconfig = cluster_up(NAME, "control-plane")
    yield Person(kubeconfig)
    cluster_down(NAME)


@pytest.fixture
def kubelet(new_cluster: Person, tmp_path: Path) -> Iterator[Kubelet]:
    one = Kubelet(new_cluster, tmp_path)
    one.start()
    yield one
    one.end()


@pytest.mark.timeout(400)
def test_the_platform_engineers_day_can_be_followed(new_cluster: Person, kubelet: Kubelet, tmp_path: Path):
    checkout = tmp_path / "run-operator"
    for folder in PARTS:
        shutil.copytree(REPOSITORY / folder, checkout / folder)
    (checkout / "manifests" / "overlays" / "day").mkdir()
    environment = os.environ | {
        "KUBECONFIG": str(new_cluster.kubeconfig),
        "PATH": os.pathsep.join(
            (str(Path(sys.executable).parent), str(Path(new_cluster.program).parent), os.environ["PATH"])
        ),
    }
    assert follow(DAY, checkout, environment)
    assert len(kubelet.served) == 2, "once installed, once after the restore"
