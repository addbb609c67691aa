"""Keeps the logs of containers when their pods end: in the background and within bounds.

A container that still runs when its pod begins to end is followed; one that has ended is read. When too many end at
once, the rest is read after its end: a pod of a Job stays until the Job controller has counted it. A log that cannot be
kept is counted, and reported by one Event a Run.
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
    """Listens to the store and ignores it until `work` begins. `clock` is monotonic seconds."""

    def __init__(
        self,
        source: KubeletLogs,
        writer: LogWriter,
        cluster: ClusterView,
        limits: ArchiveLimits,
        counters: ArchiveTelemetry,
        clock: Callable[[], float],
    ) -> None:
        self._writer = writer
        self._cluster = cluster
        self._limits = limits
        self._nodes = Nodes(limits, clock)
        self._progress = CollectionProgress(writer, limits)
        self._reader = Reader(source, self._progress, self._nodes, limits, self._view)
        self._follower = PodLogFollower(source, self._progress, self._nodes, cluster, limits, self._look)
        self._begun = False
        counters.watch(lambda: len(self._reader), lambda: len(self._follower), lambda: writer.store.size)

    def changed(self, child: Child) -> None:
        """Look at a pod that ends, or at the pods of a child that is suspended or deleted."""
        if not self._begun:
            return
        if isinstance(child, PodView):
            self._follower.changed(child)
            self._look(child)
        elif _stopping(child):
            run = self._cluster.owner(child)
            for other in self._cluster.children(run) if run is not None else ():
                if isinstance(other, PodView):
                    self._look(other, stopping=True)

    def gone(self, child: Child) -> None:
        """Count the logs of a pod that went before they were read."""
        if not self._begun or not isinstance(child, PodView):
            return
        self._follower.changed(child, gone=True)
        for target, _ in self._open(child, stopping=True):
            why = self._nodes.hopeless(child.facts.node)
            self._progress.lose(target, child, unreachable(child, why) if why else GONE)

    def run_gone(self, uid: str) -> None:
        """Forget the logs of a deleted Run; the API server deletes them."""
        self._writer.store.forget(uid)

    async def work(self, begin: asyncio.Event) -> None:
        """Work from `begin` on, when the store is complete, until cancelled.

        The next operator continues what is unfinished. All tasks are created at once, because kopf cancels tasks that
        are younger than itself.
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
                await self._writer.store.load()
            except KubeError as error:
                log.warning("cannot list the RunLogs: %s; the operator tries again in %g s", error, pause)
                await asyncio.sleep(pause)
                pause = min(LONGEST_PAUSE, 2 * pause)
            else:
                break
        self._begun = True
        for child in self._cluster.children():
            self.changed(child)

    def _look(self, pod: PodView, *, stopping: bool = False) -> None:
        for target, follow in self._open(pod, stopping=stopping):
            (self._follower if follow else self._reader).offer(target, pod)

    def _open(self, pod: PodView, *, stopping: bool) -> list[tuple[Target, bool]]:
        """The targets to begin with: not those in progress or done, and none without a Run."""
        run = self._cluster.owner(pod)
        if run is None or run.deleting:
            return []
        found = [(Target(pod.uid, one.container.name), one.follow) for one in chosen(pod, stopping=stopping)]
        return [
            (target, follow)
            for target, follow in found
            if self._progress.is_open(target)
            and not self._writer.store.has(run.uid, name_of(pod.name, target.container))
        ]

    def _view(self, pod: PodView) -> PodView:
        """The latest known state of a pod."""
        found = self._cluster.child(pod.uid)
        return found if isinstance(found, PodView) else pod


def _stopping(child: Child) -> bool:
    if isinstance(child, JobView):
        return child.suspend or child.deleting
    return isinstance(child, DeploymentView) and (child.replicas == 0 or child.deleting)
