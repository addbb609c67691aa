"""Kueue's Workload of a Run that MultiKueue runs in another cluster, as far as the operator reads it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from run_operator.api import conditions
from run_operator.api.raw import mapping, mappings, parse, text


class Fact(NamedTuple):
    """A condition that is True."""

    reason: str
    message: str
    since: float | None


class DispatchView(NamedTuple):
    """The Workload as it was read."""

    name: str
    uid: str
    resource_version: str
    active: bool
    reserved: bool
    """Whether it holds quota: only then anything of the Run may be in another cluster, and MultiKueue copies its status."""
    evicted: Fact | None
    finished: Fact | None
    may_run: bool
    """Whether a cluster was chosen and has let it in. Kueue forgets the cluster at an eviction, and the condition stays."""
    conditions: tuple[Mapping[str, Any], ...]
    checks: tuple[Mapping[str, Any], ...]
    """Admission checks: that of MultiKueue is Ready while a cluster runs it."""

    @classmethod
    def of(cls, raw: Mapping[str, Any]) -> DispatchView:
        """Read the object of the API server."""
        metadata, status = mapping(raw.get("metadata")), mapping(raw.get("status"))
        found = tuple(mappings(status.get("conditions")))
        return cls(
            name=text(metadata.get("name")),
            uid=text(metadata.get("uid")),
            resource_version=text(metadata.get("resourceVersion")),
            active=mapping(raw.get("spec")).get("active") is not False,
            reserved=_fact(found, "QuotaReserved") is not None,
            evicted=_fact(found, "Evicted"),
            finished=_fact(found, "Finished"),
            may_run=bool(status.get("clusterName")) or _fact(found, "Admitted") is not None,
            conditions=found,
            checks=tuple(mappings(status.get("admissionChecks"))),
        )


def _fact(found: tuple[Mapping[str, Any], ...], kind: str) -> Fact | None:
    one = conditions.find(found, kind)
    if one is None or one.get("status") != "True":
        return None
    return Fact(text(one.get("reason")), text(one.get("message")), parse(one.get("lastTransitionTime")))
