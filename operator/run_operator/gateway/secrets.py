"""Secrets of a project: each is one Kubernetes Secret with one key, reached with the caller's own rights.

A Run names it in `spec.secrets`, and the kubelet makes a variable of it; neither the operator nor the gateway has a right to read
one. The document that the SDK saves is an annotation, so that what `kubectl create secret` made is not a secret of the project: it is
neither listed nor read nor changed here.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
import time
from collections.abc import Mapping
from contextlib import aclosing
from typing import Any, Final

from run_operator.api.constants import GROUP, LABEL_PROJECT
from run_operator.api.filters import matches
from run_operator.api.raw import mapping, text
from run_operator.document.entity import ID
from run_operator.document.names import secret_name
from run_operator.gateway.api_client import ApiClient
from run_operator.gateway.entity_documents import newest_first, stamped
from run_operator.gateway.errors import Problem, bad, duplicated, missing, of_kube
from run_operator.gateway.limits import GatewayLimits
from run_operator.gateway.list_query import Query
from run_operator.gateway.pages import page
from run_operator.gateway.shares import Shares, turn
from run_operator.kube.errors import AlreadyExistsError, KubeError, NotFoundError
from run_operator.kube.media_types import METADATA_LIST
from run_operator.kube.resource import SECRETS

PLURAL: Final = "secrets"
KIND: Final = "secret"
LABEL: Final = f"{GROUP}/project-secret"
"""`"true"` on a Secret that holds one of a project."""
ANNOTATION: Final = f"{GROUP}/secret-document"
"""The document, as JSON, without the value."""
MAX_DOCUMENT: Final = 65_536
PAGE: Final = 100
"""Secrets of a page: anybody may put 256 KiB of annotations on each."""
MAX_VALUE: Final = 524_288
"""Bytes of one value; a Secret may have 1 MiB."""
NAME: Final = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,251}[A-Za-z0-9])?")
"""Names that Kubernetes accepts as the key of a Secret and, in lower case, as its name."""

JSON = Mapping[str, Any]


class Secrets:
    """Holds nothing but bounds: of its answers, and the places for lists."""

    def __init__(self, limits: GatewayLimits, shares: Shares) -> None:
        self._limits = limits
        self._shares = shares

    async def create(self, caller: ApiClient, project: str, namespace: str, document: JSON) -> JSON:
        """Create a secret without a value. Raises Problem: it exists, the body is not a document, or the right is missing."""
        found = _checked(stamped(document, time.time()), project)
        name = text(found["name"])
        body = {
            "apiVersion": "v1",
            "kind": "Secret",
            "type": "Opaque",
            "metadata": {
                "name": secret_name(name),
                "labels": {LABEL: "true", LABEL_PROJECT: project},
                "annotations": {ANNOTATION: _stored(found)},
            },
        }
        try:
            return _entity(await caller.create(SECRETS, namespace, body), project)
        except AlreadyExistsError as error:
            taken = f"namespace {namespace} has a Secret {secret_name(name)}; delete it, or use another name"
            raise duplicated(f"secret {name} of project {project}: {taken}") from error
        except KubeError as error:
            raise of_kube(error, f"secret {name} of project {project} was not created") from error

    async def page(self, caller: ApiClient, project: str, namespace: str, asked: Query) -> JSON:
        """One page of documents, the newest first, without values."""
        found: list[JSON] = [_entity(raw, project) for raw in await self._all(caller, project, namespace)]
        found = [one for one in found if matches(one, asked.wanted) and asked.kind in ("", KIND)]
        found.sort(key=newest_first, reverse=not asked.ascending)
        return page(found, asked, self._limits)

    async def one(
        self, method: str, caller: ApiClient, project: str, namespace: str, entity_id: str, document: Any
    ) -> JSON | bool:
        """GET, PUT or DELETE of the secret with this id."""
        match method, document:
            case "GET", _:
                return await self.read(caller, project, namespace, entity_id)
            case "PUT", Mapping():
                return await self.update(caller, project, namespace, entity_id, document)
            case "DELETE", _:
                return await self.delete(caller, project, namespace, entity_id=entity_id)
        raise bad(f"the method {method[:20]} is not allowed for a secret: use GET, POST, PUT or DELETE")

    async def read(self, caller: ApiClient, project: str, namespace: str, entity_id: str) -> JSON:
        """The document of this id."""
        return _entity(await self._by_id(caller, project, namespace, entity_id), project)

    async def update(
        self, caller: ApiClient, project: str, namespace: str, entity_id: str, document: JSON
    ) -> JSON:
        """Store the document; name and id stay."""
        raw = await self._by_id(caller, project, namespace, entity_id)
        before, after = _entity(raw, project), _checked(document, project)
        for key in ("name", "id"):
            if before[key] != after[key]:
                raise bad(
                    f"secret {before['name']} of project {project} was not changed: its {key} cannot change"
                )
        body = {"metadata": {"uid": raw["metadata"]["uid"], "annotations": {ANNOTATION: _stored(after)}}}
        return _entity(
            await _patched(caller, namespace, raw, body, f"{before['name']} of project {project}"), project
        )

    async def delete(
        self, caller: ApiClient, project: str, namespace: str, *, entity_id: str = "", name: str = ""
    ) -> bool:
        """Delete the secret with its value, by id or by name; whether there was one."""
        if entity_id:
            found = [await self._by_id(caller, project, namespace, entity_id)]
        elif name:
            raw = await self._get(caller, project, namespace, name)
            found = [raw] if raw is not None else []
        else:
            raise bad("the request names nothing to delete: give a name")
        for raw in found:
            metadata = raw["metadata"]
            try:
                await caller.delete(SECRETS, namespace, str(metadata["name"]), str(metadata["uid"]))
            except KubeError as error:
                raise of_kube(
                    error, f"secret {metadata['name']} of project {project} was not deleted"
                ) from error
        return bool(found)

    async def values(self, caller: ApiClient, project: str, namespace: str, names: list[str]) -> JSON:
        """Name to value, for secrets that have one."""
        found = {}
        for name in names:
            raw = await self._get(caller, project, namespace, name)
            value = mapping(raw.get("data")).get(name) if raw is not None else None
            if value is not None:
                found[name] = _decoded(text(value), name, project)
        return found

    async def put_values(self, caller: ApiClient, project: str, namespace: str, values: JSON) -> bool:
        """Store values of existing secrets."""
        for name, value in values.items():
            if not isinstance(value, str) or len(value.encode("utf-8", "surrogatepass")) > MAX_VALUE:
                raise bad(f"the value of secret {name[:80]} must be a text of at most {MAX_VALUE} bytes")
            raw = await self._get(caller, project, namespace, name)
            if raw is None:
                raise missing(f"secret {name[:80]} of project {project}: create it first")
            encoded = base64.b64encode(value.encode("utf-8", "surrogatepass")).decode()
            body = {"metadata": {"uid": raw["metadata"]["uid"]}, "data": {name: encoded}}
            await _patched(caller, namespace, raw, body, f"{name} of project {project}")
        return True

    async def _get(self, caller: ApiClient, project: str, namespace: str, name: str) -> JSON | None:
        if not NAME.fullmatch(name):
            raise bad(f"{name[:80]!r} is not a valid name of a secret: use letters, digits and . _ -")
        try:
            raw = await caller.get(SECRETS, namespace, secret_name(name))
        except NotFoundError:
            return None
        except KubeError as error:
            raise of_kube(error, f"secret {name} of project {project} cannot be read") from error
        return raw if _is_ours(raw, project) and _entity(raw, project).get("name") == name else None

    async def _by_id(self, caller: ApiClient, project: str, namespace: str, entity_id: str) -> JSON:
        for raw in await self._all(caller, project, namespace):
            if _entity(raw, project).get("id") == entity_id:
                return raw
        raise missing(f"secret {entity_id[:80]} of project {project} is not in namespace {namespace}")

    async def _all(self, caller: ApiClient, project: str, namespace: str) -> list[JSON]:
        """Their metadata, in which the documents are; no value is read."""
        try:
            async with turn(self._shares, caller):
                there = caller.all(
                    SECRETS, namespace, labels=f"{LABEL}=true", page_size=PAGE, accept=METADATA_LIST
                )
                found, size = [], 0
                async with aclosing(there):
                    async for raw in there:
                        if _is_ours(raw, project):
                            found.append(_slim(raw))
                            size += len(raw["metadata"]["annotations"][ANNOTATION])
                        if size > self._limits.read_through:
                            what = f"the documents of the secrets of project {project}"
                            raise Problem(400, f"{what} are more than {size} bytes", limit="listed")
                return found
        except KubeError as error:
            raise of_kube(error, f"secrets of project {project} cannot be listed") from error


def _slim(raw: JSON) -> JSON:
    metadata = {key: raw["metadata"].get(key) for key in ("name", "uid", "creationTimestamp")}
    return {"metadata": metadata | {"annotations": {ANNOTATION: raw["metadata"]["annotations"][ANNOTATION]}}}


def names_of(keys: str) -> list[str]:
    """Names in a query, separated by commas."""
    return list(dict.fromkeys(filter(None, (name.strip() for name in keys.split(",")))))


def _is_ours(raw: JSON, project: str) -> bool:
    return (
        bool(_document(raw))
        and mapping(mapping(raw.get("metadata")).get("labels")).get(LABEL_PROJECT) == project
    )


def _document(raw: JSON) -> JSON:
    stored = text(mapping(mapping(raw.get("metadata")).get("annotations")).get(ANNOTATION))
    try:
        return mapping(json.loads(stored)) if stored else {}
    except (ValueError, RecursionError):
        return {}


def _entity(raw: JSON, project: str) -> dict[str, Any]:
    """The document, as the SDK reads it."""
    document = _document(raw)
    created = text(mapping(raw.get("metadata")).get("creationTimestamp"))
    name, entity_id = text(document.get("name")), text(document.get("id"))
    metadata = {"name": name, "created": created, "updated": created} | dict(
        mapping(document.get("metadata"))
    )
    return {
        "kind": KIND, "metadata": metadata | {"project": project}, "spec": dict(mapping(document.get("spec"))),
        "status": {"state": "CREATED"}, "user": text(document.get("user")), "project": project, "id": entity_id, "name": name,
        "key": f"store://{project}/{KIND}/{KIND}/{name}:{entity_id}",
    }  # fmt: skip


def _checked(document: JSON, project: str) -> JSON:
    if document.get("project") != project or document.get("kind") != KIND:
        raise bad(f"this is not a secret of project {project}: its kind or project is another one")
    if not ID.fullmatch(text(document.get("id"))) or not NAME.fullmatch(text(document.get("name"))):
        raise bad("the name and id of a secret are made of letters, digits and . _ -")
    return document


def _stored(document: JSON) -> str:
    """The stored part of a document, without a value."""
    stored = json.dumps(
        {key: document[key] for key in ("id", "name", "metadata", "spec", "user") if key in document}
    )
    if len(stored) > MAX_DOCUMENT:
        raise bad(
            f"the document of a secret has at most {MAX_DOCUMENT} bytes, and this one has {len(stored)}"
        )
    return stored


def _decoded(value: str, name: str, project: str) -> str:
    try:
        return base64.b64decode(value).decode()
    except (binascii.Error, UnicodeDecodeError) as error:
        raise Problem(409, f"secret {name} of project {project} has no text") from error


async def _patched(caller: ApiClient, namespace: str, raw: JSON, body: JSON, what: str) -> JSON:
    try:
        return await caller.patch(SECRETS, namespace, str(raw["metadata"]["name"]), body)
    except KubeError as error:
        raise of_kube(error, f"secret {what} was not changed") from error
