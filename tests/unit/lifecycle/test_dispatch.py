"""A Run that MultiKueue runs in another cluster: the Workload is made once, switched off and on, and gives its quota back."""

from __future__ import annotations

from typing import Any

import pytest

from run_operator.api.constants import MULTIKUEUE
from run_operator.api.custom_object import CustomObject
from run_operator.api.raw import stamp
from run_operator.lifecycle.model import (
    CreateWorkload,
    DeleteRun,
    MarkFinished,
    Observed,
    PatchCustom,
    Plan,
    Refusal,
)
from run_operator.workloads.builder import build
from run_operator.workloads.types import Options
from tests.support.builders import NOW, job, pod, run
from tests.support.planning import condition, kinds, status_of
from tests.support.planning import step as planned

QUEUED = {"kueue.x-k8s.io/queue-name": "team"}
NONE = CustomObject()


def step(
    custom: CustomObject | None = NONE, now: float = NOW, refusal: Refusal | None = None, **top: Any
) -> Any:
    one = run(managed_by=MULTIKUEUE, **{"labels": QUEUED, **top})
    return planned(one, Observed(custom=custom, refusal=refusal), now)


def workload(
    *true: str, active: bool = True, cluster: str = "worker", reason: str = "Succeeded", at: float = NOW
) -> CustomObject:
    conditions = [
        {"type": kind, "status": "True", "reason": reason, "message": "said", "lastTransitionTime": stamp(at)}
        for kind in true
    ]
    metadata = {"name": "run-hello-x", "uid": "w-1", "resourceVersion": "7"}
    checks = [{"name": "elsewhere", "state": "Ready", "message": "m", "lastTransitionTime": stamp(at)}]
    status = {"conditions": conditions, "admissionChecks": checks} | (
        {"clusterName": cluster} if cluster else {}
    )
    return CustomObject({"metadata": metadata, "spec": {"active": active}, "status": status})


def copied(state: str = "RUNNING", **queued: str) -> dict[str, Any]:
    """The status as MultiKueue copied it."""
    found = status_of(state)
    return found | ({"conditions": [{"type": "Queued", "status": "True", **queued}]} if queued else {})


def test_its_workload_is_looked_at_first_by_a_name_of_its_own():
    made = step(None)
    assert (made.look.plural, made.look.name, made.actions) == ("workloads", "run-hello-11111111", ())


def test_the_workload_is_made_with_the_pod_of_the_job_that_the_other_operator_makes():
    made = step(
        labels=QUEUED
        | {"kueue.x-k8s.io/priority-class": "high", "kueue.x-k8s.io/max-exec-time-seconds": "60"}
    )
    (create,) = made.actions
    assert isinstance(create, CreateWorkload)
    child = create.workload.child
    assert (child["kind"], child["metadata"]["name"]) == ("Workload", "run-hello-11111111")
    assert child["metadata"]["ownerReferences"][0]["controller"] is True
    spec = child["spec"]
    assert (spec["queueName"], spec["active"], spec["maximumExecutionTimeSeconds"]) == ("team", True, 60)
    assert spec["priorityClassRef"]["name"] == "high"
    (podset,) = spec["podSets"]
    (container,) = podset["template"]["spec"]["containers"]
    assert container["terminationMessagePath"] == "/dev/termination-log"
    assert (made.status["state"], condition(made, "Queued")["reason"]) == ("PENDING", "Queued")


def test_both_clusters_build_the_same_containers_though_the_run_has_two_uids():
    def containers(**top: Any) -> Any:
        return build(run(**top), 1, Options(ingest_url="https://x:1")).child["spec"]["template"]["spec"][
            "containers"
        ]

    there = containers(labels=QUEUED | {"kueue.x-k8s.io/prebuilt-workload-name": "run-hello-11111111"})
    assert containers(managed_by=MULTIKUEUE, labels=QUEUED) == there
    (uid,) = [one for one in there[0]["env"] if one["name"] == "RUN_UID"]
    assert uid["valueFrom"]["fieldRef"]["fieldPath"] == "metadata.labels['run-operator.io/run-uid']"
    (plain,) = [one for one in containers()[0]["env"] if one["name"] == "RUN_UID"]
    assert "value" in plain


def test_a_workload_without_quota_is_waited_for():
    made = step(workload(cluster=""))
    assert (made.status["state"], made.status["suspendedBy"], made.actions) == ("PENDING", "Queue", ())
    assert step(workload(cluster=""), status=made.status).status is None


def test_while_it_holds_quota_nothing_is_written():
    assert step(workload("QuotaReserved"), status=copied()) == Plan(wake_at=NOW + 10)


def test_a_stop_takes_the_workload_back_first_so_that_the_other_cluster_ends_its_pods():
    made = step(workload("QuotaReserved", "Admitted"), suspend=True, status=copied())
    (patch,) = made.actions
    assert isinstance(patch, PatchCustom)
    assert (patch.uid, patch.subresource, patch.version, made.status) == ("w-1", "status", "7", None)
    changed = patch.body["status"]
    (evicted,) = [one for one in changed["conditions"] if one["type"] == "Evicted"]
    assert (evicted["status"], evicted["reason"]) == ("True", "Deactivated")
    assert {one["type"] for one in changed["conditions"]} == {"QuotaReserved", "Admitted", "Evicted"}
    assert [(one["name"], one["state"]) for one in changed["admissionChecks"]] == [("elsewhere", "Pending")]
    assert changed["clusterName"] is None


def test_it_is_switched_off_when_its_pods_have_ended_and_a_resume_switches_it_on():
    taken = workload("QuotaReserved", "Evicted", "Admitted", reason="Deactivated", cluster="")
    assert step(taken, NOW + 6, suspend=True, status=copied()).actions == ()
    ended = step(taken, NOW + 6, suspend=True, status=copied("PENDING", reason="Queued"))
    (patch,) = ended.actions
    assert (patch.body, ended.status) == ({"spec": {"active": False}}, None)
    stopped = step(workload("Evicted", active=False), suspend=True, status=copied("PENDING", reason="Queued"))
    resumed = step(workload("Evicted", active=False), status=stopped.status)
    (patch,) = resumed.actions
    assert patch.body == {"spec": {"active": True}}
    assert (resumed.status["state"], condition(resumed, "Suspended")["status"]) == ("PENDING", "False")


@pytest.mark.parametrize("active", [True, False])
def test_a_stop_that_has_begun_is_finished_before_a_resume(active):
    taken = workload("QuotaReserved", "Evicted", "Admitted", reason="Deactivated", cluster="", active=active)
    assert step(taken, NOW + 6, status=copied()).actions == ()
    (patch,) = step(taken, NOW + 6, status=copied("PENDING", reason="Queued")).actions
    if not active:
        assert patch.body == {"spec": {"active": True}}
        return
    (again,) = [one for one in patch.body["status"]["conditions"] if one["type"] == "Requeued"]
    assert again["reason"] == "Deactivated", "Kueue queues one again that is active and has this reason"


def test_one_that_holds_no_quota_is_switched_off_at_once():
    (patch,) = step(workload(cluster=""), suspend=True).actions
    assert patch.body == {"spec": {"active": False}}


@pytest.mark.parametrize(
    ("status", "after", "released"),
    [
        (copied(), 6, False),
        (copied("PENDING", reason="Ending"), 6, False),
        (copied("PENDING", reason="Queued"), 6, True),
        (copied("PENDING", reason="Queued"), 1, False),  # a newer status may be on its way
        (copied("STOP"), 6, False),
        (copied("STOPPED"), 6, True),
        (status_of("PENDING", 0), 6, False),  # nothing was copied yet
        (copied(), 320, False),  # the grace period counts too
        (copied(), 400, True),  # the other cluster does not answer
    ],
)
def test_quota_is_given_back_when_nothing_can_write_there(status, after, released):
    seen = workload("QuotaReserved", "Evicted", "Admitted", active=False, reason="Deactivated", cluster="")
    made = step(seen, NOW + after, suspend=True, status=status)
    assert bool(made.actions) is released
    assert made.status is None
    if released:
        (patch,) = made.actions
        assert (patch.subresource, patch.version) == ("status", "7")
        said = {one["type"]: one["status"] for one in patch.body["status"]["conditions"]}
        assert said == {"QuotaReserved": "False", "Evicted": "True", "Admitted": "False", "Requeued": "False"}
        assert patch.body["status"]["admission"] is None


def test_one_that_was_preempted_is_queued_again():
    seen = workload("QuotaReserved", "Evicted", reason="Preempted", cluster="")
    assert step(seen, NOW + 1).actions == (), "a status may be on its way"
    (patch,) = step(seen, NOW + 6).actions
    assert [one["status"] for one in patch.body["status"]["conditions"] if one["type"] == "Requeued"] == [
        "True"
    ]


def test_one_that_was_preempted_keeps_its_quota_until_its_pods_have_ended():
    seen = workload("QuotaReserved", "Evicted", "Admitted", reason="Preempted", cluster="")
    for status in (copied(), copied("PENDING", reason="Ending")):
        assert step(seen, NOW + 6, status=status) == Plan(wake_at=NOW + 8)
    assert step(seen, NOW + 6, status=copied("PENDING", reason="Queued")).actions
    assert step(seen, NOW + 400, status=copied()).actions, "nobody says anything"


def test_it_is_stopped_when_it_holds_no_quota_any_more():
    made = step(workload("Evicted", active=False), suspend=True, status=copied("PENDING", reason="Queued"))
    assert (made.status["state"], condition(made, "Suspended")["status"]) == ("STOPPED", "True")


def test_one_that_is_created_suspended_has_no_workload():
    made = step(suspend=True)
    assert (made.status["state"], made.actions) == ("STOPPED", ())


@pytest.mark.parametrize(
    ("reason", "state"), [("Succeeded", "COMPLETED"), ("Failed", "ERROR"), ("OutOfSync", "ERROR")]
)
def test_the_end_is_what_was_copied_and_else_what_kueue_says(reason, state):
    seen = workload("QuotaReserved", "Finished", reason=reason)
    assert step(seen, status=copied()) == Plan(wake_at=NOW + 5)
    assert step(seen, NOW + 6, status=copied()).status["state"] == state
    assert step(seen, NOW + 6, status=copied("COMPLETED")).status is None


def test_what_cannot_be_dispatched_says_why():
    assert "MultiKueue runs only Jobs" in step(kind="container+serve:run").status["message"]
    unqueued = step(labels={})
    assert (unqueued.status["state"], unqueued.actions) == ("CREATED", ())
    assert "set the label kueue.x-k8s.io/queue-name" in unqueued.status["message"]
    missing = step(CustomObject(problem="there is no Kueue"))
    assert (missing.status["message"], condition(missing, "Resolved")["reason"]) == (
        "there is no Kueue",
        "ComponentMissing",
    )
    assert missing.events
    assert step(CustomObject(problem="there is no Kueue"), status=copied()) == Plan(wake_at=NOW + 10)


def test_a_refusal_is_reported_once_and_tried_again():
    refusal = Refusal("PriorityClassMissing", "there is no PriorityClass x", final=False)
    made = step(refusal=refusal, status=step().status)
    assert (made.status["state"], made.status["message"]) == ("PENDING", refusal.message)
    assert [one.reason for one in made.events] == ["PriorityClassMissing"]
    again = step(status=made.status)
    assert (kinds(again), again.status) == ([CreateWorkload], None)
    assert step(refusal=refusal, status=made.status).events == ()
    final = step(refusal=Refusal("InvalidSpec", "no", final=True))
    assert final.status["state"] == "ERROR"


def test_a_document_that_was_mended_is_looked_at_again():
    failed = step(refusal=Refusal("InvalidSpec", "no", final=True)).status
    assert kinds(step(status=failed, generation=2)) == [CreateWorkload]


def test_one_whose_pods_are_not_known_to_have_ended_says_so_when_it_is_stopped():
    made = step(workload("Evicted", active=False), suspend=True, status=copied())
    assert condition(made, "Suspended")["reason"] == "PodTerminationTimeout"
    assert "the other cluster has not confirmed" in made.status["message"]
    assert step(workload("Evicted", active=False), suspend=True, status=made.status).status is None


def test_a_deleted_one_is_left_to_the_garbage_collector():
    assert step(None, deleting=True, status=copied()) == Plan()


def test_one_that_has_ended_is_marked_and_deleted_after_its_time_to_live():
    ended = copied("COMPLETED") | {"completionTime": stamp(NOW)}
    assert step(None, NOW + 1, status=ended) == Plan(wake_at=NOW + 5)
    assert kinds(step(None, NOW + 6, status=ended)) == [MarkFinished]
    assert kinds(step(None, NOW + 90, status=ended, policy={"ttlSecondsAfterFinished": 60})) == [DeleteRun]


SENT = {"kueue.x-k8s.io/queue-name": "team", "kueue.x-k8s.io/prebuilt-workload-name": "run-hello-11111111"}


def there(*parts: Any, now: float = NOW, **seen: Any) -> Any:
    """The step in the cluster that runs it."""
    return planned(run(labels=SENT, status=status_of("RUNNING")), Observed(*parts, **seen), now)


def test_kueue_knows_one_job_so_that_this_one_makes_a_pod_after_an_eviction():
    def rule(**top: Any) -> Any:
        (found,) = build(run(**top), 1, Options()).child["spec"]["podFailurePolicy"]["rules"]
        return found["action"]

    assert (rule(labels=SENT), rule(labels=QUEUED)) == ("Ignore", "FailJob")


def test_an_interruption_is_left_to_its_job():
    cut = pod("Failed", exit_code=143, disrupted="EvictionByEvictionAPI")
    made = there(job(active=1), (cut,))
    assert (made.status["state"], made.actions) == ("PENDING", ())
    over = there(job(failed_reason="BackoffLimitExceeded"), (cut,))
    assert over.status["state"] == "ERROR"
    assert over.status["message"].startswith("interrupted: ")
    assert over.status["attempt"] == 1


@pytest.mark.parametrize(
    ("one", "pods", "reason"),
    [
        (job(suspend=True, active=1), (), "Ending"),
        (job(suspend=True), (pod("Running", due=NOW + 30),), "Ending"),
        (job(suspend=True), (), "Queued"),
    ],
)
def test_the_condition_says_whether_a_pod_can_still_write_when_its_queue_took_it_back(one, pods, reason):
    made = there(one, pods)
    assert (made.status["state"], condition(made, "Queued")["reason"]) == ("PENDING", reason)
