"""Documents of Runs from before 0.14, in the words of today.

No reader of today's SDK knows the kind `container+run`, so that one such Run would break every list that it is in. The
object in the cluster keeps what was applied.
"""

from __future__ import annotations

from typing import Any, Final

from run_operator.api.raw import JSON, mapping, text
from run_operator.document.errors import InvalidKindError
from run_operator.document.kinds import of_run

EARLIER: Final = "+run"
"""How the kind of such a Run ends; its task says what it does."""


def of_today(document: JSON) -> dict[str, Any]:
    """The document with the action in its kind and key, and with one figure for each resource where that says the same."""
    found, spec = dict(document), mapping(document.get("spec"))
    kind = text(document.get("kind"))
    if kind.endswith(EARLIER):
        found["kind"] = _kind(kind, text(spec.get("task")))
        if "key" in found:
            found["key"] = text(found["key"]).replace(f"/{kind}/", f"/{found['kind']}/")
    resources = spec.get("resources")
    if isinstance(resources, dict) and resources:
        flat = {name: _figure(value) for name, value in resources.items()}
        if flat != resources:
            found["spec"] = {**spec, "resources": flat}
    return found


def earlier_kind(kind: str) -> str:
    """The kinds that the same Runs had before 0.14; empty for a kind that does not exist today."""
    runtime, plus, action = kind.partition("+")
    return f"{runtime}{EARLIER}" if plus and action.endswith(":run") else ""


def _kind(kind: str, task: str) -> str:
    try:
        return f"{of_run(kind, task).label}:run"
    except InvalidKindError:
        return kind


def _figure(value: Any) -> Any:
    """Requests and limits as one, unless they differ."""
    if not isinstance(value, dict) or not value.keys() <= {"requests", "limits"}:
        return value
    figures = [one for one in (value.get("requests"), value.get("limits")) if one not in (None, "")]
    return figures[0] if figures and figures[0] == figures[-1] else value
