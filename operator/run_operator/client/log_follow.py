"""A program's lines as it writes them, from one pod to the next, through cut connections, each line once."""

from __future__ import annotations

import contextlib
import itertools
import logging
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, Final

from run_operator.api.raw import JSON, mapping, text
from run_operator.client.cluster import Cluster
from run_operator.client.errors import BackendError, EntityNotExistsError, ForbiddenError
from run_operator.client.log_reader import LogLine, attempt_of, path, pods, started
from run_operator.kube.resource import PODS

TAIL: Final = 1000
"""Lines before the beginning that are told."""
SILENCE: Final = 300.0
TRIES: Final = 3
"""Of a pod whose log cannot be read, and until a right is taken as missing: an API server that starts denies for a moment."""
PAUSE: Final = 0.3
"""Seconds until a stream that ended before its container is opened again."""
IDLE: Final = 0.3
"""Seconds without a line after which, at the end of the Run, no more is expected."""
LOOK: Final = 1.0
"""Seconds between two looks for pods, while nothing else wakes."""
MAX_STREAMS: Final = 64
"""Containers that are listened to."""
LONGEST_END: Final = 5.0

Denied = Callable[[ForbiddenError], None]

log = logging.getLogger(__name__)


class Lines:
    """The lines of one container of one pod. `for line in Lines(...)` ends when the container has ended."""

    def __init__(self, cluster: Cluster, pod: JSON, container: str, opened: Callable[[Any], None]) -> None:
        self._cluster = cluster
        self._pod = pod
        self._container = container
        self._opened = opened
        self._last = ""

    def __iter__(self) -> Iterator[LogLine]:
        """Goes on after the last line told. Raises BackendError when the log cannot be read."""
        query = {"container": self._container, "follow": "true", "timestamps": "true"}
        told = self._last
        query |= {"sinceTime": told} if told else {"tailLines": str(TAIL)}
        where = path(self._cluster, self._pod)
        for raw in self._cluster.lines(where, query, silence=SILENCE, opened=self._opened):
            stamp, _, said = raw.decode("utf-8", "replace").partition(" ")
            if stamp <= told:
                continue  # `sinceTime` may be taken in whole seconds: lines of the last one come again
            self._last = stamp
            name = text(mapping(self._pod.get("metadata")).get("name"))
            yield LogLine(said, name, self._container, attempt_of(self._pod))


class _Stream:
    """One container's lines, told by a thread of their own."""

    def __init__(
        self, cluster: Cluster, pod: JSON, container: str, tell: Callable[[LogLine], None], denied: Denied
    ) -> None:
        self._cluster = cluster
        self._pod = text(mapping(pod.get("metadata")).get("name"))
        self._container = container
        self._tell = tell
        self._denied = denied
        self._response: Any = None
        self._closed = threading.Event()
        self._lines = Lines(cluster, pod, container, self._remember)
        self.ending = False
        """The Run is at its end: what there is, and no more."""
        self.heard = time.monotonic()
        self._thread = threading.Thread(target=self._run, name=f"log-{self._pod}"[:60], daemon=True)
        self._thread.start()

    @property
    def alive(self) -> bool:
        """Whether more may come."""
        return self._thread.is_alive()

    def close(self) -> None:
        """Tell nothing more."""
        self._closed.set()
        if self._response is not None:
            with contextlib.suppress(Exception):  # it may be ending by itself at this very moment
                self._response.shutdown()

    def _run(self) -> None:
        failures = 0
        while failures < TRIES and not self._closed.is_set():
            try:
                self._tell_all()
            except BackendError as error:  # the log is a courtesy: the waiting goes on without it
                failures += 1
                if failures == TRIES and isinstance(error, ForbiddenError):
                    self._denied(error)
            else:
                failures = 0
                if self._ended():
                    return
            if self.ending:
                return
            self._closed.wait(PAUSE)

    def _tell_all(self) -> None:
        for line in self._lines:
            if self._closed.is_set():
                return
            self.heard = time.monotonic()
            self._tell(line)

    def _ended(self) -> bool:
        """Whether the container has; else the stream was only cut, or the kubelet has not said so yet."""
        try:
            status = mapping(self._cluster.get(PODS, self._pod).get("status"))
        except EntityNotExistsError:
            return True
        every = itertools.chain(
            status.get("initContainerStatuses") or (), status.get("containerStatuses") or ()
        )
        return not any(
            "running" in mapping(one.get("state")) for one in every if one.get("name") == self._container
        )

    def _remember(self, response: Any) -> None:
        self._response = response


class LogFollower:
    """Tells every line of the Run's programs, by threads of its own: one that looks for pods, one a container.

    `denied` is told once, by one of them, if there is no right to read them.
    """

    def __init__(self, cluster: Cluster, name: str, tell: Callable[[LogLine], None], denied: Denied) -> None:
        self._cluster = cluster
        self._name = name
        self._tell = tell
        self._tell_denied = denied
        self._denials = 0
        self._streams: dict[tuple[str, str], _Stream] = {}
        self._bell = threading.Event()
        self._ending = self._closed = False
        self._thread = threading.Thread(target=self._run, name="run-logs", daemon=True)

    def look(self) -> None:
        """There may be a pod to listen to."""
        if self._thread.ident is None:
            self._thread.start()
        self._bell.set()

    def finish(self) -> None:
        """The Run is at its end: tell what is still to come, for as long as something comes."""
        self._ending = True
        self.look()
        began = time.monotonic()
        self._thread.join(IDLE)
        while time.monotonic() < began + LONGEST_END:
            live = [stream for stream in list(self._streams.values()) if stream.alive]
            for stream in live:
                stream.ending = True
            if not live or time.monotonic() > max([began, *(stream.heard for stream in live)]) + IDLE:
                return
            time.sleep(0.02)

    def close(self) -> None:
        """Tell nothing more."""
        self._closed = self._ending = True
        self._bell.set()
        for stream in list(self._streams.values()):
            stream.close()

    def _run(self) -> None:
        while not self._closed:
            last = self._ending
            self._bell.clear()
            try:
                self._listen()
            except ForbiddenError as error:
                self._denials += 1
                if self._denials == TRIES:
                    self._denied(error)
            except BackendError as error:
                log.debug("the pods of run %s cannot be listed now: %s", self._name, error)
            if last:
                return
            self._bell.wait(LOOK)

    def _denied(self, error: ForbiddenError) -> None:
        tell, self._tell_denied = self._tell_denied, _nobody
        if not self._closed:
            tell(error)

    def _listen(self) -> None:
        for pod in pods(self._cluster, self._name):
            name = text(mapping(pod.get("metadata")).get("name"))
            for container in started(pod):
                if self._closed or len(self._streams) >= MAX_STREAMS:
                    return
                if (name, container) not in self._streams:
                    self._streams[name, container] = _Stream(
                        self._cluster, pod, container, self._tell, self._denied
                    )


def _nobody(_: ForbiddenError) -> None:
    """It was told already."""
