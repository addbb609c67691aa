"""Placeholders of a workflow, such as `{{inputs.parameters.di}}`: what they name, and the texts they stand for."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

PLACEHOLDER: Final = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)
OF_WORKFLOW: Final = re.compile(r"workflow\.parameters\.([A-Za-z0-9_-]+)")
OF_INPUT: Final = re.compile(r"inputs\.parameters\.([A-Za-z0-9_-]+)")
OF_STEP: Final = re.compile(r"(?:tasks|steps)\.([A-Za-z0-9_-]+)\.outputs\.parameters\.([A-Za-z0-9_-]+)")

Resolve = Callable[[str], str]
"""The text that the inside of a placeholder stands for."""


def named(value: Any) -> Iterator[str]:
    """The inside of each placeholder in a JSON value, without blanks around it."""
    if isinstance(value, str):
        yield from (match.strip() for match in PLACEHOLDER.findall(value))
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from named(key)
            yield from named(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from named(inner)


def filled(value: Any, resolve: Resolve) -> Any:
    """The value with a text in place of each placeholder. An inserted text is never read as JSON or as a placeholder."""
    if isinstance(value, str):
        return PLACEHOLDER.sub(lambda match: resolve(match[1].strip()), value)
    if isinstance(value, Mapping):
        return {filled(key, resolve): filled(inner, resolve) for key, inner in value.items()}
    return [filled(inner, resolve) for inner in value] if isinstance(value, list) else value


def as_text(value: Any) -> str:
    """A parameter as a text, as the platform hands it over."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"))
