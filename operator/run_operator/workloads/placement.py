"""Where the pod may run: the scheduling fields that documents before 0.14 carry."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from run_operator.workloads import fields
from run_operator.workloads.errors import InvalidSpecError


def placement(spec: Mapping[str, Any]) -> dict[str, Any]:
    """The pod spec's part; what is not asked for is not in it."""
    found: dict[str, Any]
    selector = _selector(spec)
    tolerations = [
        dict(fields.checked_mapping(item, f"{fields.ROOT}.tolerations[{i}]"))
        for i, item in enumerate(fields.items(spec, "tolerations"))
    ]
    affinity = dict(fields.mapping(spec, "affinity"))
    parts = {"nodeSelector": selector, "tolerations": tolerations, "affinity": affinity}
    found = {key: value for key, value in parts.items() if value}
    for key, name in (("priority_class", "priorityClassName"), ("runtime_class", "runtimeClassName")):
        wanted = fields.text(spec, key)
        if wanted and not fields.SUBDOMAIN.fullmatch(wanted):
            raise InvalidSpecError(f"{fields.ROOT}.{key}", f"{wanted[:80]!r} cannot be the name of an object")
        if wanted:
            found[name] = wanted
    return found


def _selector(spec: Mapping[str, Any]) -> dict[str, str]:
    found = {}
    for i, item in enumerate(fields.items(spec, "node_selector")):
        path = f"{fields.ROOT}.node_selector[{i}]"
        entry = fields.checked_mapping(item, path)
        found[fields.required_text(entry, "key", path)] = fields.text(entry, "value", path) or ""
    return found
