"""Times as people type them: 90, 90s, 10m, 1h30m, as kubectl takes them, and 2d."""

from __future__ import annotations

import math
import re
from typing import Any, Final

import click

_UNITS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_PART: Final = r"(\d+(?:\.\d+)?)(ms|s|m|h|d)"
_PARTS: Final = re.compile(rf"(?:{_PART})+", re.ASCII)


def seconds(text: str) -> float | None:
    """How many there are in it; None for what is not a time."""
    if _PARTS.fullmatch(text):
        return sum(float(number) * _UNITS[unit] for number, unit in re.findall(_PART, text))
    try:
        found = float(text)
    except ValueError:
        return None
    return found if math.isfinite(found) else None


class Seconds(click.FloatRange):
    """A time from `least` seconds on; `whole`: in whole seconds."""

    name = "seconds"

    def __init__(self, least: float = 0.0, *, whole: bool = False) -> None:
        super().__init__(least)
        self._least = least
        self._whole = whole

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """A number of seconds."""
        found = seconds(str(value).strip())
        if found is None or found < self._least or (self._whole and found != int(found)):
            kind = "whole seconds" if self._whole else "seconds"
            self.fail(
                f"{str(value)[:40]!r} is not a duration: write {kind} of at least {self._least:g}, or 90s, 10m, 1h30m",
                param,
                ctx,
            )
        return int(found) if self._whole else found


class Whole(click.IntRange):
    """A whole number within bounds."""

    name = "whole number"
