"""The operator's knowledge of the cluster when it decides about one Run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from run_operator.api.custom_object import CustomKind, CustomObject
from run_operator.api.references import Catalog, Referred
from run_operator.api.run import Run
from run_operator.api.want import Want
from run_operator.children import DeploymentView, JobView, PodView, ServiceView
from run_operator.children.event_facts import Question, Said
from run_operator.workloads.types import Workload


@dataclass(frozen=True, slots=True)
class Refusal:
    """The API server refused what the last decision asked for."""

    reason: str
    message: str
    final: bool
    """True: the object itself is refused, so that trying again cannot help."""


@dataclass(frozen=True, slots=True)
class Observed:
    """The children of one Run. `pods` are those of all attempts."""

    job: JobView | None = None
    pods: tuple[PodView, ...] = ()
    fresh: bool = False
    """True: read from the API server just now; False: from the watch streams, which may lag behind."""
    refusal: Refusal | None = None
    deployment: DeploymentView | None = None
    services: tuple[ServiceView, ...] = ()
    gone: tuple[PodView, ...] = ()
    """Deleted pods as they were last seen, with their exit codes."""
    catalog: Catalog = field(default_factory=Catalog)
    """Functions, Tasks, profiles and Runtimes; only read."""
    custom: CustomObject | None = None
    """The Run's object of another operator; None: it was not read."""
    said: tuple[Said, ...] = ()
    """Events about the object that the plan asked about; empty: there are none, or nothing was asked."""
    asked: tuple[Question, ...] = ()
    """Questions that were answered: what is not in `said` has no Event. A question is missing here if Events cannot be read."""
    steps: tuple[Run, ...] = ()
    """The Runs that a pipeline has made."""
    returned: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """By the name of such a Run: its whole status, where the plan asked for it."""
    uncommitted: bool = False
    """Whether the ingest has taken metrics of the Run that are not in its status yet."""

    @property
    def live_pods(self) -> tuple[PodView, ...]:
        """Pods that can still write: neither Succeeded nor Failed. Pods that are being deleted are among them."""
        return tuple(pod for pod in self.pods if pod.live)


@dataclass(frozen=True, slots=True)
class CreateWorkload:
    """Create the claims and ConfigMaps that the attempt needs, then the child. Existing objects of this Run are kept."""

    workload: Workload


@dataclass(frozen=True, slots=True)
class OnObject:
    """An action on the object that was seen: an object of the same name with another uid is left alone."""

    name: str
    uid: str


@dataclass(frozen=True, slots=True)
class SuspendChild(OnObject):
    """Suspend the child: it ends its pods and stays."""


@dataclass(frozen=True, slots=True)
class SetDeadline(OnObject):
    """Change the Job's deadline, because that of the running Run was changed."""

    seconds: int


@dataclass(frozen=True, slots=True)
class ScaleChild(OnObject):
    """Set the number of pods of the Deployment; 0 ends them and keeps the Deployment."""

    replicas: int


@dataclass(frozen=True, slots=True)
class RestartChild(OnObject):
    """Start the stopped Deployment for another attempt, with that attempt's pod template."""

    workload: Workload


@dataclass(frozen=True, slots=True)
class CreateService:
    """Create the Service. An existing Service of this Run is kept."""

    body: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class PatchService:
    """Change type and ports of the Service; its cluster IP stays."""

    uid: str
    body: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class DeleteChild(OnObject):
    """Delete a child that shall have no pods any more, or a Service that the document does not name any more."""

    kind: str = "Job"
    version: str = ""
    """The resourceVersion that it must still have, so that no Job is deleted whose end was not read; empty: any."""


@dataclass(frozen=True, slots=True)
class DeletePod(OnObject):
    """Delete one pod: its program has ended and another container keeps it, or no controller ends it."""


@dataclass(frozen=True, slots=True)
class DeleteReplicaSet(OnObject):
    """Delete a ReplicaSet that a Deployment left behind: only one that has the Run's uid and no controller."""


@dataclass(frozen=True, slots=True)
class MarkFinished:
    """Write the end into an annotation of the Run, which backups keep."""

    uid: str
    value: str


@dataclass(frozen=True, slots=True)
class DeleteRun:
    """Delete the Run: its time to live after the end is over."""

    uid: str


@dataclass(frozen=True, slots=True)
class CreateRun:
    """Create the Run of a pipeline's step. An existing one of ours is fine."""

    body: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class SuspendRun(OnObject):
    """Stop or resume the Run of a step."""

    suspend: bool


@dataclass(frozen=True, slots=True)
class DeleteCustom:
    """Delete the Run's object of another operator, in the foreground: after everything it owns."""

    what: CustomKind
    name: str
    uid: str


@dataclass(frozen=True, slots=True)
class PatchCustom:
    """Change a field of the Run's object of another operator."""

    what: CustomKind
    name: str
    uid: str
    body: Mapping[str, Any]
    subresource: str = ""
    version: str = ""
    """The resourceVersion that it must still have; empty: any."""


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
    | PatchCustom
    | DeleteReplicaSet
    | MarkFinished
    | DeleteRun
    | CreateRun
    | SuspendRun
)


@dataclass(frozen=True, slots=True)
class RunEvent:
    """An Event of the Run, as `kubectl describe run` shows it."""

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
    """When to look again even if nothing happens, in seconds since the epoch; None: never."""
    can_wait: bool = False
    """True: nobody has to act on the status; in a burst it may be written some seconds later."""
    reread: bool = False
    """True: the plan has nothing else; read the children from the API server and decide again."""
    look: CustomKind | None = None
    """The plan has nothing else: read the Run's object of this kind into `Observed.custom` and decide again."""
    load: Referred | None = None
    """The plan has nothing else: read the document of this object into `Observed.catalog` and decide again."""
    returned: tuple[str, ...] = ()
    """Nothing else is in this plan: decide again with what these Runs of a pipeline returned in `Observed.returned`."""
    ask: Question | None = None
    """A Job that makes no pod, or a pod that its node does not start: read its Events into `Observed.said` and decide again."""
    wants: tuple[Want, ...] = ()
    """The objects that this decision looked up: decide again when one of them appears, changes or is deleted."""
