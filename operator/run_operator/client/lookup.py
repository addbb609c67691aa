"""From what a person says of Runs to the objects that are meant."""

from __future__ import annotations

import contextlib
import re
from typing import Final

from run_operator.api.exported import id_of, project_of, selectors
from run_operator.api.filters import name_of as own_name
from run_operator.api.raw import JSON, mapping, text
from run_operator.client.cluster import Cluster
from run_operator.client.errors import NO_ENTITY, EntityError, EntityNotExistsError, ForbiddenError
from run_operator.client.suspend import missing
from run_operator.document.names import object_name
from run_operator.kube.resource import RUNS

_KEY: Final = re.compile(r"store://(?P<project>[^/]+)/run/(?P<kind>[^/]+)/(?P<id>[^/:]+)(?::[^/]*)?")

_TYPE: Final = re.compile(r"runs?(\.run-operator\.io)?/")
"""The prefix of a name that `-o name` prints."""

LABEL: Final = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")

MAX_NAMED: Final = 5
"""Names a message lists at most."""


def find(cluster: Cluster, identifier: str, project: str | None = None) -> JSON:
    """The object of a Run: by store key, id, object name, or the name in its document.

    Raises EntityNotExistsError; EntityError where several have the name.
    """
    match = _KEY.fullmatch(identifier)
    identifier = _TYPE.sub("", identifier, count=1) if _TYPE.match(identifier) else identifier
    run_id, wanted = (match["id"], match["project"]) if match else (identifier, project)
    raw = _under_its_name(cluster, run_id, by_name=match is None) or _under_another_name(
        cluster, run_id, wanted, by_name=match is None
    )
    if raw is None:
        raise _none(cluster, run_id, "no Run has that name, id or key")
    there = project_of(raw)
    if wanted and there != wanted:
        raise EntityNotExistsError(
            f"{NO_ENTITY}run {run_id} of the namespace {cluster.namespace} is of project {there}, not {wanted}",
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
            if by_name or id_of(raw) == run_id:
                return raw
    return None


def _under_another_name(cluster: Cluster, run_id: str, project: str | None, *, by_name: bool) -> JSON | None:
    """By what only the document says: its id where the object has another name, or `by_name` its own name.

    Raises EntityError for more than one.
    """
    with_id: list[JSON] = []
    with_name: list[JSON] = []
    try:
        for fields in selectors(cluster.namespace, project=project):
            for page in cluster.list(RUNS, fields=fields):
                items = page.get("items") or ()
                with_id += [dict(raw) for raw in items if id_of(raw) == run_id]
                with_name += [
                    dict(raw) for raw in items if by_name and own_name(mapping(raw.get("spec"))) == run_id
                ]
    except ForbiddenError as error:
        why = f"no Run has that name; it is unknown whether a Run of another name has that id: {error}"
        raise _none(cluster, run_id, why) from error
    found = with_id or with_name
    if len(found) > 1:
        shown = ", ".join(sorted(map(name_of if with_id else id_of, found))[:MAX_NAMED])
        what = (
            f"have the id {run_id} ({shown}): give the name of"
            if with_id
            else f"have the name {run_id} (ids {shown}): give the id of"
        )
        raise EntityError(f"{len(found)} Runs of this namespace {what} one of them")
    return found[0] if found else None


def _none(cluster: Cluster, run_id: str, why: str) -> EntityNotExistsError:
    return missing(cluster, run_id, EntityNotExistsError(why, status=404, reason="NotFound"))


def name_of(raw: JSON) -> str:
    """The uid of the object."""
    return text(mapping(raw.get("metadata")).get("name"))
