"""Stop and resume on a real API server: from every state, within three writes, whatever races or dies meanwhile."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from tests.support.dead_node import dead_node, end_all, on_it
from tests.support.harness import OperatorProcess, Person, condition, delta, wait_for
from tests.support.proxy import Proxy

STUCK = {"node_selector": [{"key": "no-such-label", "value": "x"}]}
TOP = 3
"""Writes of the operator that a transition may cost."""


def suspend(person: Person, name: str, suspend: bool = True) -> None:
    done = person.patch_run(name, {"spec": {"suspend": suspend}})
    assert done.returncode == 0, done.stderr


def pods(person: Person, name: str) -> list[Any]:
    return person.items("pods", f"--selector=run-operator.io/run={name}")


def unschedulable(person: Person, name: str, **top: Any) -> None:
    person.apply_run(name, spec=STUCK, **top)
    wait_for(
        "unschedulable", lambda: condition(person.status(name), "Running").get("reason") == "Unschedulable"
    )


def running(person: Person, name: str, **top: Any) -> None:
    person.apply_run(name, **top)
    person.becomes(name, "RUNNING")


@pytest.mark.parametrize("begin", [unschedulable, running])
def test_a_stop_and_a_resume_cost_at_most_three_writes_each(operator, person, begin):
    begin(person, "x")
    before = operator.writes()
    suspend(person, "x")
    status = person.becomes("x", "STOPPED")
    assert sum(delta(before, operator.writes()).values()) <= TOP
    assert (condition(status, "Suspended")["status"], status["suspendedBy"]) == ("True", "User")
    assert pods(person, "x") == []
    wait_for("the Job tidied away", lambda: person.get("job", "x") is None)
    before = operator.writes()
    suspend(person, "x", False)
    status = person.becomes("x", "RUNNING" if begin is running else "PENDING")
    wait_for("its pod", lambda: pods(person, "x"))
    assert sum(delta(before, operator.writes()).values()) <= TOP
    assert (status["attempt"], len(status["attempts"])) == (2, 2)
    assert "suspendedBy" not in status


def test_a_resume_right_after_the_stop_replaces_the_suspended_job(operator, person):
    running(person, "x")
    suspend(person, "x")
    person.becomes("x", "STOPPED")
    assert person.get("job", "x")["spec"]["suspend"] is True
    suspend(person, "x", False)
    assert person.becomes("x", "RUNNING")["attempt"] == 2
    (pod,) = pods(person, "x")
    assert pod["metadata"]["labels"]["run-operator.io/attempt"] == "2"


def test_a_run_stopped_as_soon_as_it_is_created_stops(operator, person):
    for number in range(5):
        person.apply_run(f"x{number}")
        suspend(person, f"x{number}")
    for number in range(5):
        person.becomes(f"x{number}", "STOPPED")
        assert pods(person, f"x{number}") == []


@pytest.mark.parametrize("last", [True, False])
def test_ten_flips_end_in_the_last_value(operator, person, last):
    running(person, "x")
    for number in range(10):
        suspend(person, "x", (number % 2 == 0) != last)
    status = person.becomes("x", "STOPPED" if last else "RUNNING")
    live = [pod for pod in pods(person, "x") if not pod["metadata"].get("deletionTimestamp")]
    assert len(live) == (0 if last else 1)
    assert [a["attempt"] for a in status["attempts"]] == list(range(1, status["attempt"] + 1))


def test_a_stop_that_races_the_end_ends_in_what_the_job_says(operator, person):
    names = [f"x{number}" for number in range(10)]
    for name in names:
        person.apply_run(name, "kwok-complete")
    for name in names:
        suspend(person, name)
    for name in names:
        status = wait_for(
            "an end", lambda name=name: (s := person.status(name))["state"] in ("COMPLETED", "STOPPED") and s
        )
        job = person.get("job", name)
        done = job and any(c["type"] == "Complete" for c in job["status"].get("conditions", ()))
        assert status["state"] == ("COMPLETED" if done else "STOPPED")


def test_a_resume_that_races_the_deletion_leaves_nothing_behind(operator, person):
    running(person, "x")
    suspend(person, "x")
    person.becomes("x", "STOPPED")
    suspend(person, "x", False)
    person.kubectl("delete", "run", "x", "--wait=false")
    wait_for("nothing left", lambda: person.get("run", "x") is None and not person.items("jobs,pods"))


def test_an_edit_of_a_stopped_run_counts_from_the_next_attempt_and_a_running_one_refuses_it(operator, person):
    running(person, "x")
    edit = {
        "spec": {"spec": {"args": ["new"], "envs": [{"name": "A", "value": "b"}], "resources": {"cpu": "1"}}}
    }
    assert "only while the Run is STOPPED" in person.patch_run("x", edit).stderr
    suspend(person, "x")
    person.becomes("x", "STOPPED")
    assert person.patch_run("x", edit | {"spec": edit["spec"] | {"suspend": False}}).returncode == 0
    person.becomes("x", "RUNNING")
    (container,) = person.get("job", "x")["spec"]["template"]["spec"]["containers"]
    assert container["args"] == ["new"]
    assert {"name": "A", "value": "b"} in container["env"]
    assert container["resources"]["requests"] == {"cpu": "1"}


def test_a_deadline_that_is_changed_while_the_run_runs(operator, person):
    running(person, "x")
    person.patch_run("x", {"spec": {"runPolicy": {"activeDeadlineSeconds": 4000}}})
    wait_for("the Job's deadline", lambda: person.get("job", "x")["spec"]["activeDeadlineSeconds"] == 4000)
    person.patch_run("x", {"spec": {"runPolicy": {"activeDeadlineSeconds": 1}}})
    assert condition(person.becomes("x", "ERROR"), "Failed")["reason"] == "DeadlineExceeded"


def test_the_pending_deadline(operator, person):
    unschedulable(person, "x", policy={"pendingDeadlineSeconds": 2})
    failed = condition(person.becomes("x", "ERROR"), "Failed")
    assert failed["reason"] == "PendingDeadlineExceeded"
    assert "cannot be scheduled to a node" in failed["message"]
    wait_for("no pods", lambda: not person.items("jobs,pods"))


def test_a_wall_clock_ends_a_stopped_run(operator, person):
    policy = {"activeDeadlineSeconds": 4, "deadlinePolicy": "WallClock"}
    running(person, "x", policy=policy)
    suspend(person, "x")
    person.becomes("x", "STOPPED")
    assert condition(person.becomes("x", "ERROR"), "Failed")["reason"] == "DeadlineExceeded"


def test_a_queue_lets_the_run_in_and_takes_it_back_and_a_person_stops_it(operator, person):
    """No queueing system is installed: the test does to the Job what one does."""
    body = {"metadata": {"labels": {"kueue.x-k8s.io/queue-name": "team-a"}}}
    document = json.loads(json.dumps(_run("x"))) | {"metadata": {"name": "x"} | body["metadata"]}
    person.apply(document)
    status = wait_for("queued", lambda: (s := person.status("x")).get("suspendedBy") == "Queue" and s)
    assert (status["state"], condition(status, "Queued")["status"]) == ("PENDING", "True")
    job = wait_for("its Job", lambda: person.get("job", "x"))  # a Run with a queue is stored first
    assert job["metadata"]["labels"]["kueue.x-k8s.io/queue-name"] == "team-a"
    assert pods(person, "x") == []
    # By this time, and not by its creation, a Job without a pod counts as forgotten.
    assert "startTime" not in wait_for("the controller", lambda: person.get("job", "x")["status"])
    _admit(person, True)
    assert person.becomes("x", "RUNNING")["attempt"] == 1
    assert person.get("job", "x")["status"]["startTime"]
    _admit(person, False)
    status = person.becomes("x", "PENDING")
    assert status["suspendedBy"] == "Queue"
    assert person.get("job", "x")["spec"]["suspend"] is True
    _admit(person, True)
    person.becomes("x", "RUNNING")
    suspend(person, "x")
    assert person.becomes("x", "STOPPED")["suspendedBy"] == "User"
    assert person.get("job", "x") is None


def _run(name: str) -> dict[str, Any]:
    from tests.support.harness import run_object  # noqa: PLC0415 - this test only

    return run_object(name)


def _admit(person: Person, admitted: bool) -> None:
    person.kubectl("patch", "job", "x", "--type=merge", "-p", json.dumps({"spec": {"suspend": not admitted}}))


@pytest.fixture
def fragile(alone: None, proxy: Proxy, person: Person, tmp_path: Path) -> Iterator[OperatorProcess]:
    """The only operator, behind the proxy."""
    one = OperatorProcess(proxy.kubeconfig, tmp_path / "log", namespaces=person.namespace)
    yield one
    one.kill()


MOMENTS: list[tuple[str, int]] = [(when, number) for when in ("before", "after") for number in (1, 2, 3)]


@pytest.mark.parametrize(("when", "number"), MOMENTS)
@pytest.mark.parametrize("is_stop", [True, False])
def test_an_operator_killed_at_any_write_of_a_stop_or_resume_leaves_nothing_wrong(
    person, proxy, fragile, when, number, is_stop
):
    fragile.start()
    person.apply_run("x", suspend=not is_stop)
    person.becomes("x", "RUNNING" if is_stop else "STOPPED")
    proxy.writes.clear()
    setattr(proxy, f"{when}_write", _once(number, fragile.kill))
    suspend(person, "x", is_stop)
    wait_for("the kill", lambda: not fragile.running or len(proxy.writes) >= TOP)
    fragile.kill()
    setattr(proxy, f"{when}_write", lambda _: None)
    fragile.start()
    status = person.becomes("x", "STOPPED" if is_stop else "RUNNING")
    assert status["attempt"] == 1
    assert len(pods(person, "x")) == (0 if is_stop else 1)


def _once(number: int, do: Callable[[], None]) -> Callable[[int], None]:
    return lambda written: do() if written == number else None


def test_cut_watches_are_opened_again_and_nothing_is_missed(person, proxy, fragile):
    fragile.start()
    running(person, "x")
    assert proxy.cut_streams() >= 4
    suspend(person, "x")
    person.becomes("x", "STOPPED")
    person.apply_run("y")
    person.becomes("y", "RUNNING")


def test_what_was_deleted_while_no_watch_was_open_is_missed_though_no_event_tells(person, proxy, fragile):
    """The watch cannot go on where it was, as after a long outage: a new list tells, and not the sweep in five minutes."""
    expired: list[str] = []

    def too_old(_: str, path: str) -> web.Response | None:
        resource = path.partition("?")[0].rpartition("/")[2]
        if "watch=true" not in path or resource not in ("jobs", "pods") or resource in expired:
            return None
        expired.append(resource)
        gone = {"kind": "Status", "code": 410, "reason": "Expired", "message": "too old resource version"}
        return web.json_response(gone, status=410)

    fragile.start()
    running(person, "x")
    proxy.pause()
    proxy.cut_streams()
    person.kubectl("delete", "job", "x")
    wait_for("no pod left", lambda: not pods(person, "x"))
    proxy.answer = too_old
    proxy.unpause()
    status = wait_for(
        "attempt 2", lambda: (s := person.status("x"))["attempt"] == 2 and s["state"] == "RUNNING" and s
    )
    assert status["attempts"][0]["reason"] == "ChildDeleted"
    assert sorted(expired) == ["jobs", "pods"]


def test_an_api_server_that_does_not_know_runs_yet_is_asked_again(person, proxy, fragile):
    """As while it starts: its discovery is empty for a moment, and who asks only once would never watch."""
    asked: list[str] = []

    def young(_: str, path: str) -> web.Response | None:
        if path.partition("?")[0] != "/apis/run-operator.io/v1alpha1" or len(asked) >= 3:
            return None
        asked.append(path)
        return web.json_response({"kind": "APIResourceList", "groupVersion": "x/v1", "resources": []})

    proxy.answer = young
    fragile.start()
    assert len(asked) == 3
    running(person, "x")


def test_an_api_server_that_is_down_or_busy_for_a_while_is_waited_for(person, proxy, fragile):
    fragile.start()
    running(person, "x")
    refusals: list[str] = []

    def busy(method: str, path: str) -> web.Response | None:
        if method != "PATCH" or len(refusals) >= 6:
            return None
        refusals.append(path)
        headers = {"Retry-After": "1"} if len(refusals) % 2 else {}
        return web.json_response({"message": "busy"}, status=429 if headers else 503, headers=headers)

    proxy.answer = busy
    suspend(person, "x")
    person.becomes("x", "STOPPED")
    assert len(refusals) == 6


@pytest.fixture
def deserted(person: Person) -> Iterator[str]:
    """The name of a node without a kubelet."""
    with dead_node(person) as name:
        yield name


def test_a_pod_on_a_dead_node_blocks_a_stop_for_a_bounded_time(operator, person, deserted):
    policy = {"terminationGracePeriodSeconds": 1, "podTerminationTimeoutSeconds": 2}
    person.apply_run("x", spec=on_it(person), policy=policy)
    wait_for("a pod there", lambda: any(p["spec"].get("nodeName") == deserted for p in pods(person, "x")))
    suspend(person, "x")
    status = person.becomes("x", "STOPPED")
    suspended = condition(status, "Suspended")
    assert (suspended["status"], suspended["reason"]) == ("True", "PodTerminationTimeout")
    assert deserted in suspended["message"]
    assert pods(person, "x") != []
    suspend(person, "x", False)
    wait_for("the next attempt", lambda: person.status("x")["attempt"] == 2)
    end_all(person)


def test_a_claim_keeps_its_size_and_says_so_when_the_document_asks_for_another(operator, person):
    def volumes(size: str) -> dict[str, Any]:
        claim = {"volume_type": "persistent_volume_claim", "name": "data", "mount_path": "/data"}
        return {"volumes": [claim | {"spec": {"size": size}}]}

    person.apply_run("x", spec=volumes("2Gi"))
    person.becomes("x", "PENDING")
    person.patch_run("x", {"spec": {"suspend": True}})
    person.becomes("x", "STOPPED")
    person.patch_run("x", {"spec": {"spec": volumes("1Gi")}})
    person.patch_run("x", {"spec": {"suspend": False}})
    (event,) = wait_for("its event", lambda: person.items("events", "--field-selector=reason=NotApplied"))
    assert "claim x-data has 2Gi, the document requests 1Gi: a claim cannot shrink" in event["message"]
    assert person.get("pvc", "x-data")["spec"]["resources"]["requests"] == {"storage": "2Gi"}
