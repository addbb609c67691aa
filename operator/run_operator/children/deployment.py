"""A Deployment of a Run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from run_operator.api.constants import ANNOTATION_ATTEMPT, ANNOTATION_SPEC
from run_operator.api.raw import mapping, mappings, text
from run_operator.children.common import ChildView, ConditionView, condition, identity, number


class DeploymentFacts(NamedTuple):
    """Fields that decisions depend on; an event that changes none of them is ignored."""

    attempt: int
    digest: str
    """The digest of the document of its pods."""
    replicas: int
    """Desired number of pods."""
    deleting: bool
    observed: bool
    """Whether its controller has seen the latest change of it."""
    pods: int
    """Number of pods that are not ending, as its controller counts."""
    terminating: int
    """Number of ending pods, where the cluster counts them."""
    conditions: tuple[ConditionView, ...]


@dataclass(frozen=True, slots=True)
class DeploymentView(ChildView):
    """A Deployment of a Run."""

    facts: DeploymentFacts

    @property
    def attempt(self) -> int:
        """The attempt for which it was started last."""
        return self.facts.attempt

    @property
    def replicas(self) -> int:
        """Desired number of pods; 0: stopped."""
        return self.facts.replicas

    @property
    def deleting(self) -> bool:
        """Whether it is being deleted."""
        return self.facts.deleting

    def busy(self, lost: int = 0) -> bool:
        """Whether it has pods, or may create some because its controller has not seen the latest change.

        `lost`: number of ending pods that do not count.
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
