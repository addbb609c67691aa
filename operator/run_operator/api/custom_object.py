"""An object of another operator that carries a Run: its kind, and its state when it was last read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple


class CustomKind(NamedTuple):
    """A kind that belongs to another component of the cluster, such as KubeAI's Model."""

    group: str
    version: str
    plural: str
    kind: str
    component: str
    """The component that brings the kind, for messages."""
    rights: str = "the ClusterRole that comes with the ClusterRuntime"
    """The source of the operator's rights to use it, for messages."""
    name: str = ""
    """The name of the Run's object; empty: that of a child."""

    @property
    def api_version(self) -> str:
        """`group/version`."""
        return f"{self.group}/{self.version}"


class CustomObject(NamedTuple):
    """The Run's object as it was read. It is not watched, but read every few seconds."""

    raw: Mapping[str, Any] | None = None
    """The object; None: there is none."""
    problem: str = ""
    """Why there can be no object: the kind is not served, or the operator may not use it."""
