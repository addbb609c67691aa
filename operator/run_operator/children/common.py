"""Parts that all views share: identity, owner, conditions, and numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from run_operator.api.constants import LABEL_RUN_UID
from run_operator.api.raw import mapping, mappings, text

SKEW: Final = 5.0
"""Seconds by which the clocks of a cluster differ in the usual way. A time that is further ahead was read from a wrong clock."""


class ConditionView(NamedTuple):
    """One entry of `status.conditions`."""

    type: str
    status: str
    reason: str
    message: str
    time: str


class Controller(NamedTuple):
    """The controller of an object, from its owner reference. To forge it, one has to be allowed to write the object."""

    kind: str = ""
    name: str = ""
    uid: str = ""

    @classmethod
    def of(cls, metadata: Mapping[str, Any]) -> Controller:
        """Read from an object's metadata; empty when it has none."""
        for owner in mappings(metadata.get("ownerReferences")):
            if owner.get("controller") is True:
                return cls(text(owner.get("kind")), text(owner.get("name")), text(owner.get("uid")))
        return cls()


@dataclass(frozen=True, slots=True)
class ChildView:
    """Fields that every child has, in the order of `identity`."""

    namespace: str
    name: str
    uid: str
    resource_version: str
    run_uid: str
    """From its label, which proves nothing; see `ownership`."""
    controller: Controller

    @property
    def group(self) -> tuple[str, str]:
        """Namespace and uid of the Run that its label names."""
        return self.namespace, self.run_uid


def identity(metadata: Mapping[str, Any]) -> tuple[str, str, str, str, str, Controller]:
    """The fields of a `ChildView`."""
    return (
        text(metadata.get("namespace")),
        text(metadata.get("name")),
        text(metadata.get("uid")),
        text(metadata.get("resourceVersion")),
        text(mapping(metadata.get("labels")).get(LABEL_RUN_UID)),
        Controller.of(metadata),
    )


def condition(raw: Mapping[str, Any]) -> ConditionView:
    """One entry of `status.conditions`."""
    return ConditionView(
        text(raw.get("type")),
        text(raw.get("status")),
        text(raw.get("reason")),
        text(raw.get("message")),
        text(raw.get("lastTransitionTime")),
    )


def number(value: Any) -> int:
    """An int, or the text of one as labels and annotations hold it; 0 for anything else."""
    if isinstance(value, int):
        return value
    return int(value) if isinstance(value, str) and value.isdecimal() and len(value) < 10 else 0  # noqa: PLR2004
