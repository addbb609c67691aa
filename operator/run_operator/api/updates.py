"""Changes between a document that the SDK sends and the stored one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from run_operator.api.exported import of_object
from run_operator.api.raw import JSON, mapping

TIMES: Final = frozenset({"created", "updated"})
"""Metadata fields that the cluster sets and a document cannot."""
CHANGEABLE: Final = ("metadata", "spec", "extensions")


def changes(shown: JSON, given: JSON, *, announcing: bool) -> dict[str, Any]:
    """Changes that a PUT makes to the document: field to new value.

    The SDK leaves out what it does not know and what is null, at any depth, and adds empty values of its own; so only
    what is said, and said differently, is a change. `announcing`: fields the document does not have at all are the
    SDK's defaults.
    """
    found: dict[str, Any] = {}
    for part in CHANGEABLE:
        before, after = shown.get(part), given.get(part)
        if after is None or _within(after, before):
            continue
        if not isinstance(before, Mapping) or not isinstance(after, Mapping):
            found[part] = after
            continue
        new = {
            key: value
            for key, value in after.items()
            if not _within(value, before.get(key))
            and not (announcing and key not in before)
            and not (part == "metadata" and key in TIMES)
        }
        if new:
            found[part] = {**before, **new}
    return found


def _within(given: Any, there: Any) -> bool:
    """Whether `there` has everything that `given` has."""
    if given is None or given is False or given in ({}, []):
        return given is not False or there in (None, False)
    if isinstance(given, Mapping) and isinstance(there, Mapping):
        return all(_within(value, there.get(key)) for key, value in given.items())
    if isinstance(given, list) and isinstance(there, list):
        return len(given) == len(there) and all(map(_within, given, there))
    return isinstance(given, bool) == isinstance(there, bool) and bool(given == there)


def content_update(raw: JSON, document: JSON) -> list[JSON]:
    """The JSON patch that updates an artifact, data item or model; empty: nothing changes.

    A status in the document replaces the stored one, and drops the list of files of the upload before.
    """
    changed, status = changes(of_object(raw), document, announcing=False), reported(document)
    if status is not None and status != mapping(mapping(raw.get("spec")).get("status")):
        changed["status"] = status
    if not changed:
        return []
    operations: list[JSON] = [{"op": "test", "path": "/metadata/uid", "value": raw["metadata"]["uid"]}]
    operations += [{"op": "add", "path": f"/spec/{part}", "value": value} for part, value in changed.items()]
    if mapping(status).get("files") and "files" in mapping(raw.get("status")):
        operations.append({"op": "remove", "path": "/status/files"})
    return operations


def said(raw: JSON, document: JSON) -> list[str]:
    """The fields that a PUT of an artifact and the like changes: `status`, `spec.path`, `metadata.labels`."""
    shown = of_object(raw)
    changed, status = changes(shown, document, announcing=False), reported(document)
    if status is not None and not _within(status, mapping(shown.get("status"))):
        changed["status"] = status
    found = []
    for part, value in changed.items():
        before = mapping(shown.get(part))
        inner = [key for key in value if value[key] != before.get(key)] if isinstance(value, Mapping) else []
        found += [f"{part}.{key}" for key in inner] if part in ("metadata", "spec") else [part]
    return found


def reported(document: JSON) -> dict[str, Any] | None:
    """The status that the client reports, without metrics, which have their own call; None: the document has none."""
    status = document.get("status")
    if not isinstance(status, Mapping):
        return None
    return {key: value for key, value in status.items() if key != "metrics" and value is not None}
