"""Follows the objects of a resource: one list, then watches from its version on.

Objects that were deleted while no watch was open are reported too: a new list is compared with the known objects.

Versions only grow, unless the API server's store was restored from an older backup. Then a watch from a version that is
still to come stays silent without end, and what is held in memory never was. So before a watch is opened again the server is
asked for its version of now.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass
from typing import Final, Protocol

from run_operator.api.raw import JSON, older
from run_operator.kube.backoff import Backoffs
from run_operator.kube.client import Api
from run_operator.kube.errors import ExpiredError, KubeError, NotFoundError, SilentError, TransientError
from run_operator.kube.media_types import METADATA_LIST
from run_operator.kube.resource import Resource

PAGE: Final = 250
"""Objects a page of the list; one page is processed without a pause."""
SHORTEST, LONGEST = 230, 290
"""Whole seconds that a watch is open; a random value in between, so that watches do not restart together."""
UNKNOWN: Final = 5.0
"""Seconds until a kind that the API server does not know is asked for again."""
STEADY: Final = 5.0
"""Seconds: a watch that was open for longer is restarted without a pause."""

log = logging.getLogger(__name__)


class RewoundError(TransientError):
    """The API server is at an older version than before: its store was restored. A process that remembers must start again."""


class Sink(Protocol):
    """Receives the objects. Must be quick; an exception is logged with its object, and the next object follows."""

    def put(self, raw: JSON) -> None:
        """Add or update an object. An older version may follow a newer one."""

    def drop(self, uid: str) -> None:
        """Remove a deleted object."""


@dataclass(frozen=True, slots=True)
class Scope:
    """The followed objects; without a namespace, those of all namespaces."""

    resource: Resource
    namespace: str | None = None
    selector: str = ""
    fields: str = ""

    def __str__(self) -> str:
        where = f" in namespace {self.namespace}" if self.namespace else ""
        return f"{self.resource.plural}{where}"


def _nothing(*_: object) -> None:
    """Nobody wants to know."""


class Reflector:
    """Follows one scope. `seen` is called for each object: the resource's plural and the event's type (None: listed).

    `remembers`: whether the sink hears what was deleted while no watch was open; without it nothing is held here.
    `listed` is called after each complete list, `failed` with each error that ends a watch or a list; what it raises ends the
    work. `turn` is held while a list is read.
    """

    def __init__(
        self,
        api: Api,
        scope: Scope,
        sink: Sink,
        seen: Callable[[str, str | None], None] = _nothing,
        *,
        remembers: bool = True,
        listed: Callable[[], None] = _nothing,
        failed: Callable[[KubeError], None] = _nothing,
        turn: Callable[[], AbstractAsyncContextManager[object]] = nullcontext,
    ) -> None:
        self._remembers = remembers
        self._turn = turn
        self._listed = listed
        self._failed = failed
        self._api = api
        self._scope = scope
        self._sink = sink
        self._seen = seen
        self._version = ""
        self._newest = ""
        self._known: set[str] = set()

    async def work(self) -> None:
        """List and watch until cancelled. A second call begins with a new list. Raises RewoundError."""
        self._version = ""
        delays = iter(Backoffs())
        while True:
            began = None
            try:
                if self._version:
                    await self._check_version()
                else:
                    async with self._turn():
                        await self._list()
                began = time.monotonic()
                await self._watch()
            except RewoundError:
                raise
            except ExpiredError as error:
                log.info("listing %s again: %s", self._scope, error)
                self._version = ""
            except SilentError as error:
                # The next watch may be silent too, behind a proxy that keeps what it should pass on; a list is answered.
                self._failed(error)
                log.warning("listing %s again: %s", self._scope, error)
                self._version = ""
            except NotFoundError as error:
                self._failed(error)
                self._forget()
                await asyncio.sleep(UNKNOWN)
                continue
            except KubeError as error:
                self._failed(error)
                log.warning("watching %s again: %s", self._scope, error)
            if (
                began is not None and time.monotonic() - began > STEADY
            ):  # of the watch: a list may take as long
                delays = iter(Backoffs())
                continue
            await asyncio.sleep(next(delays))

    def _forget(self) -> None:
        """The API server does not know the kind (any more): all of it is gone."""
        for uid in self._known:
            self._sink.drop(uid)
        self._known, self._version = set(), ""

    async def _list(self) -> None:
        scope, version = self._scope, ""
        listed: set[str] = set()
        async for page in self._api.pages(
            scope.resource,
            namespace=scope.namespace,
            selector=scope.selector,
            fields=scope.fields,
            page_size=PAGE,
        ):
            version = str(page["metadata"]["resourceVersion"])
            self._compare(version)
            for raw in page.get("items") or ():
                if self._remembers:
                    listed.add(str(raw["metadata"]["uid"]))
                self._put(raw, None)
        for uid in self._known - listed:
            self._sink.drop(uid)
        self._known, self._version, self._newest = listed, version, version
        self._listed()

    async def _watch(self) -> None:
        scope = self._scope
        events = self._api.watch(
            scope.resource,
            namespace=scope.namespace,
            selector=scope.selector,
            fields=scope.fields,
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
            self._newest = self._version

    async def _check_version(self) -> None:
        resource, namespace = self._scope.resource, self._scope.namespace
        async for page in self._api.pages(
            resource, namespace=namespace, selector=self._scope.selector, page_size=1, accept=METADATA_LIST
        ):
            self._compare(str(page["metadata"]["resourceVersion"]))
            return

    def _compare(self, version: str) -> None:
        """A list is never older than what was seen before it."""
        if older(version, self._newest):
            was = f"the API server is at version {version} and was at {self._newest}"
            raise RewoundError(f"list {self._scope}", 0, f"{was}: its store was restored from a backup")

    def _put(self, raw: JSON, kind: str | None) -> None:
        metadata = raw["metadata"]
        self._seen(self._scope.resource.plural, kind)
        if self._remembers:
            self._known.add(str(metadata["uid"]))
        try:
            self._sink.put(raw)
        except Exception:
            # One malformed object must not hide the following ones.
            where = f"{metadata.get('namespace')}/{metadata.get('name')}"
            log.exception("cannot process %s of %s", where, self._scope)

    def _gone(self, raw: JSON) -> None:
        uid = str(raw["metadata"]["uid"])
        self._seen(self._scope.resource.plural, "DELETED")
        self._known.discard(uid)
        self._sink.drop(uid)
