"""A Service of a Run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from run_operator.api.raw import mapping, mappings, text
from run_operator.children.common import ChildView, identity, number


class PortView(NamedTuple):
    """One port of a Service; `target` is the port of the pod, `node` that of every node or 0."""

    name: str
    port: int
    target: int
    node: int


class ServiceFacts(NamedTuple):
    """Fields that decisions depend on."""

    type: str
    cluster_ip: str
    ports: tuple[PortView, ...]
    ip: str
    hostname: str
    deleting: bool


@dataclass(frozen=True, slots=True)
class ServiceView(ChildView):
    """A Service of a Run."""

    facts: ServiceFacts

    @classmethod
    def from_object(cls, raw: Mapping[str, Any]) -> ServiceView:
        """Read a `v1` Service; of several load balancer addresses the first counts."""
        metadata, spec = mapping(raw.get("metadata")), mapping(raw.get("spec"))
        given = mappings(mapping(mapping(raw.get("status")).get("loadBalancer")).get("ingress"))
        outside: Mapping[str, Any] = given[0] if given else {}
        facts = ServiceFacts(
            type=text(spec.get("type")),
            cluster_ip=text(spec.get("clusterIP")),
            ports=tuple(map(_port, mappings(spec.get("ports")))),
            ip=text(outside.get("ip")),
            hostname=text(outside.get("hostname")),
            deleting=bool(metadata.get("deletionTimestamp")),
        )
        return cls(
            *identity(metadata),
            facts=facts,
        )


def _port(raw: Mapping[str, Any]) -> PortView:
    port = number(raw.get("port"))
    return PortView(
        text(raw.get("name")), port, number(raw.get("targetPort")) or port, number(raw.get("nodePort"))
    )
