"""The end of a text that comes in pieces, in bounded memory."""

from __future__ import annotations

from typing import Final

SLACK: Final = 16_384
"""Extra bytes held so that the text begins with a whole line; the container runtime cuts longer lines."""


class Tail:
    """Holds at least the last `limit` bytes that were added, and at most about twice as many."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._held = bytearray()
        self._ends = 0
        self.bytes = 0
        """Number of bytes added."""

    def add(self, piece: bytes) -> None:
        """Add the next piece."""
        self._held += piece
        self.bytes += len(piece)
        self._ends += piece.count(b"\n")
        if len(self._held) > 2 * (self._limit + SLACK):
            del self._held[: -(self._limit + SLACK)]

    @property
    def lines(self) -> int:
        """Number of lines added; an unfinished line counts."""
        return self._ends + (bool(self._held) and not self._held.endswith(b"\n"))

    def text(self) -> bytes:
        """The whole text, or its end from the beginning of the line in which the last `limit` bytes begin."""
        return last(bytes(self._held), self._limit)


def last(text: bytes, limit: int) -> bytes:
    """The last `limit` bytes, extended to the beginning of their first line within the slack."""
    cut = len(text) - limit
    if cut <= 0:
        return text
    begin = text.rfind(b"\n", max(0, cut - SLACK), cut) + 1
    return text[begin or cut :]
