"""`spec.runPolicy`: how a Run is retried, bounded in time and cleaned up."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Final

DEFAULT_BUDGET: Final = 65_536
LEAST_BUDGET: Final = 1024
MOST_BUDGET: Final = 524_288
"""Bytes. The rest of the status must still fit into an object."""
FAIL: Final = "Fail"

_BYTES: Final = re.compile(r"([0-9]{1,9})(Ki|Mi|k|M)?")
_UNITS: Final = {None: 1, "k": 1000, "M": 1_000_000, "Ki": 1024, "Mi": 1_048_576}


@dataclass(frozen=True, slots=True)
class MetricsPolicy:
    """Bounds of the metrics of one Run."""

    budget: int = DEFAULT_BUDGET
    """Bytes of `status.metrics` as JSON."""
    fail: bool = False
    """`onLimit: Fail`: refuse further values, instead of keeping every 2nd, 4th, 8th... only."""

    @classmethod
    def from_object(cls, raw: Any) -> MetricsPolicy:
        """Read `.spec.runPolicy.metrics`. A budget out of bounds, which the CRD refuses, is brought within them."""
        given = raw if isinstance(raw, Mapping) else {}
        budget = max(LEAST_BUDGET, min(MOST_BUDGET, _bytes(given.get("statusBudget"))))
        return cls(budget, given.get("onLimit") == FAIL)


DEFAULT: Final = MetricsPolicy()


def _bytes(value: Any) -> int:
    """Bytes of `65536`, `64Ki` or `512Ki`; the default for anything else."""
    match = _BYTES.fullmatch(str(value))
    return int(match[1]) * _UNITS[match[2]] if match else DEFAULT_BUDGET


DEFAULT_BACKOFF_LIMIT: Final = 0
DEFAULT_ACTIVE_DEADLINE: Final = 259_200
"""Seconds: three days, the platform's own deadline of a job."""
DEFAULT_GRACE_PERIOD: Final = 30
"""Seconds between SIGTERM and SIGKILL, Kubernetes' own default."""
DEFAULT_INTERRUPTIONS: Final = 100
"""Evictions and deletions in a row. A node that drains every hour reaches it after four days."""
DEFAULT_TERMINATION_TIMEOUT: Final = 300
"""Seconds, about as long as Kubernetes itself waits for a node that does not answer."""


class DeadlinePolicy(StrEnum):
    """The time that `activeDeadlineSeconds` counts."""

    CUMULATIVE = "Cumulative"
    """The active time of all attempts together; the time while the Run is stopped does not count."""
    CONTINUOUS = "Continuous"
    """The active time of one attempt; a resume restarts it, as for a Job."""
    WALL_CLOCK = "WallClock"
    """The time since the first attempt began, stopped or not."""


@dataclass(frozen=True, slots=True)
class PolicyDefaults:
    """Defaults for fields that a Run's document does not set; None: no default."""

    ttl_after_finished: int | None = None
    active_deadline: int | None = None

    @classmethod
    def from_object(cls, raw: Mapping[str, Any]) -> PolicyDefaults:
        """Read `.status.policyDefaults`."""
        return cls(_optional(raw, "ttlSecondsAfterFinished"), _optional(raw, "activeDeadlineSeconds"))

    def to_object(self) -> dict[str, int]:
        """As `.status.policyDefaults` holds it."""
        found = {
            "ttlSecondsAfterFinished": self.ttl_after_finished,
            "activeDeadlineSeconds": self.active_deadline,
        }
        return {key: value for key, value in found.items() if value is not None}


@dataclass(frozen=True, slots=True)
class RunPolicy:
    """Field names and meanings are those of `batch/v1` Job where one exists. All times in seconds."""

    backoff_limit: int = DEFAULT_BACKOFF_LIMIT
    given_deadline: int | None = None
    """Seconds, from the document or the administrator's default; None: DEFAULT_ACTIVE_DEADLINE."""
    deadline_policy: DeadlinePolicy = DeadlinePolicy.CUMULATIVE
    pending_deadline: int | None = None
    """Seconds that an attempt may take until its program runs; None: only the active deadline counts."""
    ttl_after_finished: int | None = None
    termination_grace_period: int = DEFAULT_GRACE_PERIOD
    pod_termination_timeout: int = DEFAULT_TERMINATION_TIMEOUT
    """Seconds after its grace period that a stop waits for a pod that does not confirm its end, as on a dead node."""
    max_interruptions: int = DEFAULT_INTERRUPTIONS
    """How many times in a row a Run begins the next attempt after its pod was terminated from outside."""
    metrics: MetricsPolicy = DEFAULT

    @classmethod
    def from_object(cls, raw: Mapping[str, Any]) -> RunPolicy:
        """Read `.spec.runPolicy`; missing fields get the defaults, which are those of the CRD."""
        return cls(
            backoff_limit=_int(raw, "backoffLimit", DEFAULT_BACKOFF_LIMIT),
            given_deadline=_optional(raw, "activeDeadlineSeconds"),
            deadline_policy=_deadline_policy(raw.get("deadlinePolicy")),
            pending_deadline=_optional(raw, "pendingDeadlineSeconds"),
            ttl_after_finished=_optional(raw, "ttlSecondsAfterFinished"),
            termination_grace_period=_int(raw, "terminationGracePeriodSeconds", DEFAULT_GRACE_PERIOD),
            pod_termination_timeout=_int(raw, "podTerminationTimeoutSeconds", DEFAULT_TERMINATION_TIMEOUT),
            max_interruptions=_int(raw, "maxInterruptions", DEFAULT_INTERRUPTIONS),
            metrics=MetricsPolicy.from_object(raw.get("metrics")),
        )

    @property
    def active_deadline(self) -> int:
        """Seconds for which the Run may be active."""
        return DEFAULT_ACTIVE_DEADLINE if self.given_deadline is None else self.given_deadline

    def needed(self, defaults: PolicyDefaults) -> PolicyDefaults:
        """The defaults of those fields that the document does not set."""
        return PolicyDefaults(
            defaults.ttl_after_finished if self.ttl_after_finished is None else None,
            defaults.active_deadline if self.given_deadline is None else None,
        )

    def with_defaults(self, defaults: PolicyDefaults) -> RunPolicy:
        """The policy with these defaults."""
        found = self.needed(defaults)
        return replace(
            self,
            ttl_after_finished=self.ttl_after_finished
            if found.ttl_after_finished is None
            else found.ttl_after_finished,
            given_deadline=self.given_deadline if found.active_deadline is None else found.active_deadline,
        )


def _int(raw: Mapping[str, Any], key: str, default: int) -> int:
    value = _optional(raw, key)
    return default if value is None else value


def _optional(raw: Mapping[str, Any], key: str) -> int | None:
    value = raw.get(key)
    return value if isinstance(value, int) else None


def _deadline_policy(value: Any) -> DeadlinePolicy:
    try:
        return DeadlinePolicy(value)
    except ValueError:
        return DeadlinePolicy.CUMULATIVE
