"""An object of another operator that carries a Run: which kind it is, and what was seen of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple


class CustomKind(NamedTuple):
    """A kind that a component of the cluster brings: KubeAI's Model."""

    group: str
    version: str
    plural: str
    kind: str
    component: str
    """Who brings it, for messages."""

    @property
    def api_version(self) -> str:
        """As objects have it."""
        return f"{self.group}/{self.version}"


class CustomObject(NamedTuple):
    """One look at the Run's object. Nothing of it is watched: the Run asks every few seconds."""

    raw: Mapping[str, Any] | None = None
    """None: it is not there."""
    problem: str = ""
    """Why there cannot be one: the kind is not served, or the operator may not use it."""
