"""The operator's own plan for a Run, made on this side from what the caller may read. Writes nothing, needs no new right.

Objects that the caller may not read are left out, with a note: the plan is made as if they did not exist.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from importlib.util import find_spec
from typing import Any, Final

from run_operator.api.constants import LABEL_PIPELINE, LABEL_PROFILES, LABEL_RUN_UID
from run_operator.api.raw import mapping
from run_operator.api.record_signer import SignerWithoutKey
from run_operator.api.references import Catalog, EntityView, ProfilesView, Referred
from run_operator.api.run import Run
from run_operator.api.runtime_object import RuntimeView
from run_operator.children import DeploymentView, JobView, PodView, ServiceView
from run_operator.client.cluster import Cluster
from run_operator.client.errors import BackendError, EntityNotExistsError
from run_operator.client.lookup import find
from run_operator.document.kinds import WORKFLOWS
from run_operator.document.known_fields import USED
from run_operator.kube.resource import (
    BY_KIND,
    CLUSTER_RUNTIMES,
    CONFIG_MAPS,
    DEPLOYMENTS,
    FUNCTIONS,
    JOBS,
    PODS,
    RUNS,
    RUNTIMES,
    SERVICES,
    TASKS,
    Resource,
)
from run_operator.lifecycle.explanation import explain
from run_operator.lifecycle.model import Observed, Plan
from run_operator.lifecycle.observation import Child, observed, owned_and_orphans
from run_operator.lifecycle.plan import plan
from run_operator.workloads.types import Options

CHILDREN: Final[dict[Resource, Callable[[Any], Child]]] = {
    JOBS: JobView.from_object,
    DEPLOYMENTS: DeploymentView.from_object,
    SERVICES: ServiceView.from_object,
    PODS: PodView.from_object,
}
REFERRED: Final[dict[Resource, Callable[[Any], Referred]]] = {
    FUNCTIONS: EntityView.function,
    TASKS: EntityView.task,
    CONFIG_MAPS: ProfilesView.from_object,
    RUNTIMES: RuntimeView.from_object,
    CLUSTER_RUNTIMES: RuntimeView.from_object,
}
EXPRESSIONS: Final = "cel_expr_python"
"""The package that Runtimes need; a laptop need not have it."""
MOST_LOADED: Final = 6
"""Documents, and answers of steps, read for one decision."""
NOT_KNOWN: Final = (
    "note: runctl does not know flags of the operator, defaults of the namespace and shared profiles"
)


def why(cluster: Cluster, identifier: str) -> list[str]:
    """Lines as `/debug/runs/<namespace>/<name>` of the operator has them. Raises EntityNotExistsError."""
    run = Run.from_object(find(cluster, identifier))
    notes: list[str] = []
    children = [view for resource in CHILDREN for view in _children(cluster, resource, run, notes)]
    catalog = Catalog()
    for resource, read in REFERRED.items():
        if resource in (RUNTIMES, CLUSTER_RUNTIMES) and not _needs_runtimes(run, notes):
            continue
        labels = f"{LABEL_PROFILES}=true" if resource == CONFIG_MAPS else ""
        for raw in _listed(cluster, resource, labels, notes):
            catalog.put(read(raw))
    steps = _steps(cluster, run, notes)
    seen = observed(owned_and_orphans(children, run), catalog=catalog, fresh=True, steps=steps)
    made, seen = _decided(cluster, run, seen)
    return [*explain(run, seen, made), *notes, NOT_KNOWN]


def _decided(cluster: Cluster, run: Run, seen: Observed) -> tuple[Plan, Observed]:
    options = Options(signer=SignerWithoutKey(b""))
    made = plan(run, seen, time.time(), options)
    for _ in range(MOST_LOADED):
        if made.returned:
            found = {name: _returned(cluster, name) for name in made.returned}
            seen = replace(seen, returned={**seen.returned, **found})
        elif made.load is not None:
            whole = _whole(cluster, made.load)
            if whole is None:
                break
            seen = replace(seen, catalog=seen.catalog.loaded(whole))
        else:
            break
        made = plan(run, seen, time.time(), options)
    return made, seen


def _needs_runtimes(run: Run, notes: list[str]) -> bool:
    if run.kind.removesuffix(":run") in USED:
        return False
    if not find_spec(EXPRESSIONS):
        notes.append(
            "note: Runtimes are ignored: their expressions need pip install 'run-operator[runtimes]'"
        )
        return False
    return True


def _steps(cluster: Cluster, run: Run, notes: list[str]) -> list[Run]:
    """The Runs that a pipeline has made."""
    if run.kind.partition("+")[0] not in WORKFLOWS:
        return []
    found = map(Run.from_object, _listed(cluster, RUNS, f"{LABEL_PIPELINE}={run.uid}", notes))
    return [one for one in found if one.pipeline == run.uid]


def _whole(cluster: Cluster, view: Referred) -> Referred | None:
    """With its document; None: it is gone."""
    resource = CONFIG_MAPS if isinstance(view, ProfilesView) else BY_KIND[view.what]
    try:
        return REFERRED[resource](cluster.get(resource, view.name))
    except EntityNotExistsError:
        return None


def _returned(cluster: Cluster, name: str) -> Mapping[str, Any]:
    """The status of a step's Run; an empty one where it is gone."""
    try:
        return mapping(cluster.get(RUNS, name).get("status"))
    except EntityNotExistsError:
        return {}


def _children(cluster: Cluster, resource: Resource, run: Run, notes: list[str]) -> Iterator[Child]:
    for raw in _listed(cluster, resource, f"{LABEL_RUN_UID}={run.uid}", notes):
        yield CHILDREN[resource](raw)


def _listed(
    cluster: Cluster, resource: Resource, labels: str, notes: list[str]
) -> Iterator[Mapping[str, Any]]:
    try:
        for page in cluster.list(resource, labels=labels, everywhere=not resource.is_namespaced):
            yield from page.get("items") or ()
    except BackendError as error:
        notes.append(f"note: {resource.plural} cannot be read: {error}")
