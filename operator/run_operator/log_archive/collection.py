"""The containers in progress and those that are done, so that each log is kept once."""

from __future__ import annotations

from collections import OrderedDict
from typing import NamedTuple

from run_operator.children import PodView
from run_operator.log_archive.limits import ArchiveLimits
from run_operator.log_archive.tail import Tail
from run_operator.log_archive.writer import LogWriter, LostError


class Target(NamedTuple):
    """One container of one pod."""

    pod: str
    """Its uid."""
    container: str


class CollectionProgress:
    """A target is open, then in progress, then open again or done."""

    def __init__(self, writer: LogWriter, limits: ArchiveLimits) -> None:
        self._writer = writer
        self._limits = limits
        self._in_progress: set[Target] = set()
        self._failures: dict[Target, int] = {}
        self._done: OrderedDict[Target, None] = OrderedDict()

    def is_open(self, target: Target) -> bool:
        """Whether the target is neither in progress nor done."""
        return target not in self._in_progress and target not in self._done

    def begin(self, target: Target) -> None:
        """Mark the target as in progress."""
        self._in_progress.add(target)

    def release(self, target: Target) -> None:
        """Open the target again."""
        self._in_progress.discard(target)

    def failed(self, target: Target) -> None:
        """Count a failed try."""
        self._failures[target] = self._failures.get(target, 0) + 1

    def is_exhausted(self, target: Target) -> bool:
        """Whether all tries have failed."""
        return self._failures.get(target, 0) >= self._limits.tries

    def forget(self, target: Target) -> None:
        """Forget a target whose Run is gone."""
        self._in_progress.discard(target)
        self._failures.pop(target, None)

    async def keep(self, target: Target, pod: PodView, tail: Tail) -> None:
        """Store the log; the target is done."""
        try:
            await self._writer.keep(pod, target.container, tail)
        except LostError as error:
            self._writer.lost(pod, error)
        self.finish(target)

    def lose(self, target: Target, pod: PodView, error: LostError) -> None:
        """Report a lost log; the target is done."""
        self._writer.lost(pod, error)
        self.finish(target)

    def finish(self, target: Target) -> None:
        """Mark the target as done."""
        self.forget(target)
        self._done[target] = None
        if len(self._done) > self._limits.remembered:
            self._done.popitem(last=False)
