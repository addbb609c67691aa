"""How many retries an attempt still has: what its Job gets as its own `backoffLimit`."""

from __future__ import annotations

from run_operator.api.raw import mapping, mappings, number
from run_operator.api.run import Run


def retries_left(run: Run) -> int:
    """Those of the policy, less what the interrupted attempts before the current one used up."""
    return max(0, run.policy.backoff_limit - retries_used(run))


def retries_used(run: Run) -> int:
    """What is recorded with the newest attempt."""
    attempts = mappings(run.status.get("attempts"))
    return number(mapping(attempts[-1]).get("retries")) if attempts else 0
