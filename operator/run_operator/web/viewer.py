"""Parts that all viewers of a watch have: a problem to show, an end, and the event that wakes their stream."""

from __future__ import annotations

import asyncio

from run_operator.web.errors import RefusedError


class FeedViewer:
    """The base of a viewer; `frames` of the class says what it sends."""

    def __init__(self) -> None:
        self._reported: RefusedError | None = None
        self._ended = False
        self.wake = asyncio.Event()

    @property
    def over(self) -> bool:
        """Nothing more comes."""
        return self._ended

    @property
    def size(self) -> int:
        """Bytes that are held for it; those of a feed are shared by its viewers."""
        return 0

    def report(self, problem: RefusedError) -> None:
        """Report a problem that may be temporary."""
        self._reported = problem
        self.wake.set()

    def end(self) -> None:
        """Nothing more comes."""
        self._ended = True
        self.wake.set()

    def refuse(self, problem: RefusedError) -> None:
        """End the stream with an error: this viewer may not see the objects any more."""
        self._reported = problem
        self.end()

    def take_problem(self, of_the_feed: RefusedError | None) -> RefusedError | None:
        """The problem to show now, once; after the end that of the feed."""
        problem, self._reported = self._reported or (of_the_feed if self._ended else None), None
        return problem
