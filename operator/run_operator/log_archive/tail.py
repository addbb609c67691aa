"""The end of a text that comes in pieces, in bounded memory."""

from __future__ import annotations

from typing import Final

SLACK: Final = 16_384
"""Bytes beyond the limit that are held so that what is kept can begin with a whole line; the runtime cuts longer ones."""


class Tail:
    """At least the last `limit` bytes of what is added, if there are as many; twice that is held at most."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._held = bytearray()
        self._ends = 0
        self.bytes = 0
        """Added so far."""

    def add(self, piece: bytes) -> None:
        """The next piece."""
        self._held += piece
        self.bytes += len(piece)
        self._ends += piece.count(b"\n")
        if len(self._held) > 2 * (self._limit + SLACK):
            del self._held[: -(self._limit + SLACK)]

    @property
    def lines(self) -> int:
        """Added so far; one that has no end yet counts."""
        return self._ends + (bool(self._held) and not self._held.endswith(b"\n"))

    def text(self) -> bytes:
        """The end: all of it, or from the beginning of the line in which the last `limit` bytes begin."""
        return last(bytes(self._held), self._limit)


def last(text: bytes, limit: int) -> bytes:
    """The last `limit` bytes and what their first line has before them, unless that is more than the slack."""
    cut = len(text) - limit
    if cut <= 0:
        return text
    begin = text.rfind(b"\n", max(0, cut - SLACK), cut) + 1
    return text[begin or cut :]
