"""All watch streams, opened and closed together: kopf's for objects that people write, a reflector for each kind of children.

A Run that starts is two events of its own and six of its Job and its pod: those do not go through kopf, whose
way from the socket to a handler costs several times what is done there (docs/architecture.md).
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from typing import Any, Final

from kubernetes.aio.client import Configuration

from run_operator.api.raw import JSON
from run_operator.api.references import Referred
from run_operator.api.runtime_object import RuntimeView
from run_operator.engine import kopf_streams
from run_operator.engine.store import Store
from run_operator.engine.watched_kinds import CHILDREN, OPTIONAL, REFERRED, SELECTORS, WATCHED, Child
from run_operator.kube.client import Api
from run_operator.kube.errors import KubeError
from run_operator.kube.fence import Unfenced
from run_operator.kube.reflector import Reflector, RewoundError, Scope, Sink
from run_operator.kube.resource import METRIC_BATCHES, Resource
from run_operator.observability.telemetry import OperatorTelemetry

BACKOFF: Final = (1.0, 2.0, 5.0, 10.0, 30.0)
"""Seconds before the streams are reopened after a failure; the last one is repeated."""
DISCOVERY_PAUSE: Final = 1.0
KOPF_ENDS: Final = 8.0
"""Seconds: kopf itself waits 5 s for tasks that it does not know."""
KOPF_CANCELLED: Final = 2.0

log = logging.getLogger(__name__)


def connections(namespaces: Sequence[str]) -> int:
    """The number of connections that the streams need: one for each reflector, and one to ask which kinds are served."""
    return (len(CHILDREN) + len(OPTIONAL) + 1) * max(1, len(namespaces)) + 1


class Streams:
    """Feeds the store; `seen` is called for each object. `configuration` is its own: streams keep their connections.

    `outside` takes MetricBatches. `stop` is set when the operator ends: then they are not reopened. `restarted` is called when they are.
    """

    def __init__(
        self,
        configuration: Configuration,
        agent: str,
        namespaces: Sequence[str],
        store: Store,
        metrics: OperatorTelemetry,
        stop: asyncio.Event,
        take_signals: Callable[[], None],
        runtimes: Callable[[RuntimeView], None] = lambda _: None,
        outside: Sink | None = None,
    ) -> None:
        self._configuration = configuration
        self._api = Api(configuration, Unfenced(), metrics.requested, agent)
        self._api.trust.renewed = self.close  # kopf has a context of its own, made when it logs in
        self._namespaces = namespaces
        self._store = store
        self._metrics = metrics
        self._stop = stop
        self._take_signals = take_signals
        self._last_seen: dict[str, float] = {}
        self._close = asyncio.Event()
        self._reflectors = [
            Reflector(
                self._api,
                Scope(resource, namespace, SELECTORS.get(resource, "")),
                sink,
                self._seen,
                remembers=resource is not METRIC_BATCHES,  # their sink asks for each before it does anything
            )
            for resource, sink in _sinks(store, runtimes, outside).items()
            for namespace in (namespaces if resource.is_namespaced else ()) or (None,)
        ]
        self.opened: Final = asyncio.Event()
        """Set once kopf's streams are open; what is listed comes a moment later."""

    @property
    def ages(self) -> dict[str, float]:
        """Seconds since the last event, by resource."""
        return {name: time.monotonic() - at for name, at in self._last_seen.items()}

    async def work(self) -> None:
        """Keep the streams open until the operator stops; reopen them over the warm store when they fail.

        Raises RewoundError: what the store holds is not what the API server has, and will not be.
        """
        failures = 0
        while not self._stop.is_set():
            self._close = asyncio.Event()  # not the one before: a kopf that was left behind still sets that
            began = time.monotonic()
            try:
                await self._discovered()
                await self._opened()
            except RewoundError:
                raise
            except Exception:
                log.exception("the watch streams failed")
            failures = 0 if time.monotonic() - began > BACKOFF[-1] else failures + 1
            await self._pause(BACKOFF[min(failures, len(BACKOFF) - 1)])

    def close(self) -> None:
        """Close the streams; `work` reopens them, unless the operator stops."""
        self.opened.clear()
        self._close.set()

    async def disconnect(self) -> None:
        """Close the connections at the very end."""
        await self._api.close()

    async def _opened(self) -> None:
        """Keep the streams open until they shall be closed, or until one of them ends by itself."""
        close = self._close
        following = [asyncio.create_task(one.work(), name=f"following {one}") for one in self._reflectors]
        for task in following:
            task.add_done_callback(lambda _: close.set())
        handlers = kopf_streams.registry(self._store, self._seen, self._configuration)
        run = kopf_streams.run(handlers, self._namespaces, close, self.opened, self._take_signals)
        informing = asyncio.create_task(run, name="kopf")
        closing = asyncio.create_task(close.wait(), name="closing")
        try:
            await asyncio.wait((informing, closing), return_when=asyncio.FIRST_COMPLETED)
            await _ended(informing)
        finally:
            closing.cancel()
            for task in following:
                task.cancel()
            for ended in await asyncio.gather(*following, return_exceptions=True):
                if isinstance(ended, RewoundError):
                    raise ended
                if isinstance(ended, Exception):
                    log.error("a watch stream failed", exc_info=ended)

    async def _discovered(self) -> None:
        """Wait until the API server serves every watched kind, because kopf asks only once."""
        for resource in WATCHED:
            if resource in OPTIONAL:
                continue
            while not self._stop.is_set() and not await self._served(resource):
                await self._wait_for_stop(DISCOVERY_PAUSE)

    async def _served(self, resource: Resource) -> bool:
        try:
            served = await self._api.serves(resource)
        except KubeError as error:
            log.warning("cannot ask what the API server knows: %s", error)
            return False
        if not served:
            log.warning("the API server does not know %s yet", resource.plural)
        return served

    async def _pause(self, seconds: float) -> None:
        """The pause before they are reopened; the end of the operator does not wait for it."""
        if self._stop.is_set():
            return
        self._metrics.restarted()
        await self._wait_for_stop(seconds)

    async def _wait_for_stop(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._stop.wait()
        except TimeoutError:
            return

    def _seen(self, plural: str, kind: str | None) -> None:
        self._last_seen[plural] = time.monotonic()
        self._metrics.watched(plural, kind)


async def _ended(informing: asyncio.Task[None]) -> None:
    """Wait for the end of kopf, within KOPF_ENDS seconds. Raises the error by which it ended.

    The cancellation of a kopf that took too long is not an error: it would end the operator.
    """
    for longest in (KOPF_ENDS, KOPF_CANCELLED):
        await asyncio.wait((informing,), timeout=longest)
        if informing.cancelled():
            log.warning("kopf was cancelled because it did not end within %g s", KOPF_ENDS)
            return
        if informing.done():
            await informing
            return
        informing.cancel()
    log.warning("kopf does not end; the operator abandons it and opens its streams again")


def _sinks(
    store: Store, runtimes: Callable[[RuntimeView], None], outside: Sink | None
) -> dict[Resource, Sink]:
    """Kinds that reflectors follow, and the receivers of their objects."""
    sinks: dict[Resource, Sink] = {resource: _Into(store, read) for resource, read in CHILDREN.items()}
    sinks |= {resource: _Referred(store, REFERRED[resource], runtimes) for resource in OPTIONAL}
    return sinks | ({METRIC_BATCHES: outside} if outside is not None else {})


class _Referred:
    """Functions, Tasks or Runtimes, into the store. `runtimes` is called with each Runtime."""

    def __init__(
        self, store: Store, read: Callable[[Any], Referred], runtimes: Callable[[RuntimeView], None]
    ) -> None:
        self._store = store
        self._read = read
        self._runtimes = runtimes

    def put(self, raw: JSON) -> None:
        view = self._read(raw)
        self._store.put_referred(view)
        if isinstance(view, RuntimeView):
            self._runtimes(view)

    def drop(self, uid: str) -> None:
        self._store.drop_referred(uid)


class _Into:
    """Children of one kind, into the store."""

    def __init__(self, store: Store, read: Callable[[Any], Child]) -> None:
        self._store = store
        self._read = read

    def put(self, raw: JSON) -> None:
        self._store.put_child(self._read(raw))

    def drop(self, uid: str) -> None:
        self._store.drop_child(uid)
