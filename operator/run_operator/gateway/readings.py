"""What readers were given lately of a Run's metrics: the SDK reads, changes and writes back, and says of which reading.

Hints only: without them metrics are still written, see `meaning`. Nothing of them is in the cluster.
"""

from __future__ import annotations

import hashlib
import json
from collections import OrderedDict, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

LIFE: Final = 120.0
"""Seconds: the SDK waits at most 60 for an answer, and writes at once."""
MOST: Final = 64
"""Readings of one reader that are remembered."""

READERS: Final = 4096
"""Remembered at a time: those that read last."""

Reader = tuple[str, str, str]
"""Uid of the Run, digest of the token, address."""


class Given(NamedTuple):
    """One metric as it was shown."""

    length: int
    digest: bytes
    single: bool


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """`number` counts what one reader did: neighbours differ by one."""

    at: float
    number: int
    metrics: Mapping[str, Given] = field(default_factory=dict)


class Readings:
    """`most`: metrics remembered, of all readings together. Times are seconds of one clock."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._held = 0
        self._readers: OrderedDict[Reader, deque[Reading]] = OrderedDict()
        self._numbers: dict[Reader, int] = {}

    def __len__(self) -> int:
        """Readers that are remembered."""
        return len(self._readers)

    def given(self, reader: Reader, metrics: Mapping[str, Any], now: float) -> None:
        """These were shown. Who is shown none announces itself before it writes."""
        if metrics:
            self._add(reader, {key: shown(value) for key, value in metrics.items()}, now)

    def announced(self, reader: Reader, now: float) -> None:
        """The SDK writes the first metric of a run next: it has seen none."""
        self._add(reader, {}, now)

    def outstanding(self, reader: Reader, now: float) -> list[Reading]:
        """Readings that nothing was written upon yet, the oldest first."""
        found = self._readers.get(reader, ())
        return [one for one in found if now - one.at < LIFE]

    def used(self, reader: Reader, readings: Sequence[Reading]) -> None:
        """Something was written upon these."""
        held = self._readers.get(reader)
        if held is None:
            return
        self._numbers[reader] += 1
        for one in readings:
            if one in held:
                held.remove(one)
                self._held -= _size(one)

    def _add(self, reader: Reader, metrics: Mapping[str, Given], now: float) -> None:
        held = self._readers.setdefault(reader, deque())
        self._readers.move_to_end(reader)
        number = self._numbers[reader] = self._numbers.get(reader, 0) + 1
        held.append(Reading(now, number, metrics))
        self._held += _size(held[-1])
        while len(held) > MOST or now - held[0].at >= LIFE:
            self._held -= _size(held.popleft())
        while (self._held > self._most or len(self._readers) > READERS) and len(self._readers) > 1:
            gone, readings = self._readers.popitem(last=False)
            self._numbers.pop(gone, None)
            self._held -= sum(map(_size, readings))


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
    return 1 + len(reading.metrics)
