"""Which containers are being dealt with, and which are done: so that each is kept once."""

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
    """A target is open, then under way, then open again or done for ever."""

    def __init__(self, keeper: LogWriter, limits: ArchiveLimits) -> None:
        self._keeper = keeper
        self._limits = limits
        self._under_way: set[Target] = set()
        self._failures: dict[Target, int] = {}
        self._done: OrderedDict[Target, None] = OrderedDict()

    def open(self, target: Target) -> bool:
        """Whether somebody may begin with it."""
        return target not in self._under_way and target not in self._done

    def begin(self, target: Target) -> None:
        """It is under way."""
        self._under_way.add(target)

    def release(self, target: Target) -> None:
        """It is open again."""
        self._under_way.discard(target)

    def failed(self, target: Target) -> None:
        """A try that came to nothing."""
        self._failures[target] = self._failures.get(target, 0) + 1

    def hopeless(self, target: Target) -> bool:
        """Whether it had its tries."""
        return self._failures.get(target, 0) >= self._limits.tries

    def forget(self, target: Target) -> None:
        """Its Run is gone: nobody will ask again."""
        self._under_way.discard(target)
        self._failures.pop(target, None)

    async def keep(self, target: Target, pod: PodView, tail: Tail) -> None:
        """Store what was read; then it is done."""
        try:
            await self._keeper.keep(pod, target.container, tail)
        except LostError as error:
            self._keeper.lost(pod, error)
        self.finish(target)

    def lose(self, target: Target, pod: PodView, error: LostError) -> None:
        """It is done, with nothing to show."""
        self._keeper.lost(pod, error)
        self.finish(target)

    def finish(self, target: Target) -> None:
        """It is done."""
        self.forget(target)
        self._done[target] = None
        if len(self._done) > self._limits.remembered:
            self._done.popitem(last=False)
