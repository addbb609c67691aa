"""Projects. A project is a namespace, and an annotation of the namespace holds the project's document.

A namespace that an administrator maps (`--project`) comes first, then one of the project's name, then one with the label
run-operator.io/project; see `project_namespaces`. Every request has the caller's own rights.
"""

from __future__ import annotations

import contextlib
import json
import re
import time
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, Final

from run_operator.api.constants import GROUP, LABEL_PROJECT
from run_operator.api.raw import JSON, mapping, text
from run_operator.document.entity import ID
from run_operator.document.names import object_name
from run_operator.gateway.api_client import ApiClient
from run_operator.gateway.errors import Problem, bad, duplicated, missing, of_kube
from run_operator.gateway.project_creators import ProjectCreators, creator_of
from run_operator.gateway.project_namespaces import (
    AmbiguousProjectError,
    Claim,
    chosen,
    claim_of,
    label_of,
)
from run_operator.kube.errors import AlreadyExistsError, ForbiddenError, KubeError, NotFoundError
from run_operator.kube.resource import NAMESPACES, RUNS

KIND: Final = "project"
ANNOTATION: Final = f"{GROUP}/project-document"
"""On a namespace: what the SDK saved of the project (description, labels, config), as JSON."""
MADE_HERE: Final = f"{GROUP}/project-created-by"
MAX_DOCUMENT: Final = 65_536
"""Bytes; the annotations of an object may have 256 KiB together."""
MAX_LISTED: Final = 4 * 1024 * 1024
"""Characters of documents in one list of projects; of further projects the name alone is listed."""
REMEMBERED_FOR: Final = 30.0

_LABEL: Final = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")


class Projects:
    """`mapped`: project to namespace, by an administrator. `most`: answers remembered. `creator_role`: see `project_creators`."""

    def __init__(self, mapped: Mapping[str, str], most: int, creator_role: str = "") -> None:
        self._mapped = mapped
        self._creators = ProjectCreators(creator_role)
        self._most = most
        self._known: OrderedDict[tuple[str, str], tuple[float, str]] = OrderedDict()

    async def namespace(self, caller: ApiClient, project: str) -> str:
        """The namespace of a project. Raises Problem 404 if the caller has no such project."""
        key = caller.identity.digest, project
        until, namespace = self._known.get(key, (0.0, ""))
        if time.monotonic() < until:
            return namespace
        namespace = await self._found(caller, project)
        self._known[key] = time.monotonic() + REMEMBERED_FOR, namespace
        self._known.move_to_end(key)
        if len(self._known) > self._most:
            self._known.popitem(last=False)
        return namespace

    async def read(self, caller: ApiClient, project: str) -> JSON:
        """The document of the project."""
        namespace = await self.namespace(caller, project)
        return entity(project, await _namespace(caller, namespace))

    async def create(self, caller: ApiClient, document: JSON) -> JSON:
        """A new namespace, if the caller may create one, and the creator's rights in it."""
        project = _name(document)
        namespace = _named(project)
        creator = await self._creators.annotations(caller)
        body = {
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": {
                "name": namespace,
                "labels": {LABEL_PROJECT: project},
                "annotations": {ANNOTATION: _stored(document), MADE_HERE: "gateway", **creator},
            },
        }
        try:
            if elsewhere := [one for one in await _labelled(caller, project) if one.namespace != namespace]:
                there = min(elsewhere).namespace
                raise duplicated(f"project {project} already exists (namespace {there})")
            raw = await caller.create(NAMESPACES, "", body)
        except AlreadyExistsError as error:
            raw = await _namespace(caller, namespace)
            half_made = bool(creator) and creator_of(raw) in creator.values() and label_of(raw) == project
            if not half_made or await self._may_list(caller, namespace):
                raise await self._taken(caller, project, namespace) from error
        except ForbiddenError as error:
            raise _may_not_create(project, namespace, error) from error
        except KubeError as error:
            raise of_kube(error, f"project {project} cannot be created") from error
        await self._creators.bind(caller, raw, self._may_list)
        self._known.pop((caller.identity.digest, project), None)
        return entity(project, raw)

    async def update(self, caller: ApiClient, project: str, document: JSON) -> JSON:
        """Write the document to the namespace, if it has changed. Raises Problem if the caller may not change namespaces."""
        namespace = await self.namespace(caller, project)
        raw = await _namespace(caller, namespace)
        if _name(document) != project:
            raise bad(f"the name of project {project} cannot become {_name(document)}")
        shown = entity(project, raw)
        if all(_said(document, part) == _said(shown, part) for part in ("metadata", "spec")):
            return shown
        patch = {"metadata": {"annotations": {ANNOTATION: _stored(document)}}}
        try:
            return entity(project, await caller.patch(NAMESPACES, "", namespace, patch))
        except KubeError as error:
            raise of_kube(error, f"project {project} (namespace {namespace}) was not changed") from error

    async def delete(self, caller: ApiClient, project: str, *, cascade: bool) -> None:
        """Delete the namespace with everything in it; only a namespace that a gateway created, and only with `cascade`."""
        namespace = await self.namespace(caller, project)
        raw = await _namespace(caller, namespace)
        annotations = mapping(mapping(raw.get("metadata")).get("annotations"))
        if MADE_HERE not in annotations:
            raise bad(
                f"project {project} is namespace {namespace}, which this gateway did not create and which may contain more than "
                f"the project: delete its runs and functions, or the namespace itself (kubectl delete namespace {namespace})"
            )
        if not cascade:
            raise bad(f"project {project} can be deleted only with everything in it: use cascade=True")
        try:
            await caller.delete(NAMESPACES, "", namespace, text(mapping(raw.get("metadata")).get("uid")))
        except KubeError as error:
            raise of_kube(error, f"project {project} (namespace {namespace}) was not deleted") from error
        self._known.pop((caller.identity.digest, project), None)

    async def list(self, caller: ApiClient) -> list[JSON]:
        """The projects that the caller can see: all labelled ones if the caller may list namespaces, and the mapped ones."""
        found: dict[str, JSON] = {}
        try:
            there: dict[str, JSON] = {}
            room = MAX_LISTED
            async for raw in caller.all(NAMESPACES, None):
                slim = _slim(raw, min(room, MAX_DOCUMENT))
                room -= len(_document(slim))
                there[claim_of(slim).namespace] = slim
            claims: dict[str, list[Claim]] = {}
            for raw in there.values():
                claims.setdefault(label_of(raw), []).append(claim_of(raw))
            claims.pop("", None)
            for project, labelled in claims.items():
                with contextlib.suppress(AmbiguousProjectError):
                    own = there.get(_named(project), {})
                    claim = claim_of(own) if own and label_of(own) in ("", project) else None
                    found[project] = entity(project, there[chosen(project, claim, labelled)])
        except ForbiddenError:
            pass  # only the projects that the gateway's settings name
        except KubeError as error:
            raise of_kube(error, "projects cannot be listed") from error
        for project, namespace in self._mapped.items():
            if await self._may_list(caller, namespace):
                found[project] = entity(project, await _namespace(caller, namespace))
        return list(found.values())

    async def _found(self, caller: ApiClient, project: str) -> str:
        if not ID.fullmatch(project):
            raise missing(f"{project[:80]!r} is not a valid name of a project")
        if project in self._mapped:
            return self._mapped[project]
        try:
            labelled = await _labelled(caller, project)
            own = await self._own(caller, _named(project), project)
            namespace = chosen(project, own, labelled)
            if namespace and (own is None or await self._may_list(caller, namespace)):
                return namespace
        except AmbiguousProjectError as error:
            raise bad(str(error)) from error
        except KubeError as error:
            raise of_kube(error, f"project {project} cannot be looked up") from error
        raise missing(
            f"project {project}: there is no namespace with the label {LABEL_PROJECT}={project}, and no namespace "
            f"{_named(project)} in which you are allowed to list runs"
        )

    async def _own(self, caller: ApiClient, namespace: str, project: str) -> Claim | None:
        """The claim of the namespace of that name, unless it is another project's. If the caller may not read it, its age is 0."""
        try:
            raw = await caller.get(NAMESPACES, "", namespace)
        except NotFoundError:
            return None
        except ForbiddenError:
            return Claim(0.0, namespace) if await self._may_list(caller, namespace) else None
        return claim_of(raw) if label_of(raw) in ("", project) else None

    async def _may_list(self, caller: ApiClient, namespace: str) -> bool:
        try:
            async for _ in caller.all(RUNS, namespace, page_size=1):
                break
        except ForbiddenError:
            return False
        return True

    async def _taken(self, caller: ApiClient, project: str, namespace: str) -> Problem:
        if await self._own(caller, namespace, project) and await self._may_list(caller, namespace):
            return duplicated(f"project {project} already exists (namespace {namespace})")
        return Problem(
            403,
            f"project {project} cannot be created: the namespace {namespace} exists, and either belongs to another "
            f"project or you are not allowed to list runs in it. {_advice(namespace, project)}",
        )


def _named(project: str) -> str:
    """The name of a project's own namespace."""
    return project if _LABEL.fullmatch(project) else object_name(project)


def entity(project: str, namespace: JSON) -> JSON:
    """The SDK's document of a project; only its name, if it was never saved through the gateway."""
    metadata = mapping(namespace.get("metadata"))
    try:
        saved = json.loads(_document(namespace) or "{}")
    except (ValueError, RecursionError):  # edited by hand
        saved = {}
    saved = mapping(saved)
    created = text(metadata.get("creationTimestamp"))
    known = {"project": project, "name": project, "created": created, "updated": created}
    return {
        "kind": KIND,
        "metadata": {**known, **mapping(saved.get("metadata"))},
        "spec": dict(mapping(saved.get("spec"))),
        "status": {"state": "CREATED", "namespace": text(metadata.get("name"))},
        "project": project,
        "id": project,
        "name": project,
        "key": f"store://{project}",
    }


def _document(namespace: JSON) -> str:
    return text(mapping(mapping(namespace.get("metadata")).get("annotations")).get(ANNOTATION))


def _slim(namespace: JSON, room: int) -> JSON:
    """The part of a Namespace that a list needs. Its creator chooses the annotations, up to 256 KiB."""
    metadata, document = mapping(namespace.get("metadata")), _document(namespace)
    kept: dict[str, Any] = {key: metadata.get(key) for key in ("name", "creationTimestamp")}
    kept["labels"] = {LABEL_PROJECT: label_of(namespace)}
    kept["annotations"] = {ANNOTATION: document} if len(document) <= room else {}
    return {"metadata": kept}


async def _namespace(caller: ApiClient, name: str) -> JSON:
    """The Namespace object; only its name, if the caller may not read it."""
    try:
        return await caller.get(NAMESPACES, "", name)
    except ForbiddenError:
        return {"metadata": {"name": name}}
    except KubeError as error:
        raise of_kube(error, f"namespace {name} cannot be read") from error


async def _labelled(caller: ApiClient, project: str) -> list[Claim]:
    """The namespaces with the label; empty if the caller may not list namespaces."""
    try:
        return [
            claim_of(raw) async for raw in caller.all(NAMESPACES, None, labels=f"{LABEL_PROJECT}={project}")
        ]
    except ForbiddenError:
        return []


def _name(document: JSON) -> str:
    name = document.get("name")
    if not isinstance(name, str) or not ID.fullmatch(name) or len(name) > 63:  # noqa: PLR2004 - a label's value
        raise bad("a project needs a name: at most 63 letters, digits and . _ + -")
    return name


def _stored(document: JSON) -> str:
    kept = {part: _said(document, part) for part in ("metadata", "spec")}
    found = json.dumps(kept)
    if len(found) > MAX_DOCUMENT:
        raise bad(
            f"the project's document has {len(found)} bytes; the annotation of its namespace can hold {MAX_DOCUMENT}"
        )
    return found


def _said(document: JSON, part: str) -> JSON:
    return {
        key: value for key, value in mapping(document.get(part)).items() if value not in (None, [], {}, "")
    }


def _may_not_create(project: str, namespace: str, error: ForbiddenError) -> Problem:
    return Problem(
        403,
        f"project {project} does not exist, and you are not allowed to create its namespace ({error.message}). "
        f"{_advice(namespace, project)}",
    )


def _advice(namespace: str, project: str) -> str:
    return (
        f"An administrator of the cluster can create it: kubectl create namespace {namespace}; "
        f"kubectl label namespace {namespace} {LABEL_PROJECT}={project}; "
        f"kubectl create rolebinding {namespace}-edit -n {namespace} --clusterrole=edit --user=..."
    )
