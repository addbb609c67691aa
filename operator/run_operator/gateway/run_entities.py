"""Calls that only runs have: a start that merges Function and Task, stop and resume."""

from __future__ import annotations

from typing import Final

from run_operator.api.raw import JSON, mapping, text
from run_operator.document.errors import DocumentError
from run_operator.document.kinds import WORKFLOWS
from run_operator.document.merge import merge
from run_operator.document.names import Reference
from run_operator.gateway.api_client import ApiClient
from run_operator.gateway.entities import Entities, Place
from run_operator.gateway.entity_documents import for_sdk
from run_operator.gateway.errors import Problem, bad, missing
from run_operator.gateway.suspension import set_suspend
from run_operator.kube.resource import FUNCTIONS, RUNS, TASKS, Resource

NOT_FOUND: Final = 404


class RunEntities:
    """The calls of runs; `Entities` has those of all types."""

    def __init__(self, entities: Entities) -> None:
        self._entities = entities

    async def create(self, caller: ApiClient, place: Place, document: JSON) -> JSON:
        """Create a run. As on the platform, its stored document has all it needs: image, command and so on.

        If Function or Task are missing, it is stored as it is: the operator waits for them and reports that.
        """
        spec = mapping(document.get("spec"))
        if not spec.get("image"):
            function, task = await self._referred(caller, place, spec)
            try:
                spec = {**spec, **merge(task, spec, function)}
            except DocumentError as error:
                raise bad(f"Function or Task of {place.of(text(document.get('id')))}: {error}") from error
        return await self._entities.create(caller, place, {**document, "spec": spec})

    async def stop(self, caller: ApiClient, place: Place, run_id: str) -> JSON:
        """Suspend the Run. Raises Problem 400 if there is nothing to stop."""
        return await self._set_suspend(caller, place, run_id, suspend=True)

    async def resume(self, caller: ApiClient, place: Place, run_id: str) -> JSON:
        """Resume the Run. Raises Problem 400 if it has ended."""
        return await self._set_suspend(caller, place, run_id, suspend=False)

    async def _set_suspend(self, caller: ApiClient, place: Place, run_id: str, *, suspend: bool) -> JSON:
        async def read() -> JSON:
            return await self._entities.raw(caller, place, run_id)

        what = place.of(run_id)
        return for_sdk(await set_suspend(caller, read, place.namespace, what, suspend=suspend), place.project)

    async def _referred(self, caller: ApiClient, place: Place, spec: JSON) -> tuple[JSON, JSON]:
        """The inner specs of Function and Task, if they exist."""
        task = await self._spec(caller, place, TASKS, spec.get("task"))
        own = next(
            filter(None, (one.get(key) for one in (spec, task) for key in ("function", "workflow"))), None
        )
        return await self._spec(caller, place, FUNCTIONS, own), task

    async def _spec(self, caller: ApiClient, place: Place, resource: Resource, reference: object) -> JSON:
        try:
            found = Reference.parse(text(reference))
        except DocumentError:
            return {}
        entity_id = found.name if resource is TASKS else found.id
        if (
            entity_id is None or found.project != place.project
        ):  # the latest version is for the operator to find
            return {}
        of_workflows = resource is FUNCTIONS and found.kind in WORKFLOWS
        there = Place(resource, place.project, place.namespace, of_workflows)
        try:
            raw = await self._entities.raw(caller, there, entity_id)
        except Problem as problem:
            if problem.status != NOT_FOUND:
                raise
            return {}
        return mapping(mapping(raw.get("spec")).get("spec"))


def check_is_run(place: Place) -> None:
    """Raise Problem for other entities, which have no logs and no metrics and cannot be stopped."""
    if place.resource is not RUNS:
        raise missing(f"{place.resource.plural} do not have this; only runs do")
