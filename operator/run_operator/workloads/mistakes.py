"""All mistakes of a document in one message: each wrong part is removed, then the rest is checked again."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from run_operator.workloads import fields
from run_operator.workloads.fields import InvalidSpecError, WorkloadError

MAX_MISTAKES: Final = 10
STAND_INS: Final[Mapping[str, Mapping[str, Any]]] = {
    "image": {"image": "image"}, "python_version": {"image": "image"}, "service_ports": {"service_ports": [{"port": 1}]},
}  # fmt: skip
"""A required field that was wrong, and what stands in for it: otherwise it would be named once more, as missing."""
HANDLER: Final = "handler"
_STEP: Final = re.compile(r"\[(\d+)\]|([^.\[\]]+)")


def all_mistakes(
    first: InvalidSpecError, spec: Mapping[str, Any], build: Callable[[Mapping[str, Any]], object]
) -> InvalidSpecError:
    """The first mistake and those that `build` finds after it. One mistake alone stays as it is."""
    rest = _Rest(spec)
    found = [str(first)]
    error: InvalidSpecError | None = first
    while error is not None and rest.leave_out(error.field) and len(found) < MAX_MISTAKES:
        error = _next(rest.spec, build)
        sentence = rest.as_written(str(error), error.field) if error else ""
        if sentence in found:
            break  # of something that cannot be left out
        if sentence:
            found.append(sentence)
    if len(found) == 1:
        return first
    return InvalidSpecError(first.field, "; ".join(found).removeprefix(f"{first.field}: "))


def _next(spec: Mapping[str, Any], build: Callable[[Mapping[str, Any]], object]) -> InvalidSpecError | None:
    try:
        build(spec)
    except InvalidSpecError as error:
        return error
    except WorkloadError:
        return None
    return None


class _Rest:
    """The document without its wrong parts. Lists get shorter, so the original numbers of their entries are kept."""

    def __init__(self, spec: Mapping[str, Any]) -> None:
        self.spec: dict[str, Any] = dict(spec)
        self._places: dict[str, list[int]] = {
            key: list(range(len(value))) for key, value in spec.items() if isinstance(value, list)
        }

    def leave_out(self, field: str) -> bool:
        """Remove the part with a mistake at this field; returns whether anything was removed."""
        steps = _steps(field)
        key = steps[0] if steps else ""
        inner = self.spec.get(key)
        if key in STAND_INS and not STAND_INS[key].items() <= self.spec.items():
            self.spec |= STAND_INS[key]
        elif steps == ["source", HANDLER] and isinstance(inner, Mapping) and inner.get(HANDLER) != HANDLER:
            self.spec[key] = {**inner, HANDLER: HANDLER}
        elif key not in self.spec:
            return False
        elif len(steps) > 1 and isinstance(inner, list) and steps[1].isdecimal():
            at = int(steps[1])
            self.spec[key] = inner[:at] + inner[at + 1 :]
            self._places[key].pop(at)
        elif len(steps) > 1 and isinstance(inner, Mapping) and steps[1] in inner:
            self.spec[key] = {name: value for name, value in inner.items() if name != steps[1]}
        else:
            del self.spec[key]
        return True

    def as_written(self, message: str, field: str) -> str:
        """The message with the original numbers of entries."""
        steps = _steps(field)
        if len(steps) > 1 and steps[1].isdecimal() and steps[0] in self._places:
            here = f"{fields.ROOT}.{steps[0]}[{steps[1]}]"
            there = f"{fields.ROOT}.{steps[0]}[{self._places[steps[0]][int(steps[1])]}]"
            return message.replace(here, there, 1)
        return message


def _steps(field: str) -> list[str]:
    """The parts of a path: of `spec.spec.volumes[1].name` volumes, 1, name."""
    inner = field.removeprefix(f"{fields.ROOT}.")
    return [] if inner == field else [number or word for number, word in _STEP.findall(inner)]
