"""Typed reading of the inner spec: a value of a wrong type becomes an InvalidSpecError that names the field."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final


class WorkloadError(Exception):
    """`reason` is the CamelCase word for the Run's Failed condition; the text is for people."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class InvalidSpecError(WorkloadError):
    """The document itself is wrong at `field`, e.g. `spec.spec.resources.mem`."""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__("InvalidSpec", f"{field}: {problem}")
        self.field = field


class UnsupportedError(WorkloadError):
    """The document is fine, but this operator cannot do it (yet)."""


class UnresolvedError(WorkloadError):
    """The document refers to an object that is missing or cannot be used yet: the Run waits for it."""


ROOT: Final = "spec.spec"
MAX_ITEMS: Final = 10_000
MAX_TEXT: Final = 128 * 1024 - 1
"""Bytes of one argument, or of NAME=value: Linux takes no longer one (MAX_ARG_STRLEN, which counts a zero byte too)."""
LABEL: Final = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
SUBDOMAIN: Final = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?")

_NAMES: Final = {
    bool: "a boolean",
    int: "a number",
    float: "a number",
    str: "a text",
    list: "a list",
    dict: "a map",
}


def kind_of(value: Any) -> str:
    """The type of a JSON value, in words."""
    return "nothing" if value is None else _NAMES.get(type(value), type(value).__name__)


def text(parent: Mapping[str, Any], key: str, path: str = ROOT) -> str | None:
    """An optional text."""
    value = parent.get(key)
    if value is None:
        return None
    return checked_text(value, f"{path}.{key}")


def checked_text(value: Any, path: str) -> str:
    """A text of bounded length without zero bytes, which no operating system passes on."""
    if not isinstance(value, str):
        hint = "; quote it" if isinstance(value, int | float) else ""
        raise InvalidSpecError(path, f"must be a text, not {kind_of(value)}{hint}")
    if "\0" in value:
        raise InvalidSpecError(path, "has a zero byte")
    check_length(value, path)
    return value


def check_length(value: str, path: str) -> None:
    """Raise InvalidSpecError for a text with more than MAX_TEXT bytes."""
    size = len(value.encode("utf-8", "surrogatepass"))
    if size > MAX_TEXT:
        raise InvalidSpecError(
            path,
            f"has {size} bytes, and Linux accepts at most {MAX_TEXT} in one argument or variable: put it into a file",
        )


def required_text(parent: Mapping[str, Any], key: str, path: str) -> str:
    """A text that must be there and not empty."""
    value = text(parent, key, path)
    if not value:
        raise InvalidSpecError(f"{path}.{key}", "is missing")
    return value


def number(parent: Mapping[str, Any], key: str, path: str = ROOT) -> int | None:
    """An optional whole number."""
    value = parent.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int):
        raise InvalidSpecError(f"{path}.{key}", f"must be a whole number, not {kind_of(value)}")
    return value


def mapping(parent: Mapping[str, Any], key: str, path: str = ROOT) -> Mapping[str, Any]:
    """An optional map; empty when missing."""
    value = parent.get(key)
    if value is None:
        return {}
    return checked_mapping(value, f"{path}.{key}")


def checked_mapping(value: Any, path: str) -> Mapping[str, Any]:
    """A map."""
    if not isinstance(value, Mapping):
        raise InvalidSpecError(path, f"must be a map, not {kind_of(value)}")
    return value


def items(parent: Mapping[str, Any], key: str, path: str = ROOT) -> Sequence[Any]:
    """An optional list of bounded length; empty when missing."""
    value = parent.get(key)
    if value is None:
        return ()
    if not isinstance(value, list):
        raise InvalidSpecError(f"{path}.{key}", f"must be a list, not {kind_of(value)}")
    if len(value) > MAX_ITEMS:
        raise InvalidSpecError(f"{path}.{key}", f"has more than {MAX_ITEMS} entries")
    return value


def texts(parent: Mapping[str, Any], key: str, path: str = ROOT) -> list[str]:
    """An optional list of texts."""
    return [checked_text(value, f"{path}.{key}[{i}]") for i, value in enumerate(items(parent, key, path))]


def long_text(parent: Mapping[str, Any], key: str, path: str) -> str:
    """An optional text of any length, for texts that are not arguments of a program; empty when missing."""
    value = parent.get(key)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise InvalidSpecError(f"{path}.{key}", f"must be a text, not {kind_of(value)}")
    return value
