"""What Runs refer to, as Python: Functions, Tasks, and ConfigMaps with profiles. Slim, and reading never raises."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from run_operator.resources.raw import mapping, number, text
from run_operator.resources.times import parse

What = Literal["Function", "Task", "Profile"]


class Want(NamedTuple):
    """One thing a Run can refer to. Several objects may answer to it: the versions of a Function."""

    what: What
    namespace: str
    name: str
    """`kind://project/name` of a Function, `kind://project/id` of a Task, the name of a profile."""


@dataclass(frozen=True, slots=True)
class EntityView:
    """A Function or a Task. It is found by what its document says, never by the name of the object."""

    what: Literal["Function", "Task"]
    namespace: str
    name: str
    """Of the object."""
    uid: str
    resource_version: str = field(compare=False)
    generation: int
    kind: str
    project: str
    title: str
    """The name in the document."""
    id: str
    created: float
    """When the document was made, seconds since the epoch; 0 where it does not say."""
    spec: Mapping[str, Any]

    @property
    def wants(self) -> frozenset[Want]:
        """What it answers to."""
        last = self.title if self.what == "Function" else self.id
        return frozenset({Want(self.what, self.namespace, f"{self.kind}://{self.project}/{last}")})

    @classmethod
    def function(cls, raw: Mapping[str, Any]) -> EntityView:
        """Read a `Function`."""
        return cls._read("Function", raw)

    @classmethod
    def task(cls, raw: Mapping[str, Any]) -> EntityView:
        """Read a `Task`."""
        return cls._read("Task", raw)

    @classmethod
    def _read(cls, what: Literal["Function", "Task"], raw: Mapping[str, Any]) -> EntityView:
        metadata, document = mapping(raw.get("metadata")), mapping(raw.get("spec"))
        return cls(
            what=what,
            namespace=text(metadata.get("namespace")),
            name=text(metadata.get("name")),
            uid=text(metadata.get("uid")),
            resource_version=text(metadata.get("resourceVersion")),
            generation=number(metadata.get("generation")),
            kind=text(document.get("kind")),
            project=text(document.get("project")),
            title=text(document.get("name")),
            id=text(document.get("id")),
            created=parse(mapping(document.get("metadata")).get("created")) or 0.0,
            spec=mapping(document.get("spec")),
        )


@dataclass(frozen=True, slots=True)
class ProfilesView:
    """A ConfigMap labelled as holding profiles: `texts` maps a profile's name to its YAML."""

    namespace: str
    name: str
    uid: str
    resource_version: str = field(compare=False)
    texts: Mapping[str, str]

    @property
    def wants(self) -> frozenset[Want]:
        """What it answers to."""
        return frozenset(Want("Profile", self.namespace, name) for name in self.texts)

    @classmethod
    def from_object(cls, raw: Mapping[str, Any]) -> ProfilesView:
        """Read a `v1` ConfigMap."""
        metadata = mapping(raw.get("metadata"))
        return cls(
            namespace=text(metadata.get("namespace")),
            name=text(metadata.get("name")),
            uid=text(metadata.get("uid")),
            resource_version=text(metadata.get("resourceVersion")),
            texts={key: text(value) for key, value in mapping(raw.get("data")).items()},
        )


Referred = EntityView | ProfilesView
