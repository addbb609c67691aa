"""Artifacts, data items and models for pods of a Run: those that the Run creates, and those that its document names.

The operator writes for the pod here, so the rules are narrow. A pod creates entities in its Run's namespace and project. It changes
those its Run has made, which a label says that a pod cannot set: who can set it may write the entity itself. Those that its Run's
document names by key (`inputs`, `parameters`) it labels and describes, and logs metrics of. It reads those of its project by id and
by name: the author could have named them in the document as well. It lists none and deletes nothing.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, aclosing
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import unquote

from run_operator.api.constants import GROUP, LABEL_ATTEMPT
from run_operator.api.exported import manifest, of_object
from run_operator.api.raw import JSON, mapping, parse, precise_stamp, text
from run_operator.api.run import Run
from run_operator.api.updates import content_update, said
from run_operator.document.entity import ID
from run_operator.document.entity import parse as parse_document
from run_operator.document.errors import DocumentError
from run_operator.document.kinds import EntityType
from run_operator.document.names import object_name
from run_operator.document.yaml_reader import Parsed
from run_operator.http.places import Shares
from run_operator.http.server import OK, Answer, DeniedError
from run_operator.ingest.pod_places import place
from run_operator.ingest.secret_api import page
from run_operator.kube.client import Api
from run_operator.kube.errors import AlreadyExistsError, InvalidError, NotFoundError
from run_operator.kube.resource import ARTIFACTS, DATAITEMS, MODELS, Resource
from run_operator.metrics.numbers import NotANumberError, numbers

BY_PLURAL: Final = {one.plural: one for one in (ARTIFACTS, DATAITEMS, MODELS)}
PATH: Final = re.compile(
    rf"/api/v1/-/([^/]+)/({'|'.join(BY_PLURAL)})(?:/([^/]+)(?:/(files/info|metrics)(?:/([^/]+))?)?)?"
)
LABEL: Final = f"{GROUP}/produced-by"
"""On an entity: the uid of the Run that made it. Beside it LABEL_ATTEMPT says in which attempt."""
LABELLED: Final = frozenset({"metadata.labels", "metadata.description"})
"""The fields that a pod changes of an entity that its Run's document names."""
MOST: Final = 200
"""Entities of one kind that one Run may create."""
MOST_FILES: Final = 10_000
LISTED: Final = 2_000
"""Objects of one name that are read."""
LISTS, MOST_WAITING = 8, 64
"""Lists of versions at once, one for each namespace, and how many of one namespace wait."""
_KEY: Final = re.compile(r"store://([^/]+)/([a-z]+)/([^/]+)/([^/:]+)(?::([^/:]+))?")

Query = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Named:
    """An entity that the document of a Run names; without an id: any version."""

    kind: str
    name: str
    id: str | None


class EntityApi:
    """`api` has the operator's rights. `most`: bytes of all versions in one answer."""

    def __init__(self, api: Api, most: int) -> None:
        self._api = api
        self._most = most
        self._lists = Shares(LISTS, 1, MOST_WAITING)

    async def answer(self, run: Run, attempt: int, method: str, path: str, query: Query, body: Any) -> Answer:
        """One request about entities, of a pod of this attempt. Raises DeniedError and the errors of `kube.errors`."""
        match = PATH.fullmatch(path)
        if match is None:
            raise DeniedError(404, f"there is nothing at {path[:200]}")
        project, plural, entity_id, part, name = (unquote(one) if one else "" for one in match.groups())
        if project != run.project:
            raise DeniedError(
                403, f"the token belongs to a run of project {run.project}, not of {project[:80]}"
            )
        resource = BY_PLURAL[plural]
        match method, bool(entity_id), part:
            case "POST", False, _:
                return Answer(OK, await self._create(run, attempt, resource, _document(body)))
            case "GET", False, _:
                return Answer(OK, page(await self._listed(run, resource, query)))
            case "GET", True, _:
                raw = await self._readable(run, resource, entity_id)
                return Answer(OK, _part(raw, part, name))
            case "PUT", True, _:
                raw = await self._writable(run, resource, entity_id, part, body)
                return Answer(OK, await self._write(run, resource, raw, part, name, body))
        raise DeniedError(
            403,
            f"a pod can read, create and save {plural} of its own Run; {method} needs the token of a person",
        )

    async def _create(self, run: Run, attempt: int, resource: Resource, document: JSON) -> JSON:
        if document.get("project") != run.project:
            raise DeniedError(
                403, f"the entity is of project {document.get('project')}, the run of {run.project}"
            )
        made = _manifest(run, resource, document)
        made["metadata"].setdefault("labels", {}).update({LABEL: run.uid, LABEL_ATTEMPT: str(attempt)})
        made_before = 0
        async for _ in self._api.list_metadata(
            resource, namespace=run.namespace, selector=f"{LABEL}={run.uid}"
        ):
            made_before += 1
        if made_before >= MOST:
            raise DeniedError(
                400, f"run {run.id} has created {MOST} {resource.plural}, and a Run can create no more"
            )
        try:
            return of_object(await self._api.create(resource, run.namespace, made))
        except AlreadyExistsError as error:
            taken = f"{resource.kind} {made['metadata']['name']} already exists in namespace {run.namespace}"
            raise DeniedError(400, f"Duplicated entity: {taken}") from error
        except InvalidError as error:
            raise DeniedError(400, f"this {resource.kind} is not stored: {error.message}") from error

    async def _write(self, run: Run, resource: Resource, raw: JSON, part: str, name: str, body: Any) -> Any:
        object_of = str(raw["metadata"]["name"])
        if not part:
            operations = content_update(raw, _document(body))
            if not operations:
                return of_object(raw)
            return of_object(await self._api.json_patch(resource, run.namespace, object_of, operations))
        status: JSON = (
            {"files": _files(body)}
            if part == "files/info"
            else {"metrics": {name: _metric(resource, name, body)}}
        )
        patch = {"metadata": {"uid": raw["metadata"]["uid"]}, "status": status}
        try:
            await self._api.patch(resource, run.namespace, object_of, patch)
        except InvalidError as error:
            raise DeniedError(400, f"{part} of {resource.kind} {object_of}: {error.message}") from error
        return body

    async def _listed(self, run: Run, resource: Resource, query: Query) -> list[JSON]:
        """Entities of one name, the newest first; only the newest, unless all versions are requested."""
        name = query.get("name", "")
        if not name or not ID.fullmatch(name):
            raise DeniedError(
                403,
                f"a pod must ask for {resource.plural} by name or by key; a list needs the token of a person",
            )
        every = query.get("versions") == "all"
        found: list[JSON] = []
        size = 0
        async with self._turn(run), aclosing(self._of_name(run, resource, name)) as versions:
            async for raw in versions:
                if not _of_project(run, raw):
                    continue
                size += len(json.dumps(raw)) if every else 0
                if size > self._most:
                    raise DeniedError(
                        400,
                        f"the versions of {name} have more than {self._most} bytes: ask for one version by its key",
                    )
                if every or not found:
                    found.append(raw)
                elif _created(raw) > _created(found[0]):  # all of them may be more than fits into memory
                    found = [raw]
        return [of_object(raw) for raw in sorted(found, key=_created, reverse=True)]

    def _turn(self, run: Run) -> AbstractAsyncContextManager[None]:
        """One list at a time for a namespace: it may have versions of hundreds of megabytes. Raises DeniedError."""
        return place(self._lists, run.namespace)

    async def _of_name(self, run: Run, resource: Resource, name: str) -> AsyncGenerator[JSON]:
        seen = 0
        async for raw in self._api.list_objects(
            resource, namespace=run.namespace, fields=f"spec.name={name}", page_size=100
        ):
            seen += 1
            if seen > LISTED:
                raise DeniedError(
                    400, f"there are more than {LISTED} versions of {name}: ask for one by its key"
                )
            yield raw

    async def _readable(self, run: Run, resource: Resource, entity_id: str) -> JSON:
        raw = await self._found(run, resource, entity_id)
        if raw is None:
            for named in _named(run, resource):  # applied under a name of its own
                if named.id == entity_id:
                    async with (
                        self._turn(run),
                        aclosing(self._of_name(run, resource, named.name)) as versions,
                    ):
                        async for one in versions:
                            raw = one if mapping(one.get("spec")).get("id") == entity_id else raw
        if raw is None or not _of_project(run, raw):
            raise _missing(run, resource, entity_id)
        return raw

    async def _writable(self, run: Run, resource: Resource, entity_id: str, part: str, body: Any) -> JSON:
        """The entity to change: one that the Run has made, or labels, description and metrics of one that its document names."""
        raw = await self._readable(run, resource, entity_id)
        if _is_own(run, raw):
            return raw
        what = f"{resource.kind.lower()} {entity_id[:80]} was not made by run {run.id}"
        if not _is_named(run, resource, raw):
            raise DeniedError(
                403,
                f"{what}: this Run can only read it; it can change labels and metrics of the entities that its document names by key in inputs",
            )
        if part == "metrics":
            return raw
        if part or not set(said(raw, _document(body))) <= LABELLED:
            raise DeniedError(
                403, f"{what}: this Run can change only its labels, its description and its metrics"
            )
        return raw

    async def _found(self, run: Run, resource: Resource, entity_id: str) -> JSON | None:
        if not ID.fullmatch(entity_id):
            return None
        try:
            raw = await self._api.get(resource, run.namespace, object_name(entity_id))
        except NotFoundError:
            return None
        return raw if mapping(raw.get("spec")).get("id") == entity_id else None


def _manifest(run: Run, resource: Resource, document: JSON) -> dict[str, Any]:
    metadata = dict(mapping(document.get("metadata")))
    metadata.setdefault("created", precise_stamp(time.time()))
    metadata.setdefault("updated", metadata["created"])
    try:
        found = parse_document(Parsed({**document, "metadata": metadata}, {}), EntityType(resource.kind))
        if found.type.value != resource.kind:
            raise DeniedError(400, f"this is a {found.type.value}, not a {resource.kind}")
        return manifest(found, namespace=run.namespace)
    except DocumentError as error:
        raise DeniedError(400, f"this is not a {resource.kind}: {error}") from error


def _of_project(run: Run, raw: JSON) -> bool:
    """Whether it is of the Run's project. The answer to the others is that they are not there."""
    return bool(mapping(raw.get("spec")).get("project") == run.project)


def _is_named(run: Run, resource: Resource, raw: JSON) -> bool:
    """Whether the document of the Run names it by key."""
    spec = mapping(raw.get("spec"))
    return any(
        named.name == spec.get("name")
        and named.kind == spec.get("kind")
        and named.id in (None, spec.get("id"))
        for named in _named(run, resource)
    )


def _is_own(run: Run, raw: JSON) -> bool:
    return mapping(mapping(raw.get("metadata")).get("labels")).get(LABEL) == run.uid


def _named(run: Run, resource: Resource) -> Iterator[Named]:
    """Entities of one kind that the Run's document names, in its own project."""
    for value in _texts(run.spec):
        match = _KEY.fullmatch(value)
        if match and match[1] == run.project and match[2] == resource.kind.lower():
            yield Named(match[3], match[4], match[5])


def _texts(value: Any, depth: int = 0) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif depth < 16:  # noqa: PLR2004 - deeper than any document
        inner = value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
        for one in inner:
            yield from _texts(one, depth + 1)


def _part(raw: JSON, part: str, name: str) -> Any:
    if not part:
        return of_object(raw)
    status = mapping(raw.get("status"))
    if part == "files/info":
        return status.get("files") or mapping(mapping(raw.get("spec")).get("status")).get("files") or []
    metrics = mapping(status.get("metrics"))
    if name and name not in metrics:
        raise DeniedError(404, f"No such EntityName: metric {name[:128]!r}")
    return metrics[name] if name else metrics


def _files(body: Any) -> list[Any]:
    if (
        not isinstance(body, list)
        or len(body) > MOST_FILES
        or not all(isinstance(one, Mapping) for one in body)
    ):
        raise DeniedError(
            400, f"the body must be a list of at most {MOST_FILES} JSON objects, one for each file"
        )
    return body


def _metric(resource: Resource, name: str, body: Any) -> Any:
    if resource is not MODELS or not name:
        raise DeniedError(
            404, f"No such EntityName: {resource.plural} do not have such metrics; only models do"
        )
    try:
        found = numbers(body if isinstance(body, list) else [body])
    except NotANumberError as error:
        raise DeniedError(400, f"metric {name[:128]!r}: {error}") from error
    if found == [None] and body is None:
        raise DeniedError(400, f"metric {name[:128]!r}: a single value must be a finite number")
    return found if isinstance(body, list) else found[0]


def _document(body: Any) -> JSON:
    if not isinstance(body, Mapping):
        raise DeniedError(400, "the body must be a JSON object")
    return body


def _created(raw: JSON) -> tuple[float, str]:
    spec = mapping(raw.get("spec"))
    return parse(text(mapping(spec.get("metadata")).get("created"))) or 0.0, text(spec.get("id"))


def _missing(run: Run, resource: Resource, entity_id: str) -> DeniedError:
    return DeniedError(
        404,
        f"No such EntityName: there is no {resource.kind.lower()} {entity_id[:80]} in project {run.project} of namespace "
        f"{run.namespace}",
    )
