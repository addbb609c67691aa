"""Objects that an earlier version left, brought into a cluster as that version stored them: with their uids, owners and statuses.

The API server gives every object that it creates a uid of its own and no status, so they are written into etcd.
"""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import yaml

FOLDER: Final = Path(__file__).parents[1] / "data" / "earlier"
NAMESPACE: Final = "team-earlier"
PLACES: Final = {
    "Run": "run-operator.io/runs", "Function": "run-operator.io/functions", "Task": "run-operator.io/tasks",
    "RunLog": "run-operator.io/runlogs", "Job": "jobs", "Deployment": "deployments", "ReplicaSet": "replicasets",
    "Pod": "pods", "Service": "services/specs", "ConfigMap": "configmaps",
}  # fmt: skip
"""Where etcd has the objects of a kind, below /registry."""
TIME: Final = re.compile(r"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z")


def read(version: str) -> list[dict[str, Any]]:
    """What `earlier_store` wrote, as if it had just been written: the newest of its times is now."""
    text = (FOLDER / version / "objects.yaml").read_text()
    newest = max(map(_parsed, TIME.findall(text)))
    later = datetime.fromtimestamp(int(time.time()), UTC) - newest.replace(microsecond=0)
    return [one for one in yaml.safe_load_all(TIME.sub(lambda found: _shifted(found[0], later), text)) if one]


def keys(objects: Sequence[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Each object by its key in etcd."""
    return {
        f"/registry/{PLACES[one['kind']]}/{one['metadata']['namespace']}/{one['metadata']['name']}": one
        for one in objects
    }


def _parsed(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _shifted(text: str, later: timedelta) -> str:
    moved = _parsed(text) + later
    return moved.strftime("%Y-%m-%dT%H:%M:%S.%fZ" if "." in text else "%Y-%m-%dT%H:%M:%SZ")
