"""A Deployment of a Run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from run_operator.api.constants import ANNOTATION_ATTEMPT, ANNOTATION_SPEC
from run_operator.api.raw import mapping, mappings, text
from run_operator.children.common import ChildView, ConditionView, condition, identity, number


class DeploymentFacts(NamedTuple):
    """What decisions depend on; an event that changes none of these wakes nobody."""

    attempt: int
    digest: str
    """The digest of the document of its pods."""
    replicas: int
    """How many pods it is asked for."""
    deleting: bool
    observed: bool
    """Whether its controller has seen the latest change of it."""
    pods: int
    """How many pods its controller counts that are not ending."""
    terminating: int
    """How many it counts that are, where the cluster tells."""
    conditions: tuple[ConditionView, ...]


@dataclass(frozen=True, slots=True)
class DeploymentView(ChildView):
    """A Deployment of a Run."""

    facts: DeploymentFacts

    @property
    def attempt(self) -> int:
        """The attempt it was last started for."""
        return self.facts.attempt

    @property
    def replicas(self) -> int:
        """How many pods it is asked for; 0: stopped."""
        return self.facts.replicas

    @property
    def deleting(self) -> bool:
        """Whether it is on its way out."""
        return self.facts.deleting

    def busy(self, lost: int = 0) -> bool:
        """Whether it counts pods, or may be about to make some because it has not seen its latest change.

        `lost` pods that are ending are given up, and do not count.
        """
        return self.facts.pods > 0 or self.facts.terminating > lost or not self.facts.observed

    def condition(self, kind: str) -> ConditionView | None:
        """The condition of that type, whatever its status."""
        return next((c for c in self.facts.conditions if c.type == kind), None)

    @classmethod
    def from_object(cls, raw: Mapping[str, Any]) -> DeploymentView:
        """Read an `apps/v1` Deployment."""
        metadata, status = mapping(raw.get("metadata")), mapping(raw.get("status"))
        asked = mapping(raw.get("spec")).get("replicas")
        facts = DeploymentFacts(
            attempt=number(mapping(metadata.get("annotations")).get(ANNOTATION_ATTEMPT)),
            digest=text(mapping(metadata.get("annotations")).get(ANNOTATION_SPEC)),
            replicas=1 if asked is None else number(asked),
            deleting=bool(metadata.get("deletionTimestamp")),
            observed=number(status.get("observedGeneration")) >= number(metadata.get("generation")),
            pods=number(status.get("replicas")),
            terminating=number(status.get("terminatingReplicas")),
            # Progressing changes its times and words all the time, and the pods tell more.
            conditions=tuple(
                c for c in map(condition, mappings(status.get("conditions"))) if c.type != "Progressing"
            ),
        )
        return cls(
            *identity(metadata),
            facts=facts,
        )
