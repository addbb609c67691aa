"""What every bench and chaos begins and ends with: a control plane, our kinds in it, an operator, and nothing left."""

from __future__ import annotations

import os
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import NamedTuple, NoReturn

from run_operator.kube import config
from run_operator.kube.client import Api
from run_operator.kube.fence import Unfenced
from tests.support.harness import (
    OperatorProcess,
    Person,
    cluster_down,
    cluster_name,
    cluster_up,
    operators_account,
)

TICKS = os.sysconf("SC_CLK_TCK")


class Stage(NamedTuple):
    """`scratch` is a folder that goes with the stage; the operator's log is in it."""

    person: Person
    operator: OperatorProcess
    scratch: Path


def perform(main: Callable[[], None]) -> None:
    """Run a program of this folder. What it has put up it takes down when it is asked to end: by Ctrl-C or by SIGTERM."""
    signal.signal(signal.SIGTERM, _unwind)
    main()


def _unwind(*_: object) -> NoReturn:
    # `timeout make bench` sends it twice, to make and to the group: the second must not cut short what the first began.
    # Not SIG_IGN, which the programs that are started on the way down would inherit.
    signal.signal(signal.SIGTERM, lambda *_: None)
    sys.exit(128 + signal.SIGTERM)


@contextmanager
def control_plane(cluster: str, *flags: str) -> Iterator[Path]:
    """A cluster with fake nodes; its kubeconfig. Down again also when it did not come up."""
    try:
        yield cluster_up(cluster, "control-plane", *flags)
    finally:
        cluster_down(cluster)


@contextmanager
def stage(purpose: str, namespace: str = "default", *flags: str, **settings: str) -> Iterator[Stage]:
    """A control plane of this checkout's own, and an operator that is ready, under its own account.

    `flags` are the cluster's, `settings` the operator's.
    """
    with control_plane(cluster_name(purpose), *flags) as kubeconfig, tempfile.TemporaryDirectory() as scratch:
        person = Person(kubeconfig, namespace)
        account = operators_account(kubeconfig, Path(scratch) / "kubeconfig")
        given = {"namespace": "run-operator"} | settings
        operator = OperatorProcess(account, Path(scratch) / "operator.log", **given)
        try:
            person.install_crds()
            if namespace != "default":
                person.kubectl("create", "namespace", namespace)
            operator.start()
            yield Stage(person, operator, Path(scratch))
        finally:
            operator.kill()


@asynccontextmanager
async def connected(person: Person, connections: int, manager: str) -> AsyncIterator[Api]:
    """The operator's own way to the API server, for programs that load it; `manager` is who writes."""
    os.environ["KUBECONFIG"] = str(person.kubeconfig)
    api = Api(await config.load(connections), Unfenced(), lambda *_: None, manager)
    try:
        yield api
    finally:
        await api.close()


def cpu_seconds(pid: int) -> float:
    """User and system time of a process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS
