"""Resources of the API server and their paths."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from run_operator.api.constants import (
    ARTIFACT_PLURAL,
    CLUSTER_RUNTIME_PLURAL,
    CONTAINER_IMAGE_PLURAL,
    DATAITEM_PLURAL,
    FUNCTION_PLURAL,
    GROUP,
    METRIC_BATCH_KIND,
    METRIC_BATCH_PLURAL,
    MODEL_PLURAL,
    RUN_LOG_KIND,
    RUN_LOG_PLURAL,
    RUN_PLURAL,
    RUNTIME_PLURAL,
    TASK_PLURAL,
    VERSION,
)

_PART: Final = re.compile(r"[^/?#%\\\s\x00-\x1f\x7f]+")
"""Names that Kubernetes takes for any object, and a few more."""


@dataclass(frozen=True, slots=True)
class Resource:
    """A resource of the API server."""

    group: str
    version: str
    plural: str
    kind: str
    is_namespaced: bool = True

    @property
    def root(self) -> str:
        """`/api/v1` or `/apis/batch/v1`."""
        return f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"

    def path(
        self, namespace: str | None = None, name: str | None = None, subresource: str | None = None
    ) -> str:
        """The URL path; without a namespace, the path of all namespaces.

        Raises ValueError for a text that is not a single part of a path: a name from a document must not lead to another namespace.
        """
        parts = [self.root]
        if namespace:
            parts += ["namespaces", namespace]
        parts.append(self.plural)
        parts += [part for part in (name, subresource) if part]
        for part in parts[1:]:
            if part in (".", "..") or not _PART.fullmatch(part):
                raise ValueError(f"{part[:80]!r} is not a valid name of an object")
        return "/".join(parts)


RUNS: Final = Resource(GROUP, VERSION, RUN_PLURAL, "Run")
FUNCTIONS: Final = Resource(GROUP, VERSION, FUNCTION_PLURAL, "Function")
TASKS: Final = Resource(GROUP, VERSION, TASK_PLURAL, "Task")
ARTIFACTS: Final = Resource(GROUP, VERSION, ARTIFACT_PLURAL, "Artifact")
DATAITEMS: Final = Resource(GROUP, VERSION, DATAITEM_PLURAL, "DataItem")
MODELS: Final = Resource(GROUP, VERSION, MODEL_PLURAL, "Model")
CONTAINER_IMAGES: Final = Resource(GROUP, VERSION, CONTAINER_IMAGE_PLURAL, "ContainerImage")
CONTENT_ENTITIES: Final = (ARTIFACTS, DATAITEMS, MODELS, CONTAINER_IMAGES)
"""Entities whose content is in a file store or a registry."""
RUNTIMES: Final = Resource(GROUP, VERSION, RUNTIME_PLURAL, "Runtime")
CLUSTER_RUNTIMES: Final = Resource(
    GROUP, VERSION, CLUSTER_RUNTIME_PLURAL, "ClusterRuntime", is_namespaced=False
)
RUN_LOGS: Final = Resource(GROUP, VERSION, RUN_LOG_PLURAL, RUN_LOG_KIND)
METRIC_BATCHES: Final = Resource(GROUP, VERSION, METRIC_BATCH_PLURAL, METRIC_BATCH_KIND)
JOBS: Final = Resource("batch", "v1", "jobs", "Job")
DEPLOYMENTS: Final = Resource("apps", "v1", "deployments", "Deployment")
SERVICES: Final = Resource("", "v1", "services", "Service")
PODS: Final = Resource("", "v1", "pods", "Pod")
CLAIMS: Final = Resource("", "v1", "persistentvolumeclaims", "PersistentVolumeClaim")
CONFIG_MAPS: Final = Resource("", "v1", "configmaps", "ConfigMap")
EVENTS: Final = Resource("", "v1", "events", "Event")
LIMIT_RANGES: Final = Resource("", "v1", "limitranges", "LimitRange")
SECRETS: Final = Resource("", "v1", "secrets", "Secret")
ROLE_BINDINGS: Final = Resource("rbac.authorization.k8s.io", "v1", "rolebindings", "RoleBinding")
REPLICA_SETS: Final = Resource("apps", "v1", "replicasets", "ReplicaSet")
TOKEN_REVIEWS: Final = Resource("authentication.k8s.io", "v1", "tokenreviews", "TokenReview")
NAMESPACES: Final = Resource("", "v1", "namespaces", "Namespace")
SELF_REVIEWS: Final = Resource("authentication.k8s.io", "v1", "selfsubjectreviews", "SelfSubjectReview")
ACCESS_REVIEWS: Final = Resource(
    "authorization.k8s.io", "v1", "selfsubjectaccessreviews", "SelfSubjectAccessReview"
)
"""These are not namespaced: their paths have no namespace."""

BY_KIND: Final = {
    resource.kind: resource
    for resource in (
        RUNS,
        FUNCTIONS,
        TASKS,
        RUNTIMES,
        CLUSTER_RUNTIMES,
        JOBS,
        DEPLOYMENTS,
        SERVICES,
        PODS,
        CLAIMS,
        CONFIG_MAPS,
        EVENTS,
    )
}
