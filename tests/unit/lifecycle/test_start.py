"""The beginning of a Run: its Job, its first words, and what keeps it from beginning."""

from __future__ import annotations

import pytest

from run_operator.api.raw import stamp
from run_operator.api.run import Run
from run_operator.lifecycle.first_attempt import QUIET
from run_operator.lifecycle.model import CreateWorkload, Observed, Refusal, SuspendChild
from tests.support.builders import NOW, job, pod, run
from tests.support.planning import condition, kinds, status_of, step


def test_the_job_of_a_new_run_comes_before_its_status():
    made = step(run())
    assert (made.status, kinds(made), made.wake_at) == (None, [CreateWorkload], NOW + QUIET)


def test_a_new_run_says_nothing_for_a_moment_and_then_tells_all_in_one_write():
    one, seen = run(), (pod(),)
    early = step(one, Observed(job(created=stamp(NOW)), seen), NOW + QUIET - 0.1)
    assert (early.status, early.actions, early.wake_at) == (None, (), NOW + QUIET)
    late = step(one, Observed(job(created=stamp(NOW)), seen), NOW + QUIET)
    assert (late.status["state"], late.status["attempt"], late.can_wait) == ("PENDING", 1, True)
    quick = step(one, Observed(job(created=stamp(NOW), active=1), (pod("Running"),)), NOW + 0.5)
    states = [entry["status"] for entry in quick.status["transitions"]]
    assert (states, quick.status["startTime"], quick.can_wait) == (["RUNNING", "PENDING"], stamp(NOW), False)


@pytest.mark.parametrize("created", ["", stamp(NOW + 60), stamp(NOW - 60)])
def test_a_clock_that_differs_silences_nobody(created):
    assert step(run(), Observed(job(created=created), (pod(),))).status["state"] == "PENDING"


def test_what_a_person_has_to_act_on_is_reported_at_once():
    seen = Observed(job(created=stamp(NOW)), (pod(waiting="ImagePullBackOff"),))
    made = step(run(), seen)
    assert (made.status["state"], made.can_wait) == ("PENDING", False)


def test_a_stop_in_that_moment_ends_the_job_that_no_status_shows():
    made = step(run(suspend=True, generation=2), Observed(job(created=stamp(NOW)), (pod(),)))
    assert (made.status["state"], made.status["attempt"], kinds(made)) == ("STOP", 1, [SuspendChild])


def test_a_stop_looks_whether_the_job_was_asked_for_already():
    assert step(run(suspend=True, generation=2)).reread
    assert not step(run(suspend=True, generation=1)).reread


def test_a_job_deleted_before_a_status_showed_it_counts_as_an_attempt():
    made = step(run(generation=1), Observed(pods=(pod("Running", due=NOW + 30),), fresh=True))
    assert (made.status["state"], made.status["attempts"][0]["reason"]) == ("STOP", "ChildDeleted")
    assert made.actions == ()


def test_a_first_job_that_is_refused_for_now_counts_as_an_attempt():
    made = step(run(), Observed(refusal=Refusal("Forbidden", "exceeded quota", final=False)))
    assert (made.status["state"], made.status["attempt"]) == ("PENDING", 1)


def test_an_attempt_counted_but_not_created_is_created_and_not_counted_again():
    made = step(run(status=status_of("PENDING")))
    assert made.status is None
    assert [a.workload.child["metadata"]["annotations"]["run-operator.io/attempt"] for a in made.actions] == [
        "1"
    ]


def test_a_run_created_suspended_starts_nothing():
    made = step(run(suspend=True))
    assert made.status["state"] == "STOPPED"
    assert made.actions == ()
    assert condition(made, "Suspended")["status"] == "True"


def test_an_impossible_document_is_reported_even_when_created_suspended():
    made = step(run({"task": "container+job://demo/t", "image": "x y"}, suspend=True))
    assert made.status["state"] == "ERROR"


def test_a_quota_whose_numbers_change_is_reported_once():
    def refused(one: Run, used: int):
        text = (
            f"exceeded quota: jobs, requested: count/jobs.batch=1, used: count/jobs.batch={used}, limited: 20"
        )
        return step(one, Observed(refusal=Refusal("Forbidden", text, final=False)))

    first = refused(run(status=status_of("PENDING")), 20)
    assert first.events[0].reason == "Forbidden"
    again = refused(run(status=first.status), 21)
    assert (again.status, again.events) == (None, ())
    other = step(run(status=first.status), Observed(refusal=Refusal("Forbidden", "policy", final=False)))
    assert other.status["message"] == "policy"


def test_a_final_refusal_ends_the_run_and_another_one_keeps_it_waiting():
    final = step(
        run(status=status_of("PENDING")), Observed(refusal=Refusal("NameConflict", "taken", final=True))
    )
    assert (final.status["state"], condition(final, "Failed")["reason"]) == ("ERROR", "NameConflict")
    later = step(
        run(status=status_of("PENDING")), Observed(refusal=Refusal("Forbidden", "quota", final=False))
    )
    assert (later.status["state"], later.status["message"]) == ("PENDING", "quota")


def test_no_message_is_longer_than_the_schema_allows():
    """The API server would refuse the whole status, and the Run would be silent without end."""
    spec = {"task": "container+job://demo/t", "image": "busybox:1.36", "resources": {"x" * 9000: "1"}}
    made = step(run(spec))
    assert made.status["state"] == "ERROR"
    assert len(made.status["message"]) <= 4096
    assert made.status["message"].startswith("spec.spec.resources.xxx")
    assert all(len(entry.get("message", "")) <= 4096 for entry in made.status["transitions"])
