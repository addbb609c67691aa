"""The owner of a token: the API server is asked once, and its answer is remembered for a short time.

A pod's token is bound to the pod and to one audience, its Run. So it is of no use for another Run, for
a later Run of the same name, and to the API server itself.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from run_operator.api.pod_contract import AUDIENCE
from run_operator.api.raw import mapping
from run_operator.api.run import Run
from run_operator.children import Controller, DeploymentView, JobView, PodView
from run_operator.children.cluster_view import ClusterView
from run_operator.children.ownership import proof
from run_operator.http.rate_limit import Buckets, Clock
from run_operator.http.server import DeniedError
from run_operator.ingest.limits import IngestLimits
from run_operator.ingest.signatures import Signatures, claims
from run_operator.kube.client import Api
from run_operator.kube.errors import (
    FencedError,
    ForbiddenError,
    KubeError,
    NotFoundError,
    ThrottledError,
    UnauthorizedError,
)
from run_operator.kube.resource import BY_KIND, PODS, REPLICA_SETS, TOKEN_REVIEWS
from run_operator.kube.single_flight import SingleFlight

MAX_TOKEN: Final = 16_384
PREFIX: Final = "system:serviceaccount:"
POD_NAME: Final = "authentication.kubernetes.io/pod-name"
POD_UID: Final = "authentication.kubernetes.io/pod-uid"
_PARTS: Final = 3
NOT_VALID: Final = "the token is not valid for this Run, or it has expired: read its file again"
"""The answer also for a Run that does not exist, so that a caller without its token cannot learn whether it exists."""


@dataclass(frozen=True, slots=True)
class Caller:
    """The pod that a token was made for."""

    namespace: str
    pod: str
    uid: str


class TokenReviewer:
    """`clock` is monotonic seconds, `wall` seconds since the epoch."""

    def __init__(
        self, api: Api, signatures: Signatures, limits: IngestLimits, clock: Clock, wall: Clock
    ) -> None:
        self._api = api
        self._signatures = signatures
        self._limits = limits
        self._clock = clock
        self._wall = wall
        self._known: OrderedDict[bytes, tuple[float, Caller | None]] = OrderedDict()
        self._asked: SingleFlight[Caller | None] = SingleFlight()
        self._buckets = Buckets(limits.review_rate, limits.review_rate, clock, limits.remembered)
        self._gate = asyncio.Semaphore(limits.reviews)

    async def caller(self, token: str, audience: str, source: str) -> Caller:
        """The pod that owns this token, if the token was made for this audience. Raises DeniedError: 401, 403 or 503.

        `source` is the address of the sender. Token reviews have a budget for each namespace. While the cluster's keys are
        not known, each address has a budget instead.
        """
        self._glance(token, audience)
        name = hashlib.sha256(f"{audience}\n{token}".encode()).digest()
        until, caller = self._known.get(name, (0.0, None))
        if self._clock() >= until:
            caller = await self._ask_once(name, token, audience, await self._payer(token, source))
        if caller is None:
            raise DeniedError(401, NOT_VALID)
        if not caller.uid:
            raise DeniedError(403, "the token does not belong to a pod")
        return caller

    def _glance(self, token: str, audience: str) -> None:
        """Raise DeniedError for a token that the API server would refuse anyway."""
        found = _claims(token)
        audiences, expires = found.get("aud"), found.get("exp")
        if audience not in (audiences if isinstance(audiences, list) else [audiences]):
            raise DeniedError(401, NOT_VALID)
        if not isinstance(expires, int | float) or expires <= self._wall():
            raise DeniedError(401, "the token has expired: read its file again")

    async def _payer(self, token: str, source: str) -> str:
        """The tenant whose budget pays for the review of this token. Raises DeniedError 401 if the cluster did not sign it."""
        forged = await self._signatures.is_forged(token)
        if forged:
            raise DeniedError(401, NOT_VALID)
        if forged is None:
            return f"address {source}"
        return f"namespace {mapping(_claims(token).get('kubernetes.io')).get('namespace')}"

    async def _ask_once(self, name: bytes, token: str, audience: str, payer: str) -> Caller | None:
        if name not in self._asked:
            wait = self._buckets.take(payer)
            if wait:
                raise DeniedError(503, "too many new tokens at the same time", retry_after=wait)
        try:
            return await self._asked.ask(name, lambda: self._ask(name, token, audience))
        except ThrottledError as error:
            raise DeniedError(503, "the API server is busy", retry_after=error.retry_after) from error
        except (KubeError, FencedError) as error:
            raise _unanswered("token", error) from error

    async def _ask(self, name: bytes, token: str, audience: str) -> Caller | None:
        body = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenReview",
            "spec": {"token": token, "audiences": [audience]},
        }
        async with self._gate:
            answer = await self._api.create(TOKEN_REVIEWS, "", body)
        caller = _caller(answer.get("status") or {}, audience)
        trusted = self._limits.trusted_for if caller else self._limits.distrusted_for
        self._known[name] = (self._clock() + trusted, caller)
        self._known.move_to_end(name)
        if len(self._known) > self._limits.remembered:
            self._known.popitem(last=False)
        return caller


def run_uid(token: str) -> str:
    """The uid of the Run that a token names, unchecked. Raises DeniedError 401."""
    audiences = _claims(token).get("aud")
    for name in audiences if isinstance(audiences, list) else [audiences]:
        if isinstance(name, str) and name.startswith(AUDIENCE):
            return name.removeprefix(AUDIENCE)
    raise DeniedError(401, "the token does not belong to a pod of a Run")


def _claims(token: str) -> Mapping[str, Any]:
    """The unchecked claims of a token, so that a token without the right claims causes no review."""
    parts = token.split(".")
    if len(token) > MAX_TOKEN or len(parts) != _PARTS:
        raise DeniedError(401, "this is not a token of a service account")
    return claims(parts[1])


def _caller(status: Mapping[str, Any], audience: str) -> Caller | None:
    """The caller, if it is authenticated for this audience: an API server that knows no audiences leaves them out."""
    user = status.get("user") or {}
    name = str(user.get("username", ""))
    if status.get("authenticated") is not True or audience not in (status.get("audiences") or ()):
        return None
    if not name.startswith(PREFIX):
        return None
    extra = user.get("extra") or {}
    return Caller(
        name.removeprefix(PREFIX).partition(":")[0], _first(extra, POD_NAME), _first(extra, POD_UID)
    )


def _first(extra: Mapping[str, Any], name: str) -> str:
    values = extra.get(name)
    return str(values[0]) if isinstance(values, list) and values else ""


@dataclass(frozen=True, slots=True)
class Member:
    """A pod of a Run. `attempt` 0: it is of another Run, of none, or was deleted before it was seen."""

    run_uid: str
    attempt: int
    gone_at: float | None = None
    """When it was found missing first, in monotonic seconds."""


class PodOwnership:
    """`clock` is monotonic seconds."""

    def __init__(self, api: Api, directory: ClusterView, limits: IngestLimits, clock: Clock) -> None:
        self._api = api
        self._directory = directory
        self._limits = limits
        self._clock = clock
        self._known: OrderedDict[str, Member] = OrderedDict()

    async def attempt(self, run: Run, caller: Caller) -> int:
        """The attempt of the Run that this pod belongs to. Raises DeniedError: 401, 403, 410 or 503."""
        if caller.namespace != run.namespace:
            raise DeniedError(401, NOT_VALID)
        member = await self._member(run, caller)
        if member.run_uid != run.uid or not member.attempt:
            raise DeniedError(403, f"pod {caller.pod} does not belong to Run {run.name}")
        return member.attempt

    def gone(self, uid: str) -> bool:
        """Whether a pod is gone that was seen earlier."""
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
            raise _unanswered("pod", error) from error
        if _foreign(member) or not self.gone(
            caller.uid
        ):  # else the streams lag: looked up again the next time
            self._remember(caller.uid, member)
        return member

    def _missed(self, known: Member | None, caller: Caller) -> Member:
        if known is None:
            self._remember(caller.uid, Member("", 0, self._clock()))
            raise DeniedError(
                410, f"pod {caller.pod} no longer exists: the operator accepts nothing more from it"
            )
        self._remember(caller.uid, replace(known, gone_at=self._clock()))
        return known

    def _late(self, known: Member, caller: Caller) -> Member:
        """Whether a batch of a deleted pod may still have been under way."""
        if known.attempt and self._clock() - (known.gone_at or 0.0) < self._limits.last_words:
            return known
        raise DeniedError(
            410, f"pod {caller.pod} no longer exists: the operator accepts nothing more from it"
        )

    async def _pod(self, caller: Caller) -> PodView | None:
        """The pod of this uid; None: it is gone."""
        held = self._directory.child(caller.uid)
        if isinstance(held, PodView):
            return held
        try:
            pod = PodView.from_object(await self._api.get(PODS, caller.namespace, caller.pod))
        except NotFoundError:
            return None
        return pod if pod.uid == caller.uid else None

    async def _owned(self, pod: PodView, run: Run) -> bool:
        known: dict[str, Controller] = {}
        while (found := proof(pod, run, known)).missing is not None:
            known[found.missing.uid] = await self._controller(pod.namespace, found.missing)
        return found.is_own

    async def _controller(self, namespace: str, of: Controller) -> Controller:
        """The controller of this object; None: the object is gone."""
        held = self._directory.child(of.uid)
        if isinstance(held, JobView | DeploymentView) and held.namespace == namespace:
            return held.controller
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
    """The error for a pod that is not of the Run it names."""
    return not member.attempt and member.gone_at is None


def _unanswered(what: str, error: KubeError | FencedError) -> DeniedError:
    """The error for a caller that could not be checked; the caller may try again."""
    match error:
        case UnauthorizedError():
            text = f"the API server does not accept the operator's own token, so the operator cannot check this {what}"
        case ForbiddenError():
            text = f"the operator lacks the right to ask the API server about the {what}: apply manifests/base again"
        case _:
            text = f"the API server cannot be asked about the {what}"
    return DeniedError(503, text, retry_after=2)
