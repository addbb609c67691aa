"""Who ended a pod: something outside, or its program. The exit code does not say."""

from __future__ import annotations

from typing import Any

import pytest

from run_operator.children.interruption import did_its_work, interruption
from tests.support.builders import NOW, pod

ASKED: dict[str, Any] = {"due": NOW + 20, "grace": 30}
"""Deleted ten seconds before NOW, which is when the programs here end."""


@pytest.mark.parametrize(
    ("one", "by"),
    [
        (pod("Running", **ASKED), "PodDeleted"),
        (pod("Succeeded", exit_code=0, **ASKED), "PodDeleted"),
        (pod("Failed", exit_code=143, **ASKED), "PodDeleted"),
        (pod("Pending", **ASKED), "PodDeleted"),
        (pod("Succeeded", exit_code=0, due=NOW + 30), "PodDeleted"),  # in the same second
        (pod("Succeeded", exit_code=0, due=NOW, grace=0), "PodDeleted"),  # as the kubelet leaves it at the very end
        (pod("Running", disrupted="EvictionByEvictionAPI", **ASKED), "EvictionByEvictionAPI"),
        (pod("Succeeded", exit_code=0, disrupted="EvictionByEvictionAPI", **ASKED), "EvictionByEvictionAPI"),
        (pod("Failed", exit_code=137, disrupted="PreemptionByScheduler", **ASKED), "PreemptionByScheduler"),
        (pod("Failed", disrupted="DeletionByPodGC", **ASKED), "DeletionByPodGC"),
        (pod("Running", disrupted="DeletionByTaintManager", **ASKED), "DeletionByTaintManager"),
        (pod("Failed", exit_code=0, disrupted="TerminationByKubelet", disrupted_at=NOW - 9), "TerminationByKubelet"),
        (pod("Succeeded", exit_code=0, disrupted="TerminationByKubelet", disrupted_at=NOW - 9), "TerminationByKubelet"),
        (pod("Failed", exit_code=137, pod_reason="Evicted", pod_message="low on resource: memory"), "Evicted"),
        (pod("Failed", pod_reason="Terminated", pod_message="node shutdown"), "Terminated"),
        (pod("Failed", pod_reason="NodeAffinity"), "NodeAffinity"),
        (pod("Failed", pod_reason="OutOfcpu"), "OutOfcpu"),
        (pod("Failed", pod_reason="UnexpectedAdmissionError"), "UnexpectedAdmissionError"),
        (pod("Failed", exit_code=137, reason="ContainerStatusUnknown", disrupted="DeletionByPodGC"), "DeletionByPodGC"),
        (pod("Failed", exit_code=255, reason="Unknown"), "ContainerLost"),  # its node was switched off and came back
        (pod("Failed", exit_code=137, reason="ContainerStatusUnknown"), "ContainerLost"),
        (pod("Failed", exit_code=255, reason="Unknown", **ASKED), "PodDeleted"),
        (pod("Failed", waiting="PodInitializing", beside={"build": 255}, inits=("build",)), "ContainerLost"),
        (pod("Failed", exit_code=3, disrupted="PreemptionByScheduler", disrupted_at=NOW - 9), "PreemptionByScheduler"),
    ],
)  # fmt: skip
def test_a_pod_that_was_asked_to_end_names_who_asked(one, by):
    found = interruption(one)
    assert found is not None
    assert found.by == by
    assert by in found.message


@pytest.mark.parametrize(
    "one",
    [
        pod("Running"),
        pod("Succeeded", exit_code=0),
        pod("Failed", exit_code=3),
        pod("Failed", exit_code=137, reason="OOMKilled"),
        pod("Running", disrupted="EvictionByEvictionAPI"),  # announced, and not done: it may be withdrawn
        pod("Succeeded", exit_code=0, due=NOW + 31, grace=30),  # deleted when it had ended
        pod("Failed", exit_code=3, disrupted="EvictionByEvictionAPI", disrupted_at=NOW + 1),
        pod(
            "Failed",
            exit_code=137,
            pod_reason="Evicted",
            pod_message='emptyDir volume "x" exceeds the limit "1Gi"',
        ),
        pod("Failed", exit_code=137, pod_reason="DeadlineExceeded"),
        pod("Failed", exit_code=255),
        pod("Failed", exit_code=3, beside={"mesh": 255}),  # what was lost is not the program
        pod("Failed", waiting="PodInitializing", beside={"build": 3}, inits=("build",)),
        pod(
            "Succeeded", exit_code=0, disrupted="PreemptionByScheduler", disrupted_at=NOW - 9
        ),  # it was taken back
        pod("Succeeded", exit_code=0, disrupted="EvictionByEvictionAPI", disrupted_at=NOW - 9),
    ],
)
def test_a_program_that_ended_by_itself_was_not_interrupted(one):
    assert interruption(one) is None


@pytest.mark.parametrize(
    ("one", "interrupted"),
    [
        pytest.param(pod("Succeeded", exit_code=0, due=NOW + 35, began=NOW - 60), True, id="its clock is a minute behind"),
        pytest.param(pod("Succeeded", exit_code=0, due=NOW + 95, began=NOW - 60), False, id="it ended before all the same"),
        pytest.param(pod("Succeeded", exit_code=0, due=NOW + 35, began=NOW + 1), False, id="its clock is right"),
        pytest.param(
            pod("Failed", exit_code=0, disrupted="TerminationByKubelet", disrupted_at=NOW + 5, began=NOW - 60),
            False,
            id="its node marked it, by the same clock",
        ),
    ],
)  # fmt: skip
def test_a_clock_of_a_node_that_is_behind_makes_no_end_earlier(one, interrupted):
    """The pod was made at NOW, and its program ended at NOW by the clock of the node."""
    assert bool(interruption(one)) is interrupted


EVICTED: dict[str, Any] = {
    "pod_reason": "Evicted",
    "disrupted": "TerminationByKubelet",
    "beside": {"mesh": 137},
}


@pytest.mark.parametrize(
    ("one", "done"),
    [
        pytest.param(pod("Succeeded", exit_code=0), True, id="by itself"),
        pytest.param(pod("Failed", exit_code=0, beside={"mesh": 1}), True, id="a container beside it failed"),
        pytest.param(pod("Failed", exit_code=0, disrupted_at=NOW + 1, **EVICTED), True, id="evicted afterwards"),
        pytest.param(pod("Failed", exit_code=0, disrupted_at=NOW, **EVICTED), False, id="evicted in that second"),
        pytest.param(pod("Failed", exit_code=0, due=NOW + 31), True, id="deleted afterwards"),
        pytest.param(pod("Failed", exit_code=0, **ASKED), False, id="deleted before"),
        pytest.param(pod("Failed", exit_code=0, pod_reason="Evicted", pod_message='exceeds the limit "1Gi"'), False,
                     id="a limit of its own, and nothing says which came first"),
        pytest.param(pod("Failed", exit_code=3), False, id="it failed"),
        pytest.param(pod("Running"), False, id="it runs"),
    ],
)  # fmt: skip
def test_whether_the_program_did_its_work(one, done):
    assert did_its_work(one) is done


@pytest.mark.parametrize(
    ("one", "began"),
    [
        (pod("Failed", pod_reason="NodeAffinity"), False),
        (pod("Pending", waiting="ContainerCreating", **ASKED), False),
        (pod("Failed", exit_code=137, reason="ContainerStatusUnknown", pod_reason="Evicted"), False),
        (pod("Succeeded", exit_code=0, **ASKED), True),
        (pod("Running", **ASKED), True),
    ],
)
def test_whether_a_container_of_the_pod_began(one, began):
    found = interruption(one)
    assert found is not None
    assert found.began is began
