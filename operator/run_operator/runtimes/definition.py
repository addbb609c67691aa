"""A Runtime's spec, read and compiled once: what it takes, and the templates of what is built."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from run_operator.api.custom_object import CustomKind
from run_operator.api.raw import mapping, text
from run_operator.document.known_fields import COMMON, COMMON_OF_SERVICES
from run_operator.runtimes.expression import Compiler
from run_operator.runtimes.field_rule import FieldRule, rules
from run_operator.runtimes.template import Template
from run_operator.workloads.builder import SUPPORTED

KIND: Final = re.compile(r"[a-z0-9_][a-z0-9_-]*\+[a-z0-9_][a-z0-9_-]*:run")
SERVING: Final = ("serve", "deploy")
"""Actions whose Runs serve until they are stopped."""
STATES: Final = ("running", "succeeded", "failed", "message", "url")
OWN_GROUPS: Final = ("run-operator.io", "k8s.io", "kubernetes.io")
"""Groups whose objects a Runtime cannot make: the operator's own, and those that rule the cluster."""
MAX_FIELDS: Final = 100
MAX_MISTAKES: Final = 10


class InvalidRuntimeError(Exception):
    """`mistakes`: one sentence each, beginning with the place in `spec`."""

    def __init__(self, mistakes: list[str]) -> None:
        more = len(mistakes) - MAX_MISTAKES
        self.mistakes = mistakes[:MAX_MISTAKES] + ([f"and {more} more"] if more > 0 else [])
        super().__init__("; ".join(self.mistakes))


@dataclass(frozen=True, slots=True)
class Definition:
    """Ready to be used for any number of Runs."""

    kinds: tuple[str, ...]
    rules: Mapping[str, FieldRule]
    settings: Mapping[str, Any]
    kind: str
    """`<runtime>+<action>` of the built-in kind whose document it makes; empty where it makes an object of another operator."""
    resource: CustomKind | None
    """That object's kind."""
    document: Template
    """The inner spec of that document, or the spec of that object."""
    state: Template
    """The Run's state, read from the object."""
    files: Template
    readiness: Template

    @property
    def used(self) -> frozenset[str]:
        """Fields of a document that count."""
        return frozenset(self.rules) | self.common

    @property
    def common(self) -> frozenset[str]:
        """Fields that the operator applies, whatever the runtime."""
        if self.resource:
            return frozenset()
        return COMMON | COMMON_OF_SERVICES if SUPPORTED[self.kind].child_kind == "Deployment" else COMMON

    @property
    def essential(self) -> list[str]:
        """The fields without which a document says too little."""
        return [name for name, rule in self.rules.items() if rule.required]


def read(spec: Mapping[str, Any], compiler: Compiler) -> Definition:
    """Compile a Runtime's spec. Raises InvalidRuntimeError with all mistakes that can be seen without a Run."""
    document, resource = mapping(spec.get("document")), mapping(spec.get("resource"))
    kind = text(document.get("kind"))
    mistakes = [*_of_kinds(spec.get("kinds")), *_of_fields(spec.get("fields"))]
    if resource:
        mistakes += _of_resource(spec, resource)
    else:
        mistakes += [*_of_document(kind), *_of_both(spec.get("kinds"), kind)]
    made, place = (resource, "spec.resource.spec") if resource else (document, "spec.document.spec")
    templates = [
        Template(content, place, compiler)
        for content, place in (
            (mapping(made.get("spec")), place),
            (mapping(resource.get("state")), "spec.resource.state"),
            (spec.get("files") or [], "spec.files"),
            (mapping(spec.get("readiness")), "spec.readiness"),
        )
    ]
    mistakes += [str(mistake) for template in templates for mistake in template.mistakes]
    if mistakes:
        raise InvalidRuntimeError(mistakes)
    return Definition(
        tuple(one.removesuffix(":run") for one in spec["kinds"]),
        rules(spec),
        mapping(spec.get("settings")),
        kind.removesuffix(":run"),
        _custom(resource) if resource else None,
        *templates,
    )


def _of_kinds(kinds: Any) -> Iterator[str]:
    if not isinstance(kinds, list) or not kinds:
        yield "spec.kinds: is missing: name at least one kind, for example sklearnserve+serve:run"
        return
    for i, kind in enumerate(kinds):
        if not isinstance(kind, str) or not KIND.fullmatch(kind):
            yield f"spec.kinds[{i}]: {str(kind)[:80]!r} is not the kind of a Run; write <runtime>+<action>:run"
        elif kind.removesuffix(":run") in SUPPORTED:
            yield f"spec.kinds[{i}]: {kind} is built into the operator, and no Runtime can stand for it"


def _of_document(kind: str) -> Iterator[str]:
    if kind.removesuffix(":run") not in SUPPORTED or not kind.endswith(":run"):
        known = ", ".join(f"{one}:run" for one in sorted(SUPPORTED))
        yield f"spec.document.kind: {kind[:80]!r} is not built into the operator; use one of {known}"


def _of_resource(spec: Mapping[str, Any], resource: Mapping[str, Any]) -> Iterator[str]:
    for name in ("document", "files", "readiness"):
        if spec.get(name):
            yield f"spec.{name}: needs a pod that the operator creates, and with spec.resource it creates none"
    for name in ("apiVersion", "kind", "plural", "component"):
        if not text(resource.get(name)):
            yield f"spec.resource.{name}: is missing"
    group, _, version = text(resource.get("apiVersion")).partition("/")
    if not version or group.endswith(OWN_GROUPS) or "." not in group:
        yield f"spec.resource.apiVersion: {group[:80]!r} is not the API group of another operator; write for example kubeai.org/v1"
    for name in mapping(resource.get("state")):
        if name not in STATES:
            yield f"spec.resource.state.{name[:40]}: is unknown; use one of {', '.join(STATES)}"


def _custom(resource: Mapping[str, Any]) -> CustomKind:
    group, _, version = text(resource.get("apiVersion")).partition("/")
    return CustomKind(
        group,
        version,
        text(resource.get("plural")),
        text(resource.get("kind")),
        text(resource.get("component")),
    )


def _of_both(kinds: Any, kind: str) -> Iterator[str]:
    """Clients know by the action whether a Run ends by itself."""
    found = SUPPORTED.get(kind.removesuffix(":run"))
    for i, one in enumerate(kinds if isinstance(kinds, list) else ()):
        action = str(one).removesuffix(":run").rpartition("+")[2]
        if found is not None and (found.child_kind == "Deployment") != (action in SERVING):
            yield (
                f"spec.kinds[{i}]: Runs of {str(one)[:80]} are {'services' if action in SERVING else 'jobs'} by their action, and "
                f"those of spec.document.kind {kind} are not"
            )


def _of_fields(fields: Any) -> Iterator[str]:
    found = mapping(fields)
    if len(found) > MAX_FIELDS:
        yield f"spec.fields: has {len(found)} fields; at most {MAX_FIELDS} are allowed"
    for name, raw in found.items():
        if problem := FieldRule.from_object(mapping(raw)).problem():
            yield f"spec.fields.{name}: {problem}"
