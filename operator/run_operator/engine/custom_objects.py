"""Objects of other operators that carry Runs: they are created, read when their Run is looked at, and deleted. They are not watched."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from run_operator.api.custom_object import CustomKind, CustomObject
from run_operator.api.raw import mapping
from run_operator.api.run import Run
from run_operator.children.common import Controller
from run_operator.engine.refusals import RefusedError, refusals
from run_operator.kube.client import Api
from run_operator.kube.errors import AlreadyExistsError, ConflictError, ForbiddenError, NotFoundError
from run_operator.kube.resource import Resource
from run_operator.lifecycle.model import Refusal
from run_operator.workloads.metadata import child_name


class CustomObjects:
    """`api` has the operator's rights. The rights to such kinds are granted together with the ClusterRuntime."""

    def __init__(self, api: Api) -> None:
        self._api = api

    async def look(self, run: Run, what: CustomKind) -> CustomObject:
        """The object, or the problem that keeps it from being there."""
        resource, plural = _resource(what), f"{what.plural}.{what.group}"
        try:
            raw = await self._api.get(resource, run.namespace, child_name(run.name))
        except NotFoundError:
            if await self._api.serves(resource):
                return CustomObject()
            return CustomObject(problem=_missing(run, what))
        except ForbiddenError as error:
            if not await self._api.serves(resource):
                return CustomObject(problem=_missing(run, what))
            return CustomObject(
                problem=f"the operator is not allowed to use {plural}: apply the ClusterRole that comes with the ClusterRuntime "
                f"({error.message})"
            )
        return CustomObject(raw) if _is_own(run, raw) else CustomObject()

    async def create(self, run: Run, what: CustomKind, body: Mapping[str, Any]) -> None:
        """Create it. Raises RefusedError where the API server refuses it, or where the name is taken."""
        resource, name = _resource(what), str(body["metadata"]["name"])
        with refusals():
            try:
                await self._api.create(resource, run.namespace, body)
            except AlreadyExistsError as error:
                if _is_own(run, await self._api.get(resource, run.namespace, name)):
                    return
                message = f"{what.kind} {name} already exists and this Run does not own it: the operator does not change it; apply this Run under another name"
                raise RefusedError(Refusal("NameConflict", message, final=True)) from error

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
