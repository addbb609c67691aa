"""Reading objects of the API server: a value that is missing or has a wrong type reads as the empty value."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

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


KEPT: Final = 16 * 1024
"""Characters of a document that is held in memory; a larger one is read when it is needed."""
_BESIDE: Final = 4
"""Characters beside each value: quotes, a comma, a blank."""


def is_large(document: object) -> bool:
    """Whether a document is too large to be held in memory beside thousands of others.

    It is asked of every object that an event brings, so it goes through no more of it than would be held.
    """
    left, rest = KEPT, [document]
    while rest and left > 0:
        one = rest.pop()
        if isinstance(one, str):
            left -= len(one) + _BESIDE
        elif isinstance(one, dict | list):
            left -= len(one)
            if left > 0:
                rest += one
                rest += one.values() if isinstance(one, dict) else ()
        else:
            left -= _BESIDE
    return left <= 0


def printable(value: str) -> str:
    """The text without control characters, which terminals obey. Programs and other people choose parts of many texts."""
    if value.isprintable():
        return value
    return "".join(_shown(one) for one in value)


def _shown(one: str) -> str:
    if one.isspace():
        return " "
    return "\N{REPLACEMENT CHARACTER}" if unicodedata.category(one).startswith("C") else one


def newer(version: str, than: str) -> bool:
    """Whether a resourceVersion is newer than another one; one that is not a number counts as newer."""
    if version.isdecimal() and than.isdecimal():
        return int(version) > int(than)
    return version != than


def older(version: str, than: str) -> bool:
    """Whether a resourceVersion is older than another one; both have to be numbers."""
    return version.isdecimal() and than.isdecimal() and int(version) < int(than)


def pointer(*keys: str) -> str:
    """The JSON pointer (RFC 6901) of a JSON patch's `path`: `/metadata/annotations/example.io~1note`."""
    return "".join("/" + key.replace("~", "~0").replace("/", "~1") for key in keys)


def stamp(epoch: float) -> str:
    """`2026-11-23T10:00:00Z`: whole seconds, as `metav1.Time`."""
    return datetime.fromtimestamp(epoch, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def precise_stamp(epoch: float) -> str:
    """`2026-11-23T10:00:00.123456Z`: microseconds, as the platform writes transitions."""
    return datetime.fromtimestamp(epoch, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def parse(text: object) -> float | None:
    """Seconds since the epoch of an RFC 3339 text; None for anything else."""
    if not isinstance(text, str) or not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
