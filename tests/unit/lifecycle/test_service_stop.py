"""Stop and resume of a service, and its address meanwhile."""

from __future__ import annotations

from typing import Any

import pytest

from run_operator.lifecycle.model import (
    CreateService,
    CreateWorkload,
    DeleteChild,
    PatchService,
    RestartChild,
    ScaleChild,
)
from tests.support.builders import deployment, replica, serve
from tests.support.planning import condition, kinds, running, seen, status_of, step


def test_stop_is_no_replicas_and_stopped_only_when_no_pod_is_left():
    status = running()
    asked = step(serve(status=status, suspend=True), seen(replica()))
    assert (asked.status["state"], asked.actions) == ("STOP", (ScaleChild("hello", "deployment-1", 0),))
    down = deployment(replicas=0)
    ending = step(serve(status=asked.status, suspend=True), seen(replica(deleting=True), deployment=down))
    assert (ending.status, ending.actions) == (None, ())
    done = step(serve(status=asked.status, suspend=True), seen(deployment=down, fresh=True))
    assert done.status["state"] == "STOPPED"
    assert condition(done, "Suspended")["status"] == "True"
    assert done.status["service"] == status["service"]
    assert done.actions == ()


@pytest.mark.parametrize("facts", [{"pods": 1}, {"observed": False}])
def test_stopped_waits_for_the_deployments_own_count_too(facts):
    made = step(
        serve(status=status_of("STOP"), suspend=True), seen(deployment=deployment(replicas=0, **facts))
    )
    assert made.status["state"] == "STOP"


def test_a_stop_once_begun_is_finished_and_then_the_resume_happens():
    status = status_of("STOP")
    down = deployment(replicas=0)
    assert step(serve(status=status), seen(replica(deleting=True), deployment=down)).actions == ()
    made = step(serve(status=status), seen(deployment=down, fresh=True))
    assert (made.status["attempt"], made.status["state"]) == (2, "PENDING")
    assert kinds(made) == [RestartChild]


def test_a_resume_is_the_next_attempt_counted_before_its_pods_exist():
    down = deployment(replicas=0)
    made = step(serve(status=status_of("STOPPED"), more={"replicas": 2}), seen(deployment=down))
    assert made.status["attempt"] == 2
    template = made.actions[0].workload.child["spec"]
    assert template["replicas"] == 2
    assert template["template"]["metadata"]["labels"]["run-operator.io/attempt"] == "2"
    again = step(serve(status=made.status), seen(deployment=down, fresh=True))
    assert (again.status, kinds(again)) == (None, [RestartChild])


def test_no_pods_of_two_attempts_at_once():
    old = deployment(attempt=1, replicas=1)
    made = step(serve(status=status_of("PENDING", 2)), seen(replica(), deployment=old))
    assert made.actions == (ScaleChild("hello", "deployment-1", 0),)


def test_an_address_edited_while_stopped_is_brought_in_line_at_the_resume():
    down = deployment(replicas=0)

    def resumed(**more: Any):
        return step(serve(status=status_of("STOPPED"), more=more), seen(deployment=down))

    assert kinds(resumed(service_type="NodePort")) == [PatchService, RestartChild]
    assert kinds(resumed(service_ports=[{"port": 81}])) == [PatchService, RestartChild]
    other = resumed(service_name="other")
    assert kinds(other) == [DeleteChild, CreateService, RestartChild]
    assert other.actions[0].kind == "Service"


def test_a_deployment_deleted_by_hand_is_checked_and_made_again_as_the_next_attempt():
    one = serve(status=running())
    assert step(one, seen(deployment=None)).reread
    made = step(one, seen(deployment=None, fresh=True))
    assert (made.status["attempt"], kinds(made)) == (2, [CreateWorkload])
    assert "the Deployment of attempt 1 was deleted" in made.status["attempts"][0]["message"]
    waiting = step(one, seen(replica(deleting=True), deployment=None, fresh=True))
    assert (waiting.status["state"], waiting.actions) == ("STOP", ())


def test_a_lost_status_is_found_again_from_the_deployment():
    made = step(serve(), seen(replica(attempt=3), deployment=deployment(attempt=3)))
    assert (made.status["attempt"], made.status["state"]) == (3, "RUNNING")


def test_a_status_lost_while_stopped_does_not_let_an_old_attempt_go_on():
    down = deployment(attempt=3, replicas=0)
    ending = step(serve(), seen(replica(attempt=3, deleting=True), deployment=down))
    assert (ending.status["state"], ending.actions) == ("STOP", ())
    made = step(serve(), seen(deployment=down, fresh=True))
    assert (made.status["attempt"], kinds(made)) == (4, [RestartChild])


def test_stopped_is_said_after_a_look_at_the_pods_themselves():
    """A Deployment may not count pods that are ending, and the stream of pods may be behind its own."""
    down = deployment(replicas=0)
    for suspend in (True, False):
        assert step(serve(status=status_of("STOP"), suspend=suspend), seen(deployment=down)).reread
    found = seen(replica(deleting=True), deployment=down, fresh=True)
    assert step(serve(status=status_of("STOP"), suspend=True), found).status["state"] == "STOP"


@pytest.mark.parametrize(
    ("edit", "before"),
    [
        ({}, []),
        ({"service_ports": [{"port": 81}]}, [PatchService]),
        ({"service_name": "other"}, [DeleteChild, CreateService]),
    ],
)
def test_a_deployment_deleted_while_stopped_is_made_again_at_the_address_that_is_wanted_now(edit, before):
    stopped = serve(status=status_of("STOPPED"), more=edit)
    made = step(stopped, seen(deployment=None, fresh=True))
    assert (made.status["attempt"], kinds(made)) == (2, [*before, CreateWorkload])
