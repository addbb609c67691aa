"""A Job of a Run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from run_operator.api.constants import ANNOTATION_ATTEMPT, ANNOTATION_LATE
from run_operator.api.raw import mapping, mappings, text
from run_operator.children.common import ChildView, ConditionView, condition, identity, number

JOB_CONTROLLER: Final = "kubernetes.io/job-controller"


class JobFacts(NamedTuple):
    """Fields that decisions depend on; an event that changes none of them is ignored."""

    attempt: int
    suspend: bool
    deleting: bool
    active: bool
    failed: int
    terminating: int
    deadline: int
    """Its activeDeadlineSeconds; 0 for none."""
    conditions: tuple[ConditionView, ...]
    managed_elsewhere: bool = False
    """Whether another controller than Kubernetes' own makes its pods, perhaps in another cluster (spec.managedBy)."""
    late: int = 0
    """Seconds from the beginning of the attempt until this Job was created, if an earlier Job of the attempt was deleted."""


@dataclass(frozen=True, slots=True)
class JobView(ChildView):
    """A Job of a Run."""

    facts: JobFacts
    created: str
    completion_time: str
    started: str = ""
    """When its controller first looked at it while it was not suspended; empty: it has not."""

    @property
    def attempt(self) -> int:
        """The attempt for which it was created."""
        return self.facts.attempt

    @property
    def suspend(self) -> bool:
        """Whether it is suspended."""
        return self.facts.suspend

    @property
    def deleting(self) -> bool:
        """Whether it is being deleted."""
        return self.facts.deleting

    @property
    def over(self) -> bool:
        """Whether it has its verdict, Complete or Failed; then it creates no pod any more."""
        return any(c.status == "True" and c.type in ("Complete", "Failed") for c in self.facts.conditions)

    @property
    def decided(self) -> bool:
        """Whether its verdict is there or announced. Such a Job never becomes Suspended."""
        ends = ("Complete", "Failed", "SuccessCriteriaMet", "FailureTarget")
        return any(c.status == "True" and c.type in ends for c in self.facts.conditions)

    def busy(self, lost: int = 0) -> bool:
        """Whether the Job has active or ending pods, apart from the `lost` ones."""
        return self.facts.active or self.facts.terminating > lost

    def condition(self, kind: str) -> ConditionView | None:
        """The condition of that type, if it is True."""
        return next((c for c in self.facts.conditions if c.type == kind and c.status == "True"), None)

    @classmethod
    def from_object(cls, raw: Mapping[str, Any]) -> JobView:
        """Read a `batch/v1` Job."""
        metadata, status = mapping(raw.get("metadata")), mapping(raw.get("status"))
        facts = JobFacts(
            attempt=number(mapping(metadata.get("annotations")).get(ANNOTATION_ATTEMPT)),
            suspend=mapping(raw.get("spec")).get("suspend") is True,
            deleting=bool(metadata.get("deletionTimestamp")),
            active=number(status.get("active")) > 0,
            failed=number(status.get("failed")),
            terminating=number(status.get("terminating")),
            deadline=number(mapping(raw.get("spec")).get("activeDeadlineSeconds")),
            conditions=tuple(map(condition, mappings(status.get("conditions")))),
            managed_elsewhere=mapping(raw.get("spec")).get("managedBy") not in (None, "", JOB_CONTROLLER),
            late=number(mapping(metadata.get("annotations")).get(ANNOTATION_LATE)),
        )
        return cls(
            *identity(metadata),
            facts=facts,
            created=text(metadata.get("creationTimestamp")),
            completion_time=text(status.get("completionTime")),
            started=text(status.get("startTime")),
        )
