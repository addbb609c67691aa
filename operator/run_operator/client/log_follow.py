"""A program's lines as it writes them, from one pod and one life of a container to the next, each line once.

Nothing is given up in silence: what is cut, skipped or cannot be read is noted for the person who follows.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable
from typing import Any, Final

from run_operator.api.constants import LABEL_RUN
from run_operator.api.raw import JSON, mapping, number, text
from run_operator.client.cluster import Cluster
from run_operator.client.errors import (
    BackendError,
    BadRequestError,
    EntityNotExistsError,
    ForbiddenError,
)
from run_operator.client.log_lines import ContainerLog
from run_operator.client.log_reader import LogLine, pods
from run_operator.client.watch import LISTED, OUTAGE, ResourceWatch
from run_operator.kube.resource import PODS

TRIES: Final = 3
"""Until a right is taken as missing: an API server that starts denies for a moment."""
PAUSE, LONGEST_PAUSE = 0.3, 10.0
"""Seconds until a stream that ended before its container is opened again; longer where it fails, or brings nothing."""
STEADY: Final = 10.0
"""Seconds after which a stream that brought nothing is none of these."""
NOTED_AFTER: Final = 4
"""Failures in a row after which a log that cannot be read is noted."""
IDLE: Final = 0.3
"""Seconds without a line after which, at the end of the Run, no more is expected."""
LOOK: Final = 30.0
"""Seconds between two looks for pods, where they cannot be watched; a change of the Run is one more."""
MAX_STREAMS: Final = 64
"""Containers that are followed at a time."""
LONGEST_END: Final = 5.0

Denied = Callable[[ForbiddenError], None]
Note = Callable[[str], None]

log = logging.getLogger(__name__)


class Container:
    """The status of one container of a pod."""

    def __init__(self, status: JSON) -> None:
        self.name = text(status.get("name"))
        self.restarts = number(status.get("restartCount"))
        state = mapping(status.get("state"))
        self.running = "running" in state
        self.began = self.running or "terminated" in state or bool(mapping(status.get("lastState")))
        """There is a log: of this life, or of the one before while the next one waits."""


def containers(pod: JSON) -> list[Container]:
    """Init containers before the others."""
    status = mapping(pod.get("status"))
    every = [*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())]
    return [Container(mapping(one)) for one in every]


class _Stream:
    """Reads one container's lines in a thread of its own, as long as the container lives."""

    def __init__(
        self,
        cluster: Cluster,
        pod: JSON,
        container: Container,
        tell: Callable[[LogLine], None],
        denied: Denied,
        note: Note,
    ) -> None:
        self._cluster = cluster
        self._pod = text(mapping(pod.get("metadata")).get("name"))
        self._container = container.name
        self._tell = tell
        self._denied = denied
        self._note = note
        self._response: Any = None
        self._closed = threading.Event()
        self._log = ContainerLog(cluster, pod, container.name, self._remember, self._cut)
        self._restarts = container.restarts
        self._newest = container
        self._turn = threading.Lock()
        self.alive = True
        """Whether more may come."""
        self._broken = False
        """The last stream did not come to the end of its container's life."""
        self._failures = self._empty = 0
        self._well = time.monotonic()
        self.ending = False
        """The Run is at its end: what there is, and no more."""
        self.heard = time.monotonic()
        self._begin()

    def changed(self, container: Container) -> None:
        """Take the container's present status; a container that started again is followed again."""
        with self._turn:
            self._newest = container
            if self.alive or not self._began_again():
                return
            self.alive = True
        self._begin()

    def _began_again(self) -> bool:
        return self._newest.began and self._newest.restarts > self._restarts

    def close(self) -> None:
        """Write nothing more."""
        self._closed.set()
        shut(self._response)

    def _begin(self) -> None:
        self._thread = threading.Thread(target=self._run, name=f"log-{self._pod}"[:60], daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while True:
            if self._began_again():
                self._goes_on(self._newest.restarts)
            self._follow()
            with self._turn:  # the pod may have changed since the last look at it
                if self._closed.is_set() or self.ending or not self._began_again():
                    self.alive = False
                    return

    def _follow(self) -> None:
        """To the end of a life, or until it is given up."""
        while not self._closed.is_set():
            try:
                if self._read() and self._ended():
                    self._tell_all(self._log.rest())
                    return
            except EntityNotExistsError:  # the pod is gone
                self._tell_all(self._log.rest())
                return
            except BackendError as error:
                if not self._may_try_again(error):
                    return
            if self.ending:
                self._tell_all(self._log.rest())
                return
            self._closed.wait(min(LONGEST_PAUSE, PAUSE * 2 ** min(max(self._failures, self._empty), 10)))

    def _read(self) -> bool:
        """One stream to its end. Raises BackendError."""
        self._broken, began, heard = True, time.monotonic(), self.heard
        self._tell_all(self._log.follow())
        self._broken, self._failures, self._well = False, 0, time.monotonic()
        in_vain = self.heard == heard and time.monotonic() - began < STEADY
        self._empty = self._empty + 1 if in_vain else 0
        return True

    def _tell_all(self, lines: Any) -> None:
        for line in lines:
            if self._closed.is_set():
                return
            self.heard = self._well = time.monotonic()
            self._failures = 0
            self._tell(line)

    def _may_try_again(self, error: BackendError) -> bool:
        """Whether to try again after an error. False: the log is given up, which is noted; the wait for the Run goes on."""
        self._failures += 1
        if self._closed.is_set():
            return False
        if isinstance(error, ForbiddenError) and self._failures == TRIES:
            self._denied(error)
            return False
        if time.monotonic() - self._well > OUTAGE or (isinstance(error, BadRequestError) and self._is_over()):
            self._note(f"{self._where} is no longer followed: {error}")
            return False
        if self._failures == NOTED_AFTER:
            self._note(f"{self._where} cannot be read now; runctl tries again: {error}")
        return True

    def _ended(self) -> bool:
        """Whether the container has; else the stream was only cut, or the kubelet has not said so yet."""
        pod = self._cluster.get(PODS, self._pod)
        now = next((one for one in containers(pod) if one.name == self._container), None)
        if now is None:
            return True
        if now.restarts > self._restarts:
            self._goes_on(now.restarts)
            return False
        return not now.running

    def _is_over(self) -> bool:
        with contextlib.suppress(BackendError):
            return self._ended()
        return False

    def _goes_on(self, restarts: int) -> None:
        """To the container's next life; the rest of the earlier ones comes first, as far as there is a log."""
        unseen = range(self._restarts if self._broken else self._restarts + 1, restarts)
        self._restarts = restarts
        if unseen:
            with contextlib.suppress(BackendError):
                self._tell_all(self._log.previous())
        if len(unseen) > 1:
            self._note(
                f"{self._where}: the container was started {len(unseen)} times while its log could not be read; "
                "only the lines of the last of these are shown"
            )

    @property
    def _where(self) -> str:
        return f"the log of {self._pod} {self._container}"

    def _cut(self) -> None:
        self._note(f"{self._where}: a line is too long; only its beginning is shown")

    def _remember(self, response: Any) -> None:
        self._response = response
        if self._closed.is_set():
            shut(response)


class LogFollower:
    """Tells every line of the Run's programs, by threads of its own: one that watches pods, one a container.

    `denied` is called once if there is no right to read them; `note` reports what is cut, skipped or given up.
    """

    def __init__(
        self, cluster: Cluster, name: str, tell: Callable[[LogLine], None], denied: Denied, note: Note
    ) -> None:
        self._cluster = cluster
        self._name = name
        self._tell = tell
        self._tell_denied = denied
        self._note = note
        self._streams: dict[tuple[str, str], _Stream] = {}
        self._noted_many = False
        self._turn = threading.Lock()
        self._bell = threading.Event()
        self._response: Any = None
        self._ending = self._closed = False
        self._thread = threading.Thread(target=self._run, name="run-logs", daemon=True)

    def look(self) -> None:
        """There may be a pod to listen to."""
        if self._thread.ident is None:
            self._thread.start()
        self._bell.set()

    def finish(self) -> None:
        """The Run is at its end: tell what is still to come, for as long as something comes."""
        began = time.monotonic()
        with contextlib.suppress(BackendError):
            self._look()
        self._ending = True
        while time.monotonic() < began + LONGEST_END:
            live = [stream for stream in list(self._streams.values()) if stream.alive]
            for stream in live:
                stream.ending = True
            if not live or time.monotonic() > max([began, *(stream.heard for stream in live)]) + IDLE:
                return
            time.sleep(0.02)

    def close(self) -> None:
        """Write nothing more."""
        self._closed = self._ending = True
        self._bell.set()
        shut(self._response)
        for stream in list(self._streams.values()):
            stream.close()

    def _run(self) -> None:
        failures = 0
        while not self._ending:
            try:
                failures = self._follow(failures)
            except ForbiddenError as error:
                failures += 1
                if failures == TRIES:
                    self._denied(error)
                    return
                self._wait(PAUSE)
            except BackendError as error:
                if not self._closed:
                    self._note(f"run {self._name}: its pods cannot be listed; runctl tries again: {error}")
                self._wait(LOOK)

    def _follow(self, failures: int) -> int:
        """Until the end; returns sooner, with no failure, where pods may be listed and not watched."""
        watch = ResourceWatch(
            self._cluster, PODS, labels=f"{LABEL_RUN}={self._name}", opened=self._remember, sleep=self._wait
        )
        listed = False
        try:
            with contextlib.closing(iter(watch)) as changes:
                for change in changes:
                    if self._ending:
                        break
                    listed, failures = listed or change.kind == LISTED, 0
                    if change.kind == "DELETED":
                        self._forget(change.objects[0])
                    else:
                        self._listen(change.objects)
        except ForbiddenError:
            if not listed:
                raise
            self._wait(LOOK)
        return failures

    def _wait(self, seconds: float) -> None:
        self._bell.clear()
        if not self._ending:
            self._bell.wait(seconds)

    def _remember(self, response: Any) -> None:
        self._response = response
        if self._closed:
            shut(response)

    def _denied(self, error: ForbiddenError) -> None:
        tell, self._tell_denied = self._tell_denied, _nobody
        if not self._closed:
            tell(error)

    def _look(self) -> None:
        self._listen(pods(self._cluster, self._name))

    def _listen(self, found: Any) -> None:
        with self._turn:
            for pod in found:
                name = text(mapping(pod.get("metadata")).get("name"))
                for container in containers(pod):
                    self._listen_to(name, pod, container)

    def _forget(self, pod: JSON) -> None:
        """A pod that is gone; a stream that still has something to tell ends by itself."""
        with self._turn:
            gone = text(mapping(pod.get("metadata")).get("name"))
            self._streams = {
                key: stream for key, stream in self._streams.items() if key[0] != gone or stream.alive
            }

    def _listen_to(self, name: str, pod: JSON, container: Container) -> None:
        stream = self._streams.get((name, container.name))
        if stream is not None:
            stream.changed(container)
        elif container.began and not self._closed:
            if sum(one.alive for one in self._streams.values()) < MAX_STREAMS:
                self._streams[name, container.name] = _Stream(
                    self._cluster, pod, container, self._tell, self._denied, self._note
                )
            elif not self._noted_many:
                self._noted_many = True
                self._note(
                    f"only {MAX_STREAMS} containers are followed at the same time, and this Run has more"
                )


def shut(response: Any) -> None:
    """End a stream from another thread; it may be ending by itself at this very moment."""
    if response is not None:
        with contextlib.suppress(Exception):
            response.shutdown()


def _nobody(_: ForbiddenError) -> None:
    """Whether the line was passed on already."""
