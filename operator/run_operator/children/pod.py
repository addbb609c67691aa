"""A pod of a Run, and its containers."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from typing import Any, Final, NamedTuple

from run_operator.api.constants import LABEL_ATTEMPT
from run_operator.api.pod_contract import BUILD_CONTAINER
from run_operator.api.raw import mapping, mappings, parse, text
from run_operator.children.common import ChildView, ConditionView, Controller, condition, identity, number

LABEL_JOB_UID: Final = "batch.kubernetes.io/controller-uid"
"""On a Job's pods, by the Job's controller."""
PROGRAM: Final = "main"
"""Name of the Run's own container."""
MAX_LAST_MESSAGE: Final = 600
"""Characters of the last message of a restarted container: enough for a reason and its message."""
NOT_SEEN: Final = "ContainerStatusUnknown"
"""The kubelet's reason for a container that it did not see end, or never started; the 137 beside it is not an exit code of a program."""
NOT_KNOWN: Final = ("Unknown", 255)
"""Reason and exit code of container runtimes for a container that they lost, as when the node was switched off."""


class ContainerView(NamedTuple):
    """One container of a pod; `state` is waiting, running, terminated or unknown."""

    name: str
    init: bool
    image: str
    ready: bool
    restarts: int
    state: str
    reason: str
    message: str
    exit_code: int | None
    signal: int | None
    started_at: str
    finished_at: str
    last_exit_code: int | None = None
    """The previous exit code of a restarted container."""
    last_reason: str = ""
    last_message: str = ""
    sidecar: bool = False
    """Started beside the program and ended after it: an init container with `restartPolicy: Always`."""

    @property
    def lost(self) -> bool:
        """Whether it ended and nobody saw how: its node or its runtime restarted."""
        unseen = self.reason == NOT_SEEN or (self.reason, self.exit_code) == NOT_KNOWN
        return self.state == "terminated" and unseen

    @property
    def began(self) -> bool:
        """Whether it runs or ran; a container that the kubelet never saw did not."""
        return self.state == "running" or (self.state == "terminated" and self.reason != NOT_SEEN)


class PodFacts(NamedTuple):
    """Fields that decisions depend on; an event that changes none of them is ignored."""

    phase: str
    reason: str
    message: str
    node: str
    due: str
    """When it should be gone (time of its deletion plus grace period); empty: it is not being deleted."""
    conditions: tuple[ConditionView, ...]
    containers: tuple[ContainerView, ...]
    grace: int = 0
    """Seconds of its grace period, once it is being deleted."""

    @property
    def asked(self) -> float | None:
        """When it was asked to end, in seconds since the epoch; None: it is not being deleted."""
        due = parse(self.due)
        return None if due is None else due - self.grace

    @property
    def deleting(self) -> bool:
        """Whether it is being deleted."""
        return bool(self.due)


@dataclass(frozen=True, slots=True)
class PodView(ChildView):
    """A pod of a Run."""

    attempt: int
    created: str
    start_time: str
    facts: PodFacts
    gone: bool = False
    """Whether the object is deleted, and this is its last state."""

    @property
    def phase(self) -> str:
        """Pending, Running, Succeeded, Failed or Unknown."""
        return self.facts.phase

    @property
    def ready(self) -> bool:
        """Whether it gets requests of its Service."""
        found = self.condition("Ready")
        return found is not None and found.status == "True" and not self.facts.deleting

    def condition(self, kind: str) -> ConditionView | None:
        """The condition of that type, whatever its status."""
        return next((c for c in self.facts.conditions if c.type == kind), None)

    @property
    def unheard(self) -> bool:
        """Whether its node does not answer: the cluster calls the pod unready, while its kubelet last called it ready."""
        found, program = self.condition("Ready"), self.program
        return bool(
            found and found.status == "False" and program and program.ready and program.state == "running"
        )

    @property
    def program(self) -> ContainerView | None:
        """The Run's own container; None: the kubelet has not reported it."""
        return next((c for c in self.facts.containers if c.name == PROGRAM and not c.init), None)

    @property
    def lost(self) -> bool:
        """Whether nobody saw how the program ended, or an init container without which it never began."""
        program = self.program
        if program is not None and program.state == "terminated":
            return program.lost
        return any(c.lost for c in self.facts.containers if c.init and not c.sidecar)

    @property
    def at_work(self) -> ContainerView | None:
        """The container that does the Run's work now: its program, or before that the one that makes an image."""
        if self.program is not None and self.program.state == "running":
            return self.program
        containers = self.facts.containers
        return next(
            (c for c in containers if c.init and c.name == BUILD_CONTAINER and c.state == "running"), None
        )

    @property
    def over(self) -> bool:
        """Whether all of its containers have ended, as its kubelet says, or the cluster in its place."""
        return self.facts.phase in ("Succeeded", "Failed")

    @property
    def live(self) -> bool:
        """Whether one of its containers may still write; a pod that is being deleted may, if it has a node."""
        return not self.over and not self.gone and not self._never_begins

    @property
    def _never_begins(self) -> bool:
        """Whether it is being deleted without a node: the API server refuses to give it one."""
        return self.facts.phase == "Pending" and self.facts.deleting and not self.facts.node

    @classmethod
    def from_object(cls, raw: Mapping[str, Any]) -> PodView:
        """Read a `v1` Pod."""
        metadata, status = mapping(raw.get("metadata")), mapping(raw.get("status"))
        labels = mapping(metadata.get("labels"))
        sidecars = {
            text(c.get("name"))
            for c in mappings(mapping(raw.get("spec")).get("initContainers"))
            if c.get("restartPolicy") == "Always"
        }
        facts = PodFacts(
            phase=text(status.get("phase")) or "Pending",
            reason=text(status.get("reason")),
            message=text(status.get("message")),
            node=text(mapping(raw.get("spec")).get("nodeName")),
            due=text(metadata.get("deletionTimestamp")),
            conditions=tuple(map(condition, mappings(status.get("conditions")))),
            containers=(
                *(_container(c, sidecars, init=True) for c in mappings(status.get("initContainerStatuses"))),
                *(_container(c, sidecars, init=False) for c in mappings(status.get("containerStatuses"))),
            ),
            grace=number(metadata.get("deletionGracePeriodSeconds")),
        )
        made = cls(
            *identity(metadata),
            attempt=number(labels.get(LABEL_ATTEMPT)),
            created=text(metadata.get("creationTimestamp")),
            start_time=text(status.get("startTime")),
            facts=facts,
        )
        return made if _is_kept(made.controller, labels) else replace(made, controller=Controller())


def _is_kept(controller: Controller, labels: Mapping[str, Any]) -> bool:
    """Whether the Job's controller counts this pod: it removes its owner reference from a pod without its label."""
    return controller.kind != "Job" or labels.get(LABEL_JOB_UID) == controller.uid


def _container(raw: Mapping[str, Any], sidecars: AbstractSet[str], *, init: bool) -> ContainerView:
    states = mapping(raw.get("state"))
    kind = next(
        (name for name in ("running", "terminated", "waiting") if states.get(name) is not None), "unknown"
    )
    state = mapping(states.get(kind))
    code, signal = state.get("exitCode"), state.get("signal")
    last = mapping(mapping(raw.get("lastState")).get("terminated"))
    last_code = last.get("exitCode")
    return ContainerView(
        name=text(raw.get("name")),
        init=init,
        image=text(raw.get("image")),
        ready=raw.get("ready") is True,
        restarts=number(raw.get("restartCount")),
        state=kind,
        reason=text(state.get("reason")),
        message=text(state.get("message")),
        exit_code=code if isinstance(code, int) else None,
        signal=signal if isinstance(signal, int) else None,
        started_at=text(state.get("startedAt")),
        finished_at=text(state.get("finishedAt")),
        last_exit_code=last_code if isinstance(last_code, int) else None,
        last_reason=text(last.get("reason")),
        last_message=text(last.get("message"))[:MAX_LAST_MESSAGE],
        sidecar=init and text(raw.get("name")) in sidecars,
    )
