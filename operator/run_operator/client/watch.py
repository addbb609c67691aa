"""One Run as it changes: a watch that survives whatever happens to connections and API servers.

Every stream begins with a fresh read of the Run, so that nothing is missed whyever the last one ended: cut,
expired (410), silent, or the API server restarted.
"""

from __future__ import annotations

import contextlib
import random
import time
from collections.abc import Generator
from typing import Final

from run_operator.api.raw import JSON, mapping
from run_operator.client.cluster import Cluster
from run_operator.client.errors import (
    EntityNotExistsError,
    ExpiredError,
    RunDeletedError,
    UnavailableError,
    WaitTimeoutError,
)
from run_operator.client.suspend import missing
from run_operator.kube.resource import RUNS

STREAM: Final = 300.0
"""Seconds a watch lasts; the API server ends it, and the next one begins."""
SILENCE: Final = 90.0
"""Seconds without even a bookmark after which a stream is taken for dead."""
OUTAGE: Final = 600.0
"""Seconds without any answer after which waiting is given up."""
FIRST_PAUSE: Final = 0.1
LONGEST_PAUSE: Final = 1.0


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


class RunWatch:
    """`for raw in Following(...)`: the Run now, and each time it changes.

    Ends by an error only: WaitTimeoutError at the deadline, RunDeletedError, EntityNotExistsError if it never was
    there, UnavailableError after ten minutes without an answer, and what the cluster refuses.
    """

    def __init__(self, cluster: Cluster, name: str, deadline: Deadline, uid: str = "") -> None:
        self._cluster = cluster
        self._name = name
        self._deadline = deadline
        self._uid = uid
        self._state = ""
        self._failures = 0
        self._answered = time.monotonic()

    def __iter__(self) -> Generator[JSON]:
        """See the class."""
        while True:
            try:
                yield from self._one_stream()
            except ExpiredError:
                continue
            except UnavailableError:
                if self._deadline.over:
                    raise self._too_late() from None
                if time.monotonic() - self._answered > OUTAGE:
                    raise
            self._pause()

    def _one_stream(self) -> Generator[JSON]:
        raw = self._read()
        yield raw
        version = str(raw["metadata"]["resourceVersion"])
        events = self._cluster.watch(
            RUNS, self._name, version,
            seconds=self._deadline.left(STREAM) + 1, silence=max(0.05, self._deadline.left(SILENCE)),
        )  # fmt: skip
        with contextlib.closing(events):
            for event in events:
                self._failures, self._answered = 0, time.monotonic()
                kind, found = event.get("type"), mapping(event.get("object"))
                if kind == "ERROR":
                    return
                if kind == "DELETED":
                    raise self._deleted()
                if kind in ("ADDED", "MODIFIED"):
                    yield self._same(found)
                self._check_time()

    def _read(self) -> JSON:
        if self._state:  # without any time left, one look is due all the same
            self._check_time()
        try:
            raw = self._cluster.get(RUNS, self._name)
        except EntityNotExistsError as error:
            raise self._deleted() if self._uid else missing(self._cluster, self._name, error) from error
        self._answered = time.monotonic()
        return self._same(raw)

    def _same(self, raw: JSON) -> JSON:
        uid = str(mapping(raw.get("metadata")).get("uid"))
        if self._uid and uid != self._uid:
            raise self._deleted()
        self._uid = uid
        self._state = str(mapping(raw.get("status")).get("state", ""))
        return raw

    def _check_time(self) -> None:
        if self._deadline.over:
            raise self._too_late()

    def _too_late(self) -> WaitTimeoutError:
        return WaitTimeoutError(
            f"run {self._name} is {self._state or 'not known'} after {round(self._deadline.seconds or 0, 1):g} s; it goes on, wait again",
            self._state,
        )

    def _deleted(self) -> RunDeletedError:
        return RunDeletedError(f"run {self._name} was deleted while it was waited for", status=404)

    def _pause(self) -> None:
        self._failures += 1
        if self._failures > 1:  # the first cut is nothing: look again at once
            pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(self._failures - 2, 10))
            time.sleep(self._deadline.left(random.uniform(0.5, 1.0) * pause))  # noqa: S311 - jitter
