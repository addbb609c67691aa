"""The only module with kopf: the watch streams of objects that people write. kopf is an informer here, and nothing else.

The handlers copy what matters into the store and cannot fail for reasons of the cluster: no I/O, no waiting.
Stateful handlers, daemons, timers and indexes are not used, because each of them writes to every object, adds
finalizers or costs quadratic time at start. So kopf writes nothing at all.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any, Final

import aiohttp
import kopf
from kubernetes.aio.client import Configuration

from run_operator.api.constants import MANAGED_BY
from run_operator.api.references import Referred
from run_operator.api.run import Run
from run_operator.engine.shallow_response import ShallowResponse
from run_operator.engine.store import Store
from run_operator.engine.watched_kinds import OPTIONAL, REFERRED, SELECTORS
from run_operator.kube.backoff import Backoffs
from run_operator.kube.client import SILENCE
from run_operator.kube.resource import RUNS, Resource

IDENTITY: Final[Any] = MANAGED_BY

Handler = Callable[..., Any]
Seen = Callable[[str, str | None], None]
"""Called for every watch event: the resource's plural and the event type (None: part of a list)."""


class NoDiffs(kopf.DiffBaseStorage):
    """kopf compares nothing and stores nothing on our objects."""

    def build(self, *, body: Any, extra_fields: Any = None) -> Any:
        """An empty essence, instead of a deep copy of every object."""
        del body, extra_fields
        return {}

    def fetch(self, *, body: Any) -> Any:
        """Nothing was stored."""
        del body

    def store(self, *, body: Any, patch: Any, essence: Any) -> None:
        """Nothing is stored."""


class NoProgress(kopf.ProgressStorage):
    """kopf tracks no progress of handlers on our objects."""

    def fetch(self, *, key: Any, body: Any) -> Any:
        """Nothing was stored."""
        del key, body

    def store(self, *, key: Any, record: Any, body: Any, patch: Any) -> None:
        """Nothing is stored."""

    def purge(self, *, key: Any, body: Any, patch: Any) -> None:
        """There is nothing to remove."""

    def touch(self, *, body: Any, patch: Any, value: Any) -> None:
        """Objects are never touched."""

    def clear(self, *, essence: Any) -> Any:
        """The essence is empty already."""
        return essence


def settings() -> kopf.OperatorSettings:
    """kopf's settings; the measurements behind them are in docs/architecture.md."""
    chosen = kopf.OperatorSettings()
    chosen.scanning.disabled = True
    chosen.posting.enabled = False
    chosen.peering.standalone = True
    chosen.queueing.worker_limit = 100
    chosen.queueing.idle_timeout = 0.005
    chosen.watching.chunk_size = 20  # of objects that may have 1.5 MB each: a page is in memory whole
    chosen.watching.server_timeout = random.randint(230, 290)  # noqa: S311 - spreads reconnects
    chosen.watching.client_timeout = 320
    # Later than ShallowResponse ends a silent watch: kopf itself would watch again and not list.
    chosen.watching.inactivity_timeout = SILENCE + 10
    chosen.watching.connect_timeout = 5
    chosen.watching.reconnect_backoff = 1.0
    chosen.networking.request_timeout = 20
    # kopf iterates over it for every request, and ends the whole operator when it runs out.
    chosen.networking.error_backoffs = Backoffs()
    chosen.persistence.diffbase_storage = NoDiffs()
    chosen.persistence.progress_storage = NoProgress()
    # Else kopf would kill the process some seconds after it died of an error, though it was started again.
    chosen.process.ultimate_exiting_timeout = None
    for resource in REFERRED.keys() & SELECTORS.keys():
        selector = SELECTORS[resource]
        chosen.watching.label_selectors[resource.group, resource.version, resource.plural] = selector
    return chosen


def registry(store: Store, seen: Seen, configuration: Configuration) -> kopf.OperatorRegistry:
    """kopf's registry: a login and one event handler per watched resource."""
    handlers = kopf.OperatorRegistry()

    @kopf.on.login(registry=handlers)
    async def login(**_: Any) -> kopf.AiohttpSession:
        return session(await connection(configuration))

    _watch(handlers, RUNS, _runs_into(store, seen))
    for resource in REFERRED.keys() - OPTIONAL:
        view = REFERRED[resource]
        _watch(handlers, resource, _referred_into(store, seen, resource, view))
    return handlers


async def connection(configuration: Configuration) -> kopf.ConnectionInfo:
    """kopf's credentials, made from those of our own client, which refreshes them."""
    bearer = await configuration.get_api_key_with_prefix("BearerToken") or ""
    scheme, _, token = bearer.rpartition(" ")
    return kopf.ConnectionInfo(
        server=configuration.host,
        ca_path=configuration.ssl_ca_cert,
        insecure=not configuration.verify_ssl,
        scheme=scheme or None,
        token=token or None,
        certificate_path=configuration.cert_file,
        private_key_path=configuration.key_file,
    )


def session(info: kopf.ConnectionInfo) -> kopf.AiohttpSession:
    """As kopf makes it of these credentials, but for objects that its parser could not read. kopf closes it."""
    made = aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, ssl=info.as_ssl_context()),
        headers=info.as_http_headers(),
        response_class=ShallowResponse,
    )
    return kopf.AiohttpSession(server=info.server, aiohttp_session=made)


async def run(
    handlers: kopf.OperatorRegistry,
    namespaces: Sequence[str],
    stop: asyncio.Event,
    ready: asyncio.Event,
    take_signals: Callable[[], None],
) -> None:
    """Keep the streams open until `stop` is set. Raises the error by which kopf itself ends.

    When a part of kopf ends, `stop` is set: kopf may then wait for the others without end. kopf takes the process's
    signals; `take_signals` is called to take them back. When kopf ends, it waits for its own tasks for 5 s, and cancels
    those that are left.
    """
    logging.getLogger("kopf.objects").setLevel(logging.WARNING)
    tasks = await kopf.spawn_tasks(
        registry=handlers,
        settings=settings(),
        identity=IDENTITY,  # else kopf asks for the user's name, and a pod's user has none
        standalone=True,
        clusterwide=not namespaces,
        namespaces=list(namespaces),
        stop_flag=stop,
        ready_flag=ready,
    )
    take_signals()
    for task in tasks:
        task.add_done_callback(lambda _: stop.set())
    await kopf.run_tasks(tasks, ignored=_OthersTasks())


class _OthersTasks(Collection[asyncio.Task[Any]]):
    """All tasks that kopf did not make. kopf cancels at its end what is not in here, also what began after its start."""

    def __contains__(self, task: object) -> bool:
        coroutine: Any = task.get_coro() if isinstance(task, asyncio.Task) else None
        frame = getattr(coroutine, "cr_frame", None)
        return frame is None or not str(frame.f_globals.get("__name__")).startswith("kopf.")

    def __iter__(self) -> Iterator[asyncio.Task[Any]]:
        return (task for task in asyncio.all_tasks() if task in self)

    def __len__(self) -> int:
        return sum(1 for _ in self)


def _watch(handlers: kopf.OperatorRegistry, resource: Resource, handler: Handler) -> None:
    names = (resource.version, resource.plural)
    if resource.group:
        kopf.on.event(resource.group, *names, registry=handlers)(handler)
    else:
        kopf.on.event(*names, registry=handlers)(handler)


def _runs_into(store: Store, seen: Seen) -> Handler:
    async def run_changed(event: Mapping[str, Any], **_: Any) -> None:
        seen(RUNS.plural, event["type"])
        run_ = Run.from_object(event["object"])
        if event["type"] == "DELETED":
            store.drop_run(run_.key, run_.uid)
        else:
            store.put_run(run_)

    return run_changed


def _referred_into(store: Store, seen: Seen, resource: Resource, read: Callable[[Any], Referred]) -> Handler:
    async def referred_changed(event: Mapping[str, Any], **_: Any) -> None:
        seen(resource.plural, event["type"])
        if event["type"] == "DELETED":
            store.drop_referred(str(event["object"]["metadata"]["uid"]))
        else:
            store.put_referred(read(event["object"]))

    return referred_changed
