"""Events about a Job or a pod: when they are read, and which of them still count."""

from __future__ import annotations

import pytest

from run_operator.children import PodView
from run_operator.children.event_facts import LONGEST, Question, Said, about_job, about_pod, answer
from tests.support.builders import NOW, job, pod

POD = Question("Pod", "uid-hello-x", "hello-x", NOW)
NO_MAP = 'MountVolume.SetUp failed for volume "cfg" : configmap "settings" not found'
NO_KEY = 'MountVolume.SetUp failed for volume "key" : secret "key" not found'
NO_SHARE = 'MountVolume.SetUp failed for volume "nfs" : mount failed: exit status 32\nOutput: no such share'
LATE = "Unable to attach or mount volumes: unmounted volumes=[nfs]: context deadline exceeded"
NO_NETWORK = "Failed to create pod sandbox: rpc error: code = Unknown desc = no network"
ELSEWHERE = 'Multi-Attach error for volume "pvc-1" Volume is already used by pod other'


def mount(message: str, ago: float = 5, lasted: float = 20) -> Said:
    return Said("FailedMount", message, ago, lasted)


def sandbox(ago: float, lasted: float = 0) -> Said:
    return Said("FailedCreatePodSandBox", NO_NETWORK, ago, lasted)


@pytest.mark.parametrize(
    ("said", "reason", "words"),
    [
        ([mount(NO_MAP)], "ConfigMapNotFound", 'pod hello-x cannot start: configmap "settings" not found'),
        ([mount(NO_MAP, 24, 20)], "ConfigMapNotFound", '"settings" not found'),  # a try takes a moment too
        ([mount(NO_KEY)], "SecretNotFound", 'pod hello-x cannot start: secret "key" not found'),
        ([mount(NO_KEY, 5), mount(NO_MAP, 9)], "ConfigMapNotFound",
         'pod hello-x cannot start: configmap "settings" not found, secret "key" not found'),
        ([mount(NO_MAP, 5), mount(NO_SHARE, 1)], "ConfigMapNotFound", '"settings" not found'),
        ([mount(NO_SHARE)], "FailedMount", "exit status 32 Output: no such share"),
        ([mount(NO_SHARE + " a", 9), mount(NO_SHARE + " b", 3)], "FailedMount", "no such share b"),
        ([mount(NO_SHARE), mount(LATE, 1)], "FailedMount", "no such share"),
        ([mount(LATE, 60, 122)], "FailedMount", "unmounted volumes=[nfs]"),
        ([Said("FailedAttachVolume", ELSEWHERE, 200, 0)], "FailedAttachVolume", "already used by pod other"),
        ([Said("FailedAttachVolume", ELSEWHERE, 200, 0), mount(LATE, 60, 122)], "FailedAttachVolume", "used by pod"),
        ([sandbox(8, 22)], "FailedCreatePodSandBox", "no network"),
        ([sandbox(22), sandbox(8), mount(NO_SHARE, 10)], "FailedCreatePodSandBox", "no network"),
    ],
)  # fmt: skip
def test_what_fails_again_and_again_is_reported(said, reason, words):
    for order in (said, said[::-1]):
        reason_found = answer(POD, order)
        assert reason_found is not None
        assert (reason_found.reason, words in reason_found.message) == (reason, True), reason_found


@pytest.mark.parametrize(
    "said",
    [
        [],
        [mount(NO_MAP, 5, 0)],  # once: it may have come a moment later
        [mount("failed to sync configmap cache: timed out waiting for the condition", 8, 1)],
        [mount(NO_MAP, 27, 20)],  # it would have been reported again by now
        [mount(NO_MAP, LONGEST + 1, 3000)],
        [Said("FailedAttachVolume", ELSEWHERE, LONGEST + 1, 0)],
    ],
)
def test_what_has_most_likely_passed_is_not_reported(said):
    assert answer(POD, said) is None


def test_a_long_story_is_reported_to_its_end():
    reason_found = answer(POD, [mount("MountVolume.SetUp failed: " + "x " * 500 + "no such share")])
    assert reason_found is not None
    assert reason_found.message.endswith("no such share")
    assert len(reason_found.message) < 450


def test_a_job_has_the_words_of_its_newest_event():
    said = [Said("FailedCreate", "Error creating: new\nwords", 100, 0), Said("FailedCreate", "old", 200, 0)]
    assert answer(about_job(job()), said) == ("FailedCreate", "the Job cannot create a pod: new words")
    assert answer(about_job(job()), []) is None


def seen(**parts: object) -> PodView:
    status = {"phase": "Pending", "startTime": "2027-01-15T08:00:09Z"} | parts
    metadata = {"name": "hello-x", "uid": "uid-hello-x", "creationTimestamp": "2027-01-15T08:00:00Z"}
    return PodView.from_object({"metadata": metadata, "spec": {"nodeName": "n"}, "status": status})


def container(**state: object) -> dict[str, object]:
    return {"name": "main", "state": state}


@pytest.mark.parametrize(
    "one",
    [
        pod(waiting="ContainerCreating"),
        pod(waiting="PodInitializing"),
        pod(),  # its kubelet has not said anything yet
        seen(conditions=[{"type": "PodReadyToStartContainers", "status": "False"}]),
    ],
)
def test_a_pod_that_just_waits_on_its_node_is_asked_about(one):
    question = about_pod(one)
    assert question is not None
    assert (question.kind, question.uid, question.name) == ("Pod", "uid-hello-x", "hello-x")


def test_it_waits_since_its_kubelet_took_it_not_since_it_was_to_find_a_node():
    assert (about_pod(seen()), about_pod(pod())) == (POD._replace(since=NOW + 9), POD)


@pytest.mark.parametrize(
    "one",
    [
        pod(waiting="ErrImagePull"),
        pod(waiting="CreateContainerConfigError"),
        pod(unschedulable="0/1 nodes"),
        pod("Running"),
        pod("Failed", exit_code=1),
        seen(conditions=[{"type": "PodReadyToStartContainers", "status": "True"}]),
        seen(initContainerStatuses=[container(running={})],
             containerStatuses=[container(waiting={"reason": "PodInitializing"})]),
        PodView.from_object({"metadata": {"name": "x", "uid": "u"}, "status": {"phase": "Pending"}}),
    ],
)  # fmt: skip
def test_who_says_it_or_has_its_volumes_is_not_asked_about(one):
    assert about_pod(one) is None
