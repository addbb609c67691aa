"""`Runtime` and `ClusterRuntime` as Python: the kinds that they handle, and their spec."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from run_operator.api.raw import is_large, mapping, number, text
from run_operator.api.want import Want
from run_operator.document.merge import without_nulls

CLUSTER_KIND: Final = "ClusterRuntime"
NAMESPACED_KIND: Final = "Runtime"
ACCEPTED: Final = "Accepted"
"""The type of the condition that says whether Runs can use it."""


@dataclass(frozen=True, slots=True)
class RuntimeView:
    """A Runtime, or a ClusterRuntime, which has no namespace and counts in all of them."""

    namespace: str
    name: str
    uid: str
    resource_version: str = field(compare=False)
    generation: int
    kinds: tuple[str, ...]
    """`<runtime>+<action>`, without the `:run` of the documents."""
    priority: int
    spec: Mapping[str, Any]
    is_whole: bool = True
    """False: `spec` is left out; the API server has it."""
    status: Mapping[str, Any] = field(default_factory=dict, compare=False)
    """The status that the operator wrote; no decision depends on it."""

    @property
    def what(self) -> str:
        """The kind of the object."""
        return NAMESPACED_KIND if self.namespace else CLUSTER_KIND

    @property
    def order(self) -> tuple[bool, int, str]:
        """Sort key; the first one counts: in the Run's namespace, then with the higher priority, then by name."""
        return (not self.namespace, -self.priority, self.name)

    @property
    def place(self) -> str:
        """For messages: `ClusterRuntime sklearnserve`."""
        return f"{self.what} {f'{self.namespace}/' if self.namespace else ''}{self.name}"

    @property
    def wants(self) -> frozenset[Want]:
        """The names by which it is found."""
        return frozenset(Want("Runtime", self.namespace, kind) for kind in self.kinds)

    def slim(self) -> RuntimeView:
        """The object as the store holds it: without a large spec."""
        return replace(self, spec={}, is_whole=False) if is_large(self.spec) else self

    @classmethod
    def from_object(cls, raw: Mapping[str, Any]) -> RuntimeView:
        """Read a `Runtime` or a `ClusterRuntime`."""
        metadata, spec = mapping(raw.get("metadata")), mapping(raw.get("spec"))
        kinds = spec.get("kinds")
        return cls(
            namespace=text(metadata.get("namespace")),
            name=text(metadata.get("name")),
            uid=text(metadata.get("uid")),
            resource_version=text(metadata.get("resourceVersion")),
            generation=number(metadata.get("generation")),
            kinds=tuple(text(kind).removesuffix(":run") for kind in kinds) if isinstance(kinds, list) else (),
            priority=number(spec.get("priority")),
            spec=without_nulls({key: value for key, value in spec.items() if key != "description"}),
            status=mapping(raw.get("status")),
        )
