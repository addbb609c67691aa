"""Kueue's Workload of a Run that MultiKueue runs in another cluster. Kueue there compares it with the Job of that cluster's operator."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from typing import Any, Final

from run_operator.api.constants import KUEUE_MOST_SECONDS, KUEUE_PRIORITY
from run_operator.api.custom_object import CustomKind
from run_operator.api.run import Run
from run_operator.workloads.metadata import labels, owner, shortened
from run_operator.workloads.types import Workload

GROUP: Final = "kueue.x-k8s.io"
DEFAULTS: Final = {"terminationMessagePath": "/dev/termination-log", "terminationMessagePolicy": "File"}
"""Fields of a container that the API server fills in where a Job leaves them out."""


def kind_of(run: Run) -> CustomKind:
    """Kueue's kind, with the name of this Run's object: that of an earlier Run of the same name is another one."""
    name = shortened(f"run-{run.name}-{run.uid[:8]}")
    return CustomKind(
        GROUP, "v1beta2", "workloads", "Workload", "Kueue", "manifests/components/multikueue", name
    )


def kueue_workload(run: Run, made: Workload) -> Workload:
    """The Workload for this Job. Its priority is looked up when it is created."""
    what, template = kind_of(run), deepcopy(made.child["spec"]["template"])
    for container in (*template["spec"].get("initContainers", ()), *template["spec"]["containers"]):
        for field, value in DEFAULTS.items():
            container.setdefault(field, value)
    body = {
        "apiVersion": what.api_version,
        "kind": what.kind,
        "metadata": {
            "name": what.name,
            "namespace": run.namespace,
            "labels": labels(run),
            "ownerReferences": owner(run),
        },
        "spec": {
            "active": True,
            "queueName": run.queue,
            "podSets": [{"name": "main", "count": 1, "template": template}],
            **_bounds(run, template["spec"]),
        },
    }
    return Workload(child=body, warnings=made.warnings, custom=what)


def _bounds(run: Run, pod: Mapping[str, Any]) -> dict[str, Any]:
    """Its priority class and its longest time, as Kueue reads them of a Job's labels and pod."""
    found: dict[str, Any] = {}
    if name := run.labels.get(KUEUE_PRIORITY):
        found["priorityClassRef"] = {"group": GROUP, "kind": "WorkloadPriorityClass", "name": name}
    elif name := pod.get("priorityClassName"):
        found["priorityClassRef"] = {"group": "scheduling.k8s.io", "kind": "PriorityClass", "name": name}
    if (seconds := str(run.labels.get(KUEUE_MOST_SECONDS, ""))).isdecimal():
        found["maximumExecutionTimeSeconds"] = int(seconds)
    return found
