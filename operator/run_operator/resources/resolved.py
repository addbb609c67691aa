"""`status.resolved`: what a Run was started with that came from elsewhere.

Stored with the first attempt and used by every later one, so that a Function changed or deleted meanwhile does
not touch a Run that was started. The fields are kept apart by where they came from: a later edit of the Run
merges with them as it would have at the start.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from run_operator.document.merge import passed_on
from run_operator.resources.raw import mapping, number, text
from run_operator.resources.referred import EntityView, ProfilesView

MAX_RECORD: Final = 128 * 1024
"""Bytes of JSON: the Run's own document and its metrics have to fit into the same object."""


@dataclass(frozen=True, slots=True)
class Part:
    """One object and what it contributed. An empty `name`: it was looked for, was not there and was not needed."""

    reference: str
    """As the Run or its Task names it."""
    name: str = ""
    """The object; of a profile, its ConfigMap."""
    namespace: str = ""
    """Of the ConfigMap; Functions and Tasks are in the Run's own namespace."""
    uid: str = ""
    generation: int = 0
    id: str = ""
    """The version of the Function that was taken."""
    function: str = ""
    """The Function a Task names."""
    spec: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of_entity(cls, reference: str, view: EntityView) -> Part:
        """What a Function or a Task contributes."""
        is_function = view.what == "Function"
        return cls(
            reference=reference,
            name=view.name,
            uid=view.uid,
            generation=view.generation,
            id=view.id if is_function else "",
            function="" if is_function else text(view.spec.get("function")),
            spec=passed_on(view.spec),
        )

    @classmethod
    def of_profile(cls, name: str, source: ProfilesView, spec: Mapping[str, Any]) -> Part:
        """What a profile contributes."""
        return cls(name, source.name, source.namespace, source.uid, spec=passed_on(spec))

    @classmethod
    def from_object(cls, raw: Any) -> Part | None:
        """Read one part of the status; None when it is not there."""
        found = mapping(raw)
        if not found:
            return None
        return cls(
            reference=text(found.get("reference")),
            name=text(found.get("name")),
            namespace=text(found.get("namespace")),
            uid=text(found.get("uid")),
            generation=number(found.get("generation")),
            id=text(found.get("id")),
            function=text(found.get("function")),
            spec=mapping(found.get("spec")),
        )

    def to_object(self) -> dict[str, Any]:
        """As the status holds it; empty values are left out."""
        found = {
            "reference": self.reference, "id": self.id, "function": self.function, "namespace": self.namespace,
            "name": self.name, "uid": self.uid, "generation": self.generation, "spec": self.spec,
        }  # fmt: skip
        return {key: value for key, value in found.items() if value}


@dataclass(frozen=True, slots=True)
class Record:
    """The whole of it; a part that was not asked for is None."""

    function: Part | None = None
    task: Part | None = None
    profile: Part | None = None

    @classmethod
    def of_status(cls, status: Mapping[str, Any]) -> Record:
        """Read `status.resolved`."""
        found = mapping(status.get("resolved"))
        return cls(*(Part.from_object(found.get(key)) for key in ("function", "task", "profile")))

    def to_object(self) -> dict[str, Any]:
        """As the status holds it."""
        parts = {"function": self.function, "task": self.task, "profile": self.profile}
        return {key: part.to_object() for key, part in parts.items() if part}

    @property
    def size(self) -> int:
        """Bytes of its JSON."""
        return len(json.dumps(self.to_object(), ensure_ascii=False).encode("utf-8", "surrogatepass"))
