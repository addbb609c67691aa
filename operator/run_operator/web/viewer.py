"""Parts that all shared watches and their viewers have: a problem to show, an end, and the event that wakes a viewer's stream."""

from __future__ import annotations

import asyncio
from typing import Generic, TypeVar

from run_operator.kube.errors import ForbiddenError, KubeError, NotFoundError, UnauthorizedError
from run_operator.web.errors import RefusedError, of_kube
from run_operator.web.rights import WATCH


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


V = TypeVar("V", bound=FeedViewer)


class WatchFeed(Generic[V]):
    """The base of a watch that viewers share. `shown`: the words of the page for what the viewers see."""

    def __init__(self, namespace: str | None, shown: str) -> None:
        self._namespace = namespace
        self._shown = shown
        self._viewers: set[V] = set()
        self.is_over = False
        self.problem: RefusedError | None = None
        """Why the feed ended."""

    def leave(self, viewer: V) -> None:
        """Remove a viewer."""
        self._viewers.discard(viewer)

    def _close(self, problem: RefusedError | None) -> None:
        """End the streams of all viewers, with an error or with the request to open them again."""
        self.problem, self.is_over = problem, True
        for viewer in self._viewers:
            viewer.end()

    def _failed(self, error: KubeError) -> None:
        """Report a failure that may pass. Raises the error where the watch cannot go on."""
        if isinstance(error, ForbiddenError | UnauthorizedError | NotFoundError):
            raise error
        problem = of_kube(error, f"{self._shown} shows no live updates at the moment", WATCH, self._namespace)
        for viewer in self._viewers:
            viewer.report(problem)
