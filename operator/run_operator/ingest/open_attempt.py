"""Checks for metrics and results of a pod: the sender, and whether the Run still takes anything of that attempt."""

from __future__ import annotations

from typing import Final

from run_operator.api.conditions import FINAL, state_of
from run_operator.api.pod_contract import audience
from run_operator.api.run import Key, Run
from run_operator.children.cluster_view import ClusterView
from run_operator.http.server import DeniedError
from run_operator.ingest.auth import NOT_VALID, Caller, TokenReviewer, run_uid

READY_RETRY: Final = 2.0
"""Seconds."""


def check_sender(is_ready: bool, token: str) -> None:
    """Raise DeniedError 503 before the store is complete, 401 for a request without a token."""
    if not is_ready:
        raise DeniedError(503, "the operator is starting", retry_after=READY_RETRY)
    if not token:
        raise DeniedError(
            401,
            "the request needs a bearer token: in a pod of a Run, the content of the file RUN_METRICS_TOKEN_FILE",
        )


async def sender(
    cluster: ClusterView, tokens: TokenReviewer, key: Key, token: str, source: str
) -> tuple[Run, Caller]:
    """The Run of this name, and the pod that has a token for it. Raises DeniedError: 401, 403 or 503.

    A missing Run, and one that the token is not for, have the same answer.
    """
    uid = run_uid(token)
    caller = await tokens.caller(token, audience(uid), source)
    run = cluster.run_of(uid)
    if run is None or run.key != key:
        raise DeniedError(401, NOT_VALID)
    return run, caller


def check_open(before: Run, now: Run, attempt: int, what: str) -> None:
    """Raise DeniedError unless the Run is still the same one and this attempt is under way. `what` names the content, for messages."""
    if now.uid != before.uid:
        raise DeniedError(404, f"Run {now.name} was deleted, and another Run has its name")
    if not now.is_ours:
        raise DeniedError(410, managed_elsewhere(now, what))
    if now.deleting or state_of(now.status.get("state")) in FINAL:
        raise DeniedError(410, f"the Run has ended: it accepts no more {what}")
    current = int(now.status.get("attempt") or 1)  # a first Job, and its pod, come before the status
    if attempt < current:
        raise DeniedError(410, f"attempt {attempt} has ended; the current attempt is {current}")
    if attempt > current:
        raise DeniedError(503, "the operator has not seen this attempt yet", retry_after=1)


def managed_elsewhere(run: Run, what: str) -> str:
    """The answer to metrics or results of a Run whose status another controller writes."""
    return (
        f"Run {run.name} is carried out by {run.managed_by} (spec.managedBy), which writes its status: this operator takes no {what} of it; "
        "send them to the cluster in which it runs"
    )
