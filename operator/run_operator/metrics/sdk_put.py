"""The meaning of a PUT of a metric: the SDK always sends the whole list, for an append and for an overwrite. Pure.

The SDK reads a metric, changes it and sends it back. Two programs that do so at the same time would overwrite each
other. The gateway and the ingest therefore remember what they showed (readings) and compare.

Example: the stored list is [1]. Programs A and B both read [1]. A puts [1, 2], B puts [1, 3].
* A's list begins with a shown list, so it is an append of [2]; the reading is marked as answered. Stored: [1, 2].
* B's list begins with the shown list [1] too, so it is an append of [3], although the stored list is longer. Stored: [1, 2, 3].
* A third PUT of [9] extends no reading: it is an overwrite.

A PUT does not name the reading it answers. If several programs look like one reader, the newest unanswered reading that
can explain the PUT is marked: a later reading knows all that an earlier one did, so each program that has not written yet
still has a reading that knew no more than its own. docs/gateway.md says which cases cannot be distinguished.
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
"""Seconds that a reading counts; the SDK waits at most 60 s for an answer and then writes at once."""
SOON: Final = 5.0
"""Seconds within which a program writes after a read, even on a busy machine."""
MOST: Final = 64
"""Most readings kept for one reader."""
READERS: Final = 4096
"""Most readers kept; the least recent ones are dropped."""
HELD: Final = 100_000
"""Most metrics kept over all readings: about 20 MB."""


class Snapshot(NamedTuple):
    """The digest of one metric as it was shown."""

    length: int
    digest: bytes
    single: bool


@dataclass(frozen=True, slots=True)
class Reading:
    """One read by a client. `given`: the snapshot of each metric; None after a PUT that extends exactly that snapshot.

    `number` grows with each reading. `announced`: the SDK has seen no metrics and will write the first. `answered`: a PUT
    was matched to this reading; the match may be wrong, so the snapshots still count as a base.
    """

    number: int
    at: float
    given: Mapping[str, Snapshot | None]
    announced: bool = False
    answered: bool = False

    def counts(self, now: float) -> bool:
        """Whether a PUT that arrives now may be based on this reading."""
        return now - self.at < (SOON if self.answered else LIFE)


class Readings:
    """Recent readings. `held`: most metrics kept. Times are seconds of one clock. A reader is one program, as far as known."""

    def __init__(self, held: int = HELD) -> None:
        self._most = held
        self._held = 0
        self._number = 0
        self._readers: OrderedDict[Hashable, dict[int, Reading]] = OrderedDict()

    def __len__(self) -> int:
        """Readers that are remembered."""
        return len(self._readers)

    def given(self, reader: Hashable, metrics: Mapping[str, Any], now: float) -> None:
        """Remember what was shown. A program that sees no metrics announces itself before it writes."""
        if metrics:
            self._add(reader, {key: shown(value) for key, value in metrics.items()}, now, announced=False)

    def announced(self, reader: Hashable, now: float) -> None:
        """Remember that a program saw no metrics and writes the first one next."""
        self._add(reader, {}, now, announced=True)

    def of(self, reader: Hashable, arrived: float) -> list[Reading]:
        """The readings that a PUT of this reader may be based on."""
        return [one for one in self._readers.get(reader, {}).values() if one.counts(arrived)]

    def answered(self, reader: Hashable, number: int | None, key: str, base: int | None) -> None:
        """Mark the reading `number` as answered by a PUT that extends the snapshot of the reading `base`."""
        held = self._readers.get(reader, {})
        if base in held:
            held[base] = replace(held[base], given={**held[base].given, key: None})
        if number in held:
            held[number] = replace(held[number], answered=True)
        if all(one.answered for one in held.values()):
            self._drop(reader)

    def _add(
        self, reader: Hashable, given: Mapping[str, Snapshot | None], now: float, *, announced: bool
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


def shown(value: Any) -> Snapshot:
    """The snapshot of a metric's value."""
    values = value if isinstance(value, list) else [value]
    return Snapshot(len(values), prefixes(values, [len(values)])[len(values)], not isinstance(value, list))


def prefixes(values: Sequence[Any], lengths: Sequence[int]) -> dict[int, bytes]:
    """Digests of the first n values, for each n of `lengths`."""
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
"""Number of equal first values that are not a coincidence."""

Metric = Sequence[Any] | float | int | None


@dataclass(frozen=True, slots=True)
class Meaning:
    """`op`: an unchecked operation of a batch; None: the stored metric does not change.

    `answers`: number of the reading to mark as answered; `base`: number of the reading whose list is extended.
    """

    op: JSON | None
    answers: int | None = None
    base: int | None = None


def meaning(key: str, value: Any, stored: Metric, readings: Sequence[Reading], now: float) -> Meaning:
    """`value`: a number or a list of numbers. `stored`: the same, or None if the metric does not exist.

    `readings`: what the sender may have read. `now`: the arrival time of the PUT.
    """
    readings = sorted(readings, key=_knowledge)
    if isinstance(value, list):
        if (base := _base(key, value, readings)) is not None:
            # Where nothing is stored any more, such as after an overwrite with [], the list's beginning is not there to be extended.
            more = value[_look(base, key).length :] if stored is not None and stored != [] else value
            return Meaning({"k": key, "append": more}, _answered(readings, base), base.number)
        if (stranger := _stranger(key, stored, readings, now)) is not None:
            return Meaning({"k": key, "append": value}, _answered(readings, stranger))
    waiting = [one for one in readings if not one.answered]
    newest = waiting[-1] if waiting else None
    return Meaning(_change(key, value, stored, waiting, now), newest.number if newest else None)


def _knowledge(reading: Reading) -> tuple[bool, int]:
    """Sort key: announced readings first, they may be old."""
    return not reading.announced, reading.number


def _base(key: str, value: Sequence[Any], readings: Sequence[Reading]) -> Reading | None:
    """The reading with the longest extended list; among equals an unanswered one, then the newest."""
    given = [one for one in readings if 0 < _look(one, key).length < len(value)]
    digests = prefixes(value, [_look(one, key).length for one in given])
    extended = [one for one in given if digests[_look(one, key).length] == _look(one, key).digest]
    return max(extended, key=lambda one: (_look(one, key).length, not one.answered, one.number), default=None)


def _stranger(key: str, stored: Metric, readings: Sequence[Reading], now: float) -> Reading | None:
    """A reading without this metric, if the sender may have seen none and another program wrote it."""
    waiting = [one for one in readings if not one.answered]
    strangers = [one for one in waiting if key not in one.given]
    if not strangers:
        return None
    surely = stored is None or len(strangers) == len(waiting) or any(one.announced for one in strangers)
    return strangers[-1] if surely or now - strangers[-1].at < SOON else None


def _answered(readings: Sequence[Reading], upon: Reading) -> int | None:
    """The reading to mark for a PUT based on this reading or an earlier one."""
    left = [one for one in readings[: readings.index(upon) + 1] if not one.answered]
    return left[-1].number if left else None


def _change(key: str, value: Any, stored: Metric, waiting: Sequence[Reading], now: float) -> JSON | None:
    """The operation for a value that extends no reading."""
    newest = waiting[-1:]
    recent = [one for one in waiting if now - one.at < SOON] if isinstance(value, list) else []
    if _same(value, stored) or any(_shows(key, value, one) for one in (*newest, *recent)):
        # A single value that is not stored, because there is one: the SDK then sends back what it has read.
        return None
    if not isinstance(value, list):
        return {"k": key, "set": value, "overwrite": True}
    tail = _unread(key, value, stored, newest)
    return {"k": key, "replace": value} if tail is None else {"k": key, "append": tail}


def _look(reading: Reading, key: str) -> Snapshot:
    """The snapshot of the metric; an empty one if it did not exist or was extended already."""
    return reading.given.get(key) or Snapshot(0, b"", single=False)


def _same(value: Any, stored: Metric) -> bool:
    return type(value) is type(stored) and bool(value == stored)


def _shows(key: str, value: Any, reading: Reading) -> bool:
    """Whether exactly this value was shown."""
    look, values = _look(reading, key), value if isinstance(value, list) else [value]
    if look.single is isinstance(value, list) or look.length != len(values):
        return False
    return prefixes(values, [len(values)])[len(values)] == look.digest


def _unread(key: str, value: list[Any], stored: Metric, newest: Sequence[Reading]) -> Sequence[Any] | None:
    """The new values if the reading is unknown, derived from the values alone; None: all are new."""
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
    """Whether all values but the last equal the beginning of the stored list, and the last one differs."""
    rest = len(value) - 1
    return (
        least <= rest < len(stored)
        and list(value[:rest]) == list(stored[:rest])
        and value[rest] != stored[rest]
    )
