"""Ownership: an object is a Run's if it is in its namespace and its chain of controller references leads to the Run.

Labels select candidates and prove nothing, since everybody may write them. A controller reference counts only within one
namespace, and to forge it one has to be allowed to write the object. Pure; the lifecycle, the logs and the ingest share it.

    Job, Deployment, Service, claim  ->  Run
    pod of a job                     ->  Job, which is in the Run's name     ->  Run
    pod of a service                 ->  ReplicaSet  ->  Deployment          ->  Run
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple, TypeVar

from run_operator.api.constants import RUN_KIND
from run_operator.api.run import Run
from run_operator.children.common import ChildView, Controller
from run_operator.children.deployment import DeploymentView
from run_operator.children.job import JobView
from run_operator.children.pod import PodView

T = TypeVar("T", bound=ChildView)
CONTROLLERS: Final[Mapping[str, tuple[str, ...]]] = {
    "Pod": ("Job", "ReplicaSet"),
    "ReplicaSet": ("Deployment",),
    "Job": (RUN_KIND,),
    "Deployment": (RUN_KIND,),
}
"""Kinds that may control a pod. All other children are controlled by the Run."""


class Proof(NamedTuple):
    """The result of following the chain of owners."""

    is_own: bool
    missing: Controller | None = None
    """The owner whose own controller has to be looked up before there is an answer."""


FOREIGN: Final = Proof(is_own=False)


def proof(child: ChildView, run: Run, known: Mapping[str, Controller]) -> Proof:
    """Follow the owners of `child` through `known` (uid of an object to its controller)."""
    if child.namespace != run.namespace or (isinstance(child, PodView) and child.run_uid != run.uid):
        return FOREIGN  # a pod needs the label too: admission lets only the controllers of Jobs and Deployments set it
    allowed = CONTROLLERS["Pod"] if isinstance(child, PodView) else (RUN_KIND,)
    at = child.controller
    while at.kind in allowed:
        if at.kind == RUN_KIND:
            return Proof(is_own=at.uid == run.uid)
        if at.uid not in known:
            return Proof(is_own=False, missing=at)
        allowed, at = CONTROLLERS[at.kind], known[at.uid]
    return FOREIGN


def owned(children: Iterable[T], run: Run, child_name: str) -> list[T]:
    """The Run's own children. `child_name`: the name of its Job or Deployment, which follows from the Run's name."""
    held = {one.uid: one for one in children}
    return [one for one in held.values() if is_owned(one, run, child_name, held)]


def is_owned(child: ChildView, run: Run, child_name: str, held: Mapping[str, ChildView]) -> bool:
    """Whether the child is the Run's. `held`: other children by uid.

    ReplicaSets are not watched, and a Job may be gone before its pods are. Such a pod is taken by the name of its owner:
    a stop has to wait for it. So a person who may create pods in the Run's namespace can delay its stop; nobody else can.
    """
    known: dict[str, Controller] = {}
    while True:
        found = proof(child, run, known)
        owner = held.get(found.missing.uid) if found.missing else None
        if not isinstance(owner, JobView | DeploymentView):
            return _is_own(found, child_name)
        known[owner.uid] = owner.controller


def is_orphan(child: ChildView, run: Run) -> bool:
    """Whether this is a pod in the Run's namespace that claims the Run and has no controller.

    A Job that is deleted with `--cascade=orphan` leaves such pods, which may still write. So a stop waits for them and
    ends them. They prove nothing: they are neither evidence of an end nor an address nor a sender of metrics.
    """
    return (
        isinstance(child, PodView)
        and child.group == (run.namespace, run.uid)
        and child.controller == Controller()
    )


def _is_own(found: Proof, child_name: str) -> bool:
    owner = found.missing
    if owner is None:
        return found.is_own
    return owner.name == child_name if owner.kind == "Job" else owner.name.startswith(f"{child_name}-")
