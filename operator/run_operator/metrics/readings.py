"""What readers were given lately of a Run's metrics: the SDK reads, changes and writes back, and says of which reading.

Each PUT of the SDK answers one reading, and crosses one off (`putting.meaning` says which). As long as some are left,
somebody may be between reading and writing; when none is, nobody is, and all of it is forgotten.

Hints only: without them metrics are still written, see `putting`. Nothing of them is in the cluster.
"""

from __future__ import annotations

import hashlib
import json
from collections import OrderedDict
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, NamedTuple

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
