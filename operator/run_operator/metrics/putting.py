"""What the DigitalHub SDK means by a PUT of a metric: it reads the whole list, puts its value behind it, and sends it all.

So a list that begins with one that this reader was given means: append the rest. Two who do it at the same time lose
nothing, which they do where the list is stored as it comes.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Hashable, Mapping
from typing import Any, Final

VERSIONS: Final = 8
"""Of one metric that one reader was given and may still answer to."""
READS: Final = 16
"""Of one reader that may still be answered by the first value of a metric."""
SOON: Final = 10.0
"""Seconds in which that comes: after them, and when it has come, such a list replaces what is there."""

JSON = Mapping[str, Any]


class _Read:
    """One reading of all metrics. `names`: of those that were there, or have had their first value in answer to it."""

    __slots__ = ("at", "names")

    def __init__(self, at: float, names: set[str]) -> None:
        self.at = at
        self.names = names


class Given:
    """What readers were given last; the least recently used are forgotten first. Holds no lists. Times in seconds."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._known: OrderedDict[Hashable, deque[tuple[int, int]]] = OrderedDict()
        self._reads: OrderedDict[Hashable, deque[_Read]] = OrderedDict()

    def remember(self, reader: Hashable, metrics: JSON, now: float) -> None:
        """These are all the metrics there are, and the reader has been given them."""
        reads = self._reads.setdefault(reader, deque(maxlen=READS))
        reads.append(_Read(now, set(metrics)))
        self._reads.move_to_end(reader)
        for name, value in metrics.items():
            values = tuple(value) if isinstance(value, list) else (value,)
            versions = self._known.setdefault((reader, name), deque(maxlen=VERSIONS))
            mark = len(values), hash(values)
            if mark not in versions:
                versions.append(mark)
            self._known.move_to_end((reader, name))
        for held in (self._known, self._reads):
            while len(held) > self._most:
                held.popitem(last=False)

    def new(self, reader: Hashable, name: str, values: list[Any], now: float) -> list[Any] | None:
        """What of these values the reader put behind what it was given; None: they are something else."""
        sent = tuple(values)
        for length, mark in sorted(self._known.get((reader, name), ()), reverse=True):
            if length <= len(sent) and hash(sent[:length]) == mark:
                return values[length:]
        for read in self._reads.get(reader, ()):
            if name not in read.names and now - read.at < SOON:
                read.names.add(name)  # answered
                return values
        return None


def operation(
    name: str, value: Any, there: JSON, reader: Hashable, given: Given, now: float
) -> dict[str, Any] | None:
    """The operation of our own protocol, not checked yet; None: nothing is to be done, it is so already.

    `there`: all metrics as they are now.
    """
    if not isinstance(value, list):
        return {"k": name, "set": value, "overwrite": True} if _differs(there, name, value) else None
    new = given.new(reader, name, value, now) if _hashable(value) else None
    if new and not _repeated(there, name, value):
        return {"k": name, "append": new}
    return (
        {"k": name, "replace": value}
        if _differs(there, name, value) and not _older(there, name, new)
        else None
    )


def _differs(there: JSON, name: str, value: Any) -> bool:
    return name not in there or there[name] != value or type(there[name]) is not type(value)


def _repeated(there: JSON, name: str, value: list[Any]) -> bool:
    """Sent again after an answer was lost."""
    return there.get(name) == value


def _older(there: JSON, name: str, new: list[Any] | None) -> bool:
    """Nothing was put behind what was given, and others have put something behind it since."""
    return new == [] and isinstance(there.get(name), list)


def _hashable(values: list[Any]) -> bool:
    return all(isinstance(value, int | float) or value is None for value in values)
