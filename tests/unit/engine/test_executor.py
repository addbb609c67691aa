"""What the API server answers, and what follows from it: nothing waits for news that were taken already."""

from __future__ import annotations

from typing import Any

import pytest

from run_operator.api.constants import ANNOTATION_ATTEMPT
from run_operator.engine.executor import Executor
from run_operator.engine.refusals import RefusedError
from run_operator.engine.store import Store
from run_operator.kube.errors import (
    AlreadyExistsError,
    ConflictError,
    ForbiddenError,
    KubeError,
    NotFoundError,
    TooLargeError,
)
from run_operator.lifecycle.model import CreateWorkload, DeleteChild, DeleteReplicaSet, Observed, PatchService
from run_operator.lifecycle.plan import plan
from run_operator.workloads.types import Options
from tests.support.builders import NOW, UID, job, run, serve, service

VOLUME = {"volume_type": "persistent_volume_claim", "name": "data", "mount_path": "/data", "spec": {}}


class Server:
    """Answers every write with one error, and every read with one object."""

    def __init__(self, error: type[KubeError] | None = None, there: dict[str, Any] | None = None) -> None:
        self.error, self.there = error, there

    def _fail(self) -> None:
        if self.error:
            raise self.error("write", 409, "no")

    async def create(self, *_: Any) -> Any:
        self._fail()
        return self.there

    async def delete(self, *_: Any) -> None:
        self._fail()

    async def patch(self, *_: Any, **__: Any) -> Any:
        self._fail()
        return self.there

    async def get(self, *_: Any) -> Any:
        return self.there

    async def get_metadata(self, *_: Any) -> Any:
        return self.there


def executor(server: Server) -> tuple[Executor, Store, list[str]]:
    calls: list[str] = []
    store = Store(lambda key, _: calls.append(key.name))
    store.put_run(run())
    calls.clear()
    one: Any = server
    return Executor(one, store), store, calls


def creation() -> CreateWorkload:
    (action,) = plan(run(), Observed(), NOW, Options()).actions
    assert isinstance(action, CreateWorkload)
    return action


def child(attempt: int, owner: str = UID) -> dict[str, Any]:
    return {
        "kind": "Job",
        "metadata": {
            "namespace": "ml", "name": "hello", "uid": "job-1", "resourceVersion": "20",
            "labels": {"run-operator.io/run-uid": UID}, "annotations": {ANNOTATION_ATTEMPT: str(attempt)},
            "ownerReferences": [{"kind": "Run", "name": "hello", "uid": owner, "controller": True}],
        },
        "spec": {}, "status": {"active": 1},
    }  # fmt: skip


async def test_a_job_that_is_there_already_is_news():
    """It may have ended, or be of another attempt, and the event about it will say nothing new any more."""
    one, store, calls = executor(Server(AlreadyExistsError, child(attempt=1)))
    await one.carry_out(run(), creation())
    assert store.observed(run()).job is not None
    assert calls == ["hello"]


async def test_a_job_we_made_is_no_news():
    one, _, calls = executor(Server(None, child(attempt=1)))
    await one.carry_out(run(), creation())
    assert calls == []


async def test_a_job_that_changed_meanwhile_is_not_deleted_and_decided_about_again():
    """The event may bring nothing but a new version, which wakes nobody."""
    one, store, _ = executor(Server(ConflictError))
    store.put_child(job())
    with pytest.raises(ConflictError):
        await one.carry_out(run(), DeleteChild("hello", "job-1", version="20"))
    assert store.observed(run()).job is not None


@pytest.mark.parametrize(
    ("error", "version"), [(NotFoundError, "20"), (NotFoundError, ""), (ConflictError, "")]
)
async def test_a_job_that_is_gone_or_another_one_by_now_is_dropped(error, version):
    one, store, _ = executor(Server(error))
    store.put_child(job())
    await one.carry_out(run(), DeleteChild("hello", "job-1", version=version))
    assert store.observed(run()).job is None


async def test_an_address_that_the_api_server_will_not_have_is_a_refusal():
    one, _, _ = executor(Server(ForbiddenError))
    body = {"metadata": {"name": "hello"}, "spec": {"type": "LoadBalancer"}}
    with pytest.raises(RefusedError, match="no"):
        await one.carry_out(serve(), PatchService(service().uid, body))


async def test_a_child_that_the_cluster_cannot_hold_is_refused_for_good_with_what_to_do():
    one, _, _ = executor(Server(TooLargeError))
    with pytest.raises(RefusedError, match="make the Run smaller") as caught:
        await one.carry_out(run(), creation())
    assert (caught.value.refusal.reason, caught.value.refusal.final) == ("TooLarge", True)


async def test_a_job_of_somebody_else_ends_the_run_and_what_to_do_helps():
    """The Run has ended by it: to delete the Job alone would start nothing."""
    theirs = child(attempt=1)
    theirs["metadata"]["ownerReferences"] = []
    one, _, _ = executor(Server(AlreadyExistsError, theirs))
    said = "the operator does not change it; apply this Run under another name, or delete both and apply it again"
    with pytest.raises(RefusedError, match=said) as caught:
        await one.carry_out(run(), creation())
    assert (caught.value.refusal.reason, caught.value.refusal.final) == ("NameConflict", True)


async def test_a_claim_of_another_run_is_reported_with_that_run_and_the_volume_to_rename():
    """Run `hel` with a volume `lo-data` has it; to delete that would delete its data."""
    document = {"task": "container+job://demo/t", "image": "x", "volumes": [VOLUME]}
    (action,) = plan(run(document), Observed(), NOW, Options()).actions
    assert isinstance(action, CreateWorkload)
    theirs = child(attempt=1, owner="other")
    theirs["metadata"]["ownerReferences"][0]["name"] = "hel"
    one, _, _ = executor(Server(AlreadyExistsError, theirs))
    with pytest.raises(RefusedError) as caught:
        await one.carry_out(run(), action)
    assert caught.value.refusal.reason == "NameConflict"
    assert caught.value.refusal.message == (
        "PersistentVolumeClaim hello-data already exists and belongs to Run hel: the operator does not change it; apply this Run under "
        "another name, or delete this Run and apply it again with another name for its volume data, which asks for that claim"
    )


async def test_a_claim_that_is_there_already_tells_what_it_does_not_have():
    document = {"task": "container+job://demo/t", "image": "x", "volumes": [VOLUME]}
    (action,) = plan(run(document), Observed(), NOW, Options()).actions
    assert isinstance(action, CreateWorkload)
    smaller = child(attempt=1) | {"spec": {"resources": {"requests": {"storage": "1Gi"}}}}
    one, _, _ = executor(Server(AlreadyExistsError, smaller))
    (note,) = await one.carry_out(run(), action)
    assert note.startswith("claim hello-data has 1Gi, the document requests 2Gi")


class Versions:
    """Answers a status patch as the API server does: with metadata alone where that is asked for."""

    async def patch(self, *_: Any, accept: str, **__: Any) -> Any:
        metadata = {"namespace": "ml", "name": "hello", "uid": UID, "resourceVersion": "11"}
        whole = {"spec": {}, "status": {"state": "ERROR", "metricsIngest": {"commitId": "c"}}}
        return {"metadata": metadata} | ({} if "PartialObjectMetadata" in accept else whole)


@pytest.mark.parametrize("settled", [False, True])
async def test_the_store_holds_a_written_status_before_any_event(settled):
    store = Store(lambda *_: None)
    one = run()
    store.put_run(one)
    status = {"state": "ERROR"} | ({"metricsIngest": {"writers": None}} if settled else {})
    server: Any = Versions()
    await Executor(server, store).write_status(one, status)
    held = store.run(one.key)
    assert held is not None
    assert (held.resource_version, held.status) == ("11", {"state": "ERROR"})
    assert held.metrics.commit_id == ("c" if settled else "")


@pytest.mark.parametrize(
    ("metadata", "said"),
    [
        ({"labels": {"run-operator.io/run-uid": UID}}, ""),
        ({"uid": "another"}, ""),
        ({"ownerReferences": [{"kind": "Deployment", "name": "other", "controller": True}]}, "delete Deployment other"),
        ({"labels": {}}, "delete ReplicaSet hello-5d8"),
    ],
)  # fmt: skip
async def test_a_replica_set_of_another_client_is_reported_and_not_deleted(metadata, said):
    one, _, _ = executor(Server(there={"uid": "rs", "labels": {"run-operator.io/run-uid": UID}} | metadata))
    action = DeleteReplicaSet("hello-5d8", "rs")
    if not said:
        assert await one.carry_out(run(), action) == []
        return
    with pytest.raises(RefusedError) as caught:
        await one.carry_out(run(), action)
    assert (caught.value.refusal.reason, caught.value.refusal.final) == ("PodsAdopted", False)
    assert said in caught.value.refusal.message


@pytest.mark.parametrize(
    ("labels", "final", "said"),
    [
        ({"run-operator.io/run": "hello", "run-operator.io/run-uid": "earlier"}, False, "delete Job hello, then this Run begins"),
        ({"run-operator.io/run": "other", "run-operator.io/run-uid": "earlier"}, True, "belongs to another client"),
        ({}, True, "belongs to another client"),
    ],
)  # fmt: skip
async def test_a_job_that_a_backup_restored_does_not_end_the_run(labels, final, said):
    there = child(1)
    there["metadata"] |= {"labels": labels, "ownerReferences": []}
    one, _, _ = executor(Server(AlreadyExistsError, there))
    with pytest.raises(RefusedError) as caught:
        await one.carry_out(run(), creation())
    assert (caught.value.refusal.reason, caught.value.refusal.final) == ("NameConflict", final)
    assert said in caught.value.refusal.message
