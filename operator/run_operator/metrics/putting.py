"""What a PUT of a metric means: the SDK sends the whole list, whether a value was appended or all of it is new. Pure.

It has read the metric, changed it and sends it back; two programs that do so at the same time would overwrite each
other. So a list that begins with what its sender was given lately is an append of the rest, onto whatever is stored
by now. The gateway and the ingest decide by it alike; docs/gateway.md says what can be told apart and what cannot.

Of several programs that look like one reader nobody says which reading a PUT answers. One is crossed off: of those it
can be an answer to the one that knew most, and a later reading knows all that an earlier one did. So for each program
that is still to write a reading is left that knew no more than its own, and nothing is taken for an overwrite that is
none. What a list extends is looked for among those crossed off too.
"""

from __future__ import annotations

from run_operator.resources.raw import JSON

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from run_operator.metrics.readings import SOON, Given, Reading, prefixes

TELLING: Final = 8
"""Equal values at the beginning that cannot be by chance."""

Metric = Sequence[Any] | float | int | None


@dataclass(frozen=True, slots=True)
class Meaning:
    """`op`: as in a batch of the ingest, not checked yet; None: what is stored stays as it is.

    Numbers of readings: `answers` is the one to cross off, `base` the one whose list is extended.
    """

    op: JSON | None
    answers: int | None = None
    base: int | None = None


def meaning(key: str, value: Any, stored: Metric, readings: Sequence[Reading], now: float) -> Meaning:
    """`value`: a number or a list of numbers. `stored`: the same, or None if there is no such metric.

    `readings`: what the sender may have read. `now`: when the PUT arrived.
    """
    readings = sorted(readings, key=_knowledge)
    if isinstance(value, list):
        if (base := _base(key, value, readings)) is not None:
            more = value[_look(base, key).length :]
            return Meaning({"k": key, "append": more}, _answered(readings, base), base.number)
        if (stranger := _stranger(key, stored, readings, now)) is not None:
            return Meaning({"k": key, "append": value}, _answered(readings, stranger))
    waiting = [one for one in readings if not one.answered]
    newest = waiting[-1] if waiting else None
    return Meaning(_change(key, value, stored, waiting, now), newest.number if newest else None)


def _knowledge(reading: Reading) -> tuple[bool, int]:
    """To sort by. Who announces itself may have looked long ago."""
    return not reading.announced, reading.number


def _base(key: str, value: Sequence[Any], readings: Sequence[Reading]) -> Reading | None:
    """The reading whose list is extended: the longest; of equal ones one not crossed off, which knew most."""
    given = [one for one in readings if 0 < _look(one, key).length < len(value)]
    digests = prefixes(value, [_look(one, key).length for one in given])
    extended = [one for one in given if digests[_look(one, key).length] == _look(one, key).digest]
    return max(extended, key=lambda one: (_look(one, key).length, not one.answered, one.number), default=None)


def _stranger(key: str, stored: Metric, readings: Sequence[Reading], now: float) -> Reading | None:
    """A reading that knew of no such metric, if the sender may have seen none and somebody else wrote it."""
    waiting = [one for one in readings if not one.answered]
    strangers = [one for one in waiting if key not in one.given]
    if not strangers:
        return None
    surely = stored is None or len(strangers) == len(waiting) or any(one.announced for one in strangers)
    return strangers[-1] if surely or now - strangers[-1].at < SOON else None


def _answered(readings: Sequence[Reading], upon: Reading) -> int | None:
    """Which to cross off for a PUT that was written upon this reading, or one that knew as little."""
    left = [one for one in readings[: readings.index(upon) + 1] if not one.answered]
    return left[-1].number if left else None


def _change(key: str, value: Any, stored: Metric, waiting: Sequence[Reading], now: float) -> JSON | None:
    """What to do with a value that was not appended to anything known."""
    newest = waiting[-1:]
    recent = [one for one in waiting if now - one.at < SOON] if isinstance(value, list) else []
    if _same(value, stored) or any(_shows(key, value, one) for one in (*newest, *recent)):
        # A single value that is not stored, because there is one: the SDK then sends back what it has read.
        return None
    if not isinstance(value, list):
        return {"k": key, "set": value, "overwrite": True}
    tail = _unread(key, value, stored, newest)
    return {"k": key, "replace": value} if tail is None else {"k": key, "append": tail}


def _look(reading: Reading, key: str) -> Given:
    """How the metric looked; nothing where there was none, or where that look was extended already."""
    return reading.given.get(key) or Given(0, b"", single=False)


def _same(value: Any, stored: Metric) -> bool:
    return type(value) is type(stored) and bool(value == stored)


def _shows(key: str, value: Any, reading: Reading) -> bool:
    """Whether this very value was given."""
    look, values = _look(reading, key), value if isinstance(value, list) else [value]
    if look.single is isinstance(value, list) or look.length != len(values):
        return False
    return prefixes(values, [len(values)])[len(values)] == look.digest


def _unread(key: str, value: list[Any], stored: Metric, newest: Sequence[Reading]) -> Sequence[Any] | None:
    """What the values alone say is new, when the reading is not known; None: all of it."""
    if newest:
        surely = isinstance(stored, list) and not _shows(key, stored, newest[0])
        return value[-1:] if surely and _behind(value, stored, TELLING) else None
    there = stored if isinstance(stored, list) else [stored]
    if stored is None or not there:
        return None
    if value[: len(there)] == there:
        return value[len(there) :]
    return value[-1:] if _behind(value, there, 1) else None


def _behind(value: Sequence[Any], stored: Any, least: int) -> bool:
    """Whether all but the last value are the beginning of what is stored, and the last one is another."""
    rest = len(value) - 1
    return (
        least <= rest < len(stored)
        and list(value[:rest]) == list(stored[:rest])
        and value[rest] != stored[rest]
    )
