"""A queue and a person: kept apart, and neither is trampled."""

from __future__ import annotations

from run_operator.api.raw import stamp
from run_operator.lifecycle.model import CreateWorkload, DeleteChild, Observed
from tests.support.builders import NOW, job, pod, run
from tests.support.planning import condition, step

LABELS = {"kueue.x-k8s.io/queue-name": "team-a", "kueue.x-k8s.io/priority-class": "high", "other": "x"}


def test_a_run_with_a_queue_begins_with_a_suspended_job_that_carries_its_labels():
    made = step(run(labels=LABELS))
    (create,) = made.actions
    child = create.workload.child
    assert child["spec"]["suspend"] is True
    assert child["metadata"]["labels"].items() >= {k: v for k, v in LABELS.items() if k != "other"}.items()
    assert "other" not in child["metadata"]["labels"]
    assert (made.status["state"], made.status["suspendedBy"]) == ("PENDING", "Queue")
    assert condition(made, "Queued")["status"] == "True"
    assert made.status["message"] == "waiting in queue team-a"
    assert "startTime" not in made.status


def test_without_a_queue_it_begins_at_once():
    (create,) = step(run()).actions
    assert create.workload.child["spec"]["suspend"] is False


def test_waiting_costs_nothing_and_the_clock_starts_when_it_is_let_in():
    queued = step(run(labels=LABELS)).status
    assert step(run(labels=LABELS, status=queued), Observed(job(suspend=True)), NOW + 500).status is None
    made = step(run(labels=LABELS, status=queued), Observed(job(), (pod(),)), NOW + 500)
    assert made.status["startTime"] == stamp(NOW + 500)
    assert condition(made, "Queued")["reason"] == "Admitted"
    assert "suspendedBy" not in made.status
    assert made.actions == ()


def test_a_run_put_back_into_its_queue_waits_and_keeps_its_attempt_and_active_time():
    queued = step(run(labels=LABELS)).status
    let_in = step(run(labels=LABELS, status=queued), Observed(job(active=1), (pod("Running"),)), NOW).status
    assert let_in["state"] == "RUNNING"
    back = step(
        run(labels=LABELS, status=let_in),
        Observed(job(suspend=True), (pod("Running", due=NOW + 60),)),
        NOW + 40,
    )
    assert (back.status["state"], back.status["attempt"], back.status["activeSeconds"]) == ("PENDING", 1, 40)
    assert back.actions == ()
    again = step(run(labels=LABELS, status=back.status), Observed(job(active=1), (pod("Running"),)), NOW + 90)
    assert (again.status["state"], again.status["startTime"]) == ("RUNNING", stamp(NOW + 90))


def test_a_stopped_run_is_in_no_queue():
    waiting = step(run(labels=LABELS)).status
    made = step(run(labels=LABELS, suspend=True, status=waiting), Observed(fresh=True))
    assert (made.status["state"], condition(made, "Queued")["status"]) == ("STOPPED", "False")


def test_a_persons_stop_takes_the_job_away_from_the_queue():
    let_in = step(run(labels=LABELS), Observed(job(active=1), (pod("Running"),))).status
    one = run(labels=LABELS, suspend=True, status=let_in)
    made = step(one, Observed(job(active=1, version="77"), (pod("Running"),)))
    assert made.actions == (DeleteChild("hello", "job-1", version="77"),)
    assert (made.status["state"], made.status["suspendedBy"]) == ("STOP", "User")
    gone = step(run(labels=LABELS, suspend=True, status=made.status), Observed(fresh=True))
    assert (gone.status["state"], gone.status["suspendedBy"]) == ("STOPPED", "User")
    resumed = step(run(labels=LABELS, status=gone.status))
    assert [type(action) for action in resumed.actions] == [CreateWorkload]
    assert (resumed.status["attempt"], resumed.status["suspendedBy"]) == (2, "Queue")


def test_a_job_suspended_by_hand_is_left_so_and_reported():
    running = step(run(), Observed(job(active=1), (pod("Running"),))).status
    made = step(run(status=running), Observed(job(suspend=True)))
    assert (made.status["state"], made.status["suspendedBy"], made.actions) == ("PENDING", "Other", ())
    assert "another client suspended its Job" in made.status["message"]
    stop = step(run(suspend=True, status=made.status), Observed(job(suspend=True)))
    assert stop.status["state"] == "STOPPED"
