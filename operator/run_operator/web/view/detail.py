"""Everything about one Run that its page shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from run_operator.api.exported import of_object
from run_operator.api.figures import figures
from run_operator.api.raw import JSON, mapping, mappings, number, parse, text
from run_operator.document.yaml_writer import write
from run_operator.web.view.commands import commands, invocation
from run_operator.web.view.rows import row, service_url
from run_operator.web.view.timeline import attempts

MAX_EVENTS: Final = 100
MAX_DOCUMENT: Final = 512 * 1024
"""Characters of a document that are shown; the API server stores at most three times as many bytes."""
MAX_MESSAGE: Final = 4096


def detail(
    raw: JSON, events: Sequence[JSON], rights: Mapping[str, str | None], notes: Sequence[str] = ()
) -> dict[str, Any]:
    """The detail. `rights`: action to its missing right, or None. `notes`: parts that could not be read, with the reason."""
    metadata, status = mapping(raw.get("metadata")), mapping(raw.get("status"))
    namespace, name = text(metadata.get("namespace")), text(metadata.get("name"))
    inner = mapping(mapping(raw.get("spec")).get("spec"))
    document = {key: value for key, value in of_object(raw).items() if key != "status"}
    resolved = mapping(status.get("resolved"))
    url = service_url(status)
    return {
        "row": row(raw),
        "attempts": attempts(status, parse(metadata.get("creationTimestamp"))),
        "conditions": [_condition(one) for one in mappings(status.get("conditions"))],
        "events": shown_events(events),
        "document": _yaml(document),
        "resolved": _yaml({key: one for key, one in resolved.items() if key != "signature"})
        if resolved
        else None,
        "results": mapping(status.get("results")),
        "outputs": mapping(status.get("outputs")),
        "inputs": mapping(inner.get("inputs")),
        "parameters": mapping(inner.get("parameters")) or _variables(inner),
        "metrics": summaries(status),
        "service": {"url": url, "invoke": invocation(namespace, name)} if url else None,
        "rights": dict(rights),
        "commands": commands(namespace, name),
        "notes": list(notes),
    }


def summaries(status: JSON) -> list[dict[str, Any]]:
    """Each metric in a few numbers."""
    found = []
    for name, value in mapping(status.get("metrics")).items():
        known = figures(status, name)
        found.append(
            {
                "name": name,
                "type": "series" if isinstance(value, list) else "single",
                "count": known.logged,
                "last": known.last,
                "min": known.min,
                "max": known.max,
            }
        )
    return found


def slim_event(raw: JSON) -> JSON:
    """What is read of an Event: anybody may write some about any Run, each as large as an object may be."""
    kept = {key: raw.get(key) for key in ("lastTimestamp", "eventTime", "type", "reason", "count")}
    return kept | {"message": text(raw.get("message"))[:MAX_MESSAGE]}


def shown_events(events: Sequence[JSON]) -> list[dict[str, Any]]:
    """The Events that are shown, the newest first."""
    found = [
        {
            "time": text(one.get("lastTimestamp")) or text(one.get("eventTime")) or None,
            "type": text(one.get("type")),
            "reason": text(one.get("reason")),
            "message": text(one.get("message"))[:MAX_MESSAGE],
            "count": number(one.get("count")) or 1,
        }
        for one in events
    ]
    return sorted(found, key=lambda one: str(one["time"] or ""), reverse=True)[:MAX_EVENTS]


def _condition(one: JSON) -> dict[str, Any]:
    return {
        "type": text(one.get("type")),
        "status": text(one.get("status")),
        "reason": text(one.get("reason")),
        "message": text(one.get("message"))[:MAX_MESSAGE],
        "time": text(one.get("lastTransitionTime")) or None,
    }


def _variables(inner: JSON) -> dict[str, Any]:
    """Environment variables, where a document has no parameters."""
    return {text(one.get("name")): one.get("value") for one in mappings(inner.get("envs")) if one.get("name")}


def _yaml(document: JSON) -> str:
    written = write(dict(document))
    if len(written) <= MAX_DOCUMENT:
        return written
    return f"{written[:MAX_DOCUMENT]}\n# {len(written) - MAX_DOCUMENT} more characters are not shown here\n"
