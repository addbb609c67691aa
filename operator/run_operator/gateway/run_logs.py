"""What the program of a run wrote, as the SDK reads it: of the pods there are, and what was kept of those that are gone."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from typing import Final, NamedTuple, Protocol

from run_operator.api.constants import LABEL_ATTEMPT, LABEL_RUN
from run_operator.api.exported import id_of
from run_operator.api.raw import JSON, mapping, number, text
from run_operator.api.runlog import RunLog, from_object, packed
from run_operator.gateway.api_client import ApiClient
from run_operator.gateway.entities import Place
from run_operator.gateway.errors import of_kube
from run_operator.gateway.limits import GatewayLimits
from run_operator.kube.errors import ForbiddenError, InvalidError, KubeError, NotFoundError, TransientError
from run_operator.kube.resource import PODS, RUN_LOGS

TAIL: Final = 100_000
"""Lines of one container that are asked for."""

NOTHING: Final = base64.b64encode(packed(b"")).decode()


class LogLimits(Protocol):
    """What of `GatewayLimits` is needed here."""

    @property
    def logs(self) -> int:
        """Most bytes of one container."""

    @property
    def all_logs(self) -> int:
        """Most bytes of one answer."""


class Written(NamedTuple):
    """One container's output."""

    attempt: int
    order: str
    """Sort key: pods and their containers within an attempt."""
    pod: str
    container: str
    content: bytes
    state: str


async def logs(caller: ApiClient, place: Place, raw: JSON, limits: GatewayLimits) -> list[JSON]:
    """All there are, the oldest attempt first. Raises Problem."""
    name = str(raw["metadata"]["name"])
    found = await written(caller, place.namespace, name, place.of(name), limits)
    return [_entity(place, raw, one) for one in found]


async def written(
    caller: ApiClient, namespace: str, name: str, what: str, limits: LogLimits, attempt: int | None = None
) -> list[Written]:
    """The output of every container, or of those of one attempt, the oldest attempt first. Raises Problem."""
    room = limits.all_logs
    found: list[Written] = []
    try:
        live = [pod async for pod in caller.all(PODS, namespace, labels=selector(name, attempt))]
        for pod, container in reversed(list(started(live))):  # the newest have the room
            if room > 0:
                one = await _read(caller, namespace, pod, container, min(room, limits.logs))
                found += [one] if one is not None else []
                room -= len(one.content) if one is not None else 0
    except KubeError as error:
        raise of_kube(error, f"the logs of {what} cannot be read") from error
    there = {(one.pod, one.container) for one in found}
    async for one in archived(caller, namespace, name, what, room, attempt):
        found += [] if (one.pod, one.container) in there else [one]
    return sorted(found, key=lambda one: (one.attempt, one.order))


def selector(name: str, attempt: int | None) -> str:
    """The labels of the pods and kept logs of a Run, or of one of its attempts."""
    return f"{LABEL_RUN}={name}" + (f",{LABEL_ATTEMPT}={attempt}" if attempt is not None else "")


async def archived(
    caller: ApiClient, namespace: str, name: str, what: str, room: int, attempt: int | None = None
) -> AsyncIterator[Written]:
    """What was kept of pods that are gone, the last `room` bytes of it. Nothing where the cluster keeps none."""
    try:
        found = [raw async for raw in caller.all(RUN_LOGS, namespace, labels=selector(name, attempt))]
    except (NotFoundError, ForbiddenError):  # no such kind here, or not for this caller
        return
    except KubeError as error:
        raise of_kube(error, f"the logs of {what} cannot be read") from error
    for raw in sorted(found, key=lambda one: number(one.get("attempt")), reverse=True):
        if room <= 0:
            return
        kept = _kept(raw)
        content = kept.data[-room:]
        room -= len(content)
        order = f"{kept.start_time} {kept.pod} {kept.container}"
        yield Written(kept.attempt, order, kept.pod, kept.container, content, "gone")


def _kept(raw: JSON) -> RunLog:
    """An object that anybody may have written: what is damaged is said in its place."""
    try:
        return from_object(raw)
    except ValueError as error:
        return replace(from_object({**raw, "data": NOTHING}), data=f"({error})\n".encode())


def started(pods: list[JSON]) -> Iterator[tuple[JSON, str]]:
    """Pods, the oldest first, with each container that runs or has run."""
    for pod in sorted(
        pods, key=lambda one: (attempt_of(one), text(one["metadata"].get("creationTimestamp")))
    ):
        status = mapping(pod.get("status"))
        for key in ("initContainerStatuses", "containerStatuses"):
            for container in status.get(key) or ():
                if {"running", "terminated"} & mapping(container.get("state")).keys():
                    yield pod, text(container.get("name"))


async def _read(caller: ApiClient, namespace: str, pod: JSON, container: str, keep: int) -> Written | None:
    name = str(pod["metadata"]["name"])
    asked = {"container": container, "tailLines": str(TAIL)}
    try:
        content = await caller.log_tail(namespace, name, asked, keep)
    except (NotFoundError, InvalidError):  # gone, or not started, meanwhile
        return None
    except TransientError as error:  # of one pod on one node; the others are there
        content = f"(the log of pod {name} cannot be read now: {error.message})\n".encode()
    phase = text(mapping(pod.get("status")).get("phase"))
    order = f"{text(pod['metadata'].get('creationTimestamp'))} {name} {container}"
    return Written(attempt_of(pod), order, name, container, content, phase)


def attempt_of(pod: JSON) -> int:
    """By its label."""
    label = text(mapping(mapping(pod.get("metadata")).get("labels")).get(LABEL_ATTEMPT))
    return int(label) if label.isdecimal() else 0


def _entity(place: Place, run: JSON, written: Written) -> JSON:
    """The SDK's Log; it decodes the content as UTF-8 and fails for anything else."""
    content = written.content.decode("utf-8", "replace").encode()
    run_id = id_of(run)
    name = f"{written.pod}-{written.container}"
    return {
        "kind": "log",
        "id": hashlib.sha256(f"{place.namespace}/{name}".encode()).hexdigest()[:32],
        "name": name,
        "project": place.project,
        "metadata": {"project": place.project, "name": name},
        "spec": {"run": run_id},
        "status": {
            "state": "CREATED",
            "namespace": place.namespace,
            "pod": written.pod,
            "container": written.container,
            "attempt": written.attempt,
            "phase": written.state,
        },
        "content": base64.b64encode(content).decode(),
    }
