"""How many objects a LIST page is asked for, and how many bytes of it are read: memory is bounded by bytes."""

from __future__ import annotations

from typing import Any, Final

PAGE_BYTES: Final = 8 * 1024 * 1024
"""A page that is larger is not read, and asked for again with fewer objects."""
SMALLER, STEADY = 8, 8
"""By how much fewer; and after so many pages that fit, with room for as much again, it is twice as many."""


class LongAnswerError(Exception):
    """The answer has more bytes than are read."""


class PageSize:
    """`most` objects a page, fewer where objects are large."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._fitting = 0
        self.limit = most
        self.took = 0
        """Bytes of the last page that was read."""

    @property
    def bytes(self) -> int | None:
        """How much of the next page is read; a single object is read whatever its size."""
        return PAGE_BYTES if self.limit > 1 else None

    def too_long(self) -> None:
        """The page had too many bytes."""
        self.limit, self._fitting = max(1, self.limit // SMALLER), 0

    def fits(self) -> None:
        """The page was read."""
        self._fitting += 1
        if self._fitting % STEADY == 0 and 2 * self.took < PAGE_BYTES:
            self.limit = min(self._most, 2 * self.limit)


async def read(answer: Any, page: PageSize | None) -> bytes:
    """The body of an answer; of a page as much as fits. Raises LongAnswerError beyond that.

    A body that is not read to its end closes the connection: nothing else would, before the garbage collector finds the answer.
    """
    if page is None or page.bytes is None:
        whole: bytes = await answer.read()
        return whole
    pieces, size = [], 0
    try:
        async for piece in answer.response.content.iter_any():
            pieces.append(piece)
            size += len(piece)
            if size > page.bytes:
                break
    except BaseException:
        answer.response.close()
        raise
    if size > page.bytes:
        answer.response.close()
        raise LongAnswerError
    page.took = size
    return b"".join(pieces)
