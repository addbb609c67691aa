"""Retries that an attempt still has: the `backoffLimit` of its Job. The pauses between retries are the Job controller's own."""

from __future__ import annotations

from run_operator.api.raw import mapping, mappings, number
from run_operator.api.run import Run


def retries_left(run: Run) -> int:
    """Retries of the policy, less those that earlier interrupted attempts used up."""
    return max(0, run.policy.backoff_limit - retries_used(run))


def retries_used(run: Run) -> int:
    """Retries used up so far, as recorded with the newest attempt."""
    attempts = mappings(run.status.get("attempts"))
    return number(mapping(attempts[-1]).get("retries")) if attempts else 0
