"""Follows containers from the moment their pods begin to end, to keep what they write in their grace period."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable

from run_operator.children import PodView
from run_operator.children.cluster_view import ClusterView
from run_operator.kube.errors import KubeError, NotFoundError
from run_operator.log_archive.collection import CollectionProgress, Target
from run_operator.log_archive.kubelet import KubeletLogs, Nodes
from run_operator.log_archive.limits import ArchiveLimits
from run_operator.log_archive.reader import GONE
from run_operator.log_archive.selection import ended
from run_operator.log_archive.tail import Tail

log = logging.getLogger(__name__)


class _Followed:
    """A followed container, the latest state of its pod, and the deadline."""

    def __init__(self, target: Target, pod: PodView) -> None:
        self.target = target
        self.pod = pod
        self.there = True
        self.news = asyncio.Event()
        self.bound: asyncio.Timeout | None = None

    @property
    def ended(self) -> bool:
        return not self.there or ended(self.pod, self.target.container)


class PodLogFollower:
    """`look` is called with a pod to look at again after following it has failed."""

    def __init__(
        self,
        source: KubeletLogs,
        progress: CollectionProgress,
        nodes: Nodes,
        cluster: ClusterView,
        limits: ArchiveLimits,
        look: Callable[[PodView], None],
    ) -> None:
        self._source = source
        self._progress = progress
        self._nodes = nodes
        self._cluster = cluster
        self._limits = limits
        self._look = look
        self._waiting: deque[_Followed] = deque()
        self._followed: dict[Target, _Followed] = {}
        self._wakeup = asyncio.Event()

    def __len__(self) -> int:
        return len(self._followed)

    def offer(self, target: Target, pod: PodView) -> None:
        """Follow the container if a follower is free; otherwise it is read after its end."""
        full = len(self._followed) >= self._limits.follows
        if full or self._nodes.wait(pod.facts.node) or self._progress.is_exhausted(target):
            return
        self._progress.begin(target)
        self._followed[target] = _Followed(target, pod)
        self._waiting.append(self._followed[target])
        self._wakeup.set()

    def changed(self, pod: PodView, *, gone: bool = False) -> None:
        """Note a change of a pod. The log of a pod that is gone ends soon."""
        for one in self._followed.values():
            if one.target.pod != pod.uid:
                continue
            one.pod, one.there = pod, not gone
            one.news.set()
            if gone and one.bound is not None:
                one.bound.reschedule(asyncio.get_running_loop().time() + self._limits.linger)

    async def work(self) -> None:
        """Follow one container after the other until cancelled. One task runs for each allowed follower."""
        while True:
            while not self._waiting:
                self._wakeup.clear()
                await self._wakeup.wait()
            one = self._waiting.popleft()
            try:
                await self._follow(one)
            except Exception:
                # See the reader.
                where = f"{one.pod.namespace}/{one.pod.name}"
                log.exception("the operator could not follow a log", extra={"pod": where})
                self._progress.finish(one.target)
            finally:
                self._followed.pop(one.target, None)

    async def _follow(self, one: _Followed) -> None:
        tail = Tail(self._limits.tail)
        whole = await self._read(one, tail)
        if whole:
            await self._settle(one)
        if one.ended and (whole or not one.there) and tail.bytes:
            await self._progress.keep(one.target, one.pod, tail)
        elif one.there:
            self._followed.pop(one.target, None)
            self._progress.release(one.target)
            self._look(one.pod)
        elif whole:
            self._progress.finish(one.target)
        else:
            self._progress.lose(one.target, one.pod, GONE)

    async def _read(self, one: _Followed, tail: Tail) -> bool:
        """Follow the log; returns whether its end was reached."""
        pod = one.pod
        run = self._cluster.owner(pod)
        seconds = (run.policy.termination_grace_period if run else 0) + self._limits.follow_slack
        try:
            async with asyncio.timeout(seconds if one.there else self._limits.linger) as one.bound:
                await self._source.follow(pod.namespace, pod.name, one.target.container, tail, 2 * seconds)
        except (NotFoundError, TimeoutError):
            self._progress.failed(one.target)
            return False
        except KubeError as error:
            self._nodes.failed(pod.facts.node, error)
            self._progress.failed(one.target)
            return False
        finally:
            one.bound = None
        self._nodes.answered(pod.facts.node)
        return True

    async def _settle(self, one: _Followed) -> None:
        """Wait for the container's end and exit code, which the API shows a moment after the end of its log."""
        try:
            async with asyncio.timeout(self._limits.settle):
                while not one.ended:
                    one.news.clear()
                    await one.news.wait()
        except TimeoutError:
            self._progress.failed(one.target)
