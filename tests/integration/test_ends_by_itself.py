"""What a program did by itself counts, whatever becomes of its pod afterwards; what nobody saw counts for nothing."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from tests.integration.test_interruptions import events, mark, patch_status, pod_of
from tests.support.builders import container_status
from tests.support.harness import Person, wait_for


def stamp(seconds: float) -> str:
    """So many seconds from now."""
    return (dt.datetime.now(dt.UTC) + dt.timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


def main(code: int, reason: str = "Completed", finished: float = 0.0) -> dict[str, Any]:
    ended = {"startedAt": stamp(finished - 1), "finishedAt": stamp(finished)}
    return container_status("main", terminated={"exitCode": code, "reason": reason} | ended)


def mesh() -> dict[str, Any]:
    return container_status("mesh", running={"startedAt": stamp(0)})


def running(person: Person, **policy: Any) -> str:
    """A Run whose program runs; returns the name of its pod."""
    person.apply_run("x", "sleep", policy=policy)
    person.becomes("x", "RUNNING")
    name: str = pod_of(person, "x")["metadata"]["name"]
    return name


def disruption(by: str, seconds: float) -> dict[str, str]:
    at = stamp(seconds)
    return {"type": "DisruptionTarget", "status": "True", "reason": by, "lastTransitionTime": at}


def test_a_pod_that_is_evicted_after_its_program_had_done_its_work(operator, person):
    """A sidecar kept it, and its node was short of memory: the Job has failed, by its rule for disruptions."""
    pod = running(person)
    ended = container_status("mesh", terminated={"exitCode": 137, "finishedAt": stamp(0)})
    evicted = {
        "phase": "Failed",
        "reason": "Evicted",
        "message": "The node was low on resource: memory.",
        "conditions": [disruption("TerminationByKubelet", 0)],
        "containerStatuses": [main(0, finished=-5), ended],
    }
    patch_status(person, pod, evicted)
    status = person.becomes("x", "COMPLETED")
    assert (status["attempt"], status["attempts"][0]["exitCode"]) == (1, 0)


def test_a_preemption_that_is_taken_back(operator, person):
    pod = running(person)
    mark(person, pod, "PreemptionByScheduler")
    patch_status(person, pod, {"phase": "Succeeded", "containerStatuses": [main(0)]})
    assert person.becomes("x", "COMPLETED")["attempt"] == 1


@pytest.mark.parametrize(("code", "reason"), [(255, "Unknown"), (137, "ContainerStatusUnknown")])
def test_a_program_that_its_node_lost_is_begun_again(operator, person, code, reason):
    """A node that was switched off comes back before the cluster has missed it, and its pod has failed."""
    pod = running(person)
    patch_status(person, pod, {"phase": "Failed", "containerStatuses": [main(code, reason)]})
    second = pod_of(person, "x", 2)
    assert second["metadata"]["name"] != pod
    first = person.status("x")["attempts"][0]
    assert (first["reason"], first["interruptedBy"], first.get("exitCode")) == (
        "Interrupted",
        "ContainerLost",
        None,
    )
    assert person.status("x")["interruptions"] == 1
    wait_for("the event", lambda: events(person, "RunInterrupted"))


@pytest.mark.parametrize(("code", "state"), [(0, "COMPLETED"), (3, "ERROR")])
@pytest.mark.parametrize("beside", [False, True])
def test_the_clock_of_a_node_that_is_ahead_delays_no_end(operator, person, code, state, beside):
    pod = running(person)
    phase = {} if beside else {"phase": "Failed" if code else "Succeeded"}
    ended = [main(code, finished=3600), *([mesh()] if beside else [])]
    patch_status(person, pod, {"containerStatuses": ended, **phase})
    status = person.becomes("x", state)
    assert status["completionTime"] <= stamp(1)
