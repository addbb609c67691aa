"""Carrying out the actions of a plan, with few writes, each of them idempotent."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any, Final

from run_operator.api.constants import ANNOTATION_FINISHED, LABEL_RUN_UID, RUN_KIND
from run_operator.api.custom_object import CustomKind, CustomObject
from run_operator.api.raw import pointer
from run_operator.api.references import ProfilesView, Referred
from run_operator.api.run import Run
from run_operator.children.event_facts import Question, Said
from run_operator.engine.custom_objects import CustomObjects
from run_operator.engine.event_reader import EventReader
from run_operator.engine.refusals import RefusedError, name_conflict, refusals
from run_operator.engine.step_runs import StepRuns
from run_operator.engine.store import Store
from run_operator.engine.watched_kinds import CHILDREN, REFERRED, Child
from run_operator.ingest.configmap import NotOursError, is_same
from run_operator.kube.client import Api
from run_operator.kube.errors import (
    AlreadyExistsError,
    ConflictError,
    ForbiddenError,
    InvalidError,
    NotFoundError,
    TransientError,
)
from run_operator.kube.media_types import METADATA
from run_operator.kube.resource import (
    BY_KIND,
    CLAIMS,
    CONFIG_MAPS,
    DEPLOYMENTS,
    JOBS,
    PODS,
    REPLICA_SETS,
    RUNS,
    SERVICES,
    Resource,
)
from run_operator.lifecycle.model import (
    Action,
    CreateRun,
    CreateService,
    CreateWorkload,
    DeleteChild,
    DeleteCustom,
    DeletePod,
    DeleteReplicaSet,
    DeleteRun,
    MarkFinished,
    Observed,
    PatchCustom,
    PatchService,
    Refusal,
    RestartChild,
    ScaleChild,
    SetDeadline,
    SuspendChild,
    SuspendRun,
)
from run_operator.lifecycle.observation import observed, owned_and_orphans
from run_operator.lifecycle.orphans import ADOPTED
from run_operator.workloads.builder import child_kind, is_built_in
from run_operator.workloads.memory_limit import MemoryCeiling, within
from run_operator.workloads.pipeline_kinds import STEPS
from run_operator.workloads.types import Workload
from run_operator.workloads.volumes import shortcomings

Prepare = Callable[[str], Awaitable[None]]
Ceiling = Callable[[str], Awaitable[MemoryCeiling]]

log = logging.getLogger(__name__)


class Executor:
    """Writes to the API server. Its answers go into the store at once, so that the next decision sees them.

    `prepare` is called with a namespace before a pod is created in it: objects that pods mount have to be there.
    `ceiling` returns the memory that a container of a namespace may have.
    """

    def __init__(
        self, api: Api, store: Store, prepare: Prepare | None = None, ceiling: Ceiling | None = None
    ) -> None:
        self._api = api
        self._store = store
        self._prepare = prepare
        self._reasons = EventReader(api)
        self._ceiling = ceiling
        self._custom = CustomObjects(api)
        self.steps: Final = StepRuns(api, store)
        """The Runs of pipelines' steps."""

    async def write_status(self, run: Run, status: Mapping[str, Any]) -> Run:
        """Replace the status, only if the Run is still the version that was decided about (ConflictError)."""
        body = {
            "metadata": {"resourceVersion": run.resource_version},
            "status": merge_patch(run.status, status),
        }
        settled = "metricsIngest" in body["status"]  # the metrics that are kept must be read again
        answer = await self._api.patch(
            RUNS,
            run.namespace,
            run.name,
            body,
            subresource="status",
            accept="application/json" if settled else METADATA,
        )
        version = str((answer.get("metadata") or {}).get("resourceVersion", ""))
        stored = Run.from_object(answer) if settled else replace(run, resource_version=version, status=status)
        self._store.put_run(stored, own=True)
        return stored

    async def carry_out(self, run: Run, action: Action) -> list[str]:
        """Carry out one action; returns sentences about parts that are not applied because of existing objects.

        Raises RefusedError, or an error of `kube.errors` that a later try may cure.
        """
        notes: list[str] = []
        match action:
            case DeleteCustom(what, name, uid):
                await self._custom.delete(run, what, name, uid)
            case PatchCustom():
                await self._custom.change(run, action)
            case CreateWorkload(workload):
                notes = await self._start(run, workload)
            case RestartChild(name, uid, workload):
                await self._prepare_namespace(run)
                notes = await self._provide(run, workload)
                child = await self._within_limits(run, workload)
                await self._restart(run, name, uid, replace(workload, child=dict(child)))
            case DeleteChild(name, uid, kind, version):
                await self._delete(BY_KIND[kind], run, name, uid, version)
                self._store.drop_child(uid)
            case DeletePod(name, uid):
                await self._delete(PODS, run, name, uid)
            case DeleteReplicaSet(name, uid):
                await self._delete_replica_set(run, name, uid)
            case MarkFinished() | DeleteRun() | CreateRun() | SuspendRun():
                await self._change_run(run, action)
            case SuspendChild() | SetDeadline() | ScaleChild() | CreateService() | PatchService():
                await self._change(run, action)
        return notes

    async def _start(self, run: Run, workload: Workload) -> list[str]:
        """Create the objects that the child needs, then the child."""
        if workload.custom is not None:
            await self._custom.create(run, workload.custom, workload.child)
            return []
        await self._prepare_namespace(run)
        notes = await self._provide(run, workload)
        await self._create(run, await self._within_limits(run, workload))
        return notes

    async def _change_run(self, run: Run, action: MarkFinished | DeleteRun | CreateRun | SuspendRun) -> None:
        """An action on the Run itself, or on one of its steps."""
        match action:
            case MarkFinished(uid, value):
                await self._mark_finished(run, uid, value)
            case DeleteRun(uid):
                await self._delete(RUNS, run, run.name, uid)
            case CreateRun() | SuspendRun():
                await self.steps.change(run, action)

    async def _change(
        self,
        run: Run,
        action: SuspendChild | SetDeadline | ScaleChild | CreateService | PatchService,
    ) -> None:
        """An action on an existing child. The next decision follows at once."""
        match action:
            case SuspendChild(name, uid):
                body = {"metadata": {"uid": uid}, "spec": {"suspend": True}}
                self._keep(JOBS, await self._api.patch(JOBS, run.namespace, name, body))
            case SetDeadline(name, uid, seconds):
                body = {"metadata": {"uid": uid}, "spec": {"activeDeadlineSeconds": seconds}}
                self._keep(JOBS, await self._api.patch(JOBS, run.namespace, name, body))
            case ScaleChild(name, uid, replicas):
                body = {"metadata": {"uid": uid}, "spec": {"replicas": replicas}}
                self._keep(DEPLOYMENTS, await self._api.patch(DEPLOYMENTS, run.namespace, name, body))
            case CreateService(body):
                await self._create(run, body, own=False)
            case PatchService(uid, wanted):
                name, body = wanted["metadata"]["name"], {"metadata": {"uid": uid}, "spec": wanted["spec"]}
                with refusals():
                    answer = await self._api.patch(SERVICES, run.namespace, name, body)
                self._keep(SERVICES, answer)

    async def reread(self, run: Run) -> Observed:
        """The Run's children as the API server has them now."""
        selector = f"{LABEL_RUN_UID}={run.uid}"
        children: list[Child] = []
        for resource in _children_of(run):
            found = self._api.list_objects(resource, namespace=run.namespace, selector=selector)
            children += [CHILDREN[resource](raw) async for raw in found]
        children = owned_and_orphans(children, run)
        steps = [one async for one in self.steps.of(run)] if child_kind(run) == STEPS else []
        gone = self._store.gone(run)
        return observed(children, catalog=self._store.catalog, fresh=True, gone=gone, steps=steps)

    async def whole(self, run: Run) -> Run | None:
        """The Run with all of its document, as the API server has it now; None: it is gone."""
        try:
            found = Run.from_object(await self._api.get(RUNS, run.namespace, run.name))
        except NotFoundError:
            return None
        if found.uid != run.uid:
            return None
        self._store.put_run(found, own=True)
        return found

    async def look(self, run: Run, what: CustomKind) -> CustomObject:
        """The Run's object of another operator, as it is now."""
        return await self._custom.look(run, what)

    async def load(self, view: Referred) -> Referred | None:
        """The object with its document; None: it is gone, and the store has dropped it."""
        resource = CONFIG_MAPS if isinstance(view, ProfilesView) else BY_KIND[view.what]
        try:
            found = REFERRED[resource](await self._api.get(resource, view.namespace, view.name))
        except NotFoundError:
            found = None
        if found is None or found.uid != view.uid:
            self._store.drop_referred(view.uid)
            return None
        return found

    async def why(self, run: Run, question: Question) -> tuple[Said, ...] | None:
        """Events about the Run's Job or pod; empty if there are none, None if they cannot be read."""
        return await self._reasons.why(run.namespace, question)

    async def _provide(self, run: Run, workload: Workload) -> list[str]:
        """Create the objects that the attempt needs; returns sentences about an existing claim that differs."""
        notes: list[str] = []
        for body in workload.needs:
            if body["kind"] == CLAIMS.kind:
                there = await self._create(run, body, volume=_volume(workload, body["metadata"]["name"]))
                notes += shortcomings(body, there)
            else:
                await self._create(run, body)
        return notes

    async def _create(
        self, run: Run, body: Mapping[str, Any], *, own: bool = True, volume: str = ""
    ) -> Mapping[str, Any]:
        """Create an object, or take the existing one; `volume`: the name of its volume in the document."""
        resource = BY_KIND[str(body["kind"])]
        try:
            with refusals():
                answer = await self._api.create(resource, run.namespace, body)
        except AlreadyExistsError:
            # News: it may be of another attempt, or ended by now, and its event would bring the same version again.
            answer, own = await self._ours(resource, run, str(body["metadata"]["name"]), volume), False
            _check_content(resource, answer, body)
        self._keep(resource, answer, own=own)
        return answer

    async def _within_limits(self, run: Run, workload: Workload) -> Mapping[str, Any]:
        if self._ceiling is None:
            return workload.child
        return within(workload.child, await self._ceiling(run.namespace))

    async def _prepare_namespace(self, run: Run) -> None:
        if self._prepare is None:
            return
        with refusals():
            try:
                await self._prepare(run.namespace)
            except NotOursError as error:
                raise RefusedError(Refusal("NameConflict", str(error), final=False)) from error

    async def _restart(self, run: Run, name: str, uid: str, workload: Workload) -> None:
        """Start the Deployment for another attempt. Template, replicas and attempt are one write, so that no pod has another attempt's template."""
        spec = workload.child["spec"]
        marks = workload.child["metadata"]["annotations"]
        operations = [
            {"op": "replace", "path": "/metadata/uid", "value": uid},
            *(
                {"op": "add", "path": pointer("metadata", "annotations", key), "value": value}
                for key, value in marks.items()
            ),
            {"op": "replace", "path": "/spec/template", "value": spec["template"]},
            {"op": "replace", "path": "/spec/replicas", "value": spec["replicas"]},
        ]
        with refusals():
            answer = await self._api.json_patch(DEPLOYMENTS, run.namespace, name, operations)
        self._keep(DEPLOYMENTS, answer, own=True)

    def _keep(self, resource: Resource, answer: Mapping[str, Any], *, own: bool = False) -> None:
        """Put the API server's answer into the store, if its kind is watched."""
        if resource in CHILDREN:
            self._store.put_child(CHILDREN[resource](answer), own=own)

    async def _ours(self, resource: Resource, run: Run, name: str, volume: str) -> Mapping[str, Any]:
        """The existing object of that name, if it is this Run's; else a RefusedError or TransientError."""
        found = await self._api.get(resource, run.namespace, name)
        owner = _controller(found)
        if owner.get("uid") == run.uid:
            return found
        what = f"{resource.kind} {name}"
        if owner.get("kind") == RUN_KIND and owner.get("name") == run.name:
            raise TransientError(
                f"create {what}", 409, "the one of an earlier Run of this name is still being deleted"
            )
        raise RefusedError(name_conflict(what, found, owner, run, volume))

    async def _delete(self, resource: Resource, run: Run, name: str, uid: str, version: str = "") -> None:
        """Delete an object. Raises ConflictError if it has changed since it was read; then the Run is planned again."""
        try:
            await self._api.delete(resource, run.namespace, name, uid, version)
        except NotFoundError:
            log.debug("%s %s/%s is already deleted", resource.kind, run.namespace, name)
        except ConflictError:
            if version:
                raise

    async def _mark_finished(self, run: Run, uid: str, value: str) -> None:
        """Write the annotation of the end. A missing right, or a Run that is deleted meanwhile, is not an error."""
        body = {"metadata": {"uid": uid, "annotations": {ANNOTATION_FINISHED: value}}}
        try:
            await self._api.patch(RUNS, run.namespace, run.name, body, accept=METADATA)
        except (ForbiddenError, InvalidError, NotFoundError, ConflictError) as error:
            log.warning(
                "the annotation of the end of Run %s is not written, so a restored copy of the Run would start: %s",
                run.key,
                error,
            )

    async def _delete_replica_set(self, run: Run, name: str, uid: str) -> None:
        """Delete the ReplicaSet of a deleted Deployment, if its own label names the Run: a pod's reference is not proof. Raises RefusedError."""
        try:
            found = await self._api.get_metadata(REPLICA_SETS, run.namespace, name)
        except NotFoundError:
            return
        if found.get("uid") != uid:
            return
        owner = _controller({"metadata": found})
        if not owner and (found.get("labels") or {}).get(LABEL_RUN_UID) == run.uid:
            await self._delete(REPLICA_SETS, run, name, uid)
            return
        whose = f"{owner.get('kind')} {owner.get('name')}" if owner else f"ReplicaSet {name}"
        message = f"{whose} controls pods of this Run now, which may still write: delete {whose}, and the Run goes on"
        raise RefusedError(Refusal(ADOPTED, message, final=False))


def _children_of(run: Run) -> tuple[Resource, ...]:
    """Kinds of the Run's children: Job or Deployment; both where a Runtime decides."""
    if child_kind(run) == STEPS:
        return ()
    if not is_built_in(run):
        return JOBS, DEPLOYMENTS, SERVICES, PODS
    return (JOBS, PODS) if child_kind(run) == JOBS.kind else (DEPLOYMENTS, SERVICES, PODS)


def merge_patch(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """The JSON merge patch from `old` to `new`: removed keys become null, lists are replaced whole."""
    patch: dict[str, Any] = {key: None for key in old if key not in new}
    for key, value in new.items():
        before = old.get(key)
        if isinstance(before, Mapping) and isinstance(value, Mapping):
            inner = merge_patch(before, value)
            patch |= {key: inner} if inner else {}
        elif key not in old or before != value:
            patch[key] = value
    return patch


def _check_content(resource: Resource, there: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    """Raise RefusedError for an existing ConfigMap with other code than the operator would write."""
    if resource == CONFIG_MAPS and not is_same(there, wanted):
        name = wanted["metadata"]["name"]
        message = (
            f"ConfigMap {name} is not what the operator wrote: delete it, and the operator writes it again"
        )
        raise RefusedError(Refusal("NameConflict", message, final=False))


def _volume(workload: Workload, claim: str) -> str:
    """The document's name of the volume with this claim; empty: it is of no volume."""
    volumes = workload.child["spec"]["template"]["spec"].get("volumes", ())
    return next(
        (v["name"] for v in volumes if v.get("persistentVolumeClaim", {}).get("claimName") == claim), ""
    )


def _controller(raw: Mapping[str, Any]) -> Mapping[str, Any]:
    owners = (raw.get("metadata") or {}).get("ownerReferences") or ()
    return next((owner for owner in owners if owner.get("controller")), {})
