"""The end of a Run: the verdict, its evidence, and what may still be done."""

from __future__ import annotations

from typing import Any

from run_operator.api.raw import stamp
from run_operator.children import PodView
from run_operator.lifecycle.model import DeleteRun, Observed
from tests.support.builders import NOW, UID, job, pod, run
from tests.support.planning import condition, status_of, step


def test_finished_is_true_on_either_outcome():
    good = step(
        run(status=status_of("RUNNING")), Observed(job(complete=True), (pod("Succeeded", exit_code=0),))
    )
    bad = step(
        run(status=status_of("RUNNING")),
        Observed(job(failed_reason="BackoffLimitExceeded"), (pod("Failed", exit_code=3),)),
    )
    assert condition(good, "Finished")["status"] == condition(bad, "Finished")["status"] == "True"
    assert condition(good, "Complete")["status"] == condition(bad, "Failed")["status"] == "True"


def test_evidence_is_recorded_with_the_end():
    seen = Observed(
        job(failed_reason="BackoffLimitExceeded"), (pod("Failed", exit_code=137, reason="OOMKilled"),)
    )
    made = step(run(status=status_of("RUNNING")), seen)
    assert made.status["attempts"][-1]["exitCode"] == 137
    assert made.status["attempts"][-1]["podName"] == "hello-x"
    assert condition(made, "Failed")["reason"] == "OOMKilled"


def test_an_end_without_evidence_is_read_again_from_the_api_server_first():
    assert step(run(status=status_of("RUNNING")), Observed(job(complete=True))).reread
    made = step(run(status=status_of("RUNNING")), Observed(job(complete=True), fresh=True))
    assert made.status["state"] == "COMPLETED"


def test_a_run_too_fast_to_be_watched_still_shows_that_it_ran():
    made = step(
        run(status=status_of("PENDING")), Observed(job(complete=True), (pod("Succeeded", exit_code=0),))
    )
    assert [t["status"] for t in made.status["transitions"]] == ["COMPLETED", "RUNNING"]


def test_a_stop_of_a_finished_run_is_answered_once():
    first = step(run(suspend=True, status=status_of("COMPLETED")))
    assert condition(first, "Suspended")["reason"] == "AlreadyFinished"
    assert [e.reason for e in first.events] == ["AlreadyFinished"]
    assert step(run(suspend=True, status=first.status)).status is None


def test_time_to_live_deletes_the_run_when_it_is_over_and_not_before():
    over: dict[str, Any] = {"completionTime": "2027-01-15T08:00:00Z"}
    ended = 1_800_000_000
    one = run(status=status_of("COMPLETED", **over), policy={"ttlSecondsAfterFinished": 60})
    assert step(one, now=ended + 59.0).wake_at == ended + 60
    assert step(one, now=ended + 60.0).actions == (DeleteRun(UID),)


def test_a_run_being_deleted_is_left_alone():
    made = step(run(deleting=True))
    assert (made.status, made.actions) == (None, ())


def test_a_program_that_never_began_did_not_run_in_1970():
    """The kubelet says so of a container it could not start."""
    ended = {
        "exitCode": 128,
        "reason": "StartError",
        "startedAt": "1970-01-01T00:00:00Z",
        "finishedAt": stamp(NOW),
    }
    raw = {
        "metadata": {"name": "hello-x", "uid": "u", "creationTimestamp": stamp(NOW),
                     "labels": {"run-operator.io/run-uid": UID, "run-operator.io/attempt": "1"}},
        "status": {"phase": "Failed", "containerStatuses": [{"name": "main", "state": {"terminated": ended}}]},
    }  # fmt: skip
    pods = (PodView.from_object(raw),)
    made = step(run(status=status_of("PENDING")), Observed(job(failed_reason="BackoffLimitExceeded"), pods))
    assert [entry["status"] for entry in made.status["transitions"]] == ["ERROR"]
    assert [event.reason for event in made.events] == ["StartError"]
