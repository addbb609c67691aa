"""Watched resources, the selectors of their objects, and how each object is read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from run_operator.api.constants import LABEL_MANAGED_BY, LABEL_PROFILES, MANAGED_BY
from run_operator.api.references import EntityView, ProfilesView, Referred
from run_operator.api.runtime_object import RuntimeView
from run_operator.children import DeploymentView, JobView, PodView, ServiceView
from run_operator.kube.resource import (
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

Child = JobView | DeploymentView | ServiceView | PodView
CHILDREN: Final[dict[Resource, Callable[[Any], Child]]] = {
    JOBS: JobView.from_object,
    DEPLOYMENTS: DeploymentView.from_object,
    SERVICES: ServiceView.from_object,
    PODS: PodView.from_object,
}
"""Kinds of objects that Runs own."""
REFERRED: Final[dict[Resource, Callable[[Any], Referred]]] = {
    FUNCTIONS: EntityView.function,
    TASKS: EntityView.task,
    RUNTIMES: RuntimeView.from_object,
    CLUSTER_RUNTIMES: RuntimeView.from_object,
    CONFIG_MAPS: ProfilesView.from_object,
}
"""Kinds of objects that Runs refer to."""
SELECTORS: Final[dict[Resource, str]] = {
    **dict.fromkeys(CHILDREN, f"{LABEL_MANAGED_BY}={MANAGED_BY}"),
    CONFIG_MAPS: f"{LABEL_PROFILES}=true",
}
"""Label selectors; all objects of other resources are watched."""
OPTIONAL: Final = (FUNCTIONS, TASKS, RUNTIMES, CLUSTER_RUNTIMES)
"""Kinds without which Runs still work. Reflectors follow them, which wait for a missing kind."""
WITHOUT_RIGHTS: Final = (RUNTIMES, CLUSTER_RUNTIMES)
"""Kinds that roles of an older installation do not name. Runs of built-in kinds work without them."""
WATCHED: Final = (RUNS, *CHILDREN, *REFERRED)
