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

import hashlib
import json
from collections import OrderedDict
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, NamedTuple

from run_operator.api.raw import JSON

LIFE: Final = 120.0
"""Seconds: the SDK waits at most 60 for an answer, and writes at once."""
SOON: Final = 5.0
"""Seconds in which a program that has read surely has written, however busy its machine is."""
MOST: Final = 64
"""Readings of one reader that are remembered."""
READERS: Final = 4096
"""Remembered at a time: those that read last."""
HELD: Final = 100_000
"""Metrics remembered, of all readings together: about 20 MB."""


class Given(NamedTuple):
    """One metric as it was shown."""

    length: int
    digest: bytes
    single: bool


@dataclass(frozen=True, slots=True)
class Reading:
    """`given`: which metrics there were, and how each looked; None once a list was put that extends just that look.

    `number` grows from reading to reading. `announced`: the SDK said that it has seen no metrics and will write the
    first. `answered`: crossed off; it may have been another one, so what was given still tells what a list extends.
    """

    number: int
    at: float
    given: Mapping[str, Given | None]
    announced: bool = False
    answered: bool = False

    def counts(self, now: float) -> bool:
        """Whether a PUT that arrived now may have been written upon it."""
        return now - self.at < (SOON if self.answered else LIFE)


class Readings:
    """`held`: metrics remembered at most. Times are seconds of one clock. A reader: one program, as far as can be told."""

    def __init__(self, held: int = HELD) -> None:
        self._most = held
        self._held = 0
        self._number = 0
        self._readers: OrderedDict[Hashable, dict[int, Reading]] = OrderedDict()

    def __len__(self) -> int:
        """Readers that are remembered."""
        return len(self._readers)

    def given(self, reader: Hashable, metrics: Mapping[str, Any], now: float) -> None:
        """These were shown. Who is shown none announces itself before it writes."""
        if metrics:
            self._add(reader, {key: shown(value) for key, value in metrics.items()}, now, announced=False)

    def announced(self, reader: Hashable, now: float) -> None:
        """The SDK writes the first metric of a run next: it has seen none."""
        self._add(reader, {}, now, announced=True)

    def of(self, reader: Hashable, arrived: float) -> list[Reading]:
        """What a PUT of this reader that arrived then may have been written upon."""
        return [one for one in self._readers.get(reader, {}).values() if one.counts(arrived)]

    def answered(self, reader: Hashable, number: int | None, key: str, base: int | None) -> None:
        """A PUT of this metric has come: cross off the reading `number`; it extends what the reading `base` gave."""
        held = self._readers.get(reader, {})
        if base in held:
            held[base] = replace(held[base], given={**held[base].given, key: None})
        if number in held:
            held[number] = replace(held[number], answered=True)
        if all(one.answered for one in held.values()):
            self._drop(reader)

    def _add(
        self, reader: Hashable, given: Mapping[str, Given | None], now: float, *, announced: bool
    ) -> None:
        self._number += 1
        held = self._readers.setdefault(reader, {})
        self._readers.move_to_end(reader)
        held[self._number] = Reading(self._number, now, given, announced)
        self._held += _size(held[self._number])
        for number in [number for number, one in held.items() if now - one.at >= LIFE]:
            self._held -= _size(held.pop(number))
        while len(held) > MOST:
            least = min(held.values(), key=lambda one: (not one.answered, one.number))
            self._held -= _size(held.pop(least.number))
        while (self._held > self._most or len(self._readers) > READERS) and len(self._readers) > 1:
            self._drop(next(iter(self._readers)))

    def _drop(self, reader: Hashable) -> None:
        self._held -= sum(map(_size, self._readers.pop(reader, {}).values()))


def shown(value: Any) -> Given:
    """How a metric's value is remembered."""
    values = value if isinstance(value, list) else [value]
    return Given(len(values), prefixes(values, [len(values)])[len(values)], not isinstance(value, list))


def prefixes(values: Sequence[Any], lengths: Sequence[int]) -> dict[int, bytes]:
    """Digests of the first so many values, for each of the lengths there are."""
    found: dict[int, bytes] = {}
    digest, done = hashlib.blake2b(digest_size=16), 0
    for length in sorted(set(lengths)):
        if length > len(values):
            break
        digest.update(
            json.dumps(values[done:length])[1:].replace("]", ", ").encode() if length > done else b""
        )
        found[length], done = digest.digest(), length
    return found


def _size(reading: Reading) -> int:
    return 1 + len(reading.given)


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
