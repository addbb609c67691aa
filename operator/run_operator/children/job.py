"""A Job of a Run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from run_operator.api.constants import ANNOTATION_ATTEMPT
from run_operator.api.raw import mapping, mappings, text
from run_operator.children.common import ChildView, ConditionView, condition, identity, number


class JobFacts(NamedTuple):
    """What decisions depend on; an event that changes none of these wakes nobody."""

    attempt: int
    suspend: bool
    deleting: bool
    active: bool
    failed: int
    terminating: int
    deadline: int
    """Its activeDeadlineSeconds; 0 for none."""
    conditions: tuple[ConditionView, ...]


@dataclass(frozen=True, slots=True)
class JobView(ChildView):
    """A Job of a Run."""

    facts: JobFacts
    created: str
    completion_time: str

    @property
    def attempt(self) -> int:
        """The attempt it was made for."""
        return self.facts.attempt

    @property
    def suspend(self) -> bool:
        """Whether it is asked to have no pods."""
        return self.facts.suspend

    @property
    def deleting(self) -> bool:
        """Whether it is on its way out."""
        return self.facts.deleting

    @property
    def over(self) -> bool:
        """Whether it has come to its verdict: it makes no pod any more, suspended or not."""
        return any(c.status == "True" and c.type in ("Complete", "Failed") for c in self.facts.conditions)

    @property
    def decided(self) -> bool:
        """Whether its verdict is said or announced. It never becomes Suspended then."""
        ends = ("Complete", "Failed", "SuccessCriteriaMet", "FailureTarget")
        return any(c.status == "True" and c.type in ends for c in self.facts.conditions)

    def busy(self, lost: int = 0) -> bool:
        """Whether the Job counts pods that are active or still ending, other than `lost` ones that are given up."""
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
        )
        return cls(
            *identity(metadata),
            facts=facts,
            created=text(metadata.get("creationTimestamp")),
            completion_time=text(status.get("completionTime")),
        )
