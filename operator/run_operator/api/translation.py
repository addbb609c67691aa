"""The additions of a Runtime to a Run, beside the spec that is built."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from run_operator.api.custom_object import CustomKind


class Fetched(NamedTuple):
    """Files that an init container fetches before the program starts."""

    source: str
    """`s3://`, `https://`, `store://...`; a folder where it ends in a slash."""
    path: str
    """The folder in the pod."""


@dataclass(frozen=True, slots=True)
class Translation:
    """The translation of one Run. It is made for each decision and never stored."""

    kind: str
    """`<runtime>+<action>` of the kind it is built as: container+serve."""
    used: frozenset[str] = frozenset()
    """Fields of the Run's document that the Runtime uses."""
    files: tuple[Fetched, ...] = ()
    resource: CustomKind | None = None
    """The kind of the object that is made instead of a pod; `kind` is empty then."""
    ready_path: str = ""
    """The path that answers when a service is ready; empty: its port is open."""
    warnings: tuple[str, ...] = field(default=())
    runtime: Mapping[str, Any] = field(default_factory=dict)
    """`kind`, `name` and `namespace` of the object that did it, for messages."""
