"""An upgrade: this version on what an earlier one left (`tests/support/earlier_store.py`), and nothing is lost.

7872fb6 is the version before the Service of the ingest had its name, and before there was a second replica.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support import earlier_objects
from tests.support.damage import Damage
from tests.support.earlier_objects import FOLDER, NAMESPACE
from tests.support.harness import (
    REPOSITORY,
    OperatorProcess,
    Person,
    account_of,
    cluster_down,
    cluster_name,
    cluster_up,
    run_object,
    wait_for,
)
from tests.support.metrics_pod import MetricsPod, token
from tests.support.terminal import Terminal

NAME = cluster_name("upgrade")
VERSION = "7872fb6"
HOST = "run-operator-metrics.run-operator.svc"
"""The ingest, as pods of that version know it."""
PROGRAM = """
import socket, sys
looked_up = socket.getaddrinfo
socket.getaddrinfo = lambda host, *more, **flags: looked_up("127.0.0.1" if host == sys.argv[1] else host, *more, **flags)
from runmetrics import log_metric
log_metric("loss", 0.25)
log_metric("loss", 0.125)
"""


@dataclass
class Upgraded:
    """A cluster after its upgrade."""

    person: Person
    operator: OperatorProcess
    left: list[dict[str, Any]]
    """What the earlier version left."""

    def earlier(self, kind: str, run: str) -> dict[str, Any]:
        """The one object of this kind that is, or is of, this Run."""
        (found,) = (
            one
            for one in self.left
            if one["kind"] == kind
            and run in (one["metadata"]["name"], _labels(one).get("run-operator.io/run"))
        )
        return found

    def now(self, kind: str, run: str) -> dict[str, Any]:
        """The same object today."""
        found: dict[str, Any] = self.person.get(kind.lower(), self.earlier(kind, run)["metadata"]["name"])
        return found


def _labels(one: dict[str, Any]) -> dict[str, str]:
    found: dict[str, str] = one["metadata"].get("labels", {})
    return found


@pytest.fixture(scope="module")
def upgraded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Upgraded]:
    folder = tmp_path_factory.mktemp("upgrade")
    admin = Person(cluster_up(NAME, "control-plane", "--restarts"), "run-operator")
    try:
        left = _as_it_was(admin)
        operator = _upgrade(admin, folder)
        try:
            yield Upgraded(Person(admin.kubeconfig, NAMESPACE), operator, left)
        finally:
            operator.kill()
    finally:
        cluster_down(NAME)


def _as_it_was(admin: Person) -> list[dict[str, Any]]:
    """The cluster as the earlier version left it."""
    installation = str(FOLDER / VERSION / "installation.yaml")
    wait_for(
        "the installation", lambda: not admin.kubectl("apply", "-f", installation, check=False).returncode
    )
    admin.kubectl("create", "namespace", NAMESPACE)
    left = earlier_objects.read(VERSION)
    Damage(NAME, admin).store(earlier_objects.keys(left))
    return left


def _upgrade(admin: Person, folder: Path) -> OperatorProcess:
    """As docs/operations.md has it."""
    for what in ("crds", "manifests/base"):
        admin.kubectl("apply", "--server-side", "--force-conflicts", "-k", str(REPOSITORY / what))
    admin.install_crds()
    account = account_of(admin.kubeconfig, folder / "kubeconfig", "run-operator", "run-operator")
    operator = OperatorProcess(account, folder / "operator.log", "run-operator", ingest_hosts=HOST)
    operator.start()
    return operator


@pytest.mark.parametrize("run", ["running", "resumed", "of-function", "serving"])
def test_what_ran_runs_on_as_the_same_attempt_in_the_same_pod(upgraded, run):
    before = upgraded.earlier("Run", run)["status"]
    status = upgraded.person.becomes(run, "RUNNING")
    assert (status["attempt"], status["startTime"]) == (before["attempt"], before["startTime"])
    pods = upgraded.person.items("pods", "-l", f"run-operator.io/run={run}")
    assert [one["metadata"]["uid"] for one in pods] == [upgraded.earlier("Pod", run)["metadata"]["uid"]]
    child = "Deployment" if run == "serving" else "Job"
    assert upgraded.now(child, run)["metadata"]["uid"] == upgraded.earlier(child, run)["metadata"]["uid"]


@pytest.mark.parametrize(
    ("run", "state"), [("completed", "COMPLETED"), ("failed", "ERROR"), ("asleep", "STOPPED")]
)
def test_what_had_ended_or_never_begun_says_what_it_said(upgraded, run, state):
    before, now = upgraded.earlier("Run", run)["status"], upgraded.person.status(run)
    assert now["state"] == state
    assert {key: now.get(key) for key in before} == before


def test_logs_that_were_kept_are_read(upgraded):
    pod = upgraded.earlier("RunLog", "stopped")["pod"]
    said = Terminal(upgraded.person).says("logs", "stopped")
    assert [f"{pod} line {number}" in said for number in (1, 2, 3)] == [True] * 3


def test_a_program_of_the_earlier_version_goes_on_logging(upgraded, tmp_path):
    """Its own module, at the address that it knows, with its token; it trusts the authority in the ConfigMap that it mounts."""
    pod = upgraded.earlier("Pod", "of-function")
    url = next(
        one["value"] for one in pod["spec"]["containers"][0]["env"] if one["name"] == "RUN_METRICS_URL"
    )
    mounted = _renewed(upgraded)
    (tmp_path / "runmetrics.py").write_text(mounted["runmetrics.py"])
    (tmp_path / "ca.crt").write_text(mounted["ca.crt"])
    uid = upgraded.earlier("Run", "of-function")["metadata"]["uid"]
    (tmp_path / "token").write_text(
        token(upgraded.person, pod["metadata"]["name"], f"run-operator.io/runs/{uid}")
    )
    path = url.partition("/v1/")[2]
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, HOST],
        env=os.environ
        | {
            "PYTHONPATH": str(tmp_path),
            "RUN_METRICS_URL": f"https://{HOST}:{upgraded.operator.ingest_port}/v1/{path}",
            "RUN_METRICS_TOKEN_FILE": str(tmp_path / "token"),
            "RUN_METRICS_CA_FILE": str(tmp_path / "ca.crt"),
            "RUN_METRICS_FOLDER": str(tmp_path / "spool"),
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")
    loss = [*upgraded.earlier("Run", "of-function")["status"]["metrics"]["loss"], 0.25, 0.125]
    wait_for("its values", lambda: upgraded.person.status("of-function")["metrics"]["loss"] == loss)


def _renewed(upgraded: Upgraded) -> dict[str, str]:
    """What pods of the earlier version mount, once the operator has put its own authority there."""
    before = upgraded.earlier("ConfigMap", "run-operator-metrics")["data"]["ca.crt"]

    def renewed() -> dict[str, str] | None:
        found: dict[str, str] = upgraded.person.get("configmap", "run-operator-metrics")["data"]
        return found if found["ca.crt"] != before else None

    found: dict[str, str] = wait_for("the authority", renewed)
    return found


def test_a_batch_that_was_committed_before_the_upgrade_is_not_counted_twice(upgraded):
    """A program that did not hear the earlier operator's answer sends it again."""
    _renewed(upgraded)
    loss = upgraded.earlier("Run", "serving")["status"]["metrics"]["loss"]
    pod = MetricsPod(upgraded.person, upgraded.operator.ingest_url, "serving")
    for value in (*loss, 0.5):
        pod.log("loss", value)
    pod.settle()
    pod.close()
    assert upgraded.person.status("serving")["metrics"]["loss"] == [*loss, 0.5]


def test_a_running_one_is_stopped_and_a_stopped_one_resumed(upgraded):
    loss = upgraded.earlier("Run", "stopped")["status"]["metrics"]["loss"]
    upgraded.person.patch_run("running", {"spec": {"suspend": True}})
    upgraded.person.patch_run("stopped", {"spec": {"suspend": False}})
    upgraded.person.becomes("running", "STOPPED")
    status = upgraded.person.becomes("stopped", "RUNNING")
    assert (status["attempt"], status["metrics"]["loss"]) == (2, loss)
    assert [one["attempt"] for one in status["attempts"]] == [1, 2]


def test_one_that_waited_for_its_function_starts_with_it(upgraded):
    function = upgraded.earlier("Function", "hello-v1")
    spec = function["spec"] | {"id": "v2"}
    upgraded.person.apply(
        {
            "apiVersion": function["apiVersion"],
            "kind": "Function",
            "metadata": {"name": "hello-v2"},
            "spec": spec,
        }
    )
    upgraded.person.becomes("waiting", "RUNNING")


def test_a_service_keeps_its_address_over_a_stop(upgraded):
    before = upgraded.earlier("Run", "serving")["status"]["service"]
    upgraded.person.becomes("serving", "RUNNING")
    assert upgraded.person.status("serving")["service"] == before
    uid = upgraded.earlier("Service", "serving")["metadata"]["uid"]
    assert upgraded.now("Service", "serving")["metadata"]["uid"] == uid


def test_new_runs_run_beside_them(upgraded):
    upgraded.person.apply(run_object("new", "kwok-complete"))
    upgraded.person.becomes("new", "COMPLETED")
