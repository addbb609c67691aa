"""Names and labels of the objects of a Run. Each name follows from the Run's name, so that a repeated creation is harmless."""

from __future__ import annotations

import hashlib
import re
from typing import Any, Final

from run_operator.api import constants as names
from run_operator.api.run import Run

MAX_LABEL: Final = 63


def child_name(run_name: str) -> str:
    """The name of the Job or Deployment: the Run's own, or a shortened one with a hash."""
    return shortened(run_name)


def claim_name(run_name: str, volume: str) -> str:
    """The name of the claim of one volume."""
    return shortened(f"{run_name}-{volume}")


def files_name(run_name: str, content: bytes) -> str:
    """The name of the ConfigMap with the Run's source. It is immutable, so other content has another name."""
    return shortened(f"{run_name}-files-{hashlib.sha256(content).hexdigest()[:8]}")


def shortened(name: str) -> str:
    """A DNS label of at most 63 characters; a name that has to change ends in a hash of the whole of it."""
    clean = re.sub(r"[^a-z0-9-]", "-", name.lower()).strip("-")
    if clean == name and len(name) <= MAX_LABEL:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:10]
    return f"{clean[: MAX_LABEL - 11].strip('-') or 'run'}-{digest}"


def label_value(text: str) -> str:
    """The text as a label value: characters that labels cannot have become `-`."""
    return re.sub(r"[^A-Za-z0-9._-]", "-", text)[:MAX_LABEL].strip("-._")


def labels(run: Run) -> dict[str, str]:
    """Labels of every object of the Run.

    They are few, because the API server compares each field of a Job and its pod at every write. The recommended labels
    `instance` and `part-of` would repeat the Run and its project.
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
    """Labels of the Job or Deployment, with those of the profile and Kueue's labels of the Run."""
    queue = {key: value for key, value in run.labels.items() if key.startswith(names.KUEUE_PREFIX)}
    return {**run.profile_labels, **queue, **labels(run)}


def pod_labels(run: Run, attempt: int) -> dict[str, str]:
    """Labels of the pods of one attempt, with those of the profile."""
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
