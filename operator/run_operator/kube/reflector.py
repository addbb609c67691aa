"""Follows what the API server holds of a resource: one list, then watches from there on, for ever.

What is gone is told too when no event said so, because it went while no watch was open: a new list is compared with
what was told before.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from run_operator.api.raw import JSON
from run_operator.kube.backoff import Backoffs
from run_operator.kube.client import Api
from run_operator.kube.errors import ExpiredError, KubeError
from run_operator.kube.resource import Resource

PAGE: Final = 250
"""Objects a page of the list: read in one go, while nothing else is done."""
SHORTEST, LONGEST = 230, 290
"""Whole seconds a watch is open; by chance in between, so that not all are opened anew at once."""
STEADY: Final = 5.0
"""Seconds: a watch that was open for longer is opened anew at once."""

log = logging.getLogger(__name__)


class Sink(Protocol):
    """Who is told. Must be quick; what it raises is logged with the object, and the next one is told."""

    def put(self, raw: JSON) -> None:
        """An object that is there: listed, new, or changed. An older version may follow a newer one."""

    def drop(self, uid: str) -> None:
        """One that is gone."""


@dataclass(frozen=True, slots=True)
class Scope:
    """What is followed; no namespace: in all of them."""

    resource: Resource
    namespace: str | None = None
    selector: str = ""

    def __str__(self) -> str:
        where = f" in namespace {self.namespace}" if self.namespace else ""
        return f"{self.resource.plural}{where}"


class Reflector:
    """One scope's. `seen` is told of every object: the resource's plural and the event's type (None: listed)."""

    def __init__(self, api: Api, scope: Scope, sink: Sink, seen: Callable[[str, str | None], None]) -> None:
        self._api = api
        self._scope = scope
        self._sink = sink
        self._seen = seen
        self._version = ""
        self._told: set[str] = set()

    async def work(self) -> None:
        """List and watch, for ever; may be cancelled, and called again to begin with a new list."""
        self._version = ""
        delays = iter(Backoffs())
        while True:
            began = time.monotonic()
            try:
                if not self._version:
                    await self._list()
                await self._watch()
            except ExpiredError as error:
                log.info("%s are listed anew: %s", self._scope, error)
                self._version = ""
            except KubeError as error:
                log.warning("%s are watched anew: %s", self._scope, error)
            if time.monotonic() - began > STEADY:
                delays = iter(Backoffs())
                continue
            await asyncio.sleep(next(delays))

    async def _list(self) -> None:
        resource, namespace, selector = self._scope.resource, self._scope.namespace, self._scope.selector
        listed: set[str] = set()
        version = ""
        async for page in self._api.pages(resource, namespace=namespace, selector=selector, page_size=PAGE):
            version = str(page["metadata"]["resourceVersion"])
            for raw in page.get("items") or ():
                listed.add(str(raw["metadata"]["uid"]))
                self._put(raw, None)
        for uid in self._told - listed:
            self._sink.drop(uid)
        self._told, self._version = listed, version

    async def _watch(self) -> None:
        scope = self._scope
        events = self._api.watch(
            scope.resource,
            namespace=scope.namespace,
            selector=scope.selector,
            version=self._version,
            seconds=random.randint(SHORTEST, LONGEST),  # noqa: S311 - no secret
        )
        async for event in events:
            kind, raw = event["type"], event["object"]
            if kind == "DELETED":
                self._gone(raw)
            elif kind != "BOOKMARK":
                self._put(raw, kind)
            self._version = str(raw["metadata"]["resourceVersion"])

    def _put(self, raw: JSON, kind: str | None) -> None:
        metadata = raw["metadata"]
        self._seen(self._scope.resource.plural, kind)
        self._told.add(str(metadata["uid"]))
        try:
            self._sink.put(raw)
        except Exception:
            # One odd object must not hide all that come after it.
            where = f"{metadata.get('namespace')}/{metadata.get('name')}"
            log.exception("%s of %s is not understood", where, self._scope)

    def _gone(self, raw: JSON) -> None:
        uid = str(raw["metadata"]["uid"])
        self._seen(self._scope.resource.plural, "DELETED")
        self._told.discard(uid)
        self._sink.drop(uid)
