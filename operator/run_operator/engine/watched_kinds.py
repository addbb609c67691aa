"""What is watched: which resources, which of their objects, and how each is read."""

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
"""What Runs own."""
REFERRED: Final[dict[Resource, Callable[[Any], Referred]]] = {
    FUNCTIONS: EntityView.function,
    TASKS: EntityView.task,
    RUNTIMES: RuntimeView.from_object,
    CLUSTER_RUNTIMES: RuntimeView.from_object,
    CONFIG_MAPS: ProfilesView.from_object,
}
"""What Runs refer to."""
SELECTORS: Final[dict[Resource, str]] = {
    **dict.fromkeys(CHILDREN, f"{LABEL_MANAGED_BY}={MANAGED_BY}"),
    CONFIG_MAPS: f"{LABEL_PROFILES}=true",
}
"""Label selectors; of resources that are not in here all objects are watched."""
OPTIONAL: Final = (FUNCTIONS, TASKS, RUNTIMES, CLUSTER_RUNTIMES)
"""Kinds of ours that Runs go without: followed by reflectors, which wait for a kind that is not there."""
WITHOUT_RIGHTS: Final = (RUNTIMES, CLUSTER_RUNTIMES)
"""Kinds that the rights of an older installation do not name: all Runs of built-in kinds go on without."""
WATCHED: Final = (RUNS, *CHILDREN, *REFERRED)
