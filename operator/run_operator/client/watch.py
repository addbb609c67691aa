"""Objects as they change: one list, then watches from its version on, whatever happens to connections and API servers.

A quiet object costs a request every quarter of an hour. The version of an object is not a place to begin a watch: it may be
older than what the API server remembers, and the version of a list never is.
"""

from __future__ import annotations

import contextlib
import random
import time
from collections.abc import Callable, Generator, Iterator
from typing import Any, Final, NamedTuple

from run_operator.api.raw import JSON, mapping, text
from run_operator.client.cluster import Cluster
from run_operator.client.errors import (
    EntityNotExistsError,
    ExpiredError,
    ForbiddenError,
    RunDeletedError,
    UnauthorizedError,
    UnavailableError,
    WaitTimeoutError,
)
from run_operator.client.suspend import missing
from run_operator.kube.resource import RUNS, Resource

STREAM: Final = 900.0
"""Seconds a watch lasts; the API server ends it, and the next one begins where it ended."""
SILENCE: Final = 90.0
"""Seconds without even a bookmark after which a stream is taken for dead."""
STEADY: Final = 10.0
"""Seconds after which a watch counts as one that stood: the pauses begin at the shortest again."""
OUTAGE: Final = 600.0
"""Seconds without any answer after which waiting is given up."""
DENIED: Final = 60.0
"""Seconds for which who was allowed before may be denied: a server that starts, or a token that is renewed late."""
FIRST_PAUSE: Final = 0.1
LONGEST_PAUSE: Final = 1.0
"""Between two rounds, while there is no answer."""
LONGEST_ANSWERED_PAUSE: Final = 10.0
"""The same while the server answers, and the watch does not stand."""

LISTED: Final = "LISTED"
ROUND: Final = "ROUND"


class Change(NamedTuple):
    """`ADDED`, `MODIFIED`, `DELETED` of one object; LISTED: all there are; ROUND: a watch ended, the next one follows."""

    kind: str
    objects: list[JSON]


class Deadline:
    """A moment of the monotonic clock; `seconds` None: never."""

    def __init__(self, seconds: float | None) -> None:
        self.seconds = seconds
        self._until = None if seconds is None else time.monotonic() + seconds

    def left(self, at_most: float) -> float:
        """Seconds until then, within 0 and `at_most`."""
        return at_most if self._until is None else max(0.0, min(at_most, self._until - time.monotonic()))

    @property
    def over(self) -> bool:
        """Whether it has passed."""
        return self._until is not None and time.monotonic() >= self._until


class ResourceWatch:
    """`for change in ResourceWatch(...)`: what there is, then each change. `fields` or `labels` select.

    Ends by an error only: UnavailableError after ten minutes without an answer, and what the cluster refuses. `opened`
    gets the response of each watch, whose `shutdown()` ends it from another thread. `sleep` is called between rounds.
    """

    def __init__(
        self,
        cluster: Cluster,
        resource: Resource,
        *,
        fields: str = "",
        labels: str = "",
        deadline: Deadline | None = None,
        opened: Callable[[Any], None] | None = None,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        self._cluster = cluster
        self._resource = resource
        self._fields, self._labels = fields, labels
        self._deadline = deadline or Deadline(None)
        self._opened = opened
        self._sleep = sleep
        self._version = ""
        self._failures = 0
        self._longest = LONGEST_PAUSE
        self._asked_to_wait = 0.0
        self._answered = time.monotonic()
        self._was_allowed = False

    def __iter__(self) -> Generator[Change]:
        """See the class."""
        while True:
            self._longest, self._asked_to_wait = LONGEST_ANSWERED_PAUSE, 0.0
            try:
                if not self._version:
                    yield self._list()
                yield from self._watch()
            except ExpiredError:
                self._failed(relist=True)
            except (UnauthorizedError, ForbiddenError):
                if not self._was_allowed or time.monotonic() - self._answered > DENIED:
                    raise
                self._failed()
            except UnavailableError as error:
                if time.monotonic() - self._answered > OUTAGE and not self._deadline.over:
                    raise
                self._longest = LONGEST_ANSWERED_PAUSE if error.status else LONGEST_PAUSE
                self._asked_to_wait = error.retry_after
                # A server that was away has forgotten old versions: list at once, instead of a watch that it refuses.
                self._failed(relist=self._failures > 0 and not error.status)
            yield Change(ROUND, [])
            self._pause()

    def _list(self) -> Change:
        pages = list(self._cluster.list(self._resource, fields=self._fields, labels=self._labels))
        self._version = text(mapping(pages[-1].get("metadata")).get("resourceVersion"))
        self._heard()
        return Change(LISTED, [one for page in pages for one in page.get("items") or ()])

    def _watch(self) -> Generator[Change]:
        began = time.monotonic()
        events = self._cluster.watch(
            self._resource, self._version, fields=self._fields, labels=self._labels, opened=self._opened,
            seconds=self._deadline.left(STREAM) + 1, silence=max(0.05, self._deadline.left(SILENCE)),
        )  # fmt: skip
        try:
            with contextlib.closing(events):
                for event in events:
                    kind, found = event.get("type"), mapping(event.get("object"))
                    if kind == "ERROR":
                        self._failed(relist=True)
                        return
                    self._heard()
                    self._version = (
                        text(mapping(found.get("metadata")).get("resourceVersion")) or self._version
                    )
                    if kind in ("ADDED", "MODIFIED", "DELETED"):
                        yield Change(str(kind), [found])
        finally:
            if time.monotonic() - began > STEADY:
                self._failures = 0
        self._failures += 1

    def _heard(self) -> None:
        self._answered, self._was_allowed = time.monotonic(), True

    def _failed(self, relist: bool = False) -> None:
        self._failures += 1
        if relist:
            self._version = ""

    def _pause(self) -> None:
        """Between any two rounds: whatever ends them so soon must not make us ask without end."""
        pause = min(self._longest, FIRST_PAUSE * 2 ** min(max(0, self._failures - 1), 10))
        pause = max(self._asked_to_wait, random.uniform(0.5, 1.0) * pause)  # noqa: S311 - jitter
        self._sleep(self._deadline.left(pause))


class RunWatch:
    """`for raw in RunWatch(...)`: the Run now, and each time it changes.

    Ends by an error only: WaitTimeoutError at the deadline, RunDeletedError, EntityNotExistsError if it never was
    there, UnavailableError after ten minutes without an answer, and what the cluster refuses.
    """

    def __init__(self, cluster: Cluster, name: str, deadline: Deadline, uid: str = "") -> None:
        self._cluster = cluster
        self._name = name
        self._deadline = deadline
        self._uid = uid
        self._state = ""
        self._version = ""
        self._changes = ResourceWatch(cluster, RUNS, fields=f"metadata.name={name}", deadline=deadline)

    def __iter__(self) -> Generator[JSON]:
        """See the class."""
        with contextlib.closing(iter(self._changes)) as changes:
            for change in changes:
                if change.kind == "DELETED":
                    raise self._deleted()
                if change.kind == LISTED and not change.objects:
                    raise self._deleted() if self._uid else self._missing()
                for raw in change.objects:
                    yield from self._news(raw)
                if self._deadline.over:
                    raise self._too_late()

    def _news(self, raw: JSON) -> Iterator[JSON]:
        metadata = mapping(raw.get("metadata"))
        uid, version = text(metadata.get("uid")), text(metadata.get("resourceVersion"))
        if self._uid and uid != self._uid:
            raise self._deleted()
        if version != self._version:  # a list after an outage may show what is known
            self._uid, self._version = uid, version
            self._state = text(mapping(raw.get("status")).get("state"))
            yield raw

    def _too_late(self) -> WaitTimeoutError:
        return WaitTimeoutError(
            f"run {self._name} is {self._state or 'not known'} after {round(self._deadline.seconds or 0, 1):g} s; the Run continues; wait again",
            self._state,
        )

    def _deleted(self) -> RunDeletedError:
        return RunDeletedError(f"run {self._name} was deleted during the wait", status=404)

    def _missing(self) -> EntityNotExistsError:
        error = EntityNotExistsError(f'runs.run-operator.io "{self._name}" not found', status=404)
        return missing(self._cluster, self._name, error)
