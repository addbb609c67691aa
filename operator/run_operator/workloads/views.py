"""Slim views of Jobs, Deployments, Services and pods: what the operator reads of them, and nothing else.

Made on every watch event and kept by the thousand, so they are small and quick, and never raise: whatever is
missing or of an odd type reads as its empty value.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from run_operator.resources.constants import (
    ANNOTATION_ATTEMPT,
    ANNOTATION_SPEC,
    LABEL_ATTEMPT,
    LABEL_RUN_UID,
)


class ConditionView(NamedTuple):
    """One entry of `status.conditions`."""

    type: str
    status: str
    reason: str
    message: str
    time: str


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
    """Of the run before this one, when the container was restarted."""
    last_reason: str = ""


class Controller(NamedTuple):
    """The owner that made an object, as its owner reference says: only who may write the object can forge it."""

    kind: str = ""
    name: str = ""
    uid: str = ""

    @classmethod
    def of(cls, metadata: Mapping[str, Any]) -> Controller:
        """Read from an object's metadata; empty when it has none."""
        for owner in _maps(metadata.get("ownerReferences")):
            if owner.get("controller") is True:
                return cls(_text(owner.get("kind")), _text(owner.get("name")), _text(owner.get("uid")))
        return cls()


class JobFacts(NamedTuple):
    """What decisions depend on; an event that changes none of these wakes nobody."""

    attempt: int
    suspend: bool
    deleting: bool
    active: bool
    failed: int
    terminating: int
    deadline: int
    """Its activeDeadlineSeconds; 0 for none."""
    conditions: tuple[ConditionView, ...]


@dataclass(frozen=True, slots=True)
class JobView:
    """A Job of a Run."""

    namespace: str
    name: str
    uid: str
    resource_version: str
    run_uid: str
    facts: JobFacts
    created: str
    completion_time: str
    controller: Controller

    @property
    def attempt(self) -> int:
        """The attempt it was made for."""
        return self.facts.attempt

    @property
    def suspend(self) -> bool:
        """Whether it is asked to have no pods."""
        return self.facts.suspend

    @property
    def deleting(self) -> bool:
        """Whether it is on its way out."""
        return self.facts.deleting

    def busy(self, lost: int = 0) -> bool:
        """Whether the Job counts pods that are active or still ending, other than `lost` ones that are given up."""
        return self.facts.active or self.facts.terminating > lost

    def condition(self, kind: str) -> ConditionView | None:
        """The condition of that type, if it is True."""
        return next((c for c in self.facts.conditions if c.type == kind and c.status == "True"), None)

    @classmethod
    def from_object(cls, raw: Mapping[str, Any]) -> JobView:
        """Read a `batch/v1` Job."""
        metadata, status = _map(raw.get("metadata")), _map(raw.get("status"))
        facts = JobFacts(
            attempt=_number(_map(metadata.get("annotations")).get(ANNOTATION_ATTEMPT)),
            suspend=_map(raw.get("spec")).get("suspend") is True,
            deleting=bool(metadata.get("deletionTimestamp")),
            active=_number(status.get("active")) > 0,
            failed=_number(status.get("failed")),
            terminating=_number(status.get("terminating")),
            deadline=_number(_map(raw.get("spec")).get("activeDeadlineSeconds")),
            conditions=tuple(map(_condition, _maps(status.get("conditions")))),
        )
        return cls(
            namespace=_text(metadata.get("namespace")),
            name=_text(metadata.get("name")),
            uid=_text(metadata.get("uid")),
            resource_version=_text(metadata.get("resourceVersion")),
            run_uid=_text(_map(metadata.get("labels")).get(LABEL_RUN_UID)),
            facts=facts,
            created=_text(metadata.get("creationTimestamp")),
            completion_time=_text(status.get("completionTime")),
            controller=Controller.of(metadata),
        )


class DeploymentFacts(NamedTuple):
    """What decisions depend on; an event that changes none of these wakes nobody."""

    attempt: int
    digest: str
    """Of the document its pods were made from."""
    replicas: int
    """How many pods it is asked for."""
    deleting: bool
    observed: bool
    """Whether its controller has seen the latest change of it."""
    pods: int
    """How many pods its controller counts that are not ending."""
    terminating: int
    """How many it counts that are, where the cluster tells."""
    conditions: tuple[ConditionView, ...]


@dataclass(frozen=True, slots=True)
class DeploymentView:
    """A Deployment of a Run."""

    namespace: str
    name: str
    uid: str
    resource_version: str
    run_uid: str
    facts: DeploymentFacts
    controller: Controller

    @property
    def attempt(self) -> int:
        """The attempt it was last started for."""
        return self.facts.attempt

    @property
    def replicas(self) -> int:
        """How many pods it is asked for; 0: stopped."""
        return self.facts.replicas

    @property
    def deleting(self) -> bool:
        """Whether it is on its way out."""
        return self.facts.deleting

    def busy(self, lost: int = 0) -> bool:
        """Whether it counts pods, or may be about to make some because it has not seen its latest change.

        `lost` pods that are ending are given up, and do not count.
        """
        return self.facts.pods > 0 or self.facts.terminating > lost or not self.facts.observed

    def condition(self, kind: str) -> ConditionView | None:
        """The condition of that type, whatever its status."""
        return next((c for c in self.facts.conditions if c.type == kind), None)

    @classmethod
    def from_object(cls, raw: Mapping[str, Any]) -> DeploymentView:
        """Read an `apps/v1` Deployment."""
        metadata, status = _map(raw.get("metadata")), _map(raw.get("status"))
        asked = _map(raw.get("spec")).get("replicas")
        facts = DeploymentFacts(
            attempt=_number(_map(metadata.get("annotations")).get(ANNOTATION_ATTEMPT)),
            digest=_text(_map(metadata.get("annotations")).get(ANNOTATION_SPEC)),
            replicas=1 if asked is None else _number(asked),
            deleting=bool(metadata.get("deletionTimestamp")),
            observed=_number(status.get("observedGeneration")) >= _number(metadata.get("generation")),
            pods=_number(status.get("replicas")),
            terminating=_number(status.get("terminatingReplicas")),
            # Progressing changes its times and words all the time, and the pods tell more.
            conditions=tuple(
                c for c in map(_condition, _maps(status.get("conditions"))) if c.type != "Progressing"
            ),
        )
        return cls(
            namespace=_text(metadata.get("namespace")),
            name=_text(metadata.get("name")),
            uid=_text(metadata.get("uid")),
            resource_version=_text(metadata.get("resourceVersion")),
            run_uid=_text(_map(metadata.get("labels")).get(LABEL_RUN_UID)),
            facts=facts,
            controller=Controller.of(metadata),
        )


class PortView(NamedTuple):
    """One port of a Service; `target` is the port of the pod, `node` that of every node or 0."""

    name: str
    port: int
    target: int
    node: int


class ServiceFacts(NamedTuple):
    """What decisions depend on."""

    type: str
    cluster_ip: str
    ports: tuple[PortView, ...]
    ip: str
    hostname: str
    deleting: bool


@dataclass(frozen=True, slots=True)
class ServiceView:
    """A Service of a Run: its address."""

    namespace: str
    name: str
    uid: str
    resource_version: str
    run_uid: str
    facts: ServiceFacts

    @classmethod
    def from_object(cls, raw: Mapping[str, Any]) -> ServiceView:
        """Read a `v1` Service; of several load balancer addresses the first counts."""
        metadata, spec = _map(raw.get("metadata")), _map(raw.get("spec"))
        given = _maps(_map(_map(raw.get("status")).get("loadBalancer")).get("ingress"))
        outside: Mapping[str, Any] = given[0] if given else {}
        facts = ServiceFacts(
            type=_text(spec.get("type")),
            cluster_ip=_text(spec.get("clusterIP")),
            ports=tuple(map(_port, _maps(spec.get("ports")))),
            ip=_text(outside.get("ip")),
            hostname=_text(outside.get("hostname")),
            deleting=bool(metadata.get("deletionTimestamp")),
        )
        return cls(
            namespace=_text(metadata.get("namespace")),
            name=_text(metadata.get("name")),
            uid=_text(metadata.get("uid")),
            resource_version=_text(metadata.get("resourceVersion")),
            run_uid=_text(_map(metadata.get("labels")).get(LABEL_RUN_UID)),
            facts=facts,
        )


class PodFacts(NamedTuple):
    """What decisions depend on; readiness probes and IP addresses are not among it."""

    phase: str
    reason: str
    message: str
    node: str
    due: str
    """When it is expected to be gone (its deletion and its grace period); empty while nobody deletes it."""
    conditions: tuple[ConditionView, ...]
    containers: tuple[ContainerView, ...]

    @property
    def deleting(self) -> bool:
        """Whether it was asked to end."""
        return bool(self.due)


@dataclass(frozen=True, slots=True)
class PodView:
    """A pod of a Run."""

    namespace: str
    name: str
    uid: str
    resource_version: str
    run_uid: str
    attempt: int
    created: str
    start_time: str
    facts: PodFacts
    controller: Controller

    @property
    def phase(self) -> str:
        """Pending, Running, Succeeded, Failed or Unknown."""
        return self.facts.phase

    @property
    def ready(self) -> bool:
        """Whether it is to get requests."""
        found = self.condition("Ready")
        return found is not None and found.status == "True" and not self.facts.deleting

    def condition(self, kind: str) -> ConditionView | None:
        """The condition of that type, whatever its status."""
        return next((c for c in self.facts.conditions if c.type == kind), None)

    @property
    def live(self) -> bool:
        """Whether a container of it may still write; a pod that is being deleted may."""
        return self.facts.phase not in ("Succeeded", "Failed")

    @classmethod
    def from_object(cls, raw: Mapping[str, Any]) -> PodView:
        """Read a `v1` Pod."""
        metadata, status = _map(raw.get("metadata")), _map(raw.get("status"))
        labels = _map(metadata.get("labels"))
        facts = PodFacts(
            phase=_text(status.get("phase")) or "Pending",
            reason=_text(status.get("reason")),
            message=_text(status.get("message")),
            node=_text(_map(raw.get("spec")).get("nodeName")),
            due=_text(metadata.get("deletionTimestamp")),
            conditions=tuple(map(_condition, _maps(status.get("conditions")))),
            containers=(
                *(_container(c, init=True) for c in _maps(status.get("initContainerStatuses"))),
                *(_container(c, init=False) for c in _maps(status.get("containerStatuses"))),
            ),
        )
        return cls(
            namespace=_text(metadata.get("namespace")),
            name=_text(metadata.get("name")),
            uid=_text(metadata.get("uid")),
            resource_version=_text(metadata.get("resourceVersion")),
            run_uid=_text(labels.get(LABEL_RUN_UID)),
            attempt=_number(labels.get(LABEL_ATTEMPT)),
            created=_text(metadata.get("creationTimestamp")),
            start_time=_text(status.get("startTime")),
            facts=facts,
            controller=Controller.of(metadata),
        )


def _condition(raw: Mapping[str, Any]) -> ConditionView:
    return ConditionView(
        _text(raw.get("type")),
        _text(raw.get("status")),
        _text(raw.get("reason")),
        _text(raw.get("message")),
        _text(raw.get("lastTransitionTime")),
    )


def _port(raw: Mapping[str, Any]) -> PortView:
    port = _number(raw.get("port"))
    return PortView(
        _text(raw.get("name")), port, _number(raw.get("targetPort")) or port, _number(raw.get("nodePort"))
    )


def _container(raw: Mapping[str, Any], *, init: bool) -> ContainerView:
    states = _map(raw.get("state"))
    kind = next(
        (name for name in ("running", "terminated", "waiting") if states.get(name) is not None), "unknown"
    )
    state = _map(states.get(kind))
    code, signal = state.get("exitCode"), state.get("signal")
    last = _map(_map(raw.get("lastState")).get("terminated"))
    last_code = last.get("exitCode")
    return ContainerView(
        name=_text(raw.get("name")),
        init=init,
        image=_text(raw.get("image")),
        ready=raw.get("ready") is True,
        restarts=_number(raw.get("restartCount")),
        state=kind,
        reason=_text(state.get("reason")),
        message=_text(state.get("message")),
        exit_code=code if isinstance(code, int) else None,
        signal=signal if isinstance(signal, int) else None,
        started_at=_text(state.get("startedAt")),
        finished_at=_text(state.get("finishedAt")),
        last_exit_code=last_code if isinstance(last_code, int) else None,
        last_reason=_text(last.get("reason")),
    )


def _map(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _maps(value: Any) -> list[Mapping[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _number(value: Any) -> int:
    """An int, or the text of one as labels and annotations hold it; 0 for anything else."""
    if isinstance(value, int):
        return value
    return int(value) if isinstance(value, str) and value.isdecimal() and len(value) < 10 else 0  # noqa: PLR2004
