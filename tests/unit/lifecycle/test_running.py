"""What is seen of a Run between its beginning and its end, and what is said of it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from run_operator.lifecycle.observed import Observed
from run_operator.lifecycle.running import LONGEST_PAUSE
from run_operator.resources.times import stamp
from run_operator.workloads.views import PodView
from tests.builders import NOW, UID, job, pod, run
from tests.planning import condition, status_of, step

UNBOUND = "0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims. not found"
NO_CLAIM = '0/1 nodes are available: persistentvolumeclaim "team" not found. not found'


def test_nothing_is_written_when_nothing_changed():
    first = step(run(), Observed(job(), (pod(),)))
    again = step(run(status=first.status), Observed(job(), (pod(),)))
    assert again.status is None
    assert again.actions == ()


@pytest.mark.parametrize(
    ("observed", "state", "reason"),
    [
        (Observed(job(), (pod(waiting="ContainerCreating"),)), "PENDING", "Starting"),
        (Observed(job(), (pod(waiting="ImagePullBackOff"),)), "PENDING", "ImagePullFailed"),
        (Observed(job(), (pod(unschedulable="0/1 nodes"),)), "PENDING", "Unschedulable"),
        (Observed(job(), (pod(unschedulable=NO_CLAIM),)), "PENDING", "ClaimNotFound"),
        (Observed(job(active=1), (pod("Running"),)), "RUNNING", "Running"),
        (Observed(job(complete=True), (pod("Succeeded", exit_code=0),)), "COMPLETED", "Finished"),
        (
            Observed(job(failed_reason="BackoffLimitExceeded"), (pod("Failed", exit_code=3),)),
            "ERROR",
            "Finished",
        ),
    ],
)
def test_what_is_seen_becomes_the_state(observed, state, reason):
    made = step(run(status=status_of("PENDING", startTime="2027-01-15T07:59:59Z")), observed)
    assert made.status["state"] == state
    assert condition(made, "Running")["reason"] == reason


def test_a_missing_claim_is_named():
    made = step(run(status=status_of("PENDING")), Observed(job(), (pod(unschedulable=NO_CLAIM),)))
    assert "needs the PersistentVolumeClaim team, which is not in this namespace" in made.status["message"]


def test_a_claim_without_a_volume_is_told_with_what_says_why():
    """The scheduler names neither the claim nor its storage class: the claim's own Events do."""
    made = step(run(status=status_of("PENDING")), Observed(job(), (pod(unschedulable=UNBOUND),)))
    said = (
        "pod hello-x waits for a PersistentVolumeClaim that has no volume: kubectl describe pvc -n ml says which one and why, "
        "mostly that its storage class is not there"
    )
    assert (condition(made, "Running")["reason"], made.status["message"]) == ("Unschedulable", said)


def test_the_schedulers_trouble_with_its_own_records_is_left_out():
    told = "0/1 nodes are available: node(s) had a volume node affinity conflict. not found"
    made = step(run(status=status_of("PENDING")), Observed(job(), (pod(unschedulable=told),)))
    assert made.status["message"].endswith("had a volume node affinity conflict")


def test_between_the_end_of_the_program_and_the_verdict_nothing_is_said():
    seen = Observed(job(active=1), (pod("Running", exit_code=0, reason="Completed"),))
    assert step(run(status=status_of("RUNNING")), seen).status is None


def test_a_lost_status_is_found_again_from_the_job():
    made = step(run(), Observed(job(attempt=3, active=1), (pod("Running", attempt=3),)))
    assert (made.status["attempt"], made.status["state"]) == (3, "RUNNING")


def test_an_ordinary_wait_is_told_only_when_it_takes_long():
    waiting = Observed(job(), (pod(waiting="ContainerCreating"),))
    began = step(run(), Observed(job())).status
    early = step(run(status=began), waiting, NOW + 1)
    assert early.status is None
    assert early.wake_at == pytest.approx(NOW + 10, abs=1)
    assert "being prepared" in step(run(status=began), waiting, NOW + 11).status["message"]


def test_the_words_of_a_reason_stay_while_the_kubelet_tries_again():
    first = step(
        run(status=status_of("PENDING")), Observed(job(), (pod(waiting="ErrImagePull", message="denied"),))
    )
    second = step(
        run(status=first.status), Observed(job(), (pod(waiting="ImagePullBackOff", message="back-off"),))
    )
    assert second.status is None


def test_an_evicted_pod_is_not_taken_for_one_whose_verdict_is_on_its_way():
    """The Job does not count it as failed: until it has another pod, the program does not run, and that is told."""
    raw = {
        "metadata": {"name": "hello-x", "uid": "u", "creationTimestamp": stamp(NOW),
                     "labels": {"run-operator.io/run-uid": UID, "run-operator.io/attempt": "1"}},
        "status": {"phase": "Failed", "reason": "Evicted",
                   "conditions": [{"type": "DisruptionTarget", "status": "True"}]},
    }  # fmt: skip
    made = step(
        run(status=status_of("RUNNING")), Observed(job(failed=0), (PodView.from_object(raw),)), NOW + 60
    )
    assert (made.status["state"], condition(made, "Running")["reason"]) == ("PENDING", "NoPod")
    assert "kubectl describe job hello" in made.status["message"]


def test_a_job_that_makes_no_pod_is_asked_why_again_and_again_but_ever_more_seldom():
    waiting, alone = run(status=status_of("PENDING", startTime=stamp(NOW))), Observed(job())
    soon, later, much_later = (step(waiting, alone, NOW + after) for after in (1, 20, 4000))
    assert (soon.ask, later.ask, much_later.ask) == ("", job().uid, job().uid)
    assert (later.wake_at, much_later.wake_at) == (NOW + 40, NOW + 4000 + LONGEST_PAUSE)


def test_what_the_job_says_of_its_pod_is_told_once():
    refused = Observed(job(), said='pods "x-" is forbidden:\n no PriorityClass with name missing was found')
    made = step(run(status=status_of("PENDING", startTime=stamp(NOW))), refused, NOW + 20)
    text = 'the Job can make no pod: pods "x-" is forbidden: no PriorityClass with name missing was found'
    assert (condition(made, "Running")["reason"], made.status["message"]) == ("FailedCreate", text)
    assert ([event.reason for event in made.events], made.ask, made.wake_at) == (
        ["FailedCreate"],
        "",
        NOW + 40,
    )
    again = step(run(status=made.status), replace(refused, said="in other words"), NOW + 40)
    assert (again.status, again.events) == (None, ())
