"""Reads the logs of ended containers: from a bounded queue, a few at a time, with a few tries each."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable

from run_operator.children import PodView
from run_operator.kube.errors import KubeError, NotFoundError, ThrottledError, TransientError
from run_operator.log_archive.collection import CollectionProgress, Target
from run_operator.log_archive.kubelet import KubeletLogs, Nodes
from run_operator.log_archive.limits import ArchiveLimits
from run_operator.log_archive.selection import chosen
from run_operator.log_archive.tail import Tail
from run_operator.log_archive.writer import LostError

GONE = LostError("gone", "the pod was gone before its log could be read")

log = logging.getLogger(__name__)


class Reader:
    """`view` returns the latest known state of a pod."""

    def __init__(
        self,
        source: KubeletLogs,
        progress: CollectionProgress,
        nodes: Nodes,
        limits: ArchiveLimits,
        view: Callable[[PodView], PodView],
    ) -> None:
        self._source = source
        self._progress = progress
        self._nodes = nodes
        self._limits = limits
        self._view = view
        self._waiting: OrderedDict[Target, PodView] = OrderedDict()
        self._timers: dict[Target, asyncio.TimerHandle] = {}
        self._wakeup = asyncio.Event()

    def __len__(self) -> int:
        return len(self._waiting) + len(self._timers)

    def offer(self, target: Target, pod: PodView) -> None:
        """Queue the container."""
        if len(self) >= self._limits.queued:
            self._progress.lose(target, pod, LostError("busy", "too many containers ended at the same time"))
            return
        self._progress.begin(target)
        self._waiting[target] = pod
        self._wakeup.set()

    def close(self) -> None:
        """Cancel the timers."""
        for timer in self._timers.values():
            timer.cancel()

    async def work(self) -> None:
        """Read one log after the other until cancelled. Several tasks may run."""
        while True:
            while not self._waiting:
                self._wakeup.clear()
                await self._wakeup.wait()
            target, pod = self._waiting.popitem(last=False)
            try:
                await self._read(target, self._view(pod))
            except Exception:
                # A bug about one log must not stop the others, as in the follower.
                log.exception("a log could not be stored", extra={"pod": f"{pod.namespace}/{pod.name}"})
                self._progress.finish(target)

    async def _read(self, target: Target, pod: PodView) -> None:
        if not any(c.container.name == target.container and not c.follow for c in chosen(pod)):
            self._progress.release(target)  # the container runs on; its end queues it again
            return
        why = self._nodes.hopeless(pod.facts.node)
        if why:
            self._progress.lose(target, pod, unreachable(pod, why))
            return
        wait = self._nodes.wait(pod.facts.node)
        if wait:
            self._later(target, pod, wait)
            return
        tail = Tail(self._limits.tail)
        try:
            await self._source.read(pod.namespace, pod.name, target.container, tail)
        except NotFoundError:
            self._progress.lose(target, pod, GONE)
        except KubeError as error:
            self._nodes.failed(pod.facts.node, error)
            self._progress.failed(target)
            self._failed(target, pod, error)
        else:
            self._nodes.answered(pod.facts.node)
            await self._progress.keep(target, pod, tail)

    def _failed(self, target: Target, pod: PodView, error: KubeError) -> None:
        passing = isinstance(error, TransientError | ThrottledError)
        if passing and not self._progress.is_exhausted(target) and not self._nodes.hopeless(pod.facts.node):
            self._later(target, pod, getattr(error, "retry_after", self._limits.first_pause))
        elif isinstance(error, TransientError):
            self._progress.lose(target, pod, unreachable(pod, error.message))
        else:
            reason = "busy" if passing else "refused"
            self._progress.lose(
                target, pod, LostError(reason, f"the API server does not serve it: {error.message}")
            )

    def _later(self, target: Target, pod: PodView, delay: float) -> None:
        def due() -> None:
            self._timers.pop(target, None)
            self.offer(target, pod)

        self._timers[target] = asyncio.get_running_loop().call_later(delay, due)


def unreachable(pod: PodView, why: str) -> LostError:
    """The error for a node that does not serve logs."""
    reason = "addressless" if Nodes.fake(why) else "unreachable"
    return LostError(reason, f"node {pod.facts.node or '(none)'} does not serve it: {why}")
