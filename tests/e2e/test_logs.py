"""Logs of pods that are gone, with real pods: the last line of the grace period, what kubectl alone can read of it."""

from __future__ import annotations

import base64
import gzip
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.harness import REPOSITORY, Person, wait_for

TRAP = (
    "trap 'echo last words of attempt $RUN_ATTEMPT; exit 0' TERM; echo begun; while true; do sleep 0.1; done"
)


def runctl_logs(kubeconfig: Path, person: Person, *arguments: str) -> str:
    command = [sys.executable, "-m", "run_operator.client.cli", "logs", "-n", person.namespace, *arguments]
    environment = os.environ | {"KUBECONFIG": str(kubeconfig), "PYTHONPATH": str(REPOSITORY / "operator")}
    return subprocess.run(command, env=environment, capture_output=True, check=True, text=True).stdout


def pods(person: Person, name: str) -> list[str]:
    return [p["metadata"]["name"] for p in person.items("pods", f"--selector=run-operator.io/run={name}")]


def suspend(person: Person, name: str, desired: bool) -> None:
    assert not person.patch_run(name, {"spec": {"suspend": desired}}).returncode


@pytest.mark.parametrize("kind", ["container+job", "container+deploy"])
def test_the_last_words_of_a_stopped_attempt_are_there_when_its_pod_is_gone(kubeconfig, person, kind):
    person.apply_run("x", "sh", "-c", TRAP, kind=kind)
    person.becomes("x", "RUNNING")
    wait_for("its first line", lambda: "begun" in runctl_logs(kubeconfig, person, "x"))
    suspend(person, "x", True)
    person.becomes("x", "STOPPED")
    said = runctl_logs(kubeconfig, person, "x", "--attempt", "1")
    assert said == "begun\nlast words of attempt 1\n"
    wait_for("the pod gone", lambda: not pods(person, "x"))
    suspend(person, "x", False)
    person.becomes("x", "RUNNING")
    wait_for("its line", lambda: runctl_logs(kubeconfig, person, "x", "--attempt", "2") == "begun\n")
    assert runctl_logs(kubeconfig, person, "x", "--attempt", "1") == said
    assert runctl_logs(kubeconfig, person, "x", "-f", "--attempt", "1") == said


def test_a_finished_job_has_its_logs_though_its_pods_are_deleted(kubeconfig, person):
    program = "seq 1 100000; echo the end; exit 3"
    person.apply_run("x", "sh", "-c", program)
    person.becomes("x", "ERROR")
    wait_for("its log kept", lambda: person.items("runlogs"))
    person.kubectl("delete", "job", "x", "--cascade=foreground")
    wait_for("the pod gone", lambda: not pods(person, "x"))
    said = runctl_logs(kubeconfig, person, "x")
    whole = "".join(f"{n}\n" for n in range(1, 100001)) + "the end\n"
    assert whole.endswith(said)
    assert 256 * 1024 <= len(said) < len(whole)
    assert said.splitlines()[0].isdecimal()
    (raw,) = person.items("runlogs")
    assert (raw["exitCode"], raw["truncated"], raw["bytes"], raw["lines"]) == (3, True, len(whole), 100001)
    line = person.kubectl("get", "runlog", raw["metadata"]["name"], "-o", "jsonpath={.data}").stdout
    assert gzip.decompress(base64.b64decode(line)).decode() == said
    person.kubectl("delete", "run", "x")
    wait_for("its log gone with it", lambda: not person.items("runlogs"))


def test_every_try_and_a_pod_deleted_by_hand_keep_their_logs(kubeconfig, person):
    program = "echo try; sleep 1; exit 1"
    person.apply_run("x", "sh", "-c", program, policy={"backoffLimit": 1})
    person.becomes("x", "ERROR")
    wait_for("both kept", lambda: len(person.items("runlogs")) == 2)
    person.apply_run("y", "sh", "-c", TRAP)
    person.becomes("y", "RUNNING")
    wait_for("its first line", lambda: "begun" in runctl_logs(kubeconfig, person, "y"))
    (name,) = pods(person, "y")
    person.kubectl("delete", "pod", name)
    kept = wait_for("kept", lambda: person.get("runlog", f"{name}.main"))
    assert "last words" in gzip.decompress(base64.b64decode(kept["data"])).decode()
    assert json.dumps(kept["metadata"]["ownerReferences"]).count("Run") == 1
