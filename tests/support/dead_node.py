"""A node without a kubelet: pods get there, and nobody ever says that they run or that they have ended."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.support.harness import Person

ROOM = {"cpu": "8", "memory": "8Gi", "pods": "100"}


@contextmanager
def dead_node(person: Person) -> Iterator[str]:
    """Its name; pods of a Run with the fields of `on_it` get there."""
    name = f"dead-{person.namespace}"
    metadata = {"name": name, "labels": {"dead": person.namespace}}
    person.apply({"apiVersion": "v1", "kind": "Node", "metadata": metadata})
    status = json.dumps({"status": {"allocatable": ROOM, "capacity": ROOM}})
    person.kubectl("patch", "node", name, "--subresource=status", "--type=merge", "-p", status)
    try:
        yield name
    finally:
        person.kubectl("delete", "node", name)


def on_it(person: Person) -> dict[str, Any]:
    """Fields of a Run's inner spec."""
    selector = [{"key": "dead", "value": person.namespace}]
    return {"node_selector": selector, "tolerations": [{"operator": "Exists"}]}


def say_that_it_runs(person: Person, pod: str) -> None:
    """In the place of the kubelet that is not there."""
    running = {"state": {"running": {"startedAt": None}}, "ready": True, "started": True, "restartCount": 0}
    container = {"name": "main", "image": "x", "imageID": ""} | running
    conditions = [{"type": "Ready", "status": "True"}]
    status = {"phase": "Running", "containerStatuses": [container], "conditions": conditions}
    patch = json.dumps({"status": status})
    person.kubectl("patch", "pod", pod, "--subresource=status", "--type=merge", "-p", patch)


def end_all(person: Person) -> None:
    """Their pods are gone for Kubernetes."""
    person.kubectl("delete", "pods", "--all", "--force", "--grace-period=0", "--wait=false")
