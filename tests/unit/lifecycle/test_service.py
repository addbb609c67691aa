"""A service: how it comes up, what it reports meanwhile, and edits while it runs."""

from __future__ import annotations

from dataclasses import replace

import pytest

from run_operator.api.raw import precise_stamp
from run_operator.children.event_facts import Said
from run_operator.lifecycle.model import CreateService, CreateWorkload, Observed, Refusal, ScaleChild
from tests.support.builders import NOW, UID, deployment, replica, run, serve, service
from tests.support.examples import some
from tests.support.planning import condition, kinds, running, seen, status_of, step


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
        (replica(False), {}, "NotReady", "nothing listens on its port"),
        (None, {}, "NoPod", "create its pods"),
        (None, {"deployment": deployment(failure="exceeded quota")}, "FailedCreate", "exceeded quota"),
        (replica(False, restarts=5, waiting="CrashLoopBackOff", last_exit=3), {}, "CrashLoopBackOff",
         "main exited with code 3; restarted 4 times or more"),
        (replica(False, restarts=1, waiting="CrashLoopBackOff", last_exit=137, last_reason="OOMKilled"), {},
         "CrashLoopBackOff", "raise resources.mem; restarted once"),
        (replica(False, restarts=1, waiting="CrashLoopBackOff", last_exit=0), {}, "CrashLoopBackOff",
         "exited with code 0, the program of a service must keep running"),
        (replica(False, restarts=1, waiting="CrashLoopBackOff", last_exit=1, last_message="InitFailed: OSError: no file"), {},
         "CrashLoopBackOff", "main exited with code 1, InitFailed: OSError: no file; restarted once"),
    ],
)  # fmt: skip
def test_what_keeps_it_from_running_is_reported_and_it_is_not_torn_down(pod, parts, reason, said):
    made = step(serve(status=status_of("PENDING")), seen(*([pod] if pod else []), **parts))
    assert (made.status["state"], condition(made, "Running")["reason"]) == ("PENDING", reason)
    assert said in made.status["message"]
    assert made.actions == ()


def test_the_log_of_an_earlier_container_is_offered_only_where_there_was_one():
    """`kubectl logs --previous` fails for a container that was never restarted."""
    for restarts, said in (
        (0, "main exited with code 3; it will be restarted (kubectl logs deployment/hello)"),
        (1, "main exited with code 3; restarted once (kubectl logs deployment/hello --previous)"),
    ):
        made = step(serve(status=status_of("PENDING")), seen(replica(False, restarts=restarts, exit_code=3)))
        assert (condition(made, "Running")["reason"], made.status["message"]) == ("CrashLoopBackOff", said)


def test_a_volume_that_cannot_be_mounted_is_asked_about_and_reported():
    """As of a job: its pod waits on its node, and no status says why."""
    waiting = serve(status=status_of("PENDING"))
    pods = (replica(None, waiting="ContainerCreating"),)
    asked = step(waiting, seen(*pods), NOW + 20)
    assert (asked.ask.uid, asked.wake_at) == ("uid-hello-a", NOW + 40)
    assert "pod hello-a is being prepared" in asked.status["message"]
    said = (Said("FailedMount", 'secret "key" not found', 5, 20),)
    made = step(waiting, seen(*pods, said=said), NOW + 20)
    assert (condition(made, "Running")["reason"], made.ask) == ("SecretNotFound", None)
    assert [event.reason for event in made.events] == ["SecretNotFound"]
    again = step(serve(status=made.status), seen(*pods, said=said), NOW + 40)
    assert (again.status, again.events) == (None, ())
    up = step(serve(status=made.status), seen(replica()), NOW + 50)
    assert up.status["state"] == "RUNNING"


def test_of_a_service_that_still_answers_it_is_asked_once_when_it_is_reported():
    more, both = {"replicas": 2}, {"deployment": deployment(replicas=2)}
    status = running(replica(), replica(name="hello-b"))
    half = seen(replica(), replica(None, name="hello-c", waiting="ContainerCreating"), **both)
    early, late = (step(serve(status=status, more=more), half, NOW + after) for after in (20, 31))
    assert (early.ask, late.ask.uid) == (None, "uid-hello-c")
    said = (Said("FailedMount", 'secret "key" not found', 5, 20),)
    made = step(serve(status=status, more=more), replace(half, said=said), NOW + 31)
    assert (made.status["state"], condition(made, "Running")["reason"]) == ("RUNNING", "Degraded")
    text = 'fewer than 2 replicas ready: pod hello-c cannot start: secret "key" not found'
    assert made.status["message"] == text
    again = step(serve(status=made.status, more=more), half, NOW + 100)
    assert (again.status, again.ask) == (None, None)


def test_more_restarts_are_reported_when_they_have_doubled():
    def crashed(restarts: int):
        return seen(replica(False, restarts=restarts, waiting="CrashLoopBackOff", last_exit=3))

    first = step(serve(status=status_of("PENDING")), crashed(4))
    assert step(serve(status=first.status), crashed(7)).status is None
    assert "8 times" in step(serve(status=first.status), crashed(8)).status["message"]


def test_the_number_of_replicas_follows_the_document():
    made = step(serve(status=running(), more={"replicas": 3}), seen(replica()))
    assert made.actions == (ScaleChild("hello", "deployment-1", 3),)


def test_a_deleted_address_is_checked_and_then_made_again_with_an_event():
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


def test_a_moment_of_unreadiness_is_not_reported_and_a_longer_one_is():
    one = serve(status=running())
    gone = seen(replica(False, since=NOW + 100))
    early = step(one, gone, NOW + 105)
    assert (early.status, early.wake_at) == (None, NOW + 110)
    assert step(one, gone, NOW + 111).status["state"] == "PENDING"


def test_a_crash_loop_is_reported_at_once_and_does_not_flicker():
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


@pytest.mark.stories
@pytest.mark.parametrize("period", some([3, 12, 25, 60], 3))
def test_flapping_readiness_costs_few_writes(period):
    """Ready and unready in turn for an hour; looked at every three seconds."""
    status, writes = running(), 0
    for second in range(0, 3600, 3):
        now = NOW + second
        since = NOW + second // period * period
        pod = replica(second // period % 2 == 0, since=since, started=NOW)
        made = step(serve(status=status), seen(pod), now)
        if made.status is not None:
            status, writes = made.status, writes + 1
    assert writes <= 60


def test_transitions_of_an_earlier_attempt_do_not_make_it_slower():
    old = [{"status": "RUNNING", "time": precise_stamp(NOW - 300)}] * 40
    one = serve(status=running() | {"transitions": old})
    assert step(one, seen(replica(False, since=NOW + 100)), NOW + 105).wake_at == NOW + 110


def test_an_edit_of_more_than_the_replicas_is_reported_to_count_later():
    edited = serve(status=running(), more={"image": "http-echo:2", "replicas": 1})
    made = step(edited, seen(replica()))
    assert [event.reason for event in made.events] == ["NotApplied"]
    scaled = serve(status=running(), generation=2, more={"replicas": 3})
    made = step(scaled, seen(replica()))
    assert (kinds(made), made.events) == ([ScaleChild], ())


def test_a_bad_edit_of_a_running_service_does_not_end_it():
    made = step(serve(status=running(), more={"replicas": 0}), seen(replica()))
    assert (made.status, made.actions) == (None, ())
    assert "0 is not 1 to" in made.events[0].message


def test_a_bad_edit_of_a_service_without_pods_does_not_end_it_either():
    """Its Deployment goes on trying: ERROR would be shown for a Run whose pods come later."""
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
    before = running()
    one = serve(status=before, generation=2, more={"replicas": 2} | edit)
    made = step(one, seen(replica(), fresh=True))
    assert (kinds(made), [event.reason for event in made.events]) == ([ScaleChild], ["NotApplied"])
    assert made.status == before | {"observedGeneration": 2}


def test_replicas_that_somebody_else_keeps_setting_are_an_event_and_an_edit_of_the_run_is_none():
    known = serve(status=running() | {"observedGeneration": 1})
    made = step(known, seen(replica(), deployment=deployment(replicas=2)))
    assert [event.reason for event in made.events] == ["ReplicasReset"]
    assert "kubectl scale run hello" in made.events[0].message
    edited = serve(status=known.status, generation=2, more={"replicas": 2})
    assert step(edited, seen(replica(), deployment=deployment(replicas=1))).events == ()


def test_an_autoscaler_finds_the_replicas_and_their_selector():
    status = running()
    assert (status["replicas"], status["selector"]) == (1, f"run-operator.io/run-uid={UID}")


def test_a_python_service_without_named_ports_shows_its_address():
    spec = {"source": {"handler": "run", "base64": "ZGVmIHJ1bigpOiBwYXNz"}, "python_version": "PYTHON3_12"}
    one = run(spec, kind="python+serve:run", status=status_of("PENDING"))
    address = service(ports=[{"name": "port8080", "port": 8080, "targetPort": 8080, "protocol": "TCP"}])
    made = step(one, seen(replica(), deployment=deployment(spec=one.spec), services=(address,)))
    assert made.status["state"] == "RUNNING"
    assert made.status["service"]["url"] == "hello.ml:8080"


@pytest.mark.parametrize(
    ("other", "reported"),
    [
        pytest.param({"replica_set": "hello-77c"}, True, id="kubectl set image"),
        pytest.param({}, False, id="of the same template"),
        pytest.param({"replica_set": "hello-77c", "attempt": 0}, False, id="of the attempt before"),
    ],
)
def test_pods_of_another_template_than_the_documents_are_reported(other, reported):
    """The pod before is gone by then: pods of a service are replaced, not rolled over."""
    before = replace(replica(name="hello-b", since=NOW - 600, deleting=True, **other), gone=True)
    there = replace(seen(replica()), gone=(before,))
    made = step(serve(status=running()), there, NOW + 59)
    assert [one.reason for one in made.events] == (["TemplateChanged"] if reported else [])
    assert step(serve(status=running()), there, NOW + 60).events == ()


def test_the_clock_of_a_node_that_is_ahead_delays_no_state_of_a_service():
    silent = step(serve(status=running()), seen(replica(False, since=NOW + 3600)), NOW + 60)
    assert silent.status["state"] == "PENDING"
    restarted = replica(restarts=1, since=NOW + 3600, started=NOW + 3600)
    assert step(serve(status=silent.status), seen(restarted), NOW + 70).status["state"] == "RUNNING"
