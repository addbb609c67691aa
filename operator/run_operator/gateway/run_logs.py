"""Logs of a run, as the SDK reads them: of existing pods, and kept logs of deleted pods."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from typing import Any, Final, NamedTuple, Protocol

from run_operator.api.constants import LABEL_ATTEMPT, LABEL_RUN
from run_operator.api.exported import id_of
from run_operator.api.raw import JSON, mapping, text
from run_operator.api.runlog import RunLog, from_object, packed
from run_operator.gateway.api_client import ApiClient
from run_operator.gateway.entities import Place
from run_operator.gateway.errors import of_kube
from run_operator.gateway.limits import GatewayLimits
from run_operator.kube.errors import ForbiddenError, InvalidError, KubeError, NotFoundError, TransientError
from run_operator.kube.media_types import METADATA_LIST
from run_operator.kube.resource import PODS, RUN_LOGS

TAIL: Final = 100_000
"""Lines that are requested of one container."""

CUT: Final = b"(only the end of this log is shown)\n"
NOTHING: Final = base64.b64encode(packed(b"")).decode()


class LogLimits(Protocol):
    """The bounds that logs need, of `GatewayLimits` or `WebLimits`."""

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
    is_cut: bool = False
    """Whether the beginning is missing."""


class Selection(NamedTuple):
    """The requested logs: of all attempts or of one, of all containers or of one."""

    attempt: int | None = None
    container: str = ""
    ended: bool = False
    """Only logs of containers that have ended."""
    lines: int = TAIL
    """The last lines of each container."""

    def labels(self, name: str) -> str:
        """The selector of the pods and the kept logs of a Run."""
        return f"{LABEL_RUN}={name}" + (
            f",{LABEL_ATTEMPT}={self.attempt}" if self.attempt is not None else ""
        )

    def takes(self, pod: JSON, container: str) -> bool:
        """Whether the log of an existing container is among them."""
        return self.container in ("", container) and not (self.ended and is_running(pod, container))


EVERYTHING: Final = Selection()


async def logs(caller: ApiClient, place: Place, raw: JSON, limits: GatewayLimits) -> list[JSON]:
    """All logs, the oldest attempt first. Raises Problem."""
    name = str(raw["metadata"]["name"])
    source = LogSource(caller, place.namespace, name, place.of(name), limits)
    return [_entity(place, raw, one) for one in await source.written(await source.pods())]


class LogSource:
    """The logs of one Run. `what` names it in messages."""

    def __init__(
        self,
        caller: ApiClient,
        namespace: str,
        name: str,
        what: str,
        limits: LogLimits,
        wanted: Selection = EVERYTHING,
    ) -> None:
        self._caller = caller
        self._namespace = namespace
        self._name = name
        self._what = what
        self._limits = limits
        self._wanted = wanted

    async def pods(self) -> list[JSON]:
        """The existing pods. Raises Problem."""
        labels = self._wanted.labels(self._name)
        try:
            return [_slim(pod) async for pod in self._caller.all(PODS, self._namespace, labels=labels)]
        except KubeError as error:
            raise of_kube(error, f"the logs of {self._what} cannot be read") from error

    async def written(self, pods: list[JSON]) -> list[Written]:
        """The output of each container, the oldest attempt first, with kept logs of deleted pods. Raises Problem."""
        room = self._limits.all_logs
        found: list[Written] = []
        for pod, container in reversed(list(started(pods))):  # the newest have the room
            if room > 0 and self._wanted.takes(pod, container):
                one = await self._read(pod, container, min(room, self._limits.logs))
                found += [one] if one is not None else []
                room -= len(one.content) if one is not None else 0
        there = {(one.pod, one.container) for one in found}
        found += [one async for one in self._archived(room) if (one.pod, one.container) not in there]
        return sorted(found, key=lambda one: (one.attempt, one.order))

    async def _archived(self, room: int) -> AsyncIterator[Written]:
        """Kept logs of deleted pods, their last `room` bytes; empty where the cluster keeps none."""
        labels = self._wanted.labels(self._name)
        try:
            there = self._caller.all(RUN_LOGS, self._namespace, labels=labels, accept=METADATA_LIST)
            found = [(attempt_of(raw), text(raw["metadata"].get("name"))) async for raw in there]
        except (NotFoundError, ForbiddenError):  # no such kind here, or not for this caller
            return
        except KubeError as error:
            raise of_kube(error, f"the logs of {self._what} cannot be read") from error
        for _, name in sorted(found, reverse=True):
            if room <= 0:
                return
            if (kept := await self._kept(name)) is None:
                continue
            if self._wanted.container not in ("", kept.container):
                continue
            content = _last_lines(kept.data[-room:], self._wanted.lines)
            room -= len(content)
            order = f"{kept.start_time} {kept.pod} {kept.container}"
            is_cut = kept.truncated or len(content) < len(kept.data)
            yield Written(kept.attempt, order, kept.pod, kept.container, content, "gone", is_cut)

    async def _kept(self, name: str) -> RunLog | None:
        """One at a time: each may have a megabyte."""
        try:
            return _kept(await self._caller.get(RUN_LOGS, self._namespace, name))
        except NotFoundError:  # it was given up meanwhile
            return None
        except KubeError as error:
            raise of_kube(error, f"the logs of {self._what} cannot be read") from error

    async def _read(self, pod: JSON, container: str, keep: int) -> Written | None:
        name = str(pod["metadata"]["name"])
        asked = {"container": container, "tailLines": str(self._wanted.lines)}
        try:
            content = await self._caller.log_tail(self._namespace, name, asked, keep)
        except (NotFoundError, InvalidError):  # gone, or not started, meanwhile
            return None
        except TransientError as error:  # of one pod on one node; the others are there
            content = f"(the log of pod {name} cannot be read now: {error.message})\n".encode()
        except KubeError as error:
            raise of_kube(error, f"the logs of {self._what} cannot be read") from error
        is_cut = len(content) >= keep or content.count(b"\n") >= self._wanted.lines
        phase = text(mapping(pod.get("status")).get("phase"))
        order = f"{text(pod['metadata'].get('creationTimestamp'))} {name} {container}"
        return Written(attempt_of(pod), order, name, container, content, phase, is_cut)


def _slim(pod: JSON) -> JSON:
    """The part of a pod that is read here. Anybody may make many large pods with a Run's label."""
    metadata, status = mapping(pod.get("metadata")), mapping(pod.get("status"))
    shown: dict[str, Any] = {"phase": status.get("phase")}
    for key in ("initContainerStatuses", "containerStatuses"):
        shown[key] = [
            {"name": one.get("name"), "state": {state: {} for state in mapping(one.get("state"))}}
            for one in map(mapping, status.get(key) or ())
        ]
    named = {key: metadata.get(key) for key in ("name", "creationTimestamp")}
    labels = {LABEL_ATTEMPT: mapping(metadata.get("labels")).get(LABEL_ATTEMPT)}
    return {"metadata": named | {"labels": labels}, "status": shown}


def _last_lines(content: bytes, most: int) -> bytes:
    """Lines end at a line feed and at nothing else: progress bars write carriage returns."""
    at = len(content) - content.endswith(b"\n")
    for _ in range(most):
        at = content.rfind(b"\n", 0, at)
        if at < 0:
            return content
    return content[at + 1 :]


def _kept(raw: JSON) -> RunLog:
    """A kept log. A damaged object, which anybody may have written, gives a sentence in its place."""
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


def is_running(pod: JSON, container: str) -> bool:
    """Whether the container may still write."""
    status = mapping(pod.get("status"))
    return any(
        mapping(one).get("name") == container and "running" in mapping(mapping(one).get("state"))
        for key in ("initContainerStatuses", "containerStatuses")
        for one in status.get(key) or ()
    )


def attempt_of(pod: JSON) -> int:
    """The attempt in its label."""
    label = text(mapping(mapping(pod.get("metadata")).get("labels")).get(LABEL_ATTEMPT))
    return int(label) if label.isdecimal() else 0


def _entity(place: Place, run: JSON, written: Written) -> JSON:
    """The SDK's Log; it decodes the content as UTF-8 and fails for anything else, and has no other place for a note."""
    content = (CUT if written.is_cut else b"") + written.content.decode("utf-8", "replace").encode()
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
