"""Store what an earlier version leaves in a cluster, for the test of an upgrade: its installation, and Runs of every kind of state.

`python -m tests.support.earlier_store CHECKOUT`: a work tree of that version. It is done once for a version, and the files in
`tests/data/earlier/VERSION` stay as they are: they are what that version wrote.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import yaml
from aiohttp import web

from tests.support.earlier_objects import FOLDER, NAMESPACE, PLACES
from tests.support.harness import OperatorProcess, Person, cluster_down, cluster_name, cluster_up, wait_for
from tests.support.metrics_pod import MetricsPod
from tests.support.proxy import Proxy

CLUSTER: Final = cluster_name("earlier")


class EarlierOperator(OperatorProcess):
    """The operator of a checkout. Its settings have the names of then, beside those of today."""

    def __init__(self, checkout: Path, kubeconfig: Path, log: Path) -> None:
        super().__init__(kubeconfig, log, "run-operator")
        self._settings |= {
            "RUN_OPERATOR_PORT": str(self.port),
            "RUN_OPERATOR_LISTEN": "127.0.0.1",
            "RUN_OPERATOR_OWN_NAMESPACE": "run-operator",
            "RUN_OPERATOR_METRICS_URL": self.ingest_url,
            "RUN_OPERATOR_GATEWAY_URL": self.ingest_url,
            "RUN_OPERATOR_METRICS_LISTEN": "127.0.0.1",
            "RUN_OPERATOR_METRICS_PORT": str(self.ingest_port),
            "PYTHONPATH": str(checkout / "operator"),
        }


def main() -> None:
    """See the module's docstring."""
    checkout = Path(sys.argv[1]).resolve()
    version = _git(checkout, "rev-parse", "--short=7", "HEAD")
    folder = FOLDER / version
    folder.mkdir(parents=True, exist_ok=True)
    with _cluster() as kubeconfig, tempfile.TemporaryDirectory() as scratch:
        admin = Person(kubeconfig, "run-operator")
        installation = admin.kubectl("kustomize", str(checkout / "manifests" / "base")).stdout
        (folder / "installation.yaml").write_text(installation)
        _install(admin, installation)
        person = Person(kubeconfig, NAMESPACE)
        person.kubectl("create", "namespace", NAMESPACE)
        proxy = Proxy(kubeconfig, Path(scratch))
        proxy.answer = _kubelet
        proxy.start()
        operator = EarlierOperator(checkout, proxy.kubeconfig, Path(scratch) / "log")
        try:
            operator.start()
            _people(person, operator)
            operator.stop()
        finally:
            operator.kill()
            proxy.stop()
        found = [_stored(one) for kind in PLACES for one in person.items(kind)]
        (folder / "objects.yaml").write_text(yaml.safe_dump_all(found, width=1000))
    sys.stdout.write(f"{len(found)} objects in {folder}\n")


@contextmanager
def _cluster() -> Iterator[Path]:
    try:
        yield cluster_up(CLUSTER, "control-plane")
    finally:
        cluster_down(CLUSTER)


def _install(admin: Person, installation: str) -> None:
    """CRDs first: the rest may need them."""
    admin.kubectl("apply", "-f", "-", stdin=installation, check=False)
    names = [one["metadata"]["name"] for one in yaml.safe_load_all(installation) if _is_crd(one)]
    admin.established(*(f"crd/{name}" for name in names))
    admin.kubectl("apply", "-f", "-", stdin=installation)
    admin.kubectl("scale", "deployment/run-operator", "--replicas=0")  # the process outside is it


def _is_crd(one: dict[str, Any]) -> bool:
    return bool(one["kind"] == "CustomResourceDefinition")


def _kubelet(_: str, path: str) -> web.Response | None:
    """Each container has written three lines."""
    if "/log?" not in path:
        return None
    pod = path.split("/log?", maxsplit=1)[0].rpartition("/")[2]
    return web.Response(text="".join(f"{pod} line {number}\n" for number in (1, 2, 3)))


def _people(person: Person, operator: OperatorProcess) -> None:
    """What people did with that version."""
    person.apply(_function("v1", "example.org/one"))
    for name in ("running", "stopped", "resumed", "completed"):
        person.apply_run(name)
    person.apply_run("failed", "kwok-fail")
    person.apply_run("asleep", suspend=True)
    person.apply_run(
        "serving",
        "serve",
        kind="container+serve",
        spec={"service_ports": [{"port": 80, "target_port": 8080}]},
    )
    person.apply_run("of-function", spec={"image": None, "function": "container://demo/hello:v1"})
    person.apply_run("waiting", spec={"image": None, "function": "container://demo/hello:v2"})
    for name in ("running", "stopped", "resumed", "completed", "serving", "of-function"):
        person.becomes(name, "RUNNING")
        _log(person, operator, name, 3.0, 2.0, 1.0)
    for name in ("stopped", "resumed"):
        person.patch_run(name, {"spec": {"suspend": True}})
        person.becomes(name, "STOPPED")
    person.patch_run("resumed", {"spec": {"suspend": False}})
    person.becomes("resumed", "RUNNING")
    _log(person, operator, "resumed", 0.5)
    (pod,) = person.items("pods", "-l", "run-operator.io/run=completed")
    person.end_pod(pod["metadata"]["name"])
    person.becomes("completed", "COMPLETED")
    person.becomes("failed", "ERROR")
    person.becomes("asleep", "STOPPED")
    wait_for("what it waits for", lambda: person.status("waiting").get("message"))
    wait_for("kept logs", lambda: len(person.items("runlogs")) >= 4)


def _log(person: Person, operator: OperatorProcess, run: str, *values: float) -> None:
    pod = MetricsPod(person, operator.ingest_url, run)
    for value in values:
        pod.log("loss", value)
    pod.settle()
    pod.close()


def _function(entity_id: str, image: str) -> dict[str, Any]:
    document = {
        "kind": "container",
        "project": "demo",
        "name": "hello",
        "id": entity_id,
        "spec": {"image": image},
    }
    spec = document | {"metadata": {"created": "2026-01-01T00:00:00+00:00"}}
    return {
        "apiVersion": "run-operator.io/v1alpha1",
        "kind": "Function",
        "metadata": {"name": f"hello-{entity_id}"},
        "spec": spec,
    }


def _stored(one: dict[str, Any]) -> dict[str, Any]:
    """As etcd has it: its version is that of the key."""
    one["metadata"].pop("resourceVersion", None)
    return one


def _git(checkout: Path, *arguments: str) -> str:
    command = ["git", "-C", str(checkout), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True, env=os.environ).stdout.strip()


if __name__ == "__main__":
    main()
