"""The real DigitalHub SDK in a pod, on a real API server: tokens and Runs are real, only the kubelet is not."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from run_operator.api.pod_contract import audience
from tests.support.gateway_process import LINES
from tests.support.harness import OperatorProcess, Person, wait_for
from tests.support.metrics_pod import running_pod, token
from tests.support.sdk_pod import SdkPod

PROGRAM = """
import os, threading
import digitalhub as dh

run = dh.get_run(os.environ["RUN_ID"], project=os.environ["PROJECT_NAME"])

def together(*work):
    threads = [threading.Thread(target=one) for one in work]
    for thread in threads: thread.start()
    for thread in threads: thread.join()

def first(number):
    return lambda: run.log_metric("first", number)

together(*map(first, range(4)))  # the very first metric of the run, all at once
run.log_metric("loss", 0.5)
run.log_metric("loss", 0.25)
run.log_metric("acc", 0.9, single_value=True)
run.log_metric("lr", [1, 2, 3])
run.log_metric("lr", [9], overwrite=True)

def many(first):
    def log():
        for number in range(first, first + 5):
            run.log_metric("shared", number)
            run.log_metric("equal", 1)
    return log

together(many(0), many(100))
run.refresh()
print(run.status.state, run.metrics["loss"], run.metrics["acc"], run.metrics["lr"])
print(*(sorted(run.metrics[name]) for name in ("first", "shared", "equal")))
for refused in (lambda: dh.get_run("b", project="demo"), run.stop, run.delete if hasattr(run, "delete") else run.stop):
    try:
        refused()
    except Exception as error:
        print(type(error).__name__)
"""


@pytest.fixture
def pods(operator: OperatorProcess, person: Person, tmp_path: Path) -> tuple[SdkPod, SdkPod]:
    for name in ("a", "b"):
        person.apply_run(name)
        person.becomes(name, "RUNNING")
    wait_for("the ConfigMap", lambda: person.get("configmap", "run-operator-metrics"))
    return SdkPod(person, "a", tmp_path / "a"), SdkPod(person, "b", tmp_path / "b")


def test_a_pod_has_its_own_run_and_no_other(pods, person):
    a, b = pods
    run = "/api/v1/-/demo/runs"
    assert (a.environ["PROJECT_NAME"], a.environ["RUN_ID"]) == ("demo", "a")
    assert "DHCORE_ACCESS_TOKEN" not in a.environ
    code, found = a.ask("GET", f"{run}/a")
    assert (code, found["id"], found["status"]["state"]) == (200, "a", "RUNNING")
    assert a.ask("GET", f"{run}/a/metrics") == (200, {})
    assert a.ask("PUT", f"{run}/a/metrics/loss", [0.5]) == (200, [0.5])
    assert person.status("a")["metrics"] == {"loss": [0.5]}
    for method, path, body in (
        ("GET", f"{run}/b", None), ("PUT", f"{run}/b/metrics/loss", [1]), ("POST", f"{run}/a/stop", {}),
        ("DELETE", f"{run}/a", None), ("GET", run, None), ("POST", run, {}),
    ):  # fmt: skip
        code, reply = a.ask(method, path, body)
        assert (code, "its own Run" in reply["error"]) == (403, True), (method, path)
    assert "metrics" not in person.status("b")
    assert b.ask("GET", f"{run}/b")[0] == 200
    b.token = token(person, running_pod(person, "b"), audience(person.get("run", "a")["metadata"]["uid"]))
    assert b.ask("GET", f"{run}/a")[0] == 403  # a token for Run a, of a pod that is none of its
    b.token = token(person, "", audience(person.get("run", "a")["metadata"]["uid"]))
    assert b.ask("GET", f"{run}/a")[0] == 403


def test_the_real_sdk_works_unchanged(pods, person, line):
    done = subprocess.run(
        [str(LINES[line]), "-W", "ignore", "-c", PROGRAM], env={"PATH": os.environ["PATH"], **pods[0].environ},
        capture_output=True, text=True, check=False, timeout=100,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    shared = [*range(5), *range(100, 105)]
    assert done.stdout.splitlines() == [
        "RUNNING [0.5, 0.25] 0.9 [9]", f"[0, 1, 2, 3] {shared} {[1] * 10}",
        "ForbiddenError", "ForbiddenError", "ForbiddenError",
    ]  # fmt: skip
    metrics = person.status("a")["metrics"]
    assert (metrics["loss"], metrics["acc"], metrics["lr"], sorted(metrics["shared"])) == (
        [0.5, 0.25],
        0.9,
        [9],
        shared,
    )
