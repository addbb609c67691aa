"""Functions, tasks and runs: create, read, update, delete. The objects are the same as those of `runctl apply`."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from run_operator.api.exported import entity_word, id_of, manifest
from run_operator.api.raw import JSON, mapping, text
from run_operator.api.run_state import is_shown
from run_operator.api.updates import changes
from run_operator.document.entity import ID, parse
from run_operator.document.errors import DocumentError
from run_operator.document.kinds import WORKFLOWS as PIPELINES
from run_operator.document.kinds import EntityType
from run_operator.document.names import object_name
from run_operator.document.yaml_reader import Parsed
from run_operator.gateway.api_client import ApiClient
from run_operator.gateway.entity_documents import entity, for_sdk, shown_id, stamped
from run_operator.gateway.errors import Problem, bad, duplicated, missing, of_kube
from run_operator.gateway.sdk_models import ID as SDK_ID
from run_operator.gateway.shares import Shares, turn
from run_operator.kube.errors import AlreadyExistsError, KubeError, NotFoundError
from run_operator.kube.resource import FUNCTIONS, RUNS, TASKS, Resource

WORKFLOWS: Final = "workflows"
"""Kept as Functions: what the platform calls a workflow is one of a kind whose Runs are pipelines."""
BY_PLURAL: Final[Mapping[str, Resource]] = {
    **{one.plural: one for one in (FUNCTIONS, TASKS, RUNS)},
    WORKFLOWS: FUNCTIONS,
}
CASCADING: Final = (FUNCTIONS, TASKS)
"""Types for which `cascade` counts. The content of an artifact or a model stays in its store."""
DELETING: Final = 30.0
"""Seconds that a creation waits for an entity of the same id that is being deleted."""
PAUSE: Final = 0.2
UNCHANGEABLE: Final = ("kind", "project", "id")


@dataclass(frozen=True, slots=True)
class Place:
    """Type, project and namespace of entities."""

    resource: Resource
    project: str
    namespace: str
    of_workflows: bool = False
    """True: only Functions that are workflows; False: only the others."""

    @property
    def word(self) -> str:
        """The word for one entity of this kind."""
        return "workflow" if self.of_workflows else self.resource.kind.lower()

    def of(self, entity_id: str) -> str:
        """`run x of project y`, for messages."""
        return f"{self.word} {entity_id[:80]} of project {self.project}"

    def holds(self, raw: JSON) -> bool:
        """Whether the object is one of these."""
        return self.holds_kind(text(mapping(raw.get("spec")).get("kind")))

    def holds_kind(self, kind: str) -> bool:
        """Whether a document of this kind is one of these."""
        return self.resource is not FUNCTIONS or (kind in PIPELINES) == self.of_workflows


class Entities:
    """`most`: names of objects that are remembered, for ids whose object has another name."""

    def __init__(self, most: int, shares: Shares) -> None:
        self._most = most
        self._shares = shares
        self._names: OrderedDict[tuple[Place, str], str] = OrderedDict()

    async def raw(self, caller: ApiClient, place: Place, entity_id: str) -> JSON:
        """The object that carries this id. Raises Problem."""
        if not ID.fullmatch(entity_id):
            raise missing(f"{place.of(entity_id)}: this is not a valid id")
        doing = f"{place.of(entity_id)} cannot be read"
        try:
            names = dict.fromkeys((object_name(entity_id), self._names.get((place, entity_id), "")))
            for name in filter(None, names):
                raw = await _get(caller, place, name)
                if raw is not None and _is(raw, entity_id) and place.holds(raw):
                    break
            else:
                raw = await self._searched(caller, place, entity_id)
        except KubeError as error:
            raise of_kube(error, doing) from error
        if raw is None:
            raise missing(f"{place.of(entity_id)} is not in namespace {place.namespace}")
        if not is_shown(raw):
            raise missing(f"{place.of(entity_id)} is being deleted")
        return raw

    async def read(self, caller: ApiClient, place: Place, entity_id: str) -> JSON:
        """Read one entity with its whole document. Raises Problem."""
        return for_sdk(await self.raw(caller, place, entity_id), place.project, whole=True)

    async def create(self, caller: ApiClient, place: Place, document: JSON) -> JSON:
        """Create it; returns the stored document. Raises Problem: it exists, the body is not a document, or the right is missing."""
        body = _manifest(place, stamped(document, time.time()))
        doing = f"{place.of(text(document.get('id')))} was not created"
        until = time.monotonic() + DELETING
        while True:
            try:
                return for_sdk(await caller.create(place.resource, place.namespace, body), place.project)
            except AlreadyExistsError as error:
                there = await _get(caller, place, body["metadata"]["name"])
                if there is not None and is_shown(there):
                    raise duplicated(
                        f"{place.of(text(document.get('id')))} already exists (object {body['metadata']['name']} of "
                        f"namespace {place.namespace}); change it with update(), in digitalhub 0.15 save(update=True)"
                    ) from error
                if time.monotonic() > until:
                    raise Problem(
                        409, f"{doing}: the object that had this id is still being deleted; try again", 2.0
                    ) from error
            except KubeError as error:
                raise of_kube(error, doing) from error
            await asyncio.sleep(PAUSE)

    async def update(
        self, caller: ApiClient, place: Place, entity_id: str, document: JSON
    ) -> tuple[JSON, JSON]:
        """Update it; returns the document and its object. A status in the document does not count."""
        raw = await self.raw(caller, place, entity_id)
        shown = entity(raw, place.project)
        check_same(place, shown, document)
        announcing = mapping(document.get("status")).get("metrics") == {}
        changed = changes(shown, document, announcing=announcing)
        if not changed:
            return for_sdk(raw, place.project), raw
        metadata = raw["metadata"]
        operations = [{"op": "test", "path": "/metadata/uid", "value": metadata["uid"]}]
        operations += [
            {"op": "add", "path": f"/spec/{part}", "value": value} for part, value in changed.items()
        ]
        try:
            raw = await caller.json_patch(place.resource, place.namespace, str(metadata["name"]), operations)
        except KubeError as error:
            raise of_kube(error, f"{place.of(entity_id)} was not changed") from error
        return for_sdk(raw, place.project), raw

    async def delete(self, caller: ApiClient, place: Place, entity_id: str, *, cascade: bool = False) -> None:
        """Delete it with everything it owns. `cascade`: also the tasks and runs that name it, as on the platform."""
        raw = await self.raw(caller, place, entity_id)
        if cascade and place.resource in CASCADING:
            await self._cascade(caller, place, raw)
        await self._drop(caller, place, raw)

    async def delete_named(self, caller: ApiClient, place: Place, name: str, *, cascade: bool) -> bool:
        """Delete all versions of a function; returns whether there were any."""
        if not name:
            raise bad("the request names nothing to delete: give a name")
        found = await self._all(caller, place, lambda spec: spec.get("name") == name)
        for raw in found:
            if cascade and place.resource in CASCADING:
                await self._cascade(caller, place, raw)
            await self._drop(caller, place, raw)
        return bool(found)

    async def _cascade(self, caller: ApiClient, place: Place, raw: JSON) -> None:
        """Delete the runs, then the tasks, then the function, so that a partial deletion leaves no reference to a missing object."""
        reference, field = _reference(raw), place.word
        for resource in (RUNS, TASKS) if place.resource is FUNCTIONS else (RUNS,):
            there = Place(resource, place.project, place.namespace)
            names = lambda spec: mapping(spec.get("spec")).get(field) == reference  # noqa: E731
            for one in await self._all(caller, there, names):
                await self._drop(caller, there, one)

    async def _all(self, caller: ApiClient, place: Place, wanted: Callable[[JSON], bool]) -> list[JSON]:
        """Objects that match, without their large parts."""
        try:
            async with turn(self._shares, caller):
                return [
                    {"metadata": _named(raw), "spec": {"id": id_of(raw)}}
                    async for raw in caller.all(place.resource, place.namespace)
                    if wanted(mapping(raw.get("spec"))) and place.holds(raw)
                ]
        except KubeError as error:
            raise of_kube(
                error, f"{place.resource.plural} of project {place.project} cannot be listed"
            ) from error

    async def _drop(self, caller: ApiClient, place: Place, raw: JSON) -> None:
        metadata = raw["metadata"]
        try:
            await caller.delete(place.resource, place.namespace, str(metadata["name"]), str(metadata["uid"]))
        except KubeError as error:
            raise of_kube(error, f"{place.of(id_of(raw))} was not deleted") from error

    async def _searched(self, caller: ApiClient, place: Place, entity_id: str) -> JSON | None:
        """The name of the object with this id, by a search: its name may be any."""
        async with turn(self._shares, caller):
            async for raw in caller.all(place.resource, place.namespace):
                if _is(raw, entity_id) and place.holds(raw):
                    self._names[place, entity_id] = str(raw["metadata"]["name"])
                    if len(self._names) > self._most:
                        self._names.popitem(last=False)
                    return raw
        return None


def _named(raw: JSON) -> dict[str, Any]:
    return {key: raw["metadata"][key] for key in ("name", "uid")}


def _reference(raw: JSON) -> str:
    """The reference by which other documents name the entity."""
    spec = mapping(raw.get("spec"))
    name = f"{spec.get('name')}:{spec.get('id')}" if raw.get("kind") == FUNCTIONS.kind else spec.get("id")
    return f"{spec.get('kind')}://{spec.get('project')}/{name}"


def _manifest(place: Place, document: JSON) -> dict[str, Any]:
    wanted, entity_id = place.resource.kind, document.get("id")
    if isinstance(entity_id, str) and ID.fullmatch(entity_id) and not SDK_ID.fullmatch(entity_id):
        raise bad(
            f"the id {entity_id[:80]!r} is not an id that the SDK can read: use a-z, 0-9 and single hyphens between them, at most "
            "255 characters"
        )
    if document.get("project") != place.project:
        raise bad(f"the document is of project {document.get('project')!r}, not of {place.project}")
    try:
        found = parse(Parsed({"spec": {}, **document}, {}), EntityType(wanted))
        if found.type.value != wanted:
            raise bad(f"this is a {found.type.value} ({found.kind}), not a {wanted}")
        made = manifest(found, namespace=place.namespace)
    except DocumentError as error:
        raise bad(f"this is not a {wanted}: {error}") from error
    if not place.holds(made):
        raise bad(f"this is a {entity_word(made)} ({found.kind}), not a {place.word}")
    return made


def check_same(place: Place, shown: JSON, document: JSON) -> None:
    """Raise Problem for a document of another entity."""
    for key in UNCHANGEABLE:
        if document.get(key, shown[key]) != shown[key]:
            raise bad(
                f"{place.of(shown['id'])} was not changed: its {key} is {shown[key]!r} and cannot become "
                f"{str(document[key])[:80]!r}; save it under another id"
            )


async def _get(caller: ApiClient, place: Place, name: str) -> JSON | None:
    try:
        return await caller.get(place.resource, place.namespace, name)
    except NotFoundError:
        return None


def _is(raw: JSON, entity_id: str) -> bool:
    return entity_id in (id_of(raw), shown_id(raw))
