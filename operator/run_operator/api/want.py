"""Objects that a Run refers to, found or not: an event about one of them wakes the Run."""

from __future__ import annotations

from typing import Literal, NamedTuple

What = Literal["Function", "Task", "Profile", "Runtime"]


class Want(NamedTuple):
    """One reference of a Run. Several objects may match it: the versions of a Function."""

    what: What
    namespace: str
    name: str
    """`kind://project/name` of a Function, `kind://project/id` of a Task, the name of a profile, `<runtime>+<action>` of a Runtime."""


def runtime_wants(kind: str, namespace: str) -> tuple[Want, Want]:
    """References to the Runtime of a kind: in the Run's namespace, and in the cluster."""
    return Want("Runtime", namespace, kind), Want("Runtime", "", kind)
