"""From what a person says of Runs to the objects that are meant."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from run_operator.client.errors import EntityNotExistsError
from run_operator.client.kube import Cluster
from run_operator.client.waiting import action_of
from run_operator.client.wishes import missing
from run_operator.document.names import object_name
from run_operator.kube.resource import RUNS
from run_operator.resources.raw import mapping, text

_KEY: Final = re.compile(r"store://(?P<project>[^/]+)/run/(?P<kind>[^/]+)/(?P<id>[^/:]+)(?::[^/]*)?")

LABEL: Final = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")

JSON = Mapping[str, Any]


def find(cluster: Cluster, identifier: str, project: str | None = None) -> JSON:
    """The object of a Run: by store key, id or object name. Raises EntityNotExistsError."""
    match = _KEY.fullmatch(identifier)
    run_id, wanted = (match["id"], match["project"]) if match else (identifier, project)
    raw = _under_its_name(cluster, run_id, by_name=match is None) or _under_another_name(
        cluster, run_id, wanted
    )
    if raw is None:
        error = EntityNotExistsError("there is none of that name, id or key", status=404, reason="NotFound")
        raise missing(cluster, run_id, error)
    there = text(mapping(raw.get("spec")).get("project"))
    if wanted and there != wanted:
        raise EntityNotExistsError(
            f"Entity does not exists. Response: run {run_id} of this namespace is of project {there}, not {wanted}",
            status=404,
        )
    return raw


def _under_its_name(cluster: Cluster, run_id: str, *, by_name: bool) -> JSON | None:
    """The object whose name follows from the id; `by_name`: or that has this very name."""
    for name in dict.fromkeys((object_name(run_id), run_id)):
        if not LABEL.fullmatch(name):
            continue
        with contextlib.suppress(EntityNotExistsError):
            raw = cluster.get(RUNS, name)
            if by_name or mapping(raw.get("spec")).get("id") == run_id:
                return raw
    return None


def _under_another_name(cluster: Cluster, run_id: str, project: str | None) -> JSON | None:
    """Its manifest may have been given a name: then only the document tells."""
    for page in cluster.list(RUNS, fields=selector(project=project)):
        for raw in page.get("items") or ():
            if mapping(raw.get("spec")).get("id") == run_id:
                return dict(raw)
    return None


def selector(*, project: str | None = None, kind: str | None = None, state: str | None = None) -> str:
    """The field selector; what would not be one is compared to nothing there can be."""
    wanted = {"spec.project": project, "spec.kind": kind, "status.state": state}
    return ",".join(f"{field}={_escaped(value)}" for field, value in wanted.items() if value)


def matches(document: JSON, wanted: Mapping[str, str | None]) -> bool:
    """Whether the document agrees with every condition that is given (see `list_runs`)."""
    return all(_TESTS[what](document, value) for what, value in wanted.items() if value)


def name_of(raw: JSON) -> str:
    """Of the object."""
    return text(mapping(raw.get("metadata")).get("name"))


def _escaped(value: str) -> str:
    return re.sub(r"([\\,=])", r"\\\1", value)


def _field(*path: str) -> Callable[[JSON, str], bool]:
    def test(document: JSON, value: str) -> bool:
        found: Any = document
        for key in path:
            found = mapping(found).get(key)
        return bool(found == value)

    return test


def _begins(key: str) -> Callable[[JSON, str], bool]:
    return lambda document, value: text(mapping(document.get("metadata")).get(key)).startswith(value)


def _anywhere(document: JSON, value: str) -> bool:
    parts = document.get("id"), document.get("kind"), mapping(document.get("status")).get("state")
    return any(value.lower() in text(part).lower() for part in parts)


_TESTS: Final[Mapping[str, Callable[[JSON, str], bool]]] = {
    "name": _field("name"),
    "user": _field("user"),
    "function": _field("spec", "function"),
    "workflow": _field("spec", "workflow"),
    "task": _field("spec", "task"),
    "created": _begins("created"),
    "updated": _begins("updated"),
    "action": lambda document, value: action_of(document) == value,
    "q": _anywhere,
}
