"""What a PUT of a metric means: the SDK sends the whole list, whether a value was appended or all of it is new. Pure.

It has read the metric, changed it and sends it back; two programs that do so at the same time would overwrite each
other. So a list that begins with what a reader was given lately is an append of the rest, onto whatever is stored
by now. docs/gateway.md says what can be told apart and what cannot.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from run_operator.gateway.readings import Reading, prefixes

RECENT: Final = 2.0
"""Seconds between the reading of somebody who saw no such metric and the write, when somebody else wrote first."""
TELLING: Final = 8
"""Equal values at the beginning that cannot be by chance."""

JSON = Mapping[str, Any]
Metric = Sequence[Any] | float | int | None


@dataclass(frozen=True, slots=True)
class Meaning:
    """`op`: as in a batch of the ingest; None: what is stored stays as it is. `used`: readings it was written upon."""

    op: JSON | None
    used: tuple[Reading, ...] = ()


def meaning(key: str, value: Any, stored: Metric, outstanding: Sequence[Reading], now: float) -> Meaning:
    """`value`: a number or a list of numbers. `stored`: the same, or None if there is no such metric.

    `outstanding`: what the sender may have read, the oldest first.
    """
    newest = tuple(outstanding[-1:])
    if isinstance(value, list) and (extended := _extended(key, value, stored, outstanding, now)):
        return extended
    if value == stored or (newest and _shows(key, value, newest[0])):
        # A single value that is not stored, because there is one: the SDK then sends back what it has read.
        return Meaning(None, newest)
    if not isinstance(value, list):
        return Meaning({"k": key, "set": value, "overwrite": True}, newest)
    tail = _unread(key, value, stored, newest)
    return Meaning({"k": key, "replace": value} if tail is None else {"k": key, "append": tail}, newest)


def _extended(
    key: str, value: list[Any], stored: Metric, outstanding: Sequence[Reading], now: float
) -> Meaning | None:
    """The append to a list that the sender was given, or to none."""
    if (base := _base(key, value, outstanding)) is not None:
        return Meaning({"k": key, "append": value[base.metrics[key].length :]}, (base,))
    strangers = [one for one in outstanding if key not in one.metrics]
    if strangers and (stored is None or _wrote_first(strangers, outstanding, now)):
        return Meaning({"k": key, "append": value}, _twice(strangers))
    return None


def _base(key: str, value: Sequence[Any], outstanding: Sequence[Reading]) -> Reading | None:
    """The reading that the list extends; of several the longest, of equal ones the oldest."""
    given = [one for one in outstanding if key in one.metrics and 0 < one.metrics[key].length < len(value)]
    digests = prefixes(value, [one.metrics[key].length for one in given])
    extended = [one for one in given if digests[one.metrics[key].length] == one.metrics[key].digest]
    return max(extended, key=lambda one: one.metrics[key].length, default=None)


def _wrote_first(strangers: Sequence[Reading], outstanding: Sequence[Reading], now: float) -> bool:
    """Whether the sender may have seen no such metric, and somebody else wrote it meanwhile."""
    announced = not strangers[-1].metrics
    return announced or len(strangers) == len(outstanding) or now - strangers[-1].at < RECENT


def _twice(strangers: Sequence[Reading]) -> tuple[Reading, ...]:
    """The reading, and the one just before it: the SDK's first write to a run reads twice."""
    last, before = strangers[-1], strangers[-2:-1]
    double = [one for one in before if one.metrics and last.metrics and one.number + 1 == last.number]
    return (last, *double)


def _shows(key: str, value: Any, reading: Reading) -> bool:
    """Whether this very value was given."""
    given, values = reading.metrics.get(key), value if isinstance(value, list) else [value]
    if given is None or given.single is isinstance(value, list) or given.length != len(values):
        return False
    return prefixes(values, [len(values)])[len(values)] == given.digest


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
