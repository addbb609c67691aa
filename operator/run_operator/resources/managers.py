"""Who wrote a field last, as far as `metadata.managedFields` tells: a field manager, not a user's name."""

from __future__ import annotations

from typing import Any, Final

MAX_NAME: Final = 128
"""Characters, the API server's own limit."""


def last_writer(managed_fields: Any, *path: str) -> str:
    """The manager that wrote the field at `path` (`f:spec`, `f:suspend`) last; empty when nobody is known to."""
    entries = managed_fields if isinstance(managed_fields, list) else []
    found = [entry for entry in entries if isinstance(entry, dict) and _owns(entry.get("fieldsV1"), path)]
    newest = max(found, key=lambda entry: str(entry.get("time") or ""), default={})
    return str(newest.get("manager") or "")[:MAX_NAME]


def _owns(fields: Any, path: tuple[str, ...]) -> bool:
    for step in path:
        if not isinstance(fields, dict) or step not in fields:
            return False
        fields = fields[step]
    return True
