"""The fields of a step's Run that a workflow may set: those that need the right to create Runs and no other.

The operator creates the Runs of steps, so nobody else's rights are checked then. A field that needs a right of its author (a Secret, a
claim, a node) is in the Function, which was checked when it was written, or it is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from run_operator.document.merge import is_empty

FORBIDDEN: Final = (
    "secrets", "volumes", "node_selector", "tolerations", "affinity", "priority_class", "runtime_class", "service_type",
)  # fmt: skip
"""These take rights."""
IDENTITY: Final = ("task", "function", "workflow", "source", "build")
"""These say what the step is, which its function does."""
DROPPED: Final = ("local_execution", "wait")
"""As the platform does."""


def checked(fields: dict[str, Any]) -> str:
    """The reason why a step cannot have these fields; empty if it can. Removes the dropped ones."""
    for name in DROPPED:
        fields.pop(name, None)
    for name in (*FORBIDDEN, *IDENTITY):
        if not is_empty(fields.get(name)):
            return f"{name} cannot be set for a step: set it in the function"
    return ""


def used(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Those that say something."""
    return {name: value for name, value in fields.items() if not is_empty(value)}
