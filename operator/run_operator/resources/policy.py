"""`spec.runPolicy`: how a Run is retried, bounded in time and cleaned up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

DEFAULT_BACKOFF_LIMIT: Final = 0
DEFAULT_ACTIVE_DEADLINE: Final = 259_200
"""Seconds: three days, the platform's own deadline of a job."""
DEFAULT_GRACE_PERIOD: Final = 30
"""Seconds between SIGTERM and SIGKILL, Kubernetes' own default."""


@dataclass(frozen=True, slots=True)
class RunPolicy:
    """Field names and meanings are those of `batch/v1` Job where one exists. All times in seconds."""

    backoff_limit: int = DEFAULT_BACKOFF_LIMIT
    active_deadline: int = DEFAULT_ACTIVE_DEADLINE
    ttl_after_finished: int | None = None
    termination_grace_period: int = DEFAULT_GRACE_PERIOD

    @classmethod
    def from_object(cls, raw: Mapping[str, Any]) -> RunPolicy:
        """Read `.spec.runPolicy`; what is missing gets the default, which the CRD states as well."""
        ttl = raw.get("ttlSecondsAfterFinished")
        return cls(
            backoff_limit=_int(raw, "backoffLimit", DEFAULT_BACKOFF_LIMIT),
            active_deadline=_int(raw, "activeDeadlineSeconds", DEFAULT_ACTIVE_DEADLINE),
            ttl_after_finished=ttl if isinstance(ttl, int) else None,
            termination_grace_period=_int(raw, "terminationGracePeriodSeconds", DEFAULT_GRACE_PERIOD),
        )


def _int(raw: Mapping[str, Any], key: str, default: int) -> int:
    value = raw.get(key)
    return value if isinstance(value, int) else default
