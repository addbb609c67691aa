"""Where the pod may run: the scheduling fields of profiles, and of documents from before 0.14."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from run_operator.workloads import fields
from run_operator.workloads.affinity import affinity, toleration
from run_operator.workloads.errors import InvalidSpecError


def placement(spec: Mapping[str, Any]) -> dict[str, Any]:
    """The pod spec's part; what is not asked for is not in it."""
    tolerations = [
        toleration(item, f"{fields.ROOT}.tolerations[{i}]")
        for i, item in enumerate(fields.items(spec, "tolerations"))
    ]
    parts = {
        "nodeSelector": pairs(spec, "node_selector", "key"),
        "tolerations": tolerations,
        "affinity": affinity(fields.mapping(spec, "affinity"), f"{fields.ROOT}.affinity"),
    }
    found: dict[str, Any] = {key: value for key, value in parts.items() if value}
    for key, name in (("priority_class", "priorityClassName"), ("runtime_class", "runtimeClassName")):
        wanted = fields.text(spec, key)
        if wanted and not fields.SUBDOMAIN.fullmatch(wanted):
            raise InvalidSpecError(f"{fields.ROOT}.{key}", f"{wanted[:80]!r} cannot be the name of an object")
        if wanted:
            found[name] = wanted
    return found


def pairs(spec: Mapping[str, Any], key: str, name: str) -> dict[str, str]:
    """Texts by name: a list of {`name`: ..., value: ...} as the platform writes it, or a plain map."""
    given = spec.get(key)
    if isinstance(given, Mapping):
        path = f"{fields.ROOT}.{key}"
        return {inner: fields.text(given, inner, path) or "" for inner in given}
    found = {}
    for i, item in enumerate(fields.items(spec, key)):
        path = f"{fields.ROOT}.{key}[{i}]"
        entry = fields.checked_mapping(item, path)
        found[fields.required_text(entry, name, path)] = fields.text(entry, "value", path) or ""
    return found
