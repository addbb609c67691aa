"""`logs(follow=True)`: the lines of a Run as they come, until its end; of a service, until it is stopped."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from typing import Final

from run_operator.client import waiting
from run_operator.client.arrival import JSON, ended
from run_operator.client.kube import Cluster
from run_operator.client.logs import LogLine

WAITING: Final = 10_000
"""Lines that may wait for a slow reader; then the pod's stream waits."""


class _Hand:
    """Puts lines where the reader takes them; gives up when the reader has gone."""

    def __init__(self, attempt: int | None) -> None:
        self.lines: queue.Queue[LogLine | BaseException | None] = queue.Queue(WAITING)
        self.gone = threading.Event()
        self._attempt = attempt

    def changed(self, raw: object) -> None:
        """States are not lines."""

    def line(self, line: LogLine) -> None:
        if self._attempt is None or line.attempt == self._attempt:
            self.put(line)

    def put(self, what: LogLine | BaseException | None) -> None:
        while not self.gone.is_set():
            try:
                self.lines.put(what, timeout=1.0)
            except queue.Full:
                continue
            return


def follow_lines(cluster: Cluster, name: str, attempt: int | None = None) -> Iterator[LogLine]:
    """Lines of this attempt, or of all. Raises what `wait` raises. Closing the iterator ends the following."""
    hand = _Hand(attempt)

    def until(raw: JSON) -> bool:
        return hand.gone.is_set() or ended(raw)

    def run() -> None:
        try:
            waiting.wait(cluster, name, observer=hand, until=until, lines=lambda _: True)
            hand.put(None)
        except BaseException as error:  # noqa: BLE001 - it is raised where the lines are read
            hand.put(error)

    threading.Thread(target=run, name="run-follow", daemon=True).start()
    try:
        while (found := hand.lines.get()) is not None:
            if isinstance(found, BaseException):
                raise found
            yield found
    finally:
        hand.gone.set()
