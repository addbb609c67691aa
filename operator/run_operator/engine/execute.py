"""Carrying out what a plan asks for: few writes, each of them idempotent."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, Final

from run_operator.engine.store import Store
from run_operator.kube.client import Api
from run_operator.kube.errors import (
    AlreadyExistsError,
    ConflictError,
    ForbiddenError,
    InvalidError,
    NotFoundError,
    TransientError,
)
from run_operator.kube.resource import BY_KIND, JOBS, PODS, RUNS, Resource
from run_operator.lifecycle.actions import Action, CreateWorkload, DeleteChild, DeleteRun, SuspendChild
from run_operator.lifecycle.observed import Observed, Refusal
from run_operator.resources.constants import LABEL_RUN_UID, RUN_KIND
from run_operator.resources.run import Run
from run_operator.workloads.views import JobView, PodView

NAMESPACE_GOING: Final = "NamespaceTerminating"

log = logging.getLogger(__name__)


class RefusedError(Exception):
    """The API server refused a child; `refusal` says why, in words for the Run's status."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.message)
        self.refusal = refusal


class Executor:
    """Does the writing. Answers of the API server go to the store at once: read your own writes."""

    def __init__(self, api: Api, store: Store) -> None:
        self._api = api
        self._store = store

    async def write_status(self, run: Run, status: Mapping[str, Any]) -> Run:
        """Replace the status, only if the Run is still the version that was decided about (ConflictError)."""
        body = {
            "metadata": {"resourceVersion": run.resource_version},
            "status": merge_patch(run.status, status),
        }
        answer = await self._api.patch(RUNS, run.namespace, run.name, body, subresource="status")
        stored = Run.from_object(answer)
        self._store.put_run(stored, own=True)
        return stored

    async def carry_out(self, run: Run, action: Action) -> None:
        """One action. Raises RefusedError, or an error of `kube.errors` that a later try may cure."""
        match action:
            case CreateWorkload(workload):
                for body in workload.needs:
                    await self._create(run, body)
                self._store.put_job(JobView.from_object(await self._create(run, workload.child)), own=True)
            case SuspendChild(name, uid):
                body = {"metadata": {"uid": uid}, "spec": {"suspend": True}}
                self._store.put_job(
                    JobView.from_object(await self._api.patch(JOBS, run.namespace, name, body))
                )
            case DeleteChild(name, uid):
                await self._delete(JOBS, run, name, uid)
                self._store.drop_child(uid)
            case DeleteRun(uid):
                await self._delete(RUNS, run, run.name, uid)

    async def reread(self, run: Run) -> Observed:
        """The Run's children as the API server has them now."""
        selector = f"{LABEL_RUN_UID}={run.uid}"
        found = self._api.list_objects(JOBS, namespace=run.namespace, selector=selector)
        jobs = [JobView.from_object(raw) async for raw in found]
        found = self._api.list_objects(PODS, namespace=run.namespace, selector=selector)
        pods = [PodView.from_object(raw) async for raw in found]
        jobs.sort(key=lambda job: job.deleting)
        return Observed(job=jobs[0] if jobs else None, pods=tuple(pods), fresh=True)

    async def _create(self, run: Run, body: Mapping[str, Any]) -> Mapping[str, Any]:
        resource = BY_KIND[str(body["kind"])]
        try:
            return await self._api.create(resource, run.namespace, body)
        except AlreadyExistsError:
            return await self._ours(resource, run, str(body["metadata"]["name"]))
        except InvalidError as error:
            raise RefusedError(
                Refusal("InvalidSpec", f"the API server refuses it: {error.message}", True)
            ) from error
        except ForbiddenError as error:
            raise RefusedError(Refusal("Forbidden", error.message, final=False)) from error

    async def _ours(self, resource: Resource, run: Run, name: str) -> Mapping[str, Any]:
        """The existing object of that name, if it is this Run's; else a RefusedError or TransientError."""
        found = await self._api.get(resource, run.namespace, name)
        owner = _controller(found)
        if owner.get("uid") == run.uid:
            return found
        what = f"{resource.kind} {name}"
        if owner.get("kind") == RUN_KIND and owner.get("name") == run.name:
            raise TransientError(
                f"create {what}", 409, "that of an earlier Run of this name is still being deleted"
            )
        whose = f"{owner.get('kind')} {owner.get('name')}" if owner else "somebody else"
        message = (
            f"{what} exists already and belongs to {whose}: it is left alone; "
            f"delete it or give this Run another name"
        )
        raise RefusedError(Refusal("NameConflict", message, final=True))

    async def _delete(self, resource: Resource, run: Run, name: str, uid: str) -> None:
        try:
            await self._api.delete(resource, run.namespace, name, uid)
        except (NotFoundError, ConflictError):
            log.debug("%s %s/%s is gone already", resource.kind, run.namespace, name)


def merge_patch(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """What turns `old` into `new` as a JSON merge patch: gone keys become null, lists are replaced whole."""
    patch: dict[str, Any] = {key: None for key in old if key not in new}
    for key, value in new.items():
        before = old.get(key)
        if isinstance(before, Mapping) and isinstance(value, Mapping):
            inner = merge_patch(before, value)
            patch |= {key: inner} if inner else {}
        elif key not in old or before != value:
            patch[key] = value
    return patch


def _controller(raw: Mapping[str, Any]) -> Mapping[str, Any]:
    owners = (raw.get("metadata") or {}).get("ownerReferences") or ()
    return next((owner for owner in owners if owner.get("controller")), {})
