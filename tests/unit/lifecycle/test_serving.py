"""The next step for a service: up, down, up again, and what is told meanwhile."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from run_operator.lifecycle.actions import (
    CreateService,
    CreateWorkload,
    DeleteChild,
    PatchService,
    RestartChild,
    ScaleChild,
)
from run_operator.lifecycle.observed import Observed, Refusal
from run_operator.lifecycle.plan import plan
from run_operator.resources.run import Run
from run_operator.resources.times import precise_stamp, stamp
from run_operator.workloads.options import Options
from tests.builders import NOW, deployment, replica, serve, service


def step(one: Run, observed: Observed | None = None, now: float = NOW):
    return plan(one, observed or Observed(), now, Options())


def seen(*pods, **parts: Any) -> Observed:
    services = parts.pop("services", (service(),))
    return Observed(pods=pods, services=services, **({"deployment": deployment()} | parts))


def status_of(state: str, attempt: int = 1, **more: Any) -> dict[str, Any]:
    began = stamp(NOW - 100)
    begun = {"attempt": attempt, "startTime": began, "attempts": [{"attempt": attempt, "startTime": began}]}
    return {"state": state, "observedGeneration": 1} | (begun if attempt else {}) | more


def running(*pods, **parts: Any) -> dict[str, Any]:
    """The status of a service that became RUNNING with these pods."""
    made = step(serve(status=status_of("PENDING")), seen(*(pods or (replica(),)), **parts))
    assert made.status["state"] == "RUNNING"
    return made.status


def kinds(made) -> list[type]:
    return [type(action) for action in made.actions]


def condition(made, kind: str) -> dict[str, Any]:
    return next(c for c in made.status["conditions"] if c["type"] == kind)


def test_a_new_service_is_counted_before_its_parts_are_created():
    made = step(serve())
    assert (made.status["attempt"], made.status["state"]) == (1, "PENDING")
    assert kinds(made) == [CreateService, CreateWorkload]
    assert (made.actions[0].body["kind"], made.actions[1].workload.child["kind"]) == ("Service", "Deployment")


def test_running_means_that_all_replicas_are_ready():
    two = serve(status=status_of("PENDING"), more={"replicas": 2})
    both = {"deployment": deployment(replicas=2)}
    half = step(two, seen(replica(), replica(False, name="hello-b"), **both))
    assert half.status["state"] == "PENDING"
    full = step(two, seen(replica(), replica(name="hello-b"), **both))
    assert full.status["state"] == "RUNNING"
    assert full.status["message"] == "2 replicas ready at hello.ml:80"
    assert full.status["service"]["clusterIP"] == "10.0.0.9"
    assert condition(full, "Running")["reason"] == "Ready"


def test_nothing_is_written_while_nothing_changes():
    made = step(serve(status=running()), seen(replica(since=NOW - 50)), NOW + 1000)
    assert (made.status, made.actions, made.wake_at) == (None, (), None)


@pytest.mark.parametrize(
    ("pod", "parts", "reason", "said"),
    [
        (replica(None, waiting="ImagePullBackOff"), {}, "ImagePullFailed", "cannot be pulled"),
        (replica(None, waiting="", unschedulable="0/1 nodes"), {}, "Unschedulable", "0/1 nodes"),
        (replica(False), {}, "NotReady", "nothing answers at its port"),
        (None, {}, "NoPod", "make its pods"),
        (None, {"deployment": deployment(failure="exceeded quota")}, "FailedCreate", "exceeded quota"),
        (replica(False, restarts=5, waiting="CrashLoopBackOff", last_exit=3), {}, "CrashLoopBackOff",
         "main exited with code 3; restarted 4 times or more"),
        (replica(False, restarts=1, waiting="CrashLoopBackOff", last_exit=137, last_reason="OOMKilled"), {},
         "CrashLoopBackOff", "raise resources.mem; restarted once"),
        (replica(False, restarts=1, waiting="CrashLoopBackOff", last_exit=0), {}, "CrashLoopBackOff",
         "exited with code 0, a service's program has to go on running"),
    ],
)  # fmt: skip
def test_what_keeps_it_from_running_is_told_and_it_is_not_torn_down(pod, parts, reason, said):
    made = step(serve(status=status_of("PENDING")), seen(*([pod] if pod else []), **parts))
    assert (made.status["state"], condition(made, "Running")["reason"]) == ("PENDING", reason)
    assert said in made.status["message"]
    assert made.actions == ()


def test_more_restarts_are_told_when_they_have_doubled():
    def crashed(restarts: int):
        return seen(replica(False, restarts=restarts, waiting="CrashLoopBackOff", last_exit=3))

    first = step(serve(status=status_of("PENDING")), crashed(4))
    assert step(serve(status=first.status), crashed(7)).status is None
    assert "8 times" in step(serve(status=first.status), crashed(8)).status["message"]


def test_the_number_of_replicas_follows_the_document():
    made = step(serve(status=running(), more={"replicas": 3}), seen(replica()))
    assert made.actions == (ScaleChild("hello", "deployment-1", 3),)


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


def test_a_deleted_address_is_checked_and_then_made_anew_with_an_event():
    one = serve(status=running())
    assert step(one, seen(replica(), services=())).reread
    made = step(one, seen(replica(), services=(), fresh=True))
    assert kinds(made) == [CreateService]
    assert [event.reason for event in made.events] == ["ServiceDeleted"]
    assert made.status is None
    back = step(one, seen(replica(), services=(service(clusterIP="10.0.0.10"),)))
    assert back.status["service"]["clusterIP"] == "10.0.0.10"


def test_a_refusal_is_not_the_end_while_pods_run():
    taken = Refusal("NameConflict", "taken", final=True)
    made = step(serve(status=running()), seen(replica(), services=(), refusal=taken))
    assert (made.status["state"], condition(made, "Running")["reason"]) == ("PENDING", "NameConflict")
    first = step(serve(status=status_of("PENDING")), Observed(refusal=taken))
    assert first.status["state"] == "ERROR"


def test_a_deployment_deleted_by_hand_is_checked_and_made_anew_as_the_next_attempt():
    one = serve(status=running())
    assert step(one, seen(deployment=None)).reread
    made = step(one, seen(deployment=None, fresh=True))
    assert (made.status["attempt"], kinds(made)) == (2, [CreateWorkload])
    assert "the Deployment of attempt 1 was deleted" in made.status["attempts"][0]["message"]
    waiting = step(one, seen(replica(deleting=True), deployment=None, fresh=True))
    assert (waiting.status["state"], waiting.actions) == ("STOP", ())


@pytest.mark.parametrize(
    ("edit", "before"),
    [
        ({}, []),
        ({"service_ports": [{"port": 81}]}, [PatchService]),
        ({"service_name": "other"}, [DeleteChild, CreateService]),
    ],
)
def test_a_deployment_deleted_while_stopped_is_made_anew_at_the_address_that_is_wanted_now(edit, before):
    stopped = serve(status=status_of("STOPPED"), more=edit)
    made = step(stopped, seen(deployment=None, fresh=True))
    assert (made.status["attempt"], kinds(made)) == (2, [*before, CreateWorkload])


def test_a_lost_status_is_found_again_from_the_deployment():
    made = step(serve(), seen(replica(attempt=3), deployment=deployment(attempt=3)))
    assert (made.status["attempt"], made.status["state"]) == (3, "RUNNING")


def test_a_status_lost_while_stopped_does_not_let_an_old_attempt_go_on():
    down = deployment(attempt=3, replicas=0)
    ending = step(serve(), seen(replica(attempt=3, deleting=True), deployment=down))
    assert (ending.status["state"], ending.actions) == ("STOP", ())
    made = step(serve(), seen(deployment=down, fresh=True))
    assert (made.status["attempt"], kinds(made)) == (4, [RestartChild])


def test_a_moment_of_unreadiness_is_not_told_and_a_longer_one_is():
    one = serve(status=running())
    gone = seen(replica(False, since=NOW + 100))
    early = step(one, gone, NOW + 105)
    assert (early.status, early.wake_at) == (None, NOW + 110)
    assert step(one, gone, NOW + 111).status["state"] == "PENDING"


def test_a_crash_loop_is_told_at_once_and_does_not_flicker():
    one = serve(status=running())
    crashed = step(one, seen(replica(False, restarts=1, waiting="CrashLoopBackOff", last_exit=1)))
    assert (crashed.status["state"], condition(crashed, "Running")["reason"]) == (
        "PENDING",
        "CrashLoopBackOff",
    )
    up = seen(replica(restarts=1, since=NOW + 20, last_exit=1))
    again = step(serve(status=crashed.status), up, NOW + 21)
    assert (again.status, again.wake_at) == (None, NOW + 30)
    assert step(serve(status=crashed.status), up, NOW + 31).status["state"] == "RUNNING"


def test_a_service_that_still_answers_with_fewer_replicas_runs_and_says_so_when_it_lasts():
    both = {"deployment": deployment(replicas=2)}
    more = {"replicas": 2}
    status = step(
        serve(status=status_of("PENDING"), more=more), seen(replica(), replica(name="hello-b"), **both)
    ).status
    half = seen(replica(), replica(False, name="hello-b", since=NOW + 100), **both)
    early = step(serve(status=status, more=more), half, NOW + 110)
    assert (early.status, early.wake_at) == (None, NOW + 130)
    late = step(serve(status=status, more=more), half, NOW + 131)
    assert (late.status["state"], condition(late, "Running")["reason"]) == ("RUNNING", "Degraded")
    full = seen(replica(), replica(name="hello-b", since=NOW + 140), **both)
    assert step(serve(status=late.status, more=more), full, NOW + 150).status is None
    assert (
        condition(step(serve(status=late.status, more=more), full, NOW + 171), "Running")["reason"] == "Ready"
    )


@pytest.mark.parametrize("period", [3, 12, 25, 60])
def test_flapping_readiness_costs_few_writes(period):
    """Ready and unready in turn for an hour; looked at every second."""
    status, writes = running(), 0
    for second in range(3600):
        now = NOW + second
        since = NOW + second // period * period
        pod = replica(second // period % 2 == 0, since=since, started=NOW)
        made = step(serve(status=status), seen(pod), now)
        if made.status is not None:
            status, writes = made.status, writes + 1
    assert writes <= 60


OBSERVED = st.builds(
    lambda replicas, attempt, pods, fresh, there: Observed(
        deployment=deployment(replicas=replicas, attempt=attempt) if there else None,
        pods=tuple(replica(name=f"p{i}", attempt=a, deleting=d) for i, (a, d) in enumerate(pods)),
        services=(service(),),
        fresh=fresh,
    ),
    st.integers(0, 2),
    st.integers(1, 3),
    st.lists(st.tuples(st.integers(1, 3), st.booleans()), max_size=3),
    st.booleans(),
    st.booleans(),
)


@settings(max_examples=500, deadline=None)
@given(
    observed=OBSERVED,
    state=st.sampled_from(["CREATED", "PENDING", "RUNNING", "STOP", "STOPPED", "ERROR"]),
    suspend=st.booleans(),
    attempt=st.integers(0, 3),
)
def test_whatever_is_seen_the_truth_rules_hold(observed, state, suspend, attempt):
    one = serve(suspend=suspend, status=status_of(state, attempt))
    made = step(one, observed)
    after = (made.status or one.status)["state"]
    starts = [a for a in made.actions if isinstance(a, CreateWorkload | RestartChild)]
    if observed.live_pods:
        assert after != "STOPPED" or state == "STOPPED"
        assert starts == []
    if starts:
        assert not suspend
        number = (made.status or one.status)["attempt"]
        annotations = starts[0].workload.child["metadata"]["annotations"]
        assert annotations["run-operator.io/attempt"] == str(number)
    if state == "ERROR":
        assert made.actions == ()
    if suspend:
        assert not [a for a in made.actions if isinstance(a, ScaleChild) and a.replicas]


def test_transitions_of_an_earlier_attempt_do_not_make_it_slower():
    old = [{"status": "RUNNING", "time": precise_stamp(NOW - 300)}] * 40
    one = serve(status=running() | {"transitions": old})
    assert step(one, seen(replica(False, since=NOW + 100)), NOW + 105).wake_at == NOW + 110


def test_an_edit_of_more_than_the_replicas_is_told_to_count_later():
    edited = serve(status=running(), more={"image": "http-echo:2", "replicas": 1})
    made = step(edited, seen(replica()))
    assert [event.reason for event in made.events] == ["NotApplied"]
    scaled = serve(status=running(), more={"replicas": 3})
    made = step(scaled, seen(replica()))
    assert (kinds(made), made.events) == ([ScaleChild], ())


def test_a_bad_edit_of_a_running_service_does_not_end_it():
    made = step(serve(status=running(), more={"replicas": 0}), seen(replica()))
    assert (made.status, made.actions) == (None, ())
    assert "0 is not 1 to" in made.events[0].message


def test_a_bad_edit_of_a_service_without_pods_does_not_end_it_either():
    """Its Deployment goes on trying: ERROR would be said of a Run whose pods come later."""
    quota = deployment(failure="exceeded quota")
    made = step(serve(status=status_of("PENDING"), more={"replicas": 0}), seen(deployment=quota))
    assert (made.status["state"], made.actions) == ("PENDING", ())
    assert "0 is not 1 to" in made.events[0].message
    assert "exceeded quota" in made.status["message"]
    up = step(serve(status=made.status, more={"replicas": 0}), seen(replica()))
    assert up.status["state"] == "RUNNING"


@pytest.mark.parametrize(
    "edit", [{"service_name": "other"}, {"service_ports": [{"port": "x"}]}, {"service_type": "?"}]
)
def test_an_edit_that_slips_through_with_the_replicas_does_not_touch_the_address(edit):
    one = serve(status=running(), more={"replicas": 2} | edit)
    made = step(one, seen(replica(), fresh=True))
    assert (kinds(made), [event.reason for event in made.events]) == ([ScaleChild], ["NotApplied"])
    assert made.status is None


def test_stopped_is_said_after_a_look_at_the_pods_themselves():
    """A Deployment may not count pods that are ending, and the stream of pods may be behind its own."""
    down = deployment(replicas=0)
    for suspend in (True, False):
        assert step(serve(status=status_of("STOP"), suspend=suspend), seen(deployment=down)).reread
    found = seen(replica(deleting=True), deployment=down, fresh=True)
    assert step(serve(status=status_of("STOP"), suspend=True), found).status["state"] == "STOP"
