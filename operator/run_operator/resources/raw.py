"""Reading objects as the API server serves them: whatever is missing or of an odd type reads as its empty value."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

JSON = Mapping[str, Any]
"""A JSON object as the API server serves it."""


def mapping(value: Any) -> Mapping[str, Any]:
    """A map, or an empty one."""
    if isinstance(value, dict):  # nearly always; the abstract class takes ten times as long to ask
        return value
    return value if isinstance(value, Mapping) else {}


def mappings(value: Any) -> list[Mapping[str, Any]]:
    """The maps of a list, or an empty list."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def text(value: Any) -> str:
    """A text, or an empty one."""
    return value if isinstance(value, str) else ""


def number(value: Any) -> int:
    """A whole number, or 0."""
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def newer(version: str, than: str) -> bool:
    """Whether a resourceVersion is newer. They are decimal numbers; what is not is taken as new."""
    if version.isdecimal() and than.isdecimal():
        return int(version) > int(than)
    return version != than


def pointer(*keys: str) -> str:
    """The JSON pointer (RFC 6901) of a JSON patch's `path`: `/metadata/annotations/example.io~1note`."""
    return "".join("/" + key.replace("~", "~0").replace("/", "~1") for key in keys)
