"""System priorities by a profile or a Runtime: an administrator's alone can give one.

A document that names one was checked by the policy `run-operator-author`. A namespace's profiles and Runtimes were not: the priority may
be the result of an expression, or a word in a YAML text, which no policy reads.
"""

from __future__ import annotations

from typing import Final

from run_operator.api.raw import text
from run_operator.api.references import ResolvedPart
from run_operator.api.run import Run
from run_operator.workloads.fields import UnresolvedError

FIELD: Final = "priority_class"
SYSTEM: Final = "system-"


def check_priority(
    before: Run, after: Run, profile: ResolvedPart | None, runtime: ResolvedPart | None, administrators: str
) -> None:
    """Raise UnresolvedError for a system priority that does not come from the document, unless an administrator gives it.

    `before`: the Run with its Function and Task, `after`: with Runtime and profile too. `administrators`: the namespace of their profiles.
    """
    given = text(after.spec.get(FIELD))
    if not given.startswith(SYSTEM):
        return
    if profile is not None and profile.spec.get(FIELD):
        if profile.namespace != administrators:
            where = f"ConfigMap {profile.namespace}/{profile.name}, key {profile.reference}"
            raise UnresolvedError(
                "InvalidProfile", _advice(f"the profile {profile.reference} ({where})", given)
            )
    elif runtime is not None and runtime.namespace and text(before.spec.get(FIELD)) != given:
        raise UnresolvedError("InvalidRuntime", _advice(f"Runtime {runtime.name}", given))


def _advice(who: str, given: str) -> str:
    return (
        f"{who} of this namespace gives its Runs the PriorityClass {given[:80]}: those of the system are given by an administrator, or "
        "named in the document by an author who may use them"
    )
