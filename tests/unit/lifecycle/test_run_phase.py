"""What is seen of a Run between its beginning and its end, and what its status says."""

from __future__ import annotations

from dataclasses import replace

import pytest

from run_operator.api.raw import stamp
from run_operator.children.event_facts import Said, about_job, about_pod
from run_operator.lifecycle.model import Observed
from run_operator.lifecycle.run_phase import LONGEST_PAUSE
from tests.support.builders import NOW, job, pod, run
from tests.support.planning import condition, status_of, step

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


def test_between_the_end_of_the_program_and_the_verdict_nothing_is_said():
    seen = Observed(job(active=1), (pod("Running", exit_code=0, reason="Completed"),))
    assert step(run(status=status_of("RUNNING")), seen).status is None


def test_a_lost_status_is_found_again_from_the_job():
    made = step(run(), Observed(job(attempt=3, active=1), (pod("Running", attempt=3),)))
    assert (made.status["attempt"], made.status["state"]) == (3, "RUNNING")


def test_an_ordinary_wait_is_reported_only_when_it_takes_long():
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


ASKED = {"job": about_job(job()), "pod": about_pod(pod(waiting="ContainerCreating"))}
SILENT = {"job": Observed(job()), "pod": Observed(job(), (pod(waiting="ContainerCreating"),))}


@pytest.mark.parametrize("who", ["job", "pod"])
def test_who_waits_without_a_word_is_asked_why_again_and_again_but_ever_more_seldom(who):
    waiting, alone = run(status=status_of("PENDING", startTime=stamp(NOW))), SILENT[who]
    soon, later, much_later = (step(waiting, alone, NOW + after) for after in (1, 20, 4000))
    assert (soon.ask, later.ask, much_later.ask) == (None, ASKED[who], ASKED[who])
    assert (soon.wake_at, later.wake_at, much_later.wake_at) == (
        NOW + 10,
        NOW + 40,
        NOW + 4000 + LONGEST_PAUSE,
    )


def test_the_pod_of_a_retry_is_asked_as_early_as_the_first():
    """And not as late as its attempt is old."""
    begun = run(status=status_of("RUNNING", startTime=stamp(NOW - 4000)))
    retried = Observed(
        job(failed=1),
        (
            pod("Failed", name="hello-a", exit_code=1),
            pod(waiting="ContainerCreating", created=stamp(NOW + 1)),
        ),
    )
    soon, later = step(begun, retried, NOW + 3), step(begun, retried, NOW + 16)
    assert (soon.ask, soon.wake_at) == (None, NOW + 11)
    assert (later.ask, later.wake_at) == (ASKED["pod"]._replace(since=NOW + 1), NOW + 31)


def test_a_pending_deadline_is_looked_at_in_time_also_while_a_pod_is_asked():
    policy = {"pendingDeadlineSeconds": 25}
    waiting = run(status=status_of("PENDING", startTime=stamp(NOW)), policy=policy)
    assert step(waiting, SILENT["pod"], NOW + 20).wake_at == NOW + 25


def test_what_the_job_says_of_its_pod_is_reported_once():
    words = 'pods "x-" is forbidden:\n no PriorityClass with name missing was found'
    refused = Observed(job(), said=(Said("FailedCreate", words, 5, 0),))
    made = step(run(status=status_of("PENDING", startTime=stamp(NOW))), refused, NOW + 20)
    text = 'the Job cannot create a pod: pods "x-" is forbidden: no PriorityClass with name missing was found'
    assert (condition(made, "Running")["reason"], made.status["message"]) == ("FailedCreate", text)
    assert ([event.reason for event in made.events], made.ask, made.wake_at) == (
        ["FailedCreate"],
        None,
        NOW + 40,
    )
    again = step(
        run(status=made.status),
        replace(refused, said=(Said("FailedCreate", "in other words", 5, 0),)),
        NOW + 40,
    )
    assert (again.status, again.events) == (None, ())


def stuck(reason: str, *words: str) -> Observed:
    return replace(SILENT["pod"], said=tuple(Said(reason, text, 5, 20) for text in words))


@pytest.mark.parametrize(
    ("event", "words", "reason"),
    [
        ("FailedMount", 'SetUp failed for volume "c" : configmap "settings" not found', "ConfigMapNotFound"),
        ("FailedMount", 'SetUp failed for volume "s" : secret "key" not found', "SecretNotFound"),
        ("FailedMount", "SetUp failed: exit status 32", "FailedMount"),
        ("FailedAttachVolume", "Multi-Attach error", "FailedAttachVolume"),
        ("FailedCreatePodSandBox", "no network", "FailedCreatePodSandBox"),
    ],
)
def test_what_keeps_a_pod_from_being_made_on_its_node_is_reported_once(event, words, reason):
    waiting = run(status=status_of("PENDING", startTime=stamp(NOW)))
    made = step(waiting, stuck(event, words), NOW + 20)
    assert (made.status["state"], condition(made, "Running")["reason"]) == ("PENDING", reason)
    assert words.rpartition(" : ")[2] in made.status["message"]
    assert ([(one.reason, one.type) for one in made.events], made.ask) == ([(reason, "Warning")], None)
    again = step(run(status=made.status), stuck(event, words), NOW + 40)
    assert (again.status, again.events) == (None, ())
    up = step(run(status=made.status), Observed(job(active=1), (pod("Running"),)), NOW + 50)
    assert (up.status["state"], condition(up, "Running")["reason"]) == ("RUNNING", "Running")


def test_the_kubelets_next_try_in_other_words_is_no_news_but_the_next_missing_object_is():
    waiting = run(status=status_of("PENDING", startTime=stamp(NOW)))
    first = step(waiting, stuck("FailedMount", "Output: run-1.scope: no such share"), NOW + 20)
    second = stuck("FailedMount", "Output: run-2.scope: no such share")
    assert step(run(status=first.status), second, NOW + 40).status is None
    one = step(waiting, stuck("FailedMount", 'configmap "a" not found'), NOW + 20)
    other = step(run(status=one.status), stuck("FailedMount", 'configmap "b" not found'), NOW + 40)
    assert 'configmap "b" not found' in other.status["message"]


def test_without_an_event_a_pod_goes_on_being_prepared():
    waiting = run(status=status_of("PENDING", startTime=stamp(NOW)))
    made = step(waiting, SILENT["pod"], NOW + 20)
    assert "is being prepared on node-1" in made.status["message"]
    assert (made.events, step(run(status=made.status), SILENT["pod"], NOW + 40).status) == ((), None)
