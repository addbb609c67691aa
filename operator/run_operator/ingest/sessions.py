"""Ledgers in memory: one for each Run that logs. It is read from the Run's status, and dropped when all is committed."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from run_operator.api.raw import JSON
from run_operator.api.run import METRICS_FIELDS, Key, Run
from run_operator.children.cluster_view import ClusterView
from run_operator.fairness import share
from run_operator.http.rate_limit import Clock
from run_operator.http.server import DeniedError
from run_operator.ingest.limits import IngestLimits
from run_operator.kube.client import Api
from run_operator.kube.errors import KubeError, NotFoundError, ThrottledError
from run_operator.kube.resource import RUNS
from run_operator.kube.single_flight import SingleFlight
from run_operator.metrics.run_ledger import Commit, RunLedger

MAX_DOUBTS = 8


class OvertakenError(Exception):
    """Another replica wrote the Run's metrics: values that this replica took are dropped."""


@dataclass(slots=True)
class Session:
    """A ledger and the state of its commits. Times are monotonic seconds."""

    key: Key
    ledger: RunLedger
    rest_bytes: int
    """Bytes of the Run without its metrics, as JSON: every commit rewrites it too."""
    used_at: float
    committed_at: float = float("-inf")
    not_before: float = 0.0
    """No commit before this: an earlier one failed."""
    failures: int = 0
    where: str = ""
    """The sentence about the folder with every value, as read at the beginning."""
    committing: bool = False
    hurried_once: bool = False
    """A commit was hurried because its programs said that they end."""
    doubts: dict[str, Commit] = field(default_factory=dict)
    """Commits of which it is unknown whether they were stored; the newest last."""
    waiters: list[tuple[int, asyncio.Future[None]]] = field(default_factory=list)
    """Futures that wait for a commit, with the revision of the ledger."""

    def landing(self) -> asyncio.Future[None]:
        """A future that is done when everything taken so far is committed; OvertakenError when another replica wrote."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.waiters.append((self.ledger.revision, future))
        return future

    async def brought_in(self, hurry: Callable[[Session], None], within: float) -> None:
        """Wait until everything taken so far is committed. Raises OvertakenError, or TimeoutError after so many seconds."""
        if self.ledger.dirty_since is None:
            return
        landing = self.landing()
        hurry(self)
        async with asyncio.timeout(within):
            await landing

    def landed(self, revision: int) -> None:
        """Record that everything up to this revision is committed."""
        for one, future in self.waiters:
            if one <= revision and not future.done():
                future.set_result(None)
        self.waiters = [one for one in self.waiters if not one[1].done()]

    def overtaken(self) -> None:
        """Drop everything that is not committed."""
        for _, future in self.waiters:
            if not future.done():
                future.set_exception(OvertakenError)
        self.waiters.clear()

    def doubt(self, commit: Commit) -> None:
        """Record a commit whose answer was lost, or was an error that does not say whether it was stored."""
        self.doubts[commit.commit_id] = commit
        while len(self.doubts) > MAX_DOUBTS:
            del self.doubts[next(iter(self.doubts))]


class Sessions:
    """Bounded by the values held; `clock` is monotonic seconds, `wall` seconds since the epoch."""

    def __init__(
        self,
        api: Api,
        directory: ClusterView,
        limits: IngestLimits,
        clock: Clock,
        wall: Clock,
        where: Callable[[Run], str],
    ) -> None:
        self._where = where
        self._wall = wall
        self._api = api
        self._directory = directory
        self._limits = limits
        self._clock = clock
        self._entries: dict[str, Session] = {}
        self._loading: SingleFlight[Session] = SingleFlight()

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[Session]:
        return iter(list(self._entries.values()))

    @property
    def values(self) -> int:
        """Number of values in memory."""
        return sum(entry.ledger.values for entry in self._entries.values())

    def get(self, uid: str) -> Session | None:
        """The session of a Run; None: it is not in memory."""
        return self._entries.get(uid)

    async def open(self, run: Run) -> Session:
        """The session of a Run, read from its status if it is not in memory. Raises DeniedError: 404 or 503."""
        entry = self._entries.get(run.uid)
        if entry is None:
            entry = await self._loading.ask(run.uid, lambda: self._load(run))
        entry.used_at = self._clock()
        return entry

    def drop(self, entry: Session) -> None:
        """Drop a session with all it holds."""
        entry.overtaken()
        if self._entries.get(entry.ledger.uid) is entry:
            del self._entries[entry.ledger.uid]

    def reload(self, entry: Session, raw: JSON) -> None:
        """Read the Run again, because another replica wrote it. The writers send again what is missing in it."""
        entry.ledger = self._ledger(entry.ledger.uid, raw)
        entry.doubts.clear()
        entry.overtaken()

    def tidy(self) -> None:
        """Drop sessions that are committed and were not used for long, and those whose Run is gone or another one."""
        old = self._clock() - self._limits.forgotten_after
        for entry in self:
            run = self._directory.run(entry.key)
            gone = run is None or run.uid != entry.ledger.uid
            clean = entry.ledger.dirty_since is None and not entry.committing
            if gone or (clean and entry.used_at < old):
                self.drop(entry)

    async def _load(self, run: Run) -> Session:
        self._make_room(run.namespace)
        try:
            raw = await self._api.get(RUNS, run.namespace, run.name)
        except NotFoundError as error:
            raise DeniedError(404, f"there is no Run {run.name} in namespace {run.namespace}") from error
        except ThrottledError as error:
            raise DeniedError(503, "the API server is busy", retry_after=error.retry_after) from error
        except KubeError as error:
            raise DeniedError(503, "the API server cannot be asked about the Run", retry_after=2) from error
        if (raw.get("metadata") or {}).get("uid") != run.uid:
            raise DeniedError(404, f"Run {run.name} was deleted, and another Run has its name")
        ledger = self._ledger(run.uid, raw)
        entry = Session(
            run.key, ledger, rest_bytes(raw), self._clock(), where=self._where(Run.from_object(raw))
        )
        self._entries[run.uid] = entry
        return entry

    def _ledger(self, uid: str, raw: JSON) -> RunLedger:
        return RunLedger(uid, raw.get("status") or {}, self._wall() - self._clock())

    def _make_room(self, namespace: str) -> None:
        """Drop committed sessions of the namespace that holds the most, the least recently used first.

        If that is not enough, a namespace that has its share is refused; other namespaces are not.
        """
        held = Counter[str]()
        for entry in self:
            held[entry.key.namespace] += entry.ledger.values
        clean = [one for one in self if one.ledger.dirty_since is None and not one.committing]
        clean.sort(key=lambda one: (-held[one.key.namespace], one.used_at))
        for entry in clean:
            if held.total() <= self._limits.held_values:
                return
            held[entry.key.namespace] -= entry.ledger.values
            self.drop(entry)
        most = share(self._limits.held_values, len(held.keys() | {namespace}))
        if held.total() > self._limits.held_values and held[namespace] >= most:
            raise DeniedError(503, "too many metrics are waiting to be written to the cluster", retry_after=5)


def rest_bytes(raw: JSON) -> int:
    """Bytes of a Run without its metrics."""
    status = {name: value for name, value in (raw.get("status") or {}).items() if name not in METRICS_FIELDS}
    return len(json.dumps({**raw, "status": status}))
