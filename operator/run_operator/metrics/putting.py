"""What the DigitalHub SDK means by a PUT of a metric: it reads the whole list, puts its value behind it, and sends it all.

So a list that begins with one that this reader was given means: append the rest. Two who do it at the same time lose
nothing, which they do where the list is stored as it comes.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Hashable, Mapping
from typing import Any, Final, NamedTuple

VERSIONS: Final = 8
"""Of one metric that one reader was given and may still answer to."""
READS: Final = 32
"""Readings of one reader that have not been answered by a PUT."""
SOON: Final = 10.0
"""Seconds in which a reading is answered by the first value of a metric; a list that comes later replaces what is there."""

JSON = Mapping[str, Any]


class _Read(NamedTuple):
    """One reading of all metrics, and which there were."""

    at: float
    names: frozenset[str]


class Given:
    """What readers were given last; the least recently used are forgotten first. Holds no lists. Times in seconds.

    The SDK reads before each PUT. So each PUT is the answer to one reading, though nobody says to which: of those that
    it can be an answer to, one is crossed off. What is left tells whether a metric may be new to somebody.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._known: OrderedDict[Hashable, deque[tuple[int, int]]] = OrderedDict()
        self._reads: OrderedDict[Hashable, deque[_Read]] = OrderedDict()

    def remember(self, reader: Hashable, metrics: JSON, now: float) -> None:
        """These are all the metrics there are, and the reader has been given them."""
        self._reads.setdefault(reader, deque(maxlen=READS)).append(_Read(now, frozenset(metrics)))
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
        unaware = any(name not in read.names and now - read.at < SOON for read in self._reads.get(reader, ()))
        return values if unaware else None

    def answered(self, reader: Hashable, name: str, *, aware: bool) -> None:
        """A PUT has come: cross off the newest reading that it can be an answer to.

        Where that was another one, an older one is left, which knew of fewer metrics: what comes upon it is rather
        appended than taken for an overwrite.
        """
        reads = self._reads.get(reader, deque())
        fitting = [read for read in reads if (name in read.names) == aware]
        if fitting:
            reads.remove(fitting[-1])


def operation(
    name: str, value: Any, there: JSON, reader: Hashable, given: Given, now: float
) -> dict[str, Any] | None:
    """The operation of our own protocol, not checked yet; None: nothing is to be done, it is so already.

    `there`: all metrics as they are now.
    """
    if not isinstance(value, list):
        given.answered(reader, name, aware=name in there)
        return {"k": name, "set": value, "overwrite": True} if _differs(there, name, value) else None
    new = given.new(reader, name, value, now) if _hashable(value) else None
    given.answered(reader, name, aware=new is None or len(new) < len(value))
    if new and there.get(name) != value:  # else it was sent again, because an answer was lost
        return {"k": name, "append": new}
    # Nothing new behind a list that others have put something behind since: nothing is to be done.
    behind = new == [] and isinstance(there.get(name), list)
    return {"k": name, "replace": value} if _differs(there, name, value) and not behind else None


def _differs(there: JSON, name: str, value: Any) -> bool:
    return name not in there or there[name] != value or type(there[name]) is not type(value)


def _hashable(values: list[Any]) -> bool:
    return all(isinstance(value, int | float) or value is None for value in values)
