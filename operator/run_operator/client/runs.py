"""Runs by name, by file, and new: the functions beside the `Run` object, with the original's names and arguments."""

from __future__ import annotations

import uuid as uuids
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from run_operator.api.exported import of_object, selectors
from run_operator.api.filters import changed_at, check, matches
from run_operator.api.metric_figures import last_value
from run_operator.api.raw import JSON, mapping, stamp
from run_operator.client import apply
from run_operator.client.cluster import Cluster
from run_operator.client.comparison import Comparison, compare
from run_operator.client.documents import new_document, read_run
from run_operator.client.errors import BadRequestError, EntityAlreadyExistsError, EntityError
from run_operator.client.lookup import find
from run_operator.client.run import Run
from run_operator.client.submit import source_of, with_variables
from run_operator.document.known_fields import not_used
from run_operator.document.names import object_name
from run_operator.kube.resource import RUNS


def new_run(
    project: str | None = None,
    kind: str = "container+job:run",
    uuid: str | None = None,
    labels: list[str] | None = None,
    task: str | None = None,
    *,
    name: str | None = None,
    suspend: bool = False,
    cluster: Cluster | None = None,
    env: Mapping[str, str] | None = None,
    file: str | Path | None = None,
    object_labels: Mapping[str, str] | None = None,
    **kwargs: Any,
) -> Run:
    """Create a Run in the cluster; it starts at once unless `suspend`.

    `env`: variables by name, beside `envs`. `file`: put into /shared, which is then the working folder. `object_labels`:
    of the object in the cluster, for selectors.

    `project`: by default the namespace. `name`: for people, beside the id; by default the id. `task`: `<runtime>+<action>://<project>/<id>`, by default that of the kind.
    `kwargs`: the fields of its spec (image, command, args, ...), passed on as they are; a key that the kind does not use
    is a UserWarning. Raises ValueError for a `uuid` that is not a slug, EntityError, EntityAlreadyExistsError.

    >>> run = new_run(image="busybox", command="true")
    """
    there = cluster or Cluster.connect()
    spec = {"task": task, **kwargs}
    if env:
        spec["envs"] = with_variables(spec.get("envs"), env)
    if file is not None:
        spec["source"] = source_of(file)
    document = new_document(project or there.namespace, kind, uuid, labels, spec, name)
    for line in not_used(document):
        warnings.warn(line, UserWarning, stacklevel=2)
    raw = apply.create(there, document, object_name(document["id"]), suspend=suspend, labels=object_labels)
    return Run.from_object(raw, there)


def get_run(identifier: str, project: str | None = None, *, cluster: Cluster | None = None) -> Run:
    """A Run by its key (`store://...`), its id, or its name in the cluster. Raises EntityNotExistsError."""
    there = cluster or Cluster.connect()
    return Run.from_object(find(there, identifier, project), there)


def list_runs(
    project: str | None = None,
    q: str | None = None,
    name: str | None = None,
    kind: str | None = None,
    user: str | None = None,
    state: str | None = None,
    created: str | None = None,
    updated: str | None = None,
    function: str | None = None,
    workflow: str | None = None,
    task: str | None = None,
    action: str | None = None,
    *,
    selector_labels: str = "",
    sort: str | None = None,
    cluster: Cluster | None = None,
) -> list[Run]:
    """The Runs of the namespace that match all that is given, by name, or by the last value of the metric `sort`.

    Project, kind and state are compared by the server. `q`: a part of id, name, function or workflow. `created`,
    `updated`: later than FROM, or between FROM,TO; times with their offset, such as `2026-11-29T08:00:00Z`.
    `selector_labels`: a label selector of Kubernetes. Raises BadRequestError for another time. `sort`: the
    smallest first, Runs without that metric at the end.
    """
    there = cluster or Cluster.connect()
    wanted = {
        "name": name, "user": user, "created": created, "updated": updated, "function": function,
        "workflow": workflow, "task": task, "action": action, "q": q,
    }  # fmt: skip
    try:
        check(wanted)
    except ValueError as error:
        raise BadRequestError(str(error)) from error
    fields = selectors(there.namespace, project=project, kind=kind, state=state)
    found = (raw for one in fields for raw in _objects(there, one, selector_labels))
    runs = (Run.from_object(raw, there) for raw in found if matches(_dated(raw), wanted))
    chosen = sorted(runs, key=lambda run: run.object_name)
    if sort is None:
        return chosen
    last = {id(run): last_value(run.status, sort) for run in chosen}
    return sorted(chosen, key=lambda run: (last[id(run)] is None, last[id(run)] or 0.0))


def compare_runs(*runs: Run | str, cluster: Cluster | None = None) -> Comparison:
    """Runs, or their names, beside each other: parameters that differ, and the figures of their metrics.

    >>> compare_runs("lr-a", "lr-b").parameters
    """
    there = cluster
    found = []
    for run in runs:
        if isinstance(run, str):
            there = there or Cluster.connect()
            found.append(get_run(run, cluster=there))
        else:
            found.append(run.refresh())
    return compare(found)


def _dated(raw: JSON) -> JSON:
    """The document with the time of the object's last change, which the document cannot know."""
    document = of_object(raw)
    metadata = mapping(raw.get("metadata"))
    times = {"created": metadata.get("creationTimestamp"), "updated": stamp(changed_at(raw))}
    given = mapping(document.get("metadata"))
    return {**document, "metadata": times | dict(given) | {"updated": times["updated"]}}


def import_run(
    file: str | Path | None = None,
    key: str | None = None,
    reset_id: bool = False,
    context: str | None = None,
    *,
    suspend: bool = False,
    cluster: Cluster | None = None,
) -> Run:
    """Create the Run of an exported file, or of another Run, by its key; the status is dropped, so that it starts again.

    `reset_id`: under a new id. `context`: into another project. Raises EntityError for a file that is not an export and
    for a Run that exists, which the one of a key does unless `reset_id`; EntityNotExistsError for a key of no Run.
    """
    if (file is None) == (key is None):
        raise EntityError("Provide key or file, not both." if key else "import_run needs key or file")
    there = cluster or Cluster.connect()
    document = dict(read_run(file).document if file is not None else of_object(find(there, str(key))))
    document |= {"status": {}}
    if reset_id:
        document["id"] = document["name"] = uuids.uuid4().hex
    if context:
        document["project"] = context
    if reset_id or context:
        document.pop("key", None)
    try:
        raw = apply.create(there, document, object_name(document["id"]), suspend=suspend)
    except EntityAlreadyExistsError as error:
        raise EntityError(
            f"Entity {document['id']} already exists. If you want to update it, use load instead."
        ) from error
    return Run.from_object(raw, there)


def load_run(file: str | Path, *, cluster: Cluster | None = None) -> Run:
    """Make the Run in the cluster what the exported file says (see `Run.save(update=True)`), or create it from it.

    The file's status is kept in the document, beside the one that the cluster reports.
    """
    there = cluster or Cluster.connect()
    document = read_run(file).document
    return Run.from_object(apply.update(there, document, object_name(document["id"])), there)


def update_run(entity: Run) -> Run:
    """As `entity.save(update=True)`."""
    return entity.save(update=True)


def delete_run(
    identifier: str,
    project: str | None = None,
    entity_id: str | None = None,
    *,
    cluster: Cluster | None = None,
) -> None:
    """Delete a Run by its key, id or name. Raises EntityNotExistsError."""
    get_run(entity_id or identifier, project, cluster=cluster).delete()


def _objects(cluster: Cluster, fields: str, labels: str) -> Iterator[Mapping[str, Any]]:
    for page in cluster.list(RUNS, fields=fields, labels=labels):
        yield from page.get("items") or ()
