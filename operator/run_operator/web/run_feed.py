"""The Runs of one namespace, or of all, as rows: one watch of the API server for all its viewers."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import nullcontext

from run_operator.api.raw import JSON, mapping, text
from run_operator.gateway.encoding import encoded
from run_operator.kube.client import Api
from run_operator.kube.errors import ForbiddenError, KubeError, UnauthorizedError
from run_operator.kube.reflector import Reflector, Scope
from run_operator.kube.resource import RUNS
from run_operator.web.errors import RefusedError, of_kube
from run_operator.web.event_stream import frame, raw_frame
from run_operator.web.limits import WebLimits
from run_operator.web.rights import WATCH
from run_operator.web.view.rows import row
from run_operator.web.viewer import FeedViewer, WatchFeed


class RunFeed(WatchFeed["RowsViewer"]):
    """The feed of Runs; the receiver of a reflector. It follows them as long as `work` runs."""

    def __init__(
        self, api: Api, namespace: str | None, limits: WebLimits, turn: asyncio.Semaphore | None = None
    ) -> None:
        super().__init__(namespace, "the list")
        self._limits = limits
        self._rows: dict[str, bytes] = {}
        self._versions: dict[str, str] = {}
        self._size = 0
        self._reflector = Reflector(
            api,
            Scope(RUNS, namespace),
            self,
            listed=self._listed,
            failed=self._failed,
            turn=nullcontext if turn is None else lambda: turn,
        )
        self.is_synced = False

    async def work(self) -> None:
        """Until cancelled, or until the viewers may not see it any more."""
        try:
            await self._reflector.work()
        except (KubeError, RefusedError) as error:
            self.end(error)

    def end(self, error: KubeError | RefusedError | None = None) -> None:
        """End the streams of all viewers, with an error or with the request to open them again."""
        where = f"namespace {self._namespace}" if self._namespace else "all namespaces"
        if isinstance(error, ForbiddenError | UnauthorizedError):
            # It may be another viewer whose token the watch has: each finds out about itself when it opens the stream again.
            error = RefusedError(
                503, "Unavailable", f"the watch of {where} has ended; open it again", retry_after=1.0
            )
        elif isinstance(error, KubeError):
            error = of_kube(error, f"the Runs of {where} cannot be followed", WATCH, self._namespace)
        self._close(error)

    def put(self, raw: JSON) -> None:
        """An object was added or changed."""
        metadata = mapping(raw.get("metadata"))
        uid, version = text(metadata.get("uid")), text(metadata.get("resourceVersion"))
        if self._versions.get(uid) == version:  # seen already: listed again after a broken watch
            return
        self._versions[uid] = version
        self._keep(uid, encoded(row(raw)))
        for viewer in self._viewers:
            viewer.changed(uid)

    def drop(self, uid: str) -> None:
        """An object is gone."""
        self._versions.pop(uid, None)
        self._size -= len(self._rows.pop(uid, b""))
        for viewer in self._viewers:
            viewer.gone(uid)

    def row(self, uid: str) -> bytes | None:
        """The row as JSON; None where the Run is gone."""
        return self._rows.get(uid)

    def join(self) -> RowsViewer:
        """Add a viewer, which gets all rows first."""
        viewer = RowsViewer(self, self._limits.frame)
        for uid in self._versions:
            viewer.changed(uid)
        if self.is_synced:
            viewer.synced()
        if self.is_over:
            viewer.end()
        self._viewers.add(viewer)
        return viewer

    @property
    def size_each(self) -> int:
        """Bytes of the rows, for each of those who look at them."""
        return self._size // max(1, len(self._viewers))

    def _keep(self, uid: str, written: bytes) -> None:
        """Rendered once for all viewers, and at once: a Run may have a megabyte, and its row has a few kilobytes."""
        self._size += len(written) - len(self._rows.get(uid, b""))
        self._rows[uid] = written
        if self._size > self._limits.feed and not self.is_over:
            self.end(
                RefusedError(
                    507, "TooManyRuns", "there are too many Runs for a live list; choose a namespace"
                )
            )

    def _listed(self) -> None:
        self.is_synced = True
        for viewer in self._viewers:
            viewer.synced()


class RowsViewer(FeedViewer):
    """Names of the rows that one stream still has to send. A slow viewer gets the newest state of each."""

    def __init__(self, feed: RunFeed, largest: int) -> None:
        super().__init__()
        self._feed = feed
        self._largest = largest
        self._changed: dict[str, None] = {}
        self._gone: dict[str, None] = {}
        self._sync = False

    @property
    def size(self) -> int:
        """See `FeedViewer`."""
        return self._feed.size_each

    def changed(self, uid: str) -> None:
        """A row is new or has changed."""
        self._changed[uid] = None
        self.wake.set()

    def gone(self, uid: str) -> None:
        """A row is gone."""
        self._changed.pop(uid, None)
        self._gone[uid] = None
        self.wake.set()

    def synced(self) -> None:
        """All existing rows were reported."""
        self._sync = True
        self.wake.set()

    def frames(self) -> Iterator[bytes]:
        """Changed rows, then names of deleted ones, then the mark that the list is complete."""
        while self._changed:
            yield raw_frame("rows", b"[" + b",".join(self._next_rows()) + b"]")
        if self._gone:
            gone, self._gone = list(self._gone), {}
            yield frame("gone", gone)
        if self._sync:
            self._sync = False
            yield frame("synced", {})
        problem = self.take_problem(self._feed.problem)
        if problem is not None:
            yield frame("problem", problem.body)

    def _next_rows(self) -> list[bytes]:
        found: list[bytes] = []
        size = 0
        while self._changed and size < self._largest:
            uid = next(iter(self._changed))
            del self._changed[uid]
            written = self._feed.row(uid)
            if written is not None:
                found.append(written)
                size += len(written)
        return found
