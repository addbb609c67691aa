"""The operator on a real API server with fake nodes: states, write counts, and everything that gets in between."""

from __future__ import annotations

import json
import time
from dataclasses import replace

import pytest

from run_operator.api.raw import stamp
from tests.support.builders import container_status
from tests.support.harness import OperatorProcess, condition, delta, wait_for


def test_the_start_of_a_run_costs_one_post_and_one_or_two_patches(operator, person):
    person.warm()
    before = operator.writes()
    person.apply_run("start")
    status = person.becomes("start", "RUNNING")
    writes = delta(before, operator.writes())
    assert writes in ({"create jobs": 1, "patch runs": 1}, {"create jobs": 1, "patch runs": 2})
    assert [entry["status"] for entry in status["transitions"]] == ["RUNNING", "PENDING"]


def test_the_whole_life_of_a_run_costs_at_most_six_writes(operator, person):
    person.warm()
    before = operator.writes()
    person.apply_run("life", "kwok-complete")
    status = person.becomes("life", "COMPLETED")
    assert condition(status, "Finished")["status"] == condition(status, "Complete")["status"] == "True"
    wait_for("the last event", lambda: person.items("events", "--field-selector=reason=Completed"))
    assert sum(delta(before, operator.writes()).values()) <= 4
    reasons = [e["reason"] for e in person.items("events") if e["involvedObject"]["kind"] == "Run"]
    assert "Started" in reasons


def test_kubectl_wait_never_hangs_on_a_failure(operator, person):
    person.apply_run("fails", "kwok-fail")
    person.kubectl("wait", "--for=condition=Finished", "run/fails", "--timeout=60s")
    status = person.status("fails")
    assert status["state"] == "ERROR"
    assert status["attempts"][0]["exitCode"] == 3
    assert condition(status, "Failed")["reason"] == "BackoffLimitExceeded"


def test_created_suspended_starts_nothing_and_then_starts_once(operator, person):
    before = operator.writes()
    person.apply_run("later", suspend=True)
    person.becomes("later", "STOPPED")
    assert person.items("jobs") == []
    assert delta(before, operator.writes()).get("create jobs", 0) == 0
    person.patch_run("later", {"spec": {"suspend": False}})
    assert person.becomes("later", "RUNNING")["attempt"] == 1


def test_stop_and_resume(operator, person):
    person.apply_run("pausing")
    person.becomes("pausing", "RUNNING")
    person.patch_run("pausing", {"spec": {"suspend": True}})
    status = person.becomes("pausing", "STOPPED")
    assert condition(status, "Suspended")["status"] == "True"
    assert person.items("pods") == []
    person.patch_run("pausing", {"spec": {"suspend": False}})
    status = person.becomes("pausing", "RUNNING")
    assert status["attempt"] == 2
    assert condition(status, "Suspended")["status"] == "False"


@pytest.mark.parametrize(
    ("spec", "reason", "said"),
    [
        ({"resources": {"mem": "512m", "memory": "1Gi"}}, "InvalidSpec", "did you mean mem?"),
        ({"resources": {"mem": "512m", "cpu": True}}, "InvalidSpec", "spec.spec.resources.cpu"),
    ],
)
def test_what_cannot_run_ends_in_error_with_the_reason(operator, person, spec, reason, said):
    person.apply_run("wrong", spec=spec)
    status = person.becomes("wrong", "ERROR")
    assert condition(status, "Failed")["reason"] == reason
    assert said in status["message"]
    assert person.items("jobs") == []


def test_a_document_that_was_wrong_can_be_mended(operator, person):
    person.apply_run("mended", spec={"resources": {"mem": "512m"}})
    person.becomes("mended", "ERROR")
    patch = {"spec": {"spec": {"resources": {"mem": "512Mi"}}}}
    assert person.patch_run("mended", patch).returncode == 0
    status = person.becomes("mended", "RUNNING")
    assert status["attempt"] == 1
    assert not condition(status, "Failed")
    assert (
        "only while the Run is STOPPED"
        in person.patch_run("mended", {"spec": {"spec": {"image": "y"}}}).stderr
    )


def test_a_foreign_job_of_our_name_is_left_alone(operator, person):
    template = {"spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "x"}]}}
    person.apply(
        {
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": {"name": "taken"},
            "spec": {"template": template},
        }
    )
    uid = person.get("job", "taken")["metadata"]["uid"]
    person.apply_run("taken")
    status = person.becomes("taken", "ERROR")
    assert condition(status, "Failed")["reason"] == "NameConflict"
    assert person.get("job", "taken")["metadata"]["uid"] == uid


def test_a_job_deleted_by_hand_is_made_again_as_the_next_attempt(operator, person):
    person.apply_run("lost")
    person.becomes("lost", "RUNNING")
    uid = person.get("job", "lost")["metadata"]["uid"]
    person.kubectl("delete", "job", "lost")

    def anew() -> bool:
        job = person.get("job", "lost")
        return job is not None and job["metadata"]["uid"] != uid

    wait_for("a new Job", anew)
    status = wait_for(
        "attempt 2", lambda: (s := person.status("lost"))["attempt"] == 2 and s["state"] == "RUNNING" and s
    )
    assert status["attempts"][0]["reason"] == "ChildDeleted"


def test_deleting_a_run_deletes_what_it_owns_without_a_finalizer(operator, person):
    volume = {"volume_type": "persistent_volume_claim", "name": "data", "mount_path": "/data"}
    source = {"source": "main.py", "base64": "eA=="}
    person.apply_run("gone", spec={"volumes": [volume], "source": source})
    wait_for("the Job", lambda: person.get("job", "gone"))
    assert len(person.items("configmaps", "-l", "run-operator.io/run=gone")) == 1
    assert "finalizers" not in person.get("run", "gone")["metadata"]
    person.kubectl("delete", "run", "gone")
    wait_for("nothing left", lambda: not person.items("jobs,pods,pvc"))
    files = ("configmaps", "-l", "run-operator.io/run=gone")
    wait_for("no files left", lambda: not person.items(*files))


def test_time_to_live(operator, person):
    person.apply_run("brief", "kwok-complete", policy={"ttlSecondsAfterFinished": 1})
    wait_for("the Run gone", lambda: person.get("run", "brief") is None)


def test_a_stop_of_a_finished_run_is_answered(operator, person):
    person.apply_run("over", "kwok-complete")
    person.becomes("over", "COMPLETED")
    person.patch_run("over", {"spec": {"suspend": True}})
    wait_for(
        "the answer", lambda: condition(person.status("over"), "Suspended").get("reason") == "AlreadyFinished"
    )
    assert person.status("over")["state"] == "COMPLETED"
    wait_for("the event", lambda: person.items("events", "--field-selector=reason=AlreadyFinished"))


@pytest.fixture
def own(alone, kubeconfig, person, tmp_path):
    """An operator for this test's namespace only: nobody else's Runs are in its counts."""
    one = OperatorProcess(kubeconfig, tmp_path / "log", namespaces=person.namespace)
    one.start()
    yield one
    one.kill()


def test_finished_runs_cost_nothing(own, person):
    names = [f"idle-{i}" for i in range(20)]
    for name in names:
        person.apply_run(name, "kwok-complete")
    for name in names:
        person.becomes(name, "COMPLETED")
    wait_for("the mark of each end", lambda: all(map(_has_end_mark, person.items("runs"))))
    wait_for("all events written", lambda: _queued(own) == 0)
    before = own.writes()
    person.apply_run("marker", suspend=True)
    person.becomes("marker", "STOPPED")
    wait_for("marker's event", lambda: person.items("events", "--field-selector=involvedObject.name=marker"))
    after = delta(before, own.writes(), events=True)
    assert after == {"patch runs": 1, "create events": 1}


def _has_end_mark(run: dict) -> bool:
    return "run-operator.io/finished" in run["metadata"].get("annotations", {})


def _queued(operator: OperatorProcess) -> float:
    names = ("run_operator_events_queued", "run_operator_queue_depth", "run_operator_processing")
    return sum(value for name, _, value in operator.metrics() if name in names)


def test_a_quota_that_forbids_the_job_is_reported_and_waited_out(operator, person):
    quota = {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "q"},
        "spec": {"hard": {"count/jobs.batch": "0"}},
    }
    person.apply(quota)
    wait_for("quota active", lambda: person.get("resourcequota", "q").get("status", {}).get("hard"))
    person.apply_run("limited")
    wait_for("the reason", lambda: "exceeded quota" in person.status("limited").get("message", ""))
    assert person.status("limited")["state"] == "PENDING"
    person.kubectl("delete", "resourcequota", "q")
    person.becomes("limited", "RUNNING")


def test_a_killed_operator_leaves_nothing_stuck_doubled_or_wrong(alone, kubeconfig, person, tmp_path):
    """Killed at five moments of a burst; in the end every Run ran exactly once."""
    names = [f"kill-{i}" for i in range(10)]
    one = OperatorProcess(kubeconfig, tmp_path / "log", namespaces=person.namespace)
    try:
        one.start()
        for index, name in enumerate(names):
            person.apply_run(name, "kwok-complete")
            if index % 2:
                one.kill()
                one.start()
        for name in names:
            status = person.becomes(name, "COMPLETED")
            assert (status["attempt"], len(status["attempts"])) == (1, 1)
        assert len(person.items("jobs")) == len(person.items("pods")) == len(names)
    finally:
        one.kill()


def test_an_operator_serves_the_namespaces_it_is_given_and_no_others(alone, kubeconfig, person, tmp_path):
    other, third = (replace(person, namespace=f"{person.namespace}-{n}") for n in (2, 3))
    one = OperatorProcess(kubeconfig, tmp_path / "log", namespaces=f"{person.namespace} {other.namespace}")
    try:
        for somebody in (other, third):
            somebody.kubectl("create", "namespace", somebody.namespace)
        one.start()
        for somebody in (third, other, person):
            somebody.apply_run("here", "kwok-complete")
        for somebody in (other, person):
            assert somebody.becomes("here", "COMPLETED")["attempt"] == 1
        assert (third.status("here")["state"], third.items("jobs")) == ("CREATED", [])
    finally:
        one.kill()
        for somebody in (other, third):
            somebody.kubectl("delete", "namespace", somebody.namespace, "--wait=false")


def test_a_pod_that_is_refused_is_reported_and_the_pending_deadline_is_kept(operator, person):
    """Its Job says nothing of it but in an Event, so that only the operator's own timer can."""
    person.apply_run("no-pod", spec={"priority_class": "missing"})
    person.apply_run("ended", spec={"priority_class": "missing"}, policy={"pendingDeadlineSeconds": 2})
    ended = person.becomes("ended", "ERROR")
    assert condition(ended, "Failed")["reason"] == "PendingDeadlineExceeded"
    wait_for(
        "the reason", lambda: condition(person.status("no-pod"), "Running").get("reason") == "FailedCreate"
    )
    assert "no PriorityClass with name missing was found" in person.status("no-pod")["message"]


@pytest.fixture
def bare(person):
    """A node without even a fake kubelet: what happens to its pods the test says."""
    name, amounts = f"bare-{person.namespace}", {"cpu": "8", "memory": "8Gi", "pods": "10"}
    labels = {"kubernetes.io/hostname": name}
    person.apply({"apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "labels": labels}})
    status = json.dumps({"status": {"allocatable": amounts, "capacity": amounts}})
    person.kubectl("patch", "node", name, "--subresource=status", "--type=merge", "-p", status)
    yield name
    person.kubectl("delete", "node", name, "--wait=false")


def _kubelet_says(person, pod: dict, **status: object) -> None:
    body = json.dumps({"status": status})
    person.kubectl(
        "patch", "pod", pod["metadata"]["name"], "--subresource=status", "--type=merge", "-p", body
    )


def _failed_mount(pod: dict, message: str) -> dict:
    """As the kubelet records it that tries again and again for a minute now."""
    now, about = time.time(), pod["metadata"]
    involved = {"apiVersion": "v1", "kind": "Pod"} | {key: about[key] for key in ("name", "namespace", "uid")}
    return {
        "apiVersion": "v1", "kind": "Event", "metadata": {"name": f"{about['name']}.1"}, "type": "Warning",
        "involvedObject": involved, "reason": "FailedMount", "message": message, "count": 7,
        "firstTimestamp": stamp(now - 60), "lastTimestamp": stamp(now),
    }  # fmt: skip


@pytest.mark.parametrize("kind", ["container+job", "container+serve"])
def test_a_volume_that_cannot_be_mounted_is_reported_and_waited_out(operator, person, bare, kind):
    """Its pod has a node and waits there, and only an Event says why."""
    spec = {
        "node_selector": [{"key": "kubernetes.io/hostname", "value": bare}],
        "tolerations": [{"operator": "Exists"}],
        "service_ports": [{"port": 80, "target_port": 5678}],
    }
    person.apply_run("mounting", kind=kind, spec=spec)
    (pod,) = wait_for(
        "a pod with a node", lambda: [one for one in person.items("pods") if one["spec"].get("nodeName")]
    )
    person.apply(_failed_mount(pod, 'MountVolume.SetUp failed for volume "v" : secret "key" not found'))
    creating = container_status(waiting={"reason": "ContainerCreating"})
    since = stamp(time.time() - 60)
    _kubelet_says(person, pod, startTime=since, containerStatuses=[creating])
    wait_for(
        "the reason",
        lambda: condition(person.status("mounting"), "Running").get("reason") == "SecretNotFound",
    )
    status = person.status("mounting")
    assert status["state"] == "PENDING"
    assert status["message"] == f'pod {pod["metadata"]["name"]} cannot start: secret "key" not found'
    wait_for("the event", lambda: person.items("events", "--field-selector=reason=SecretNotFound"))
    runs = container_status(ready=True, running={"startedAt": since})
    ready = [{"type": "Ready", "status": "True", "lastTransitionTime": since}]
    _kubelet_says(person, pod, phase="Running", conditions=ready, containerStatuses=[runs])
    person.becomes("mounting", "RUNNING")


def test_sigterm_ends_in_order(kubeconfig, person, tmp_path):
    one = OperatorProcess(kubeconfig, tmp_path / "log", namespaces=person.namespace, log_format="json")
    one.start()
    assert one.stop() == 0
    lines = [json.loads(line) for line in (tmp_path / "log").read_text().splitlines()]
    assert all({"time", "level", "message"} <= line.keys() for line in lines)
    assert not [
        line for line in lines if line["level"] == "ERROR" and line["logger"].startswith("run_operator")
    ]


def test_a_namespace_has_defaults_for_runs_that_say_nothing(operator, person):
    seconds = "run-operator.io/default-ttl-seconds=2", "run-operator.io/default-active-deadline-seconds=77"
    person.kubectl("annotate", "namespace", person.namespace, *seconds)
    person.apply_run("kept", "kwok-complete", policy={"ttlSecondsAfterFinished": 900})
    person.apply_run("brief", "sleep")
    status = person.becomes("brief", "RUNNING")
    assert status["policyDefaults"] == {"ttlSecondsAfterFinished": 2, "activeDeadlineSeconds": 77}
    (job,) = [job for job in person.items("jobs") if job["metadata"]["name"] == "brief"]
    assert job["spec"]["activeDeadlineSeconds"] == 77
    (pod,) = [pod for pod in person.items("pods") if pod["metadata"]["name"].startswith("brief")]
    person.end_pod(pod["metadata"]["name"])
    wait_for("gone", lambda: person.get("run", "brief") is None)
    assert person.becomes("kept", "COMPLETED")["policyDefaults"] == {"activeDeadlineSeconds": 77}
