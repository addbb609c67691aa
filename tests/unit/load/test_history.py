"""The judge of `make chaos`: it sees what breaks a rule, and blames nobody for what it could not see."""

from __future__ import annotations

from typing import Any

from tests.load.chaos import judged
from tests.load.history import GAP, HOLE
from tests.load.troubles import DEAD


def run(state: str, attempt: int = 1) -> dict[str, Any]:
    status = {"state": state, "attempt": attempt}
    return {"type": "MODIFIED", "object": {"kind": "Run", "metadata": {"name": "x"}, "status": status}}


def pod(phase: str = "Running", what: str = "MODIFIED") -> dict[str, Any]:
    labels = {"run-operator.io/run": "x", "run-operator.io/attempt": "1"}
    item = {
        "kind": "Pod",
        "metadata": {"name": "x-1", "labels": labels},
        "spec": {},
        "status": {"phase": phase},
    }
    return {"type": what, "object": item}


def test_a_run_that_says_stopped_while_its_pod_can_write_breaks_a_rule():
    reported = judged([run("RUNNING"), pod(), run("STOPPED")])
    assert reported.broken == ["x: STOPPED while {'x-1': 1} can write"]
    assert judged([run("RUNNING"), pod(), pod(what="DELETED"), run("STOPPED")]).broken == []


def test_what_happens_in_a_hole_of_the_history_is_blamed_on_nobody():
    gap, hole = {"type": GAP, "kind": "Pod"}, {"type": HOLE, "kind": "Pod", "items": []}
    assert judged([run("RUNNING"), pod(), gap, run("STOPPED"), hole]).broken == []
    assert judged([run("RUNNING"), gap, hole, pod(), run("STOPPED")]).broken


def test_an_attempt_is_skipped_only_by_a_first_job_that_was_never_recorded():
    assert judged([run("RUNNING", 1), run("PENDING", 3)]).broken == ["x: the attempt number moved by 2"]
    assert judged([run("CREATED", 0), run("PENDING", 2)]).broken == []


def test_a_pod_that_is_put_on_the_dead_node_is_given_up():
    dead = pod()
    dead["object"]["spec"]["nodeName"] = DEAD
    assert judged([run("RUNNING"), pod("Pending"), dead, run("STOPPED")]).broken == []


def test_a_program_that_ended_on_the_dead_node_did_its_work():
    dead = pod()
    dead["object"]["spec"]["nodeName"] = DEAD
    assert judged([run("RUNNING"), dead, run("COMPLETED")]).broken
    ended = {"name": "main", "state": {"terminated": {"exitCode": 0}}}
    dead["object"]["status"]["containerStatuses"] = [ended]
    assert judged([run("RUNNING"), dead, run("COMPLETED")]).broken == []
