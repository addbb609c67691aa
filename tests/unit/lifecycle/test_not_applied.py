"""Condition NotApplied rides along with the next status, and is an Event of the attempt."""

from __future__ import annotations

from run_operator.api.conditions import find
from run_operator.lifecycle.model import Observed
from tests.support.builders import job, pod, run
from tests.support.planning import condition, step

SAID = "spec.spec.env is not used by container+job; did you mean envs?"
RUNS = Observed(job=job(active=1), pods=(pod("Running"),))


def test_it_is_reported_with_the_job_and_costs_no_write_of_its_own():
    first = step(run({"image": "x", "env": 1}))
    assert first.status is None
    assert [(event.reason, event.type, event.message) for event in first.events] == [
        ("NotApplied", "Warning", SAID)
    ]
    made = step(run({"image": "x", "env": 1}), RUNS)
    found = condition(made, "NotApplied")
    assert (found["status"], found["message"], made.status["state"]) == ("True", SAID, "RUNNING")
    assert step(run({"image": "x", "env": 1}, status=made.status), RUNS).status is None


def test_a_clean_document_has_no_such_condition():
    made = step(run({"image": "x"}), RUNS)
    assert find(made.status["conditions"], "NotApplied") is None


def test_a_stopped_run_that_was_edited_takes_it_back():
    stopped = step(run({"image": "x", "env": 1}, suspend=True)).status
    made = step(run({"image": "x"}, suspend=True, status=stopped, generation=2))
    assert condition(made, "NotApplied")["status"] == "False"


def test_a_run_in_error_tells_both():
    made = step(run({"imge": "x"}))
    said = "spec.spec.imge is not used by container+job; did you mean image?"
    assert condition(made, "NotApplied")["message"] == said
    assert condition(made, "Failed")["reason"] == "InvalidSpec"
    assert made.status["message"].startswith("spec.spec.image: is missing")
    assert made.status["message"].endswith(f"; {said}")
