"""`status.service`, and whether a Service is as the document asks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from run_operator.children.service import ServiceView


def differs(seen: ServiceView, wanted: Mapping[str, Any]) -> bool:
    """Whether type or ports differ from the desired ones."""
    spec = wanted["spec"]
    asked = {(entry["name"], entry["port"], entry["targetPort"]) for entry in spec["ports"]}
    there = {(port.name, port.port, port.target) for port in seen.facts.ports}
    return seen.facts.type != spec["type"] or there != asked


def summary(seen: ServiceView) -> dict[str, Any]:
    """`status.service` in the platform's form; `url` is host:port without a scheme, as the SDK expects."""
    facts = seen.facts
    listed = [
        {"name": port.name, "port": port.port, "protocol": "TCP", "targetPort": port.target}
        | ({"nodePort": port.node} if port.node else {})
        for port in facts.ports
    ]
    found = {
        "name": seen.name,
        "namespace": seen.namespace,
        "type": facts.type,
        "clusterIP": facts.cluster_ip,
        "ip": facts.ip,
        "hostname": facts.hostname,
        "ports": listed,
        "url": f"{seen.name}.{seen.namespace}:{facts.ports[0].port}" if facts.ports else "",
    }
    return {key: value for key, value in found.items() if value}
