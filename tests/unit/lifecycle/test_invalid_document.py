"""A document that cannot become a workload: said once, and looked at again when it is edited."""

from __future__ import annotations

import pytest

from run_operator.lifecycle.model import CreateWorkload, Observed, Refusal
from tests.support.builders import job, pod, run
from tests.support.planning import condition, kinds, step

BAD = {"image": "x", "resources": {"mem": "512m"}}
GOOD = {"image": "x", "resources": {"mem": "512Mi"}}
REFUSED = Observed(refusal=Refusal("Invalid", "the Job is refused", final=True))


def ended(spec=None, **top):
    made = step(run(BAD if spec is None else spec, **top), REFUSED if spec == GOOD else None)
    assert made.status["state"] == "ERROR"
    return made.status


def test_nothing_was_started_so_no_attempt_is_counted():
    for status in (ended(), ended(GOOD), ended(suspend=True)):
        assert "attempt" not in status
        assert "attempts" not in status


def test_an_attempt_that_was_stored_before_its_child_was_refused_is_taken_back():
    stored = step(run(GOOD, kind="container+deploy:run")).status
    assert stored["attempt"] == 1
    made = step(run(GOOD, kind="container+deploy:run", status=stored), REFUSED)
    assert (made.status["state"], made.status.get("attempt")) == ("ERROR", None)


@pytest.mark.parametrize("seen", [{"job": job(active=1)}, {"pods": (pod("Running"),)}])
def test_an_attempt_that_has_a_child_stays(seen):
    stored = {"state": "PENDING", "attempt": 1, "attempts": [{"attempt": 1}], "observedGeneration": 1}
    made = step(run(GOOD, status=stored), Observed(refusal=REFUSED.refusal, **seen))
    assert made.status["attempt"] == 1


def test_an_edit_starts_it_as_attempt_1():
    made = step(run(GOOD, status=ended(), generation=2))
    assert kinds(made) == [CreateWorkload]
    assert made.actions[0].workload.child["metadata"]["annotations"]["run-operator.io/attempt"] == "1"
    later = step(run(GOOD, status=ended(), generation=2), Observed(job=job(active=1), pods=(pod("Running"),)))
    assert (later.status["state"], later.status["attempt"]) == ("RUNNING", 1)
    assert "completionTime" not in later.status
    assert not {"Failed", "Finished"} & {c["type"] for c in later.status["conditions"]}


def test_an_edit_with_another_mistake_is_reported():
    made = step(run({"image": "x", "run_as_user": 0}, status=ended(), generation=2))
    assert made.status["state"] == "ERROR"
    assert "root is not allowed" in condition(made, "Failed")["message"]
    assert made.status["completionTime"]


def test_an_edit_that_leaves_the_mistake_is_not_reported_twice():
    before = ended()
    made = step(run(BAD, status=before, generation=2))
    assert (made.status["state"], made.status["transitions"]) == ("ERROR", before["transitions"])
    assert [event.reason for event in made.events] == []


def test_without_an_edit_it_stays():
    assert step(run(BAD, status=ended())).status is None


def test_a_run_whose_program_failed_stays_failed_whatever_is_edited():
    status = {"state": "ERROR", "attempt": 1, "attempts": [{"attempt": 1}], "observedGeneration": 1}
    made = step(run(GOOD, status=status, generation=2))
    assert (made.status["state"], made.actions) == ("ERROR", ())


def test_a_mended_run_that_is_suspended_waits():
    made = step(run(GOOD, status=ended(), generation=2, suspend=True), Observed(fresh=True))
    assert (made.status["state"], made.actions) == ("STOPPED", ())
