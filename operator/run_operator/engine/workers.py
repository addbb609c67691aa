"""The workers: take a key, reconcile it, and schedule the next look."""

from __future__ import annotations

import asyncio
import logging
import time

from run_operator.api.run import Key
from run_operator.engine.queue import WorkQueue
from run_operator.engine.reconciler import Reconciler
from run_operator.kube.errors import ConflictError, FencedError, KubeError, ThrottledError, TransientError
from run_operator.observability.telemetry import OperatorTelemetry

log = logging.getLogger(__name__)


class Workers:
    """A fixed number of workers: the bound on requests under way at once."""

    def __init__(
        self, queue: WorkQueue, reconciler: Reconciler, metrics: OperatorTelemetry, count: int
    ) -> None:
        self._queue = queue
        self._reconciler = reconciler
        self._metrics = metrics
        self._count = count

    async def work(self, begin: asyncio.Event) -> None:
        """From `begin` on, work until the queue is closed and every worker has finished what it had begun."""
        async with asyncio.TaskGroup() as group:
            for number in range(self._count):
                group.create_task(self._worker(begin), name=f"worker-{number}")

    async def _worker(self, begin: asyncio.Event) -> None:
        await begin.wait()
        while (key := await self._queue.take()) is not None:
            began = time.perf_counter()
            try:
                result = await self._one(key)
            finally:
                self._queue.done(key)
            self._metrics.reconciled(result, time.perf_counter() - began)

    async def _one(self, key: Key) -> str:  # noqa: PLR0911 - a table of outcomes
        """Reconcile one key; returns the result as a label of a metric. Never raises."""
        try:
            delay = await self._reconciler.reconcile(key)
        except ConflictError:
            self._queue.retry(key)  # the event about the newer version comes earlier, if the streams are well
            return "conflict"
        except ThrottledError as error:
            self._queue.retry(key, at_least=error.retry_after)
            return "throttled"
        except FencedError:
            self._queue.retry(key)  # the API server does not answer, so that the Lease was not renewed
            return "fenced"
        except TransientError as error:
            self._log_retry(key, error, self._queue.retry(key))
            return "transient"
        except KubeError as error:
            self._log_retry(key, error, self._queue.retry(key))
            return "error"
        except Exception:
            # The one place that catches everything: a mistake in one Run's handling must not stop the others.
            log.exception("reconcile failed", extra={"run": str(key)})
            self._queue.retry(key)
            return "bug"
        self._queue.succeeded(key)
        if delay is not None:
            self._queue.add_after(key, delay)
        return "done"

    def _log_retry(self, key: Key, error: Exception, delay: float) -> None:
        log.warning("%s; trying again in %.1f s", error, delay, extra={"run": str(key)})
