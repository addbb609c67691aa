"""Leader election on a Lease, with a fence for every write of the leader.

The rules that keep two replicas from writing at once:
1. a replica takes the Lease only if it is free, or if it has not changed for its whole duration on this replica's own clock;
2. a leader may write only until `duration - MARGIN` after the *start* of its last renewal, on a monotonic clock, which goes on
   while the process is frozen;
3. each update of the Lease carries the version that was read, so that the API server refuses the second of two.

A leader that cannot reach the API server is fenced and keeps trying: nobody else can take the Lease meanwhile. A leader that
sees another holder ends for good.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Protocol

from run_operator.api.raw import JSON, mapping, number, precise_stamp, text

DURATION: Final = 6.0
"""Seconds without renewal after which another replica takes over."""
MARGIN: Final = 1.5
"""Seconds before the end of the Lease at which a leader stops to write: an answer may be late, and clocks drift."""
PERIOD: Final = 1.0
"""Seconds between two renewals, and between two looks of a replica that waits."""

log = logging.getLogger(__name__)


class LeaseConflictError(Exception):
    """The Lease has changed since it was read, or exists already."""


class LeaseUnavailableError(Exception):
    """The API server did not answer, or refused the request."""


class LeaseStore(Protocol):
    """The one Lease. All methods raise LeaseUnavailableError."""

    def read(self) -> JSON | None:
        """The Lease; None if it does not exist."""

    def write(self, lease: JSON) -> None:
        """Create it (without a resourceVersion) or replace it. Raises LeaseConflictError."""


@dataclass(slots=True)
class Observed:
    """A version of the Lease, and when this replica saw it first."""

    version: str
    at: float


class Election:
    """One replica's part in the election; a step at a time, so that tests can drive it. `clock` is monotonic seconds.

    `wall` is seconds since the epoch, for people who read the Lease.
    """

    def __init__(
        self,
        store: LeaseStore,
        name: str,
        identity: str,
        clock: Callable[[], float],
        wall: Callable[[], float],
    ) -> None:
        self._store = store
        self._name = name
        self._identity = identity
        self._clock = clock
        self._wall = wall
        self._observed: Observed | None = None
        self._until = float("-inf")
        self.leading = False
        """Whether this replica has taken the Lease and no other one was seen to hold it since."""
        self.lost = False
        """Whether another replica holds the Lease that this one had. It must end."""

    def allowance(self) -> float:
        """Seconds that a write may still take; 0 or less: no write may begin."""
        return self._until - self._clock() if self.leading else 0.0

    def step(self) -> None:
        """Take, renew or observe the Lease once. Never raises."""
        if self.lost:
            return
        began = self._clock()
        try:
            self._step(began)
        except LeaseConflictError:
            log.info("another replica wrote Lease %s first", self._name)
        except LeaseUnavailableError as error:
            log.warning("Lease %s: %s", self._name, error)

    def release(self) -> None:
        """Give the Lease back, so that another replica takes over at once. This one never writes again."""
        was_leading, self.leading, self.lost = self.leading, False, True
        self._until = float("-inf")
        if not was_leading:
            return
        try:
            raw = self._store.read()
            if raw is not None and self._holder(raw) == self._identity:
                self._store.write(self._lease(raw, holder="", duration=1))
        except (LeaseConflictError, LeaseUnavailableError) as error:
            log.warning("Lease %s was not released; it expires in %g s: %s", self._name, DURATION, error)

    def _step(self, began: float) -> None:
        raw = self._store.read()
        if raw is None:
            self._store.write(self._lease(None, self._identity))
            self._hold(began)
            return
        holder = self._holder(raw)
        if self.leading and holder not in (self._identity, ""):
            self.leading, self.lost = False, True
            log.error("Lease %s was acquired by %s: this replica exits", self._name, holder)
            return
        if holder == self._identity or self._is_free(raw, holder):
            self._store.write(self._lease(raw, self._identity))
            self._hold(began)

    def _hold(self, began: float) -> None:
        if not self.leading:
            log.info("this replica (%s) is the leader", self._identity)
        self.leading = True
        self._until = began + DURATION - MARGIN

    def _is_free(self, raw: JSON, holder: str) -> bool:
        """Whether nobody holds it, or its holder has not renewed it for its duration, on this replica's own clock."""
        version = text(mapping(raw.get("metadata")).get("resourceVersion"))
        if self._observed is None or self._observed.version != version:
            self._observed = Observed(version, self._clock())
        if not holder:
            return True
        duration = max(number(mapping(raw.get("spec")).get("leaseDurationSeconds")), DURATION)
        return self._clock() - self._observed.at >= duration

    @staticmethod
    def _holder(raw: JSON) -> str:
        return text(mapping(raw.get("spec")).get("holderIdentity"))

    def _lease(self, raw: JSON | None, holder: str, duration: int = int(DURATION)) -> dict[str, Any]:
        spec, metadata = mapping((raw or {}).get("spec")), mapping((raw or {}).get("metadata"))
        now, same = precise_stamp(self._wall()), self._holder(raw or {}) == holder
        changes = number(spec.get("leaseTransitions"))
        return {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {"name": self._name}
            | ({"resourceVersion": metadata["resourceVersion"]} if metadata.get("resourceVersion") else {}),
            "spec": {
                "holderIdentity": holder,
                "leaseDurationSeconds": duration,
                "acquireTime": text(spec.get("acquireTime")) if same and spec.get("acquireTime") else now,
                "renewTime": now,
                "leaseTransitions": changes if same or not holder else changes + 1,
            },
        }


class Elector:
    """Runs an Election in its own thread, so that a busy event loop does not lose the Lease. Is the Fence of the leader.

    `on_lead` and `on_lost` are called once each, from that thread.
    """

    def __init__(self, election: Election, on_lead: Callable[[], None], on_lost: Callable[[], None]) -> None:
        self._election = election
        self._on_lead = on_lead
        self._on_lost = on_lost
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, name="elector", daemon=True)

    @property
    def leading(self) -> bool:
        """Whether this replica leads."""
        return self._election.leading

    def start(self) -> None:
        """Take part in the election."""
        self._thread.start()

    def allowance(self) -> float:
        """See Election.allowance."""
        return self._election.allowance()

    def close(self, timeout: float = 5.0) -> None:
        """Leave the election and release the Lease; waits at most `timeout` seconds."""
        self._stop.set()
        self._thread.join(timeout)

    def _work(self) -> None:
        announced = False
        while not self._stop.is_set():
            self._election.step()
            if self._election.leading and not announced:
                announced = True
                self._on_lead()
            if self._election.lost:
                self._on_lost()
                return
            self._stop.wait(PERIOD)
        self._election.release()
