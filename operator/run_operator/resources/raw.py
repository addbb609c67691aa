"""Reading objects as the API server serves them: whatever is missing or of an odd type reads as its empty value."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def mapping(value: Any) -> Mapping[str, Any]:
    """A map, or an empty one."""
    return value if isinstance(value, Mapping) else {}


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
