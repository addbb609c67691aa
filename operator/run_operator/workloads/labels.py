"""Labels and owner references: how everything a Run owns is found, and goes with it."""

from __future__ import annotations

from typing import Any

from run_operator.resources import constants as names
from run_operator.resources.run import Run
from run_operator.workloads.names import label_value


def labels(run: Run) -> dict[str, str]:
    """On every object of the Run.

    Few: the API server compares each field of a Job and of its pod at every write to them. `instance` and `part-of` of the
    recommended ones would repeat the Run and its project.
    """
    found = {
        "app.kubernetes.io/name": "run",
        names.LABEL_MANAGED_BY: names.MANAGED_BY,
        names.LABEL_RUN: label_value(run.name),
        names.LABEL_RUN_UID: run.uid,
        names.LABEL_PROJECT: label_value(run.project),
    }
    return {key: value for key, value in found.items() if value}


def child_labels(run: Run) -> dict[str, str]:
    """On the Job or Deployment: those of its profile and Kueue's of the Run pass to it too."""
    queue = {key: value for key, value in run.labels.items() if key.startswith(names.KUEUE_PREFIX)}
    return {**run.profile_labels, **queue, **labels(run)}


def pod_labels(run: Run, attempt: int) -> dict[str, str]:
    """On the pods of one attempt: those of its profile pass to them too."""
    return {**run.profile_labels, **labels(run), names.LABEL_ATTEMPT: str(attempt)}


def owner(run: Run) -> list[dict[str, Any]]:
    """The Run is the controller: deleting it deletes what it owns, also while the operator is down."""
    return [
        {
            "apiVersion": names.API_VERSION,
            "kind": names.RUN_KIND,
            "name": run.name,
            "uid": run.uid,
            "controller": True,
            "blockOwnerDeletion": True,
        }
    ]
