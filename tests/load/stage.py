"""What every bench and chaos begins and ends with: a control plane, our kinds in it, an operator, and nothing left."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from tests.harness import OperatorProcess, Person, cluster_down, cluster_name, cluster_up


class Stage(NamedTuple):
    """`scratch` is a folder that goes with the stage; the operator's log is in it."""

    person: Person
    operator: OperatorProcess
    scratch: Path


@contextmanager
def stage(purpose: str, namespace: str = "default", **settings: str) -> Iterator[Stage]:
    """A cluster of this checkout's own with fake nodes, and an operator that is ready; `settings` are the operator's."""
    cluster = cluster_name(purpose)
    person = Person(cluster_up(cluster, "control-plane"), namespace)
    with tempfile.TemporaryDirectory() as scratch:
        operator = OperatorProcess(person.kubeconfig, Path(scratch) / "operator.log", **settings)
        try:
            person.install_crds()
            if namespace != "default":
                person.kubectl("create", "namespace", namespace)
            operator.start()
            yield Stage(person, operator, Path(scratch))
        finally:
            operator.kill()
            cluster_down(cluster)
