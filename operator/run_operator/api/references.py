"""Objects that Runs refer to, as Python: Functions, Tasks, and ConfigMaps with profiles. Reading never raises."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal, NamedTuple

from run_operator.api.raw import is_large, mapping, newer, number, parse, text
from run_operator.api.runtime_object import RuntimeView
from run_operator.api.want import Want, runtime_wants
from run_operator.document.merge import passed_on
from run_operator.document.names import Reference

MAX_PROFILES: Final = 512
"""Profiles of one large ConfigMap that are remembered."""


@dataclass(frozen=True, slots=True)
class EntityView:
    """A Function or a Task. It is found by fields of its document, never by the name of the object."""

    what: Literal["Function", "Task"]
    namespace: str
    name: str
    """The uid of the object."""
    uid: str
    resource_version: str = field(compare=False)
    generation: int
    kind: str
    project: str
    title: str
    """The name in the document."""
    id: str
    created: float
    """When the document was created, in seconds since the epoch; 0 where it does not say."""
    spec: Mapping[str, Any]
    is_whole: bool = True
    """False: `spec` is left out; the API server has it."""

    def slim(self) -> EntityView:
        """As it is held: a large document is left out."""
        return replace(self, spec={}, is_whole=False) if is_large(self.spec) else self

    @property
    def wants(self) -> frozenset[Want]:
        """The names by which it is found."""
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
    is_whole: bool = True
    """False: `texts` has names alone; the API server has the rest."""
    digest: str = ""
    """A digest of the whole document, if only a part of it is held."""

    def slim(self) -> ProfilesView:
        """The object as the store holds it: without large texts, and with MAX_PROFILES names at most."""
        if not is_large(self.texts):
            return self
        digest = hashlib.sha256(repr(sorted(self.texts.items())).encode("utf-8", "surrogatepass")).hexdigest()
        names = sorted(self.texts)[:MAX_PROFILES]
        return replace(self, texts=dict.fromkeys(names, ""), is_whole=False, digest=digest)

    @property
    def wants(self) -> frozenset[Want]:
        """The names by which it is found."""
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


Referred = EntityView | ProfilesView | RuntimeView


class NotLoadedError(Exception):
    """A decision needs a document that the store does not hold: read it and decide again (`Catalog.loaded`)."""

    def __init__(self, view: Referred) -> None:
        super().__init__(f"the document of {view.namespace}/{view.name} is not in memory")
        self.view = view


class Profile(NamedTuple):
    """A profile as its ConfigMap holds it."""

    source: ProfilesView
    text: str


class Catalog:
    """Functions, Tasks, profiles and Runtimes. `put` and `drop` return the wants whose Runs have to be looked at again."""

    def __init__(self) -> None:
        self._held: dict[str, Referred] = {}
        self._whole: Mapping[str, Referred] = {}
        self._answers: dict[Want, dict[str, Referred]] = {}

    def __iter__(self) -> Iterator[Referred]:
        return iter(self._held.values())

    def get(self, uid: str) -> Referred | None:
        """The object of that uid."""
        return self._held.get(uid)

    def loaded(self, view: Referred) -> Catalog:
        """The same catalog, with the document of this object."""
        other = Catalog()
        other._held, other._answers = self._held, self._answers
        other._whole = {**self._whole, view.uid: view}
        return other

    def put(self, view: Referred) -> frozenset[Want]:
        """An object appeared or changed."""
        view = view.slim()
        old = self._held.get(view.uid)
        if old is not None and not newer(view.resource_version, old.resource_version):
            return frozenset()
        changed = frozenset() if old == view else self._forget(view.uid) | view.wants
        self._held[view.uid] = view
        for want in view.wants:
            self._answers.setdefault(want, {})[view.uid] = view
        return changed

    def drop(self, uid: str) -> frozenset[Want]:
        """An object is gone."""
        return self._forget(uid)

    def functions(self, want: Want) -> list[EntityView]:
        """All versions of a Function, the latest first: by the document's creation time, then by id."""
        answers = (self._whole.get(uid, view) for uid, view in self._answers.get(want, {}).items())
        found = [view for view in answers if isinstance(view, EntityView)]
        return sorted(found, key=lambda view: (view.created, view.id, view.name), reverse=True)

    def task(self, want: Want) -> EntityView | None:
        """The Task; of two objects with the same id the newer one."""
        return next(iter(self.functions(want)), None)

    def profile(self, name: str, namespaces: Sequence[str]) -> Profile | None:
        """The profile of that name in the first of the namespaces that has one. Raises NotLoadedError."""
        for namespace in namespaces:
            answers = self._answers.get(Want("Profile", namespace, name), {})
            views = (self._whole.get(uid, view) for uid, view in answers.items())
            sources = sorted(
                (view for view in views if isinstance(view, ProfilesView) and name in view.texts),
                key=lambda view: view.name,
            )
            if sources and not sources[0].is_whole:
                raise NotLoadedError(sources[0])
            if sources:
                return Profile(sources[0], sources[0].texts[name])
        return None

    def runtimes(self, kind: str, namespace: str) -> list[RuntimeView]:
        """Runtimes of a kind in this namespace; the first one counts."""
        found = (
            self._whole.get(uid, view)
            for want in runtime_wants(kind, namespace)
            for uid, view in self._answers.get(want, {}).items()
        )
        return sorted((view for view in found if isinstance(view, RuntimeView)), key=lambda view: view.order)

    def profile_names(self, namespaces: Sequence[str]) -> list[str]:
        """All profiles of these namespaces, sorted."""
        found = (view for view in self._held.values() if isinstance(view, ProfilesView))
        return sorted({name for view in found if view.namespace in namespaces for name in view.texts})

    def _forget(self, uid: str) -> frozenset[Want]:
        old = self._held.pop(uid, None)
        if old is None:
            return frozenset()
        for want in old.wants:
            answers = self._answers.get(want, {})
            answers.pop(uid, None)
            if not answers:
                self._answers.pop(want, None)
        return old.wants


def function_want(namespace: str, reference: Reference) -> Want:
    """The want of a reference to a Function, for all of its versions."""
    return Want("Function", namespace, f"{reference.kind}://{reference.project}/{reference.name}")


def task_want(namespace: str, reference: Reference) -> Want:
    """The want of a reference to a Task; its last part is the id."""
    return Want("Task", namespace, f"{reference.kind}://{reference.project}/{reference.name}")


_PARTS: Final = ("function", "task", "profile", "runtime")
MAX_RECORD: Final = 128 * 1024
"""Bytes of JSON: the Run's own document and its metrics have to fit into the same object."""


@dataclass(frozen=True, slots=True)
class ResolvedPart:
    """One object, and the fields that it contributed. An empty `name`: the object is missing and was not needed."""

    reference: str
    """The reference in the Run or its Task."""
    name: str = ""
    """The object; of a profile, its ConfigMap."""
    namespace: str = ""
    """The namespace of the ConfigMap; Functions and Tasks are in the Run's own namespace."""
    uid: str = ""
    generation: int = 0
    id: str = ""
    """The version of the Function that was taken."""
    function: str = ""
    """The Function a Task names."""
    spec: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of_entity(cls, reference: str, view: EntityView) -> ResolvedPart:
        """The part of `status.resolved` for a Function or a Task. Raises NotLoadedError."""
        if not view.is_whole:
            raise NotLoadedError(view)
        is_function = view.what == "Function"
        return cls(
            reference=reference,
            name=view.name,
            uid=view.uid,
            generation=view.generation,
            id=view.id if is_function else "",
            function="" if is_function else text(view.spec.get("function") or view.spec.get("workflow")),
            spec=passed_on(view.spec),
        )

    @classmethod
    def of_profile(cls, name: str, source: ProfilesView, spec: Mapping[str, Any]) -> ResolvedPart:
        """The part of `status.resolved` for a profile."""
        return cls(name, source.name, source.namespace, source.uid, spec=passed_on(spec))

    @classmethod
    def of_runtime(cls, kind: str, view: RuntimeView) -> ResolvedPart:
        """The part of `status.resolved` for a Runtime. Raises NotLoadedError."""
        if not view.is_whole:
            raise NotLoadedError(view)
        return cls(kind, view.name, view.namespace, view.uid, view.generation, spec=view.spec)

    @classmethod
    def from_object(cls, raw: Any) -> ResolvedPart | None:
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
class ResolvedRecord:
    """`status.resolved`; a part is None if the Run does not refer to such an object."""

    function: ResolvedPart | None = None
    task: ResolvedPart | None = None
    profile: ResolvedPart | None = None
    runtime: ResolvedPart | None = None

    @classmethod
    def of_status(cls, status: Mapping[str, Any]) -> ResolvedRecord:
        """Read `status.resolved`."""
        found = mapping(status.get("resolved"))
        return cls(*(ResolvedPart.from_object(found.get(key)) for key in _PARTS))

    def to_object(self) -> dict[str, Any]:
        """As the status holds it."""
        parts = dict(zip(_PARTS, (self.function, self.task, self.profile, self.runtime), strict=True))
        return {key: part.to_object() for key, part in parts.items() if part}

    @property
    def size(self) -> int:
        """Bytes of its JSON."""
        return len(json.dumps(self.to_object(), ensure_ascii=False).encode("utf-8", "surrogatepass"))
