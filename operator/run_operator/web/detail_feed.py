"""One Run as it changes, with its Events and the new points of its metrics: one watch for all its viewers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping
from hashlib import sha256
from typing import Any, Final

from run_operator.api.raw import JSON, mapping, text
from run_operator.api.run import METRICS_FIELDS
from run_operator.gateway.encoding import encoded
from run_operator.kube.client import Api
from run_operator.kube.errors import ForbiddenError, KubeError, UnauthorizedError
from run_operator.kube.reflector import Reflector, Scope
from run_operator.kube.resource import EVENTS, RUNS
from run_operator.web.errors import RefusedError, of_kube
from run_operator.web.event_stream import frame, raw_frame
from run_operator.web.rights import SEE_EVENTS, WATCH
from run_operator.web.view.detail import beside, newest, of_document, of_now, shown_event, without_document
from run_operator.web.view.new_points import Cursor, cursor, new_points
from run_operator.web.viewer import FeedViewer, WatchFeed

MAX_EVENTS: Final = 400
"""Events that are held, as they are shown; the newest are shown."""


class DetailFeed(WatchFeed["DetailViewer"]):
    """The feed of one Run; the receiver of its reflector. `rights`: see `detail`. A second reflector follows its Events."""

    def __init__(self, api: Api, namespace: str, name: str, rights: Mapping[str, str | None]) -> None:
        super().__init__(namespace, "the page")
        self._api = api
        self._name = name
        self._rights = rights
        self._reflector = Reflector(
            api,
            Scope(RUNS, namespace, fields=f"metadata.name={name}"),
            self,
            listed=self._listed,
            failed=self._failed,
        )
        self._events = _Events(self._changed)
        self._following: asyncio.Task[None] | None = None
        self._notes: list[str] = []
        self._document = b""
        self._rest = b""
        self._written = b""
        self._is_fresh = False
        self.revision = 0
        """A number that grows with each change except logged values."""
        self.raw: JSON | None = None
        """Without its document."""
        self.is_gone = False

    async def work(self) -> None:
        """Until cancelled, or until the viewers may not see it any more."""
        try:
            await self._reflector.work()
        except (KubeError, RefusedError) as error:
            self.end(error)
        finally:
            if self._following is not None:
                self._following.cancel()

    def end(self, error: KubeError | RefusedError | None = None) -> None:
        """End the streams of all viewers, with an error or with the request to open them again."""
        if isinstance(error, KubeError):
            what = f"run {self._name} of namespace {self._namespace} cannot be followed"
            error = of_kube(error, what, WATCH, self._namespace)
        self._close(error)

    def set_rights(self, rights: Mapping[str, str | None]) -> None:
        """Set the rights, which may have changed."""
        if rights != self._rights:
            self._rights = rights
            self._changed()

    def put(self, raw: JSON) -> None:
        """The Run was read or has changed."""
        rest = _digest_without_metrics(raw)
        same = rest == self._rest and not self.is_gone
        if rest != self._rest:
            self._rest, self._document = rest, encoded(of_document(raw))
        self.raw, self.is_gone = without_document(raw), False
        if self._following is None:
            uid = text(mapping(raw.get("metadata")).get("uid"))
            self._following = asyncio.create_task(self._follow_events(uid), name="events")
        self._changed(0 if same else 1)

    def drop(self, uid: str) -> None:
        """The Run is gone."""
        if self.raw is not None and mapping(self.raw.get("metadata")).get("uid") == uid:
            self.is_gone = True
            self._changed()

    def written(self) -> bytes:
        """The detail as JSON, without fields that change with every logged value. It is rendered once for all viewers."""
        if self.raw is not None and not self._is_fresh:
            self._is_fresh = True
            now = of_now(self.raw) | beside(newest(self._events.all), self._rights, self._notes)
            self._written = self._document[:-1] + b"," + encoded(now)[1:]
        return self._written

    @property
    def size_each(self) -> int:
        """Bytes of the detail, for each of those who look at it."""
        return (len(self._document) + len(self._written)) // max(1, len(self._viewers))

    def join(self) -> DetailViewer:
        """Add a viewer, which gets the whole detail first."""
        viewer = DetailViewer(self)
        if self.raw is not None or self.is_gone:
            viewer.wake.set()
        if self.is_over:
            viewer.end()
        self._viewers.add(viewer)
        return viewer

    async def _follow_events(self, uid: str) -> None:
        scope = Scope(EVENTS, self._namespace, fields=f"involvedObject.uid={uid}")

        def failed(error: KubeError) -> None:
            if isinstance(error, ForbiddenError | UnauthorizedError):
                raise error

        try:
            await Reflector(self._api, scope, self._events, failed=failed).work()
        except KubeError:
            self._notes.append(
                f"Events are not shown: you lack the right to {SEE_EVENTS.missing(self._namespace)}"
            )
            self._changed()

    def _changed(self, by: int = 1) -> None:
        self._is_fresh = False
        self.revision += by
        for viewer in self._viewers:
            viewer.wake.set()

    def _listed(self) -> None:
        if self.raw is None:
            self.is_gone = True
            self._changed()


class _Events:
    """The Events of a Run; the receiver of a reflector. It holds what is shown of each, because an Event may have 1 MiB."""

    def __init__(self, changed: Callable[[], None]) -> None:
        self._changed = changed
        self._found: dict[str, dict[str, Any]] = {}

    @property
    def all(self) -> list[dict[str, Any]]:
        """All held Events, in any order."""
        return list(self._found.values())

    def put(self, raw: JSON) -> None:
        """An Event appeared or was repeated."""
        uid = text(mapping(raw.get("metadata")).get("uid"))
        if len(self._found) >= MAX_EVENTS and uid not in self._found:
            self._found.pop(next(iter(self._found)))
        self._found[uid] = shown_event(raw)
        self._changed()

    def drop(self, uid: str) -> None:
        """An Event was deleted, because it is old."""
        if self._found.pop(uid, None) is not None:
            self._changed()


class DetailViewer(FeedViewer):
    """Messages that one stream still has to send."""

    def __init__(self, feed: DetailFeed) -> None:
        super().__init__()
        self._feed = feed
        self._revision = -1
        self._shown = b""
        self._cursor: Cursor | None = None

    @property
    def size(self) -> int:
        """See `FeedViewer`."""
        return self._feed.size_each

    def frames(self) -> Iterator[bytes]:
        """The detail if it has changed, and new points of metrics."""
        feed = self._feed
        raw = feed.raw
        if raw is not None and not feed.is_gone:
            after = cursor(mapping(raw.get("status")))
            points = {} if self._cursor is None else new_points(raw, self._cursor, time.time())
            self._cursor = after
            if points:
                yield frame("metrics", points)
            if self._revision != feed.revision:
                self._revision = feed.revision
                written = feed.written()
                if written != self._shown:
                    self._shown = written
                    yield raw_frame("detail", written)
        if feed.is_gone and not self._ended:
            self._ended = True
            yield frame("gone", {})
        problem = self.take_problem(feed.problem)
        if problem is not None:
            yield frame("problem", problem.body)


def _digest_without_metrics(raw: JSON) -> bytes:
    """Equal for two versions of a Run between which nothing but values was logged."""
    metadata, status = mapping(raw.get("metadata")), mapping(raw.get("status"))
    rest = (
        metadata.get("generation"),
        metadata.get("labels"),
        metadata.get("annotations"),
        metadata.get("deletionTimestamp"),
        {key: value for key, value in status.items() if key not in METRICS_FIELDS},
    )
    return sha256(encoded(rest)).digest()
