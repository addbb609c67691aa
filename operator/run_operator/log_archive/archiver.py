"""Keeps what containers wrote when their pods end: in the background, bounded, and never in anybody's way.

A container that runs when its pod begins to end is followed; one that has ended is read. Where more end at once than
may be followed, the rest is read when it has ended: a pod of a Job stays until its controller has counted it. What
cannot be kept is counted and told, once a Run.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from run_operator.api.runlog import name_of
from run_operator.children import DeploymentView, JobView, PodView
from run_operator.children.cluster_view import Child, ClusterView
from run_operator.kube.errors import KubeError
from run_operator.log_archive.collection import CollectionProgress, Target
from run_operator.log_archive.follower import PodLogFollower
from run_operator.log_archive.kubelet import KubeletLogs, Nodes
from run_operator.log_archive.limits import ArchiveLimits
from run_operator.log_archive.reader import GONE, Reader, unreachable
from run_operator.log_archive.selection import chosen
from run_operator.log_archive.telemetry import ArchiveTelemetry
from run_operator.log_archive.writer import LogWriter

LONGEST_PAUSE: Final = 60.0

log = logging.getLogger(__name__)


class Archiver:
    """A listener of the store, deaf until it works. `clock` is monotonic seconds."""

    def __init__(
        self,
        source: KubeletLogs,
        keeper: LogWriter,
        directory: ClusterView,
        limits: ArchiveLimits,
        counters: ArchiveTelemetry,
        clock: Callable[[], float],
    ) -> None:
        self._keeper = keeper
        self._directory = directory
        self._limits = limits
        self._nodes = Nodes(limits, clock)
        self._book = CollectionProgress(keeper, limits)
        self._reader = Reader(source, self._book, self._nodes, limits, self._view)
        self._follower = PodLogFollower(source, self._book, self._nodes, directory, limits, self._look)
        self._begun = False
        counters.watch(lambda: len(self._reader), lambda: len(self._follower), lambda: keeper.shelf.size)

    def changed(self, child: Child) -> None:
        """A pod that ends, or a child that is asked for no more pods."""
        if not self._begun:
            return
        if isinstance(child, PodView):
            self._follower.changed(child)
            self._look(child)
        elif _stopping(child):
            for other in self._directory.children(child.run_uid):
                if isinstance(other, PodView):
                    self._look(other, stopping=True)

    def gone(self, child: Child) -> None:
        """What was not read of a pod until it went is lost."""
        if not self._begun or not isinstance(child, PodView):
            return
        self._follower.changed(child, gone=True)
        for target, _ in self._open(child, stopping=True):
            why = self._nodes.hopeless(child.facts.node)
            self._book.lose(target, child, unreachable(child, why) if why else GONE)

    def run_gone(self, uid: str) -> None:
        """What was kept of it goes with it."""
        self._keeper.shelf.forget(uid)

    async def work(self, begin: asyncio.Event) -> None:
        """From `begin` on, when the directory is complete, until it is cancelled.

        What is under way then is left to the next operator. All tasks are made at once: kopf ends those that are
        younger than itself.
        """
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._begin(begin), name="logs")
                for number in range(self._limits.reads):
                    group.create_task(self._reader.work(), name=f"log-reader-{number}")
                for number in range(self._limits.follows):
                    group.create_task(self._follower.work(), name=f"log-follower-{number}")
        finally:
            self._begun = False
            self._reader.close()

    async def _begin(self, begin: asyncio.Event) -> None:
        await begin.wait()
        pause = self._limits.first_pause
        while True:
            try:
                await self._keeper.shelf.load()
            except KubeError as error:
                log.warning("cannot list what is kept of logs: %s; trying again in %g s", error, pause)
                await asyncio.sleep(pause)
                pause = min(LONGEST_PAUSE, 2 * pause)
            else:
                break
        self._begun = True
        for child in self._directory.children():
            self.changed(child)

    def _look(self, pod: PodView, *, stopping: bool = False) -> None:
        for target, follow in self._open(pod, stopping=stopping):
            (self._follower if follow else self._reader).offer(target, pod)

    def _open(self, pod: PodView, *, stopping: bool) -> list[tuple[Target, bool]]:
        """What is to be begun: not what is under way or done, nor what there is no Run to keep it for."""
        run = self._directory.run_of(pod.run_uid)
        if run is None or run.deleting:
            return []
        found = [(Target(pod.uid, one.container.name), one.follow) for one in chosen(pod, stopping=stopping)]
        return [
            (target, follow)
            for target, follow in found
            if self._book.open(target)
            and not self._keeper.shelf.has(run.uid, name_of(pod.name, target.container))
        ]

    def _view(self, pod: PodView) -> PodView:
        """As it is now, or was when it was seen last."""
        found = self._directory.child(pod.uid)
        return found if isinstance(found, PodView) else pod


def _stopping(child: Child) -> bool:
    if isinstance(child, JobView):
        return child.suspend or child.deleting
    return isinstance(child, DeploymentView) and (child.replicas == 0 or child.deleting)
