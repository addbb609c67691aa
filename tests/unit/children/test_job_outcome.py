"""What a Job and its pods say: reasons and messages a person can act on; odd objects never break a reading."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from run_operator.children import JobView, PodView
from run_operator.children.job_outcome import observe
from run_operator.children.pod_summary import summaries
from tests.support.builders import NOW, job, pod
from tests.support.examples import examples


@pytest.mark.parametrize(
    ("one", "pods", "progress", "reason", "said"),
    [
        (job(), (), "PENDING", "NoPod", "waiting for the Job to create a pod"),
        (job(), (pod(waiting="ErrImagePull", message="not found"),), "PENDING", "ImagePullFailed", "not found"),
        (job(), (pod(waiting="CreateContainerConfigError", message='secret "s" not found'),), "PENDING",
         "SecretNotFound", 'secret "s" not found'),
        (job(), (pod(unschedulable="0/3 nodes"),), "PENDING", "Unschedulable", "0/3 nodes"),
        (job(suspend=True), (), "PENDING", "Suspended", "another client (perhaps a queue) suspended the Job"),
        (job(active=1), (pod("Running"),), "RUNNING", "Running", "pod hello-x runs on node node-1"),
        (job(target=True, failed=1), (pod("Failed", exit_code=1),), "ENDING", "Ending", ""),
        (job(target=True, failed=1, suspend=True, terminating=1), (pod("Failed", exit_code=1),), "ENDING", "Ending", ""),
        (job(target=True, failed=1, suspend=True), (pod("Running", due=NOW + 9),), "PENDING", "Suspended", ""),
        (job(target=True, failed=1, suspend=True), (pod("Failed", exit_code=3),), "FAILED", "Failed", "code 3"),
        (job(failed=1), (pod("Failed", exit_code=1),), "PENDING", "NoPod", "exited with code 1"),
        (job(complete=True), (pod("Succeeded", exit_code=0),), "SUCCEEDED", "CompletionsReached", "code 0 after 10 s"),
        (job(failed_reason="BackoffLimitExceeded"), (pod("Failed", exit_code=3),), "FAILED", "BackoffLimitExceeded",
         "main exited with code 3 (pod hello-x)"),
        (job(failed_reason="BackoffLimitExceeded"), (pod("Failed", exit_code=137, reason="OOMKilled"),), "FAILED",
         "OOMKilled", "raise resources.mem"),
        (job(failed_reason="BackoffLimitExceeded"), (pod("Failed", exit_code=143),), "FAILED",
         "BackoffLimitExceeded", "SIGTERM"),
        (job(failed_reason="BackoffLimitExceeded"), (pod("Failed", exit_code=128, reason="StartError"),), "FAILED",
         "StartError", "could not be started"),
        (job(failed_reason="BackoffLimitExceeded"),
         (pod("Failed", exit_code=137, reason="ContainerStatusUnknown", said="could not be located"),), "INTERRUPTED",
         "Interrupted", "lost its program, because the node or its container runtime restarted"),
        (job(failed_reason="PodFailurePolicy"), (pod("Failed", exit_code=3, pod_reason="Evicted", disrupted="TerminationByKubelet",
         disrupted_at=NOW + 5),), "FAILED", "BackoffLimitExceeded", "main exited with code 3"),
        (job(failed_reason="DeadlineExceeded"), (pod(waiting="ImagePullBackOff"),), "FAILED", "DeadlineExceeded",
         "cannot be pulled"),
    ],
)  # fmt: skip
def test_reading(one, pods, progress, reason, said):
    seen = observe(one, pods)
    assert (seen.progress, seen.reason) == (progress, reason)
    assert said in seen.message


@pytest.mark.parametrize(
    ("one", "progress"),
    [
        pytest.param(pod("Succeeded", exit_code=0), "SUCCEEDED", id="nobody asked it"),
        pytest.param(
            pod("Failed", exit_code=0, due=NOW + 31, beside={"mesh": 143}), "SUCCEEDED", id="a sidecar kept its pod"
        ),
        pytest.param(pod("Failed", exit_code=0, due=NOW + 20), "FAILED", id="it answered SIGTERM"),
        pytest.param(pod("Failed", exit_code=0, due=NOW + 30), "FAILED", id="in the same second"),
        pytest.param(pod("Failed", exit_code=3), "FAILED", id="it failed in time"),
    ],
)  # fmt: skip
def test_a_program_that_ended_well_before_its_deadline_did_its_work(one, progress):
    """The Job controller looks at the deadline first, also where the pod has succeeded by then."""
    assert observe(job(failed_reason="DeadlineExceeded"), (one,)).progress == progress


@pytest.mark.parametrize(
    ("one", "code"), [(job(complete=True), 0), (job(failed_reason="BackoffLimitExceeded"), 3)]
)
def test_a_program_ended_no_later_than_its_jobs_verdict_whatever_the_clock_of_its_node_says(one, code):
    ahead = pod("Failed" if code else "Succeeded", exit_code=code, finished=NOW + 600)
    assert observe(one, (ahead,)).finished_at == NOW


def test_an_init_container_that_fails_is_no_beginning_of_the_program():
    failed = pod("Failed", waiting="PodInitializing", beside={"certs": 1}, inits=("certs",))
    seen = observe(job(failed_reason="BackoffLimitExceeded"), (failed,))
    assert (seen.exit_code, seen.started_at) == (1, None)
    assert "certs exited with code 1" in seen.message


def test_of_long_last_words_the_end_is_reported():
    """The kubelet keeps 2 KiB of them, and a traceback ends with what went wrong."""
    words = "epoch loss\n" * 80 + "ValueError: the learning rate is negative\n"
    ended = observe(
        job(failed_reason="BackoffLimitExceeded"), (pod("Failed", exit_code=1, said=words),)
    ).message
    assert ended.startswith("main exited with code 1 (pod hello-x): ... ")
    assert ended.endswith("epoch loss ValueError: the learning rate is negative")
    assert len(ended) < 450
    whole = observe(
        job(failed_reason="BackoffLimitExceeded"), (pod("Failed", exit_code=1, said="x" * 400),)
    ).message
    assert whole.endswith(": " + "x" * 400)


def test_of_a_long_story_about_an_image_the_cause_is_reported():
    story = "failed to pull and unpack image: " * 20 + "connect: network is unreachable"
    assert observe(job(), (pod(waiting="ErrImagePull", message=story),)).message.endswith(
        "network is unreachable"
    )


def test_pods_of_other_attempts_do_not_count():
    assert observe(job(attempt=2), (pod("Running", attempt=1),)).reason == "NoPod"


def test_a_retry_remembers_how_the_pod_before_ended():
    pods = (
        pod("Failed", name="a", exit_code=1, created="2026-01-01T00:00:00Z"),
        pod("Running", name="b", created="2026-01-01T00:01:00Z"),
    )
    seen = observe(job(active=1, failed=1), pods)
    assert (seen.progress, seen.reason) == ("RUNNING", "Restarted")
    assert "main exited with code 1" in seen.message


def test_the_summary_has_the_platforms_words_and_at_most_five_pods():
    made = summaries(
        [pod("Failed", name=f"p{i}", exit_code=3, created=f"2026-01-0{i}T00:00:00Z") for i in range(1, 8)]
    )
    assert [p["name"] for p in made] == ["p7", "p6", "p5", "p4", "p3"]
    assert made[0]["containers"][0]["state"].endswith("exitCode: 3 reason: Error")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(["metadata", "status", "spec", "labels", "conditions", "containerStatuses", "state", "type",
                         "terminated", "waiting", "running", "exitCode", "phase", "annotations", "uid"]),
        inner, max_size=4,
    ),
    max_leaves=15,
)  # fmt: skip


@settings(max_examples=examples(300), deadline=None)
@given(st.dictionaries(st.sampled_from(["metadata", "status", "spec"]), JSON, max_size=3))
def test_odd_objects_never_break_a_reading(raw):
    seen = (PodView.from_object(raw), PodView.from_object(raw))
    observe(JobView.from_object(raw), seen)
    summaries(seen)
