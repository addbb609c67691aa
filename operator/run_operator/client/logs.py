"""What the program of a Run wrote, as the cluster keeps it: the logs of its pods."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

from run_operator.client.errors import BackendError, BadRequestError, EntityNotExistsError
from run_operator.client.kube import Cluster
from run_operator.kube.resource import PODS
from run_operator.resources.constants import LABEL_ATTEMPT, LABEL_RUN
from run_operator.resources.raw import mapping, text

MAX_BYTES: Final = 2 * 1024 * 1024
"""Of one container: the last ones, as on the platform."""
TAIL: Final = 100_000
"""Lines of one container that are asked for."""


@dataclass(frozen=True, slots=True)
class Log:
    """One container's output so far, at most its last 2 MiB."""

    text: str
    pod: str
    container: str
    attempt: int


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line of it, without its end."""

    text: str
    pod: str
    container: str
    attempt: int


def read(cluster: Cluster, name: str, attempt: int | None = None) -> list[Log]:
    """All there are, the oldest pod first, init containers before the others.

    Empty when the pods are gone: those of a stopped attempt go with the stop.
    """
    found = []
    for pod in pods(cluster, name, attempt):
        for container in started(pod):
            with contextlib.suppress(
                EntityNotExistsError, BadRequestError
            ):  # gone, or not started, meanwhile
                found.append(_log(cluster, pod, container))
    return found


def pods(cluster: Cluster, name: str, attempt: int | None = None) -> list[Mapping[str, Any]]:
    """The Run's pods, the oldest first."""
    labels = f"{LABEL_RUN}={name}" + (f",{LABEL_ATTEMPT}={attempt}" if attempt else "")
    found = [pod for page in cluster.list(PODS, labels=labels) for pod in page.get("items") or ()]
    return sorted(found, key=lambda pod: (attempt_of(pod), text(pod["metadata"].get("creationTimestamp"))))


def attempt_of(pod: Mapping[str, Any]) -> int:
    """The attempt a pod belongs to."""
    label = text(mapping(mapping(pod.get("metadata")).get("labels")).get(LABEL_ATTEMPT))
    return int(label) if label.isdecimal() else 0


def started(pod: Mapping[str, Any]) -> Iterator[str]:
    """The names of the containers that run or have run."""
    status = mapping(pod.get("status"))
    for key in ("initContainerStatuses", "containerStatuses"):
        for container in status.get(key) or ():
            if "running" in mapping(container.get("state")) or "terminated" in mapping(
                container.get("state")
            ):
                yield text(container.get("name"))


def path(cluster: Cluster, pod: Mapping[str, Any]) -> str:
    """Of the logs of a pod."""
    return PODS.path(cluster.namespace, text(pod["metadata"]["name"]), "log")


def _log(cluster: Cluster, pod: Mapping[str, Any], container: str) -> Log:
    query = urlencode({"container": container, "tailLines": str(TAIL)})
    response = cluster.send("GET", f"{path(cluster, pod)}?{query}", headers={"Accept": "*/*"})
    kept = b""
    try:
        for chunk in response.stream(65536):
            kept = (kept + chunk)[-MAX_BYTES:]
    except Exception as error:
        raise BackendError(f"the log of pod {pod['metadata']['name']} broke off: {error}") from error
    finally:
        response.close()
    return Log(kept.decode("utf-8", "replace"), text(pod["metadata"]["name"]), container, attempt_of(pod))
