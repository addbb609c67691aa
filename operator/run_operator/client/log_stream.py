"""`logs(follow=True)`: the lines of a Run as they come, until its end; of a service, until it is stopped."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from typing import Final

from run_operator.api.raw import JSON, mapping, number, text
from run_operator.client import wait
from run_operator.client.cluster import Cluster
from run_operator.client.errors import ForbiddenError
from run_operator.client.log_reader import Log, LogLine, lines_of, of_gone_pods, read_soon
from run_operator.client.predicates import ended

WAITING: Final = 10_000
"""Lines that may wait for a slow reader; then the pod's stream waits."""


Changed = Callable[[JSON], None]
"""Called with the Run, first and then for each new state or message."""


def ignored(_: JSON) -> None:
    """States are not lines."""


class _Hand:
    """Puts lines and changes where the reader takes them; gives up when the reader has gone."""

    def __init__(self, attempt: int | None) -> None:
        self.lines: queue.Queue[LogLine | JSON | str | BaseException | None] = queue.Queue(WAITING)
        self.gone = threading.Event()
        self._attempt = attempt
        self._said = ""

    def changed(self, raw: JSON) -> None:
        said = wait.summary("", raw)
        if said != self._said:  # metrics change a Run all the time, and a reader may be slow
            self.put(raw)
        self._said = said

    def line(self, line: LogLine) -> None:
        if self._attempt is None or line.attempt == self._attempt:
            self.put(line)

    def denied(self, error: ForbiddenError) -> None:
        self.put(error)  # who asks for lines and may not have any has an error

    def note(self, said: str) -> None:
        self.put(said)

    def put(self, what: LogLine | JSON | str | BaseException | None) -> None:
        while not self.gone.is_set():
            try:
                self.lines.put(what, timeout=1.0)
            except queue.Full:
                continue
            return


def follow(
    cluster: Cluster, raw: JSON, attempt: int | None = None, changed: Changed = ignored
) -> Iterator[LogLine]:
    """The lines of one attempt, or of all attempts. If the Run is not over, it goes on with new lines as they come.

    `changed` is called between the lines, by the reading thread. Raises what `wait` raises.
    """
    name = text(mapping(raw.get("metadata")).get("name"))
    if ended(raw) or (attempt and attempt < number(mapping(raw.get("status")).get("attempt"))):
        changed(raw)
        yield from _there(read_soon(cluster, raw, attempt))
        return
    if attempt:
        yield from _there(of_gone_pods(cluster, name, attempt))
    yield from _coming_lines(cluster, name, attempt, changed)


def _there(logs: list[Log]) -> Iterator[LogLine]:
    """The lines of logs that nothing is added to; notes where a beginning is missing."""
    for log in logs:
        if log.shortened:
            wait.to_stderr(log.shortened)
        yield from lines_of([log])


def _coming_lines(cluster: Cluster, name: str, attempt: int | None, changed: Changed) -> Iterator[LogLine]:
    """Closing the iterator ends the following."""
    hand = _Hand(attempt)

    def until(raw: JSON) -> bool:
        return hand.gone.is_set() or ended(raw)

    def run() -> None:
        try:
            wait.wait(cluster, name, observer=hand, until=until, lines=lambda _: True)
            hand.put(None)
        except BaseException as error:  # noqa: BLE001 - it is raised where the lines are read
            hand.put(error)

    threading.Thread(target=run, name="run-follow", daemon=True).start()
    try:
        while (found := hand.lines.get()) is not None:
            if isinstance(found, BaseException):
                raise found
            if isinstance(found, LogLine):
                yield found
            elif isinstance(found, str):
                wait.to_stderr(found)
            else:
                changed(found)
    finally:
        hand.gone.set()
