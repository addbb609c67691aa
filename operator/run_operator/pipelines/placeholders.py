"""Placeholders of a workflow, such as `{{inputs.parameters.di}}`: what they name, and the texts they stand for."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from run_operator.workloads.fields import WorkloadError

OPEN, CLOSE = "{{", "}}"
OF_WORKFLOW: Final = re.compile(r"workflow\.parameters\.([A-Za-z0-9_-]+)")
OF_INPUT: Final = re.compile(r"inputs\.parameters\.([A-Za-z0-9_-]+)")
OF_STEP: Final = re.compile(r"(?:tasks|steps)\.([A-Za-z0-9_-]+)\.outputs\.parameters\.([A-Za-z0-9_-]+)")
MAX_FILLED: Final = 512 * 1024
"""Characters of all texts of a step. A parameter may be put into many places, and memory is everybody's."""

Resolve = Callable[[str], str]
"""The text that the inside of a placeholder stands for."""


def named(value: Any) -> Iterator[str]:
    """The inside of each placeholder in a JSON value, without blanks around it."""
    if isinstance(value, str):
        yield from (inside for _, inside in _parts(value) if inside is not None)
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from named(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from named(inner)


def in_a_key(value: Any) -> str:
    """A key of a map that has a placeholder; empty if none has. None may: a text from elsewhere would choose the field."""
    if isinstance(value, Mapping):
        found = next((str(key) for key in value if OPEN in str(key)), "")
        return found or next(filter(None, map(in_a_key, value.values())), "")
    return next(filter(None, map(in_a_key, value)), "") if isinstance(value, list) else ""


def filled(value: Any, resolve: Resolve) -> Any:
    """The value with a text in place of each placeholder. An inserted text is never read as JSON, as a placeholder or as a key.

    Raises WorkloadError for more than MAX_FILLED characters.
    """
    return _Filling(resolve).of(value)


def as_text(value: Any) -> str:
    """A parameter as a text, as the platform hands it over."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"))


class _Filling:
    def __init__(self, resolve: Resolve) -> None:
        self._resolve = resolve
        self._left = MAX_FILLED

    def of(self, value: Any) -> Any:
        if isinstance(value, str):
            return "".join(self._pieces(value))
        if isinstance(value, Mapping):
            return {key: self.of(inner) for key, inner in value.items()}
        return [self.of(inner) for inner in value] if isinstance(value, list) else value

    def _pieces(self, value: str) -> Iterator[str]:
        for plain, inside in _parts(value):
            for piece in (plain, "" if inside is None else self._resolve(inside)):
                self._left -= len(piece)
                if self._left < 0:
                    raise WorkloadError(
                        "StepTooLarge",
                        f"a step has more than {MAX_FILLED} characters with its parameters: hand them on as an artifact",
                    )
                yield piece


def _parts(value: str) -> Iterator[tuple[str, str | None]]:
    """Plain text, and the inside of the placeholder behind it; None behind the last. No regular expression: this is linear."""
    at = 0
    while (begin := value.find(OPEN, at)) >= 0 and (end := value.find(CLOSE, begin + len(OPEN))) >= 0:
        yield value[at:begin], value[begin + len(OPEN) : end].strip()
        at = end + len(CLOSE)
    yield value[at:], None
