"""One Run as a row of the list."""

from __future__ import annotations

from typing import Any, Final

from run_operator.api.exported import project_of
from run_operator.api.filters import name_of
from run_operator.api.raw import JSON, mapping, number, text
from run_operator.api.run_state import state_shown
from run_operator.web.view.curves import main_metric

MAX_TEXT: Final = 1024
"""Characters of a text that programs and other people choose."""
MAX_LABELS: Final = 32


def row(raw: JSON) -> dict[str, Any]:
    """The row; its size is bounded, whatever is in the object."""
    metadata, spec, status = (
        mapping(raw.get("metadata")),
        mapping(raw.get("spec")),
        mapping(raw.get("status")),
    )
    state, message = state_shown(raw)
    name = text(metadata.get("name"))
    labels = list(mapping(metadata.get("labels")).items())[:MAX_LABELS]
    return {
        "uid": text(metadata.get("uid")),
        "namespace": text(metadata.get("namespace")),
        "name": name,
        "title": (name_of(spec) or name)[:MAX_TEXT],
        "project": project_of(raw)[:MAX_TEXT],
        "kind": text(spec.get("kind"))[:MAX_TEXT],
        "function": text(mapping(spec.get("spec")).get("function"))[:MAX_TEXT],
        "state": state.value,
        "reason": text(status.get("reason"))[:MAX_TEXT],
        "message": message[:MAX_TEXT],
        "created": text(metadata.get("creationTimestamp")) or None,
        "started": text(status.get("firstStartTime")) or None,
        "ended": text(status.get("completionTime")) or None,
        "attempt": number(status.get("attempt")),
        "suspended": spec.get("suspend") is True,
        "labels": {str(key): str(value)[:MAX_TEXT] for key, value in labels},
        "metric": main_metric(status),
        "url": service_url(status),
        "user": text(spec.get("user"))[:MAX_TEXT] or None,
    }


def service_url(status: JSON) -> str | None:
    """The URL of a Run's service for pods of the cluster."""
    found = text(mapping(status.get("service")).get("url"))[:MAX_TEXT]
    if not found:
        return None
    return found if found.startswith(("http://", "https://")) else f"http://{found}"
