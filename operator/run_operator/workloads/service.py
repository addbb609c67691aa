"""The `v1` Service that gives a service Run its address, made before its pods."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from run_operator.api.constants import LABEL_RUN_UID
from run_operator.api.run import Run
from run_operator.workloads import fields
from run_operator.workloads.fields import InvalidSpecError
from run_operator.workloads.metadata import labels, owner, shortened

TYPES: Final = ("ClusterIP", "NodePort", "LoadBalancer")
MAX_PORTS: Final = 100
LAST_PORT: Final = 65535
NAME: Final = re.compile(r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?")
"""A Service's name begins with a letter, unlike a Run's."""


class Port(NamedTuple):
    """A port of the Service and the port of the pod behind it."""

    port: int
    target: int


def ports(spec: Mapping[str, Any]) -> list[Port]:
    """The ports of the document; empty when it names none. Raises InvalidSpecError."""
    found: dict[int, Port] = {}
    given = fields.items(spec, "service_ports")
    if len(given) > MAX_PORTS:
        raise InvalidSpecError(f"{fields.ROOT}.service_ports", f"names more than {MAX_PORTS} ports")
    for i, item in enumerate(given):
        path = f"{fields.ROOT}.service_ports[{i}]"
        entry = fields.checked_mapping(item, path)
        port = _number(entry, "port", path)
        if port is None:
            raise InvalidSpecError(f"{path}.port", "is missing")
        if port in found:
            raise InvalidSpecError(f"{path}.port", f"{port} is listed twice")
        found[port] = Port(port, _number(entry, "target_port", path) or port)
    return list(found.values())


def service(run: Run, named: list[Port]) -> dict[str, Any]:
    """The Service of all attempts: it selects by the Run, so that a new attempt changes nothing of it."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {
            "name": service_name(run),
            "namespace": run.namespace,
            "labels": labels(run),
            "ownerReferences": owner(run),
        },
        "spec": {
            "type": _type(run.spec),
            "selector": {LABEL_RUN_UID: run.uid},
            "ports": [
                {"name": f"port{port}", "port": port, "targetPort": target, "protocol": "TCP"}
                for port, target in named
            ],
        },
    }


def service_name(run: Run) -> str:
    """`service_name` of the document, else the Run's name; with `s-` before it where it begins with a digit."""
    wanted = fields.text(run.spec, "service_name")
    if wanted:
        if not NAME.fullmatch(wanted):
            raise InvalidSpecError(
                f"{fields.ROOT}.service_name",
                f"{wanted[:80]!r} cannot name a Service; use a-z, 0-9 and -, a letter first",
            )
        return wanted
    return shortened(run.name if NAME.fullmatch(run.name) else f"s-{run.name}")


def _type(spec: Mapping[str, Any]) -> str:
    wanted = fields.text(spec, "service_type") or TYPES[0]
    if wanted not in TYPES:
        raise InvalidSpecError(
            f"{fields.ROOT}.service_type", f"{wanted[:40]!r} is unknown; use one of {', '.join(TYPES)}"
        )
    return wanted


def _number(entry: Mapping[str, Any], key: str, path: str) -> int | None:
    value = fields.number(entry, key, path)
    if value is not None and not 0 < value <= LAST_PORT:
        raise InvalidSpecError(f"{path}.{key}", f"{value} is not 1 to {LAST_PORT}")
    return value
