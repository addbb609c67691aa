"""What the operator knows of the cluster when it decides about one Run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from run_operator.api.custom_object import CustomKind, CustomObject
from run_operator.api.references import Catalog, Referred
from run_operator.api.want import Want
from run_operator.children import DeploymentView, JobView, PodView, ServiceView
from run_operator.children.kubelet_events import Question, Said
from run_operator.workloads.types import Workload


@dataclass(frozen=True, slots=True)
class Refusal:
    """The API server refused what the last decision asked for."""

    reason: str
    message: str
    final: bool
    """True: asking again can never help (the object itself is refused)."""


@dataclass(frozen=True, slots=True)
class Observed:
    """Children of one Run. `pods` are all pods carrying the Run's uid, whatever attempt they belong to."""

    job: JobView | None = None
    pods: tuple[PodView, ...] = ()
    fresh: bool = False
    """True: read from the API server just now; False: from the watch streams, which may lag behind."""
    refusal: Refusal | None = None
    deployment: DeploymentView | None = None
    services: tuple[ServiceView, ...] = ()
    gone: tuple[PodView, ...] = ()
    """Pods that are deleted, as they were last seen with an exit code: the evidence of how they ended."""
    catalog: Catalog = field(default_factory=Catalog)
    """Where what the Run refers to is looked up; only read."""
    custom: CustomObject | None = None
    """The Run's object of another operator; None: not asked for."""
    said: tuple[Said, ...] = ()
    """What Events say of what the plan asked about; none: not asked for, or there is nothing."""
    uncommitted: bool = False
    """Whether metrics of the Run were taken that are not in its status yet."""

    @property
    def live_pods(self) -> tuple[PodView, ...]:
        """Pods that can still write: neither Succeeded nor Failed. A pod that is being deleted counts."""
        return tuple(pod for pod in self.pods if pod.live)


@dataclass(frozen=True, slots=True)
class CreateWorkload:
    """Create what the attempt needs (claims, config maps), then the child. Existing ones of ours are fine."""

    workload: Workload


@dataclass(frozen=True, slots=True)
class OnObject:
    """An action on an object as it was seen: another one of its name, with another uid, is left alone."""

    name: str
    uid: str


@dataclass(frozen=True, slots=True)
class SuspendChild(OnObject):
    """Tell the child to end its pods and keep itself."""


@dataclass(frozen=True, slots=True)
class SetDeadline(OnObject):
    """Give the Job another deadline: that of the Run was changed while it runs."""

    seconds: int


@dataclass(frozen=True, slots=True)
class ScaleChild(OnObject):
    """Tell the Deployment how many pods it shall have; 0 ends them and keeps the Deployment."""

    replicas: int


@dataclass(frozen=True, slots=True)
class RestartChild(OnObject):
    """Start the stopped Deployment for another attempt, with that attempt's pod template."""

    workload: Workload


@dataclass(frozen=True, slots=True)
class CreateService:
    """Create the address. An existing one of ours is fine."""

    body: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class PatchService:
    """Give the address the type and ports that are wanted now; the cluster IP stays."""

    uid: str
    body: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class DeleteChild(OnObject):
    """Remove a child that is not to have pods any more, or an address no longer named."""

    kind: str = "Job"
    version: str = ""
    """The resourceVersion it must still have; empty: any. A Job that has just ended is not to be removed unread."""


@dataclass(frozen=True, slots=True)
class DeletePod(OnObject):
    """End one pod of the Run: its program has ended and another container keeps it, or nobody else will end it."""


@dataclass(frozen=True, slots=True)
class DeleteReplicaSet(OnObject):
    """End a ReplicaSet that its Deployment left behind; only one without a controller that carries the Run's uid."""


@dataclass(frozen=True, slots=True)
class MarkFinished:
    """Keep the end where backups keep it: in an annotation of the Run."""

    uid: str
    value: str


@dataclass(frozen=True, slots=True)
class DeleteRun:
    """Remove the Run itself: its time to live after the end is over."""

    uid: str


@dataclass(frozen=True, slots=True)
class DeleteCustom:
    """Remove the Run's object of another operator; it is gone when what it owns is gone."""

    what: CustomKind
    name: str
    uid: str


Action = (
    CreateWorkload
    | SuspendChild
    | SetDeadline
    | ScaleChild
    | RestartChild
    | CreateService
    | PatchService
    | DeleteChild
    | DeletePod
    | DeleteCustom
    | DeleteReplicaSet
    | MarkFinished
    | DeleteRun
)


@dataclass(frozen=True, slots=True)
class RunEvent:
    """A line of the story that `kubectl describe run` tells."""

    type: str
    """`Normal` or `Warning`."""
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Plan:
    """The next step for one Run. Order of execution: status, then events, then actions."""

    status: Mapping[str, Any] | None = None
    """The whole status as it should be; None: as it is."""
    actions: tuple[Action, ...] = ()
    events: tuple[RunEvent, ...] = ()
    wake_at: float | None = None
    """Seconds since the epoch at which to look again even if nothing happens."""
    can_wait: bool = False
    """True: the status says nothing that anybody has to act on; in a burst it may come some seconds later."""
    reread: bool = False
    """True: nothing else is in this plan; decide again with children read from the API server."""
    look: CustomKind | None = None
    """Nothing else is in this plan: decide again with the Run's object of this kind in `Observed.custom`."""
    load: Referred | None = None
    """Nothing else is in this plan: decide again with the document of this object in `Observed.catalog`."""
    ask: Question | None = None
    """A Job that makes no pod, or a pod that is not made on its node: only Events say why. Decide again with `Observed.said`."""
    wants: tuple[Want, ...] = ()
    """What this decision was looking for: look again when one of them appears, changes or goes."""
