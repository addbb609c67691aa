"""`wait`: until a Run has come where it was sent, telling its states and its program's lines on the way."""

from __future__ import annotations

import contextlib
import sys
import threading
from collections.abc import Callable
from typing import Protocol

from run_operator.api.conditions import state_of
from run_operator.api.raw import JSON, mapping, text
from run_operator.client.cluster import Cluster
from run_operator.client.errors import ForbiddenError
from run_operator.client.log_follow import LogFollower
from run_operator.client.log_reader import LogLine
from run_operator.client.predicates import is_service, settled
from run_operator.client.terminal_text import visible
from run_operator.client.watch import Deadline, RunWatch


class Observer(Protocol):
    """The observer of `wait`. `line` and `denied` are called from other threads, never two at a time."""

    def changed(self, raw: JSON) -> None:
        """The Run, at first and after every change."""

    def line(self, line: LogLine) -> None:
        """A line of the program."""

    def denied(self, error: ForbiddenError) -> None:
        """There are no lines: the right to read them is missing."""

    def note(self, said: str) -> None:
        """Lines are cut, skipped or given up. From another thread too."""


class Printer:
    """Tells states and lines on standard output."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._said = ""

    def changed(self, raw: JSON) -> None:
        """One line whenever state or message are other ones."""
        said = summary(self._name, raw)
        if said != self._said:
            print(said, flush=True)  # noqa: T201 - that is what log_info=True is for
        self._said = said

    def line(self, line: LogLine) -> None:
        """As the program wrote it."""
        print(line.text, flush=True)  # noqa: T201

    def denied(self, error: ForbiddenError) -> None:
        """Report the missing right, once."""
        print(no_lines(self._name, error), flush=True)  # noqa: T201

    def note(self, said: str) -> None:
        """On standard error: it is none of the program's lines."""
        to_stderr(said)


class _Locked:
    """One observer, two threads."""

    def __init__(self, observer: Observer) -> None:
        self._observer = observer
        self._lock = threading.Lock()

    def changed(self, raw: JSON) -> None:
        with self._lock:
            self._observer.changed(raw)

    def line(self, line: LogLine) -> None:
        with self._lock:
            self._observer.line(line)

    def denied(self, error: ForbiddenError) -> None:
        with self._lock:
            self._observer.denied(error)

    def note(self, said: str) -> None:
        with self._lock:
            self._observer.note(said)


def wait(
    cluster: Cluster,
    name: str,
    *,
    observer: Observer | None = None,
    timeout: float | Deadline | None = None,
    uid: str = "",
    until: Callable[[JSON], bool] | None = None,
    lines: Callable[[JSON], bool] | None = None,
) -> JSON:
    """The Run at the moment `until` is true of it: for jobs and builds the end, for services readiness, or a stop.

    `lines`: whether to tell the program's lines; by default, of everything but services. `timeout`: seconds from now, or
    a deadline that several share.

    Raises what `RunWatch` raises. Interrupting it (Ctrl-C) leaves the Run alone.
    """
    arrived, telling = until or settled, lines or with_lines
    deadline = timeout if isinstance(timeout, Deadline) else Deadline(timeout)
    locked = _Locked(observer) if observer else None
    follower = LogFollower(cluster, name, locked.line, locked.denied, locked.note) if locked else None
    try:
        with contextlib.closing(iter(RunWatch(cluster, name, deadline, uid))) as changes:
            for raw in changes:
                if locked and follower:
                    if telling(raw):
                        follower.look()
                    locked.changed(raw)
                if arrived(raw):
                    if follower and telling(raw):
                        follower.finish()
                    return raw
    finally:
        if follower:
            follower.close()
    raise AssertionError("unreachable: only an error ends the loop")


def summary(name: str, raw: JSON) -> str:
    """State and message of the Run, as one line."""
    status = mapping(raw.get("status"))
    message = text(status.get("message"))
    return visible(f"run {name}: {state_of(status.get('state')).value}" + (f": {message}" if message else ""))


def to_stderr(said: str) -> None:
    """A note for the person who reads the lines."""
    print(visible(said), file=sys.stderr, flush=True)  # noqa: T201


def no_lines(name: str, error: ForbiddenError) -> str:
    """Why the program's lines are not shown."""
    return visible(f"run {name}: the logs of its program cannot be read: {error}")


def with_lines(raw: JSON) -> bool:
    """A service writes lines without end; waiting for it means waiting for its address."""
    return not is_service(raw)
