"""Objects of other operators that carry Runs: they are created, read when their Run is looked at, and deleted. They are not watched."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final

from run_operator.api.custom_object import CustomKind, CustomObject
from run_operator.api.raw import mapping
from run_operator.api.run import Run
from run_operator.children.common import Controller
from run_operator.engine.refusals import RefusedError, refusals
from run_operator.kube.client import Api
from run_operator.kube.errors import AlreadyExistsError, ConflictError, ForbiddenError, NotFoundError
from run_operator.kube.resource import Resource
from run_operator.lifecycle.model import PatchCustom, Refusal
from run_operator.workloads.metadata import child_name

PRIORITY_CLASSES: Final = Resource("scheduling.k8s.io", "v1", "priorityclasses", "PriorityClass")
WORKLOAD_PRIORITY_CLASSES: Final = Resource(
    "kueue.x-k8s.io", "v1beta2", "workloadpriorityclasses", "WorkloadPriorityClass"
)


class CustomObjects:
    """Reads and writes objects of other operators. `api` has the operator's rights, which an administrator extends to such kinds."""

    def __init__(self, api: Api) -> None:
        self._api = api

    async def look(self, run: Run, what: CustomKind) -> CustomObject:
        """The object, or the problem that keeps it from being there."""
        resource, plural = _resource(what), f"{what.plural}.{what.group}"
        try:
            raw = await self._api.get(resource, run.namespace, what.name or child_name(run.name))
        except NotFoundError:
            if await self._api.serves(resource):
                return CustomObject()
            return CustomObject(problem=_missing(run, what))
        except ForbiddenError as error:
            if not await self._api.serves(resource):
                return CustomObject(problem=_missing(run, what))
            return CustomObject(
                problem=f"the operator is not allowed to use {plural}: apply {what.rights} ({error.message})"
            )
        return CustomObject(raw) if _is_own(run, raw) else CustomObject()

    async def create(self, run: Run, what: CustomKind, body: Mapping[str, Any]) -> None:
        """Create it. Raises RefusedError where the API server refuses it, or where the name is taken."""
        resource, name = _resource(what), str(body["metadata"]["name"])
        with refusals():
            if named := mapping(mapping(body.get("spec")).get("priorityClassRef")):
                body = {**body, "spec": {**body["spec"], "priority": await self._priority(named)}}
            try:
                await self._api.create(resource, run.namespace, body)
            except AlreadyExistsError as error:
                if _is_own(run, await self._api.get(resource, run.namespace, name)):
                    return
                message = f"{what.kind} {name} already exists and this Run does not own it: the operator does not change it; apply this Run under another name"
                raise RefusedError(Refusal("NameConflict", message, final=True)) from error

    async def _priority(self, named: Mapping[str, Any]) -> int:
        """The number of the priority class that Kueue's Workload names."""
        kind, name = str(named["kind"]), str(named["name"])
        known = {one.kind: one for one in (PRIORITY_CLASSES, WORKLOAD_PRIORITY_CLASSES)}
        try:
            return int((await self._api.get(known[kind], "", name)).get("value") or 0)
        except NotFoundError as error:
            raise RefusedError(
                Refusal("PriorityClassMissing", f"there is no {kind} {name}", final=False)
            ) from error

    async def change(self, run: Run, action: PatchCustom) -> None:
        """Change a field of it. One that was changed meanwhile is read again first."""
        metadata = {"uid": action.uid} | ({"resourceVersion": action.version} if action.version else {})
        body, what = {"metadata": metadata, **action.body}, _resource(action.what)
        with suppress(NotFoundError, ConflictError):
            await self._api.patch(what, run.namespace, action.name, body, action.subresource or None)

    async def delete(self, run: Run, what: CustomKind, name: str, uid: str) -> None:
        """Delete it in the foreground: after everything it owns."""
        try:
            await self._api.delete(_resource(what), run.namespace, name, uid, how="Foreground")
        except (NotFoundError, ConflictError):
            return  # it is gone, or another one has its name: the next look tells


def _missing(run: Run, what: CustomKind) -> str:
    return (
        f"{run.kind.removesuffix(':run')} needs {what.component}: this cluster does not know {what.plural}.{what.group} in version "
        f"{what.version}; install it, and the Run starts by itself"
    )


def _resource(what: CustomKind) -> Resource:
    return Resource(what.group, what.version, what.plural, what.kind)


def _is_own(run: Run, raw: Mapping[str, Any]) -> bool:
    return Controller.of(mapping(raw.get("metadata"))).uid == run.uid
