"""Somebody who logs values, and somebody who starts Runs, all the time; how long each was held up."""

from __future__ import annotations

import http.client
import threading
import time
from functools import partial
from typing import Any, Final

from run_operator.api.raw import parse
from tests.support.harness import Person, run_object, wait_for
from tests.support.metrics_pod import MetricsPod

EVERY: Final = 0.2
"""Seconds between two values."""
STARTS: Final = 2.0
"""Seconds between two new Runs."""


class Logger:
    """Batch n holds the value n, so that each can be sent again."""

    def __init__(self, pod: MetricsPod) -> None:
        self._pod = pod
        self._stop = threading.Event()
        self._since: dict[int, float] = {}
        self.sent = 0
        self.committed = 0
        self.longest = 0.0
        """Seconds that a value waited until it was in the Run's status."""

    def work(self) -> None:
        """Until it is stopped."""
        following = 1
        while not self._stop.is_set():
            following = self._one(following)
            time.sleep(EVERY)

    def stop(self, within: float) -> None:
        """Send no more, and wait until everything is in the cluster, for so long."""
        self._stop.set()
        until, following = time.monotonic() + within, self.sent
        while self.committed < self.sent and time.monotonic() < until:
            following = min(self._one(following), self.sent)
            time.sleep(EVERY)
        self._pod.close()

    def _one(self, seq: int) -> int:
        """Send it; the batch to send next."""
        self.sent = max(self.sent, seq)
        self._since.setdefault(seq, time.monotonic())
        try:
            code, reported = self._pod.post(
                {"writer": "steady", "seq": seq, "ops": [{"k": "value", "append": [seq]}]}
            )
        except (OSError, http.client.HTTPException):
            return seq
        if "committed" in reported:
            self._heard(int(reported["committed"]))
        if code in (200, 202):
            return int(reported["accepted"]) + 1
        return int(reported.get("expected", seq))

    def _heard(self, committed: int) -> None:
        now = time.monotonic()
        for seq in [seq for seq in self._since if seq <= committed]:
            self.longest = max(self.longest, now - self._since.pop(seq))
        self.committed = committed


class Starter:
    """Each Run that it applies is named after its number."""

    def __init__(self, person: Person) -> None:
        self._person = person
        self._stop = threading.Event()
        self._wanted: dict[str, float] = {}

    def work(self) -> None:
        """Until it is stopped."""
        while not self._stop.is_set():
            name = f"new-{len(self._wanted)}"
            self._wanted[name] = time.time()
            wait_for(name, partial(self._applied, run_object(name)), 300)
            self._stop.wait(STARTS)

    def stop(self) -> None:
        """The last one is there, or on its way."""
        self._stop.set()

    def held_up(self) -> float:
        """The longest time in seconds from the request to the Job; Jobs know whole seconds."""
        jobs = {
            one["metadata"]["name"]: one["metadata"]["creationTimestamp"]
            for one in self._person.items("jobs")
        }
        waited = [(parse(jobs[name]) or at) - at for name, at in self._wanted.items() if name in jobs]
        return max([0.0, *waited])

    def _applied(self, document: dict[str, Any]) -> bool:
        try:
            self._person.apply(document)
        except AssertionError:
            return False
        return True
