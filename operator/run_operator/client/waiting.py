"""`wait`: until a Run has come where it was sent, telling its states and its program's lines on the way."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from run_operator.client.following import Deadline, Following
from run_operator.client.kube import Cluster
from run_operator.client.lines import Follower
from run_operator.client.logs import LogLine
from run_operator.client.text import visible
from run_operator.resources.filters import action_of
from run_operator.resources.raw import mapping, number, text
from run_operator.resources.states import FINAL, State, state_of

SERVICES = ("serve", "deploy")

JSON = Mapping[str, Any]


class Observer(Protocol):
    """Whom `wait` tells. `line` is called from a thread of its own, never at the same time as `changed`."""

    def changed(self, raw: JSON) -> None:
        """The Run, at first and after every change."""

    def line(self, line: LogLine) -> None:
        """A line of the program."""


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


def wait(
    cluster: Cluster,
    name: str,
    *,
    observer: Observer | None = None,
    timeout: float | None = None,
    uid: str = "",
    until: Callable[[JSON], bool] | None = None,
    lines: Callable[[JSON], bool] | None = None,
) -> JSON:
    """The Run at the moment `until` is true of it: for jobs and builds the end, for services readiness, or a stop.

    `lines`: whether to tell the program's lines; by default, of everything but services.

    Raises what `Following` raises. Interrupting it (Ctrl-C) leaves the Run alone.
    """
    arrived, telling = until or settled, lines or with_lines
    told = _Locked(observer) if observer else None
    follower = Follower(cluster, name, told.line) if told else None
    try:
        with contextlib.closing(iter(Following(cluster, name, Deadline(timeout), uid))) as changes:
            for raw in changes:
                if told and follower:
                    if telling(raw):
                        follower.look()
                    told.changed(raw)
                if arrived(raw):
                    if follower and telling(raw):
                        follower.finish()
                    return raw
    finally:
        if follower:
            follower.close()
    raise AssertionError("unreachable: following ends by an error only")


def summary(name: str, raw: JSON) -> str:
    """State and message of the Run, as one line."""
    status = mapping(raw.get("status"))
    message = text(status.get("message"))
    return visible(f"run {name}: {state_of(status.get('state')).value}" + (f": {message}" if message else ""))


def settled(raw: JSON) -> bool:
    """Whether there is nothing more to wait for: COMPLETED, ERROR, STOPPED by wish, or a service that is ready."""
    state, suspended = state_of(mapping(raw.get("status")).get("state")), stopping(raw)
    if state in FINAL:
        return True
    if state is State.STOPPED:
        return suspended and seen(raw)  # else it is about to be resumed
    return state is State.RUNNING and is_service(raw) and not suspended


def ended(raw: JSON) -> bool:
    """As `settled`, but a service that is ready goes on."""
    return settled(raw) and state_of(mapping(raw.get("status")).get("state")) is not State.RUNNING


def stopped(raw: JSON) -> bool:
    """Whether a stop has come to its end."""
    state = state_of(mapping(raw.get("status")).get("state"))
    return state in FINAL or (state is State.STOPPED and seen(raw))


def seen(raw: JSON) -> bool:
    """Whether the operator has answered the newest wish: between two of them it may be about to follow the older one."""
    generation = number(mapping(raw.get("metadata")).get("generation"))
    return number(mapping(raw.get("status")).get("observedGeneration")) >= generation


def running(raw: JSON) -> bool:
    """Whether a resume has come to its end."""
    return state_of(mapping(raw.get("status")).get("state")) in (FINAL | {State.RUNNING})


def stopping(raw: JSON) -> bool:
    """Whether it is wished that the Run does not run."""
    return mapping(raw.get("spec")).get("suspend") is True


def is_service(raw: JSON) -> bool:
    """Whether the Run serves until it is stopped."""
    return action_of(mapping(raw.get("spec"))) in SERVICES


def with_lines(raw: JSON) -> bool:
    """A service has lines without end; whoever waits for it waits for its address."""
    return not is_service(raw)
