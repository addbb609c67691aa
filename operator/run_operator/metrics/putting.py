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

JSON = Mapping[str, Any]


class Given:
    """What readers were given last, by reader and name; the least recently used are forgotten first. Holds no lists."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._known: OrderedDict[Hashable, deque[tuple[int, int]]] = OrderedDict()

    def remember(self, reader: Hashable, metrics: JSON) -> None:
        """These are the metrics the reader has been given."""
        for name, value in metrics.items():
            values = tuple(value) if isinstance(value, list) else (value,)
            versions = self._known.setdefault((reader, name), deque(maxlen=VERSIONS))
            mark = len(values), hash(values)
            if mark not in versions:
                versions.append(mark)
            self._known.move_to_end((reader, name))
        while len(self._known) > self._most:
            self._known.popitem(last=False)

    def new(self, reader: Hashable, name: str, values: list[Any]) -> list[Any] | None:
        """What of these values the reader put behind a list it was given; None: they do not begin with one."""
        sent = tuple(values)
        for length, mark in sorted(self._known.get((reader, name), ()), reverse=True):
            if length <= len(sent) and hash(sent[:length]) == mark:
                return values[length:]
        return None


def operation(name: str, value: Any, there: JSON, reader: Hashable, given: Given) -> dict[str, Any] | None:
    """The operation of our own protocol, not checked yet; None: nothing is to be done, it is so already.

    `there`: all metrics as they are now.
    """
    if there.get(name, ...) == value and isinstance(value, list) == isinstance(there.get(name), list):
        return None
    if not isinstance(value, list):
        return {"k": name, "set": value, "overwrite": True}
    new = given.new(reader, name, value) if _hashable(value) else None
    if new is None and name not in there:
        new = value
    if new is None:
        return {"k": name, "replace": value}
    return {"k": name, "append": new} if new else None


def _hashable(values: list[Any]) -> bool:
    return all(isinstance(value, int | float) or value is None for value in values)
