"""Whether a pod is one of the Run's: by the chain of owners, not by labels, which anybody can write.

A Job's pod: pod, Job, Run. A service's pod: pod, ReplicaSet, Deployment, Run. The chain cannot change during a pod's
life, so it is followed once; that the pod still is there, and of which attempt it is, is looked at every time.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, replace

from run_operator.ingest.answers import DeniedError
from run_operator.ingest.directory import Directory
from run_operator.ingest.limits import Limits
from run_operator.ingest.throttle import Clock
from run_operator.ingest.tokens import Caller
from run_operator.kube.client import Api
from run_operator.kube.errors import KubeError, NotFoundError
from run_operator.kube.resource import BY_KIND, PODS, REPLICA_SETS
from run_operator.resources.run import Run
from run_operator.workloads.views import Controller, PodView


@dataclass(frozen=True, slots=True)
class Member:
    """A pod of a Run; `attempt` 0: of another Run, of none, or gone before anything was known of it."""

    run_uid: str
    attempt: int
    gone_at: float | None = None
    """When it was first missed, by the monotonic clock."""


class Members:
    """`clock` is monotonic seconds."""

    def __init__(self, api: Api, directory: Directory, limits: Limits, clock: Clock) -> None:
        self._api = api
        self._directory = directory
        self._limits = limits
        self._clock = clock
        self._known: OrderedDict[str, Member] = OrderedDict()

    async def attempt(self, run: Run, caller: Caller) -> int:
        """The attempt of the Run that this pod belongs to. Raises DeniedError: 403, 410 or 503."""
        if caller.namespace != run.namespace:
            raise DeniedError(403, f"the pod is in namespace {caller.namespace}, the Run is not")
        member = await self._member(run, caller)
        if member.run_uid != run.uid or not member.attempt:
            raise DeniedError(403, f"pod {caller.pod} does not belong to Run {run.name}")
        return member.attempt

    def gone(self, uid: str) -> bool:
        """Whether nothing is known any more of a pod that once was there."""
        return self._directory.child(uid) is None

    async def _member(self, run: Run, caller: Caller) -> Member:
        known = self._known.get(caller.uid)
        if known is not None and (_foreign(known) or not self.gone(caller.uid)):
            return known
        if known is not None and known.gone_at is not None:
            return self._late(known, caller)
        try:
            pod = await self._pod(caller)
            if pod is None:
                return self._missed(known, caller)
            member = Member(run.uid, pod.attempt) if await self._owned(pod, run) else Member("", 0)
        except KubeError as error:
            raise DeniedError(503, "the API server cannot be asked about the pod", retry_after=2) from error
        if _foreign(member) or not self.gone(
            caller.uid
        ):  # else the streams lag: looked up again the next time
            self._remember(caller.uid, member)
        return member

    def _missed(self, known: Member | None, caller: Caller) -> Member:
        if known is None:
            self._remember(caller.uid, Member("", 0, self._clock()))
            raise DeniedError(410, f"pod {caller.pod} is gone: nothing more is taken from it")
        self._remember(caller.uid, replace(known, gone_at=self._clock()))
        return known

    def _late(self, known: Member, caller: Caller) -> Member:
        """The last batch may have been under way when the pod went."""
        if known.attempt and self._clock() - (known.gone_at or 0.0) < self._limits.last_words:
            return known
        raise DeniedError(410, f"pod {caller.pod} is gone: nothing more is taken from it")

    async def _pod(self, caller: Caller) -> PodView | None:
        """The very pod, by uid; None when it is gone."""
        held = self._directory.child(caller.uid)
        if isinstance(held, PodView):
            return held
        try:
            pod = PodView.from_object(await self._api.get(PODS, caller.namespace, caller.pod))
        except NotFoundError:
            return None
        return pod if pod.uid == caller.uid else None

    async def _owned(self, pod: PodView, run: Run) -> bool:
        owner = pod.controller
        if owner.kind == REPLICA_SETS.kind:
            owner = await self._controller(pod.namespace, owner)
        if owner.kind not in ("Job", "Deployment"):
            return False
        return (await self._controller(pod.namespace, owner)).uid == run.uid

    async def _controller(self, namespace: str, of: Controller) -> Controller:
        """Who made this object; nobody when it is not there any more."""
        held = self._directory.child(of.uid)
        if held is not None and not isinstance(held, PodView):
            found = getattr(held, "controller", None)
            if isinstance(found, Controller):
                return found
        resource = REPLICA_SETS if of.kind == REPLICA_SETS.kind else BY_KIND[of.kind]
        try:
            raw = await self._api.get(resource, namespace, of.name)
        except NotFoundError:
            return Controller()
        metadata = raw.get("metadata") or {}
        return Controller.of(metadata) if metadata.get("uid") == of.uid else Controller()

    def _remember(self, uid: str, member: Member) -> None:
        self._known[uid] = member
        self._known.move_to_end(uid)
        if len(self._known) > self._limits.remembered:
            self._known.popitem(last=False)


def _foreign(member: Member) -> bool:
    """Not of the Run it spoke for, and never will be."""
    return not member.attempt and member.gone_at is None
