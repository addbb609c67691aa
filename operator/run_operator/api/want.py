"""What a Run looks for among the objects of the cluster: an event about it wakes the Run."""

from __future__ import annotations

from typing import Literal, NamedTuple

What = Literal["Function", "Task", "Profile", "Runtime"]


class Want(NamedTuple):
    """One thing a Run can refer to. Several objects may answer to it: the versions of a Function."""

    what: What
    namespace: str
    name: str
    """`kind://project/name` of a Function, `kind://project/id` of a Task, the name of a profile, `<runtime>+<action>` of a Runtime."""


def runtime_wants(kind: str, namespace: str) -> tuple[Want, Want]:
    """What a Run of this kind asks for: a Runtime of its namespace, and a ClusterRuntime."""
    return Want("Runtime", namespace, kind), Want("Runtime", "", kind)
