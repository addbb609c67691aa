"""Two replicas on a real API server: one leads, the other is warm and takes over; Runs notice nothing."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.harness import OperatorProcess, Person, wait_for
from tests.support.metrics_pod import MetricsPod

LEASE = "run-operator"


@pytest.fixture
def replicas(
    kubeconfig: Path, alone: None, person: Person, tmp_path: Path
) -> Iterator[list[OperatorProcess]]:
    """Two replicas; the first one leads."""
    made = [
        OperatorProcess(
            kubeconfig, tmp_path / f"operator-{name}", person.namespace, leader_elect="true", pod_name=name
        )
        for name in ("first", "second")
    ]
    made[0].start()
    wait_for("the first leader", lambda: leader(person) == "first")
    made[1].start()
    yield made
    for one in made:
        if one.running:
            os.kill(one.pid, signal.SIGCONT)
        one.kill()


def leader(person: Person) -> str:
    """The name of the replica that holds the Lease; empty for none."""
    lease = person.get("lease", LEASE) or {}
    return str(lease.get("spec", {}).get("holderIdentity", "")).partition("_")[0]


def test_a_replica_that_waits_is_ready_and_starts_nothing(replicas, person):
    person.apply_run("a")
    person.becomes("a", "RUNNING")
    assert leader(person) == "first"
    assert person.get("run", "a")["status"]["attempt"] == 1


def test_after_a_clean_stop_the_other_one_goes_on(replicas, person):
    person.apply_run("before")
    person.becomes("before", "RUNNING")
    assert replicas[0].stop() == 0
    person.patch_run("before", {"spec": {"suspend": True}})
    person.becomes("before", "STOPPED")
    assert leader(person) == "second"
    person.apply_run("after")
    person.becomes("after", "RUNNING")


def test_after_a_crash_the_other_one_goes_on(replicas, person):
    person.apply_run("before")
    person.becomes("before", "RUNNING")
    replicas[0].kill()
    person.apply_run("after")
    person.becomes("after", "RUNNING")
    assert leader(person) == "second"
    assert person.get("run", "before")["status"]["attempt"] == 1


def test_a_frozen_leader_that_wakes_writes_nothing_and_ends(replicas, person):
    person.apply_run("before")
    person.becomes("before", "RUNNING")
    os.kill(replicas[0].pid, signal.SIGSTOP)
    wait_for("the second leader", lambda: leader(person) == "second")
    person.patch_run("before", {"spec": {"suspend": True}})
    person.becomes("before", "STOPPED")
    version = person.get("run", "before")["metadata"]["resourceVersion"]
    os.kill(replicas[0].pid, signal.SIGCONT)
    wait_for("the end of the first replica", lambda: not replicas[0].running)
    assert person.get("run", "before")["metadata"]["resourceVersion"] == version
    assert leader(person) == "second"


@pytest.mark.parametrize("how", [OperatorProcess.stop, OperatorProcess.kill], ids=["stopped", "killed"])
def test_values_of_a_program_are_there_once_when_the_leader_goes(replicas, person, how):
    """Each replica takes values; a program changes over to the other one when its own does not answer."""
    person.apply_run("x")
    person.becomes("x", "RUNNING")
    pods = [MetricsPod(person, one.ingest_url, "x") for one in replicas]
    sent = 0

    def log(pod: MetricsPod) -> None:
        nonlocal sent
        sent += 1
        batch = {"writer": "main", "seq": sent, "ops": [{"k": "loss", "append": [sent]}]}
        code, answer = pod.post(batch)
        assert code in (200, 202), answer

    for _ in range(5):
        log(pods[0])
    how(replicas[0])
    pods[0].close()
    accepted = wait_for("an answer", lambda: pods[1].poll().get("accepted") is not None and pods[1].poll())
    sent = accepted["accepted"]  # what the first one had not committed is sent again, as the module does
    while sent < 10:
        log(pods[1])
    wait_for("all of them", lambda: pods[1].poll().get("committed") == 10)
    pods[1].close()
    assert person.status("x")["metrics"]["loss"] == list(range(1, 11))
