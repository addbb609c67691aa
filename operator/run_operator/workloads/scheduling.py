"""Where the pod may run: the scheduling fields of profiles, and of documents from before 0.14."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from run_operator.workloads import fields
from run_operator.workloads.fields import InvalidSpecError

PREFERRED: Final = "preferredDuringSchedulingIgnoredDuringExecution"
MAX_DEPTH: Final = 16
"""Levels; the deepest affinity there can be has ten."""


def _spellings(*names: str) -> dict[str, str]:
    """Names in both spellings (snake_case and Kubernetes') to Kubernetes' spelling."""
    snakes = {re.sub("([A-Z])", lambda found: "_" + found[1].lower(), name): name for name in names}
    return snakes | {name: name for name in names}


AFFINITY: Final = _spellings(
    "nodeAffinity", "podAffinity", "podAntiAffinity", "requiredDuringSchedulingIgnoredDuringExecution", PREFERRED,
    "nodeSelectorTerms", "matchExpressions", "matchFields", "key", "operator", "values", "preference", "weight",
    "podAffinityTerm", "labelSelector", "matchLabels", "matchLabelKeys", "mismatchLabelKeys", "namespaceSelector",
    "namespaces", "topologyKey",
)  # fmt: skip
TOLERATION: Final = _spellings("key", "operator", "value", "effect", "tolerationSeconds")


def affinity(given: Mapping[str, Any], path: str) -> dict[str, Any]:
    """A pod's `affinity`. Raises InvalidSpecError for an unknown field."""
    found: dict[str, Any] = _spelled(given, path, 0)
    nodes = found.get("nodeAffinity")
    if isinstance(nodes, dict) and isinstance(nodes.get(PREFERRED), list):
        nodes[PREFERRED] = [term for entry in nodes[PREFERRED] for term in _preferences(entry)]
    return found


def toleration(given: Any, path: str) -> dict[str, Any]:
    """One entry of a pod's `tolerations`."""
    entry = fields.checked_mapping(given, path)
    return {_name(key, TOLERATION, path): value for key, value in entry.items() if value is not None}


def _spelled(value: Any, path: str, depth: int) -> Any:
    if depth > MAX_DEPTH:
        raise InvalidSpecError(path[:200], f"is nested more than {MAX_DEPTH} levels deep")
    if isinstance(value, list):
        return [_spelled(inner, f"{path}[{i}]", depth + 1) for i, inner in enumerate(value)]
    if not isinstance(value, Mapping):
        return value
    found = {}
    for key, inner in value.items():
        name = _name(key, AFFINITY, path)
        if inner is not None:  # the keys of matchLabels are the user's own
            found[name] = inner if name == "matchLabels" else _spelled(inner, f"{path}.{key}", depth + 1)
    return found


def _preferences(entry: Any) -> list[Any]:
    """Preferred terms, unwrapped: the SDK puts them into `node_selector_terms`, which Kubernetes does not know here."""
    preference = entry.get("preference") if isinstance(entry, dict) else None
    terms = preference.get("nodeSelectorTerms") if isinstance(preference, dict) else None
    return [{**entry, "preference": term} for term in terms] if isinstance(terms, list) else [entry]


def _name(key: str, known: Mapping[str, str], path: str) -> str:
    if key not in known:
        raise InvalidSpecError(f"{path}.{key[:80]}", "is not known to Kubernetes")
    return known[key]


def placement(spec: Mapping[str, Any]) -> dict[str, Any]:
    """Fields of the pod spec about scheduling; only those that the document has."""
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
