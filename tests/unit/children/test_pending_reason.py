"""Why a pod does not run yet: the reason, and a message that names what to create or to look at."""

from __future__ import annotations

import pytest

from run_operator.children.pending_reason import of_pod
from tests.support.builders import pod

BEGINNING = "0/1 nodes are available: "
NO_CLAIM = BEGINNING + 'persistentvolumeclaim "team" not found. not found'
UNBOUND = BEGINNING + "pod has unbound immediate PersistentVolumeClaims. not found"


def unscheduled(message: str) -> tuple[str, str]:
    return of_pod(pod(unschedulable=message))


def test_a_missing_claim_is_named():
    reason, message = unscheduled(NO_CLAIM)
    assert reason == "ClaimNotFound"
    assert "needs the PersistentVolumeClaim team, which does not exist in this namespace" in message


def test_a_claim_without_a_volume_is_reported_with_the_command_that_shows_which():
    """The scheduler names neither the claim nor its storage class: the claim's own Events do."""
    reason, message = unscheduled(UNBOUND)
    assert reason == "Unschedulable"
    assert (
        "waits for a PersistentVolumeClaim that has no volume: kubectl describe pvc -n ml shows which"
        in message
    )


def test_the_schedulers_words_about_other_pods_are_left_out():
    reported = (
        "1 Insufficient nvidia.com/gpu. no new claims to deallocate, preemption: 0/1 nodes are available: "
        "1 Preemption is not helpful for scheduling."
    )
    reason, message = unscheduled(BEGINNING + reported)
    assert reason == "Unschedulable"
    assert (
        message
        == "pod hello-x cannot be scheduled to a node: 0/1 nodes are available: 1 Insufficient nvidia.com/gpu."
    )


def test_the_schedulers_trouble_with_its_own_records_is_left_out():
    _, message = unscheduled(BEGINNING + "node(s) had a volume node affinity conflict. not found")
    assert message.endswith("had a volume node affinity conflict")


@pytest.mark.parametrize(
    ("waiting", "reason"),
    [
        ("ContainerCreating", "ContainerCreating"),
        ("ImagePullBackOff", "ImagePullFailed"),
        ("InvalidImageName", "ImagePullFailed"),
        ("CreateContainerConfigError", "CreateContainerConfigError"),
        ("CrashLoopBackOff", "CrashLoopBackOff"),
    ],
)
def test_a_container_that_waits_gives_the_reason(waiting, reason):
    assert of_pod(pod(waiting=waiting)).reason == reason
