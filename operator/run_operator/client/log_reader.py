"""The output of a Run's program: the logs of its pods, and the RunLogs of pods that are gone."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Self
from urllib.parse import urlencode

from run_operator.api import runlog
from run_operator.api.constants import LABEL_ATTEMPT, LABEL_RUN
from run_operator.api.raw import mapping, parse, text
from run_operator.client.cluster import Cluster
from run_operator.client.errors import BackendError, BadRequestError, EntityNotExistsError, ForbiddenError
from run_operator.kube.resource import PODS, RUN_LOGS

MAX_BYTES: Final = 2 * 1024 * 1024
"""Last lines of one container, as on the platform."""
TAIL: Final = 100_000
"""Lines of one container: the last ones."""
SILENCE_ALLOWED: Final = 3.0
"""Seconds that the log of a pod that has just gone may take until it is kept."""
RECENT: Final = 20.0
"""Seconds after the end of an attempt in which that is so; two clocks may differ by as much."""
LOOK: Final = 0.3


class Log(str):
    """One container's output: of a pod that is there so far, at most its last 2 MiB; else what was kept.

    It is the text itself, as in the SDK 0.16, and has it as `text`, as in 0.15. `kept`: whether the pod is gone and
    this is what the operator kept of it. `truncated`: whether only the end is here, of what was kept or of a log longer
    than 2 MiB or 100,000 lines.
    """

    __slots__ = ("attempt", "container", "kept", "pod", "truncated")
    pod: str
    container: str
    attempt: int
    kept: bool
    truncated: bool

    def __new__(
        cls, text: str, pod: str, container: str, attempt: int, *, kept: bool = False, truncated: bool = False
    ) -> Self:
        """The text of a container of a pod of an attempt."""
        self = super().__new__(cls, text)
        self.pod, self.container, self.attempt = pod, container, attempt
        self.kept, self.truncated = kept, truncated
        return self

    def __getnewargs_ex__(self) -> tuple[tuple[str, str, str, int], dict[str, bool]]:
        """For copies."""
        return (str(self), self.pod, self.container, self.attempt), {
            "kept": self.kept,
            "truncated": self.truncated,
        }

    @property
    def text(self) -> str:
        """The output of the container."""
        return str(self)

    @property
    def shortened(self) -> str:
        """A note that the beginning is missing; empty if all is there."""
        what = "only the end was kept:" if self.kept else "only the end is shown (kubectl logs has all):"
        return f"[{self.pod} {self.container}] {what}" if self.truncated else ""


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line of it, without its end."""

    text: str
    pod: str
    container: str
    attempt: int


def read(cluster: Cluster, name: str, attempt: int | None = None) -> list[Log]:
    """All logs of a Run, the oldest attempt and pod first, init containers before the others.

    Live pods give their logs, RunLogs those of pods that are gone. A container without either wrote nothing, or its log
    is lost (the Event LogsNotKept reports it).
    """
    live = []
    for pod in pods(cluster, name, attempt):
        for container in started(pod):
            with contextlib.suppress(
                EntityNotExistsError, BadRequestError
            ):  # gone, or not started, meanwhile
                live.append((text(pod["metadata"].get("creationTimestamp")), _log(cluster, pod, container)))
    there = {(log.pod, log.container) for _, log in live}
    try:
        old = [one for one in kept(cluster, name, attempt) if (one[1].pod, one[1].container) not in there]
    except ForbiddenError:
        if not live:
            raise
        old = []  # who may read pods and not RunLogs has what there always was
    return [log for _, log in sorted(old + live, key=lambda one: (one[1].attempt, one[0]))]


def read_soon(cluster: Cluster, raw: Mapping[str, Any], attempt: int | None = None) -> list[Log]:
    """As `read`, of this Run; where there is nothing although an attempt ended just now, it is waited for a moment."""
    name, until = text(mapping(raw.get("metadata")).get("name")), time.monotonic() + SILENCE_ALLOWED
    recent = just_ended(mapping(raw.get("status")), attempt, time.time())
    while not (found := read(cluster, name, attempt)) and recent and time.monotonic() < until:
        time.sleep(LOOK)
    return found


def just_ended(status: Mapping[str, Any], attempt: int | None, now: float) -> bool:
    """Whether the attempt (or any) ended within the last moments, by the operator's clock and ours. `now`: epoch seconds."""
    ends = (
        parse(one.get("endTime"))
        for one in map(mapping, status.get("attempts") or ())
        if attempt is None or one.get("attempt") == attempt
    )
    return any(end is not None and abs(now - end) < RECENT for end in ends)


def of_gone_pods(cluster: Cluster, name: str, attempt: int | None = None) -> list[Log]:
    """The logs of pods that are gone, as far as they were kept; empty for who may not read them."""
    there = {text(pod["metadata"]["name"]) for pod in pods(cluster, name, attempt)}
    with contextlib.suppress(ForbiddenError):
        old = sorted(kept(cluster, name, attempt), key=lambda one: (one[1].attempt, one[0]))
        return [log for _, log in old if log.pod not in there]
    return []


def lines_of(logs: list[Log]) -> Iterator[LogLine]:
    """The lines of these logs, one log after the other."""
    for log in logs:
        for line in split(log.text):
            yield LogLine(line, log.pod, log.container, log.attempt)


def split(text_: str) -> list[str]:
    """The lines of a text. A line ends at a line feed and at nothing else: progress bars write carriage returns."""
    return text_.removesuffix("\n").split("\n") if text_ else []


def kept(cluster: Cluster, name: str, attempt: int | None = None) -> list[tuple[str, Log]]:
    """The RunLogs of a Run, each with its container's start time; empty where the cluster has no RunLogs."""
    found = []
    with contextlib.suppress(EntityNotExistsError):
        for page in cluster.list(RUN_LOGS, labels=_labels(name, attempt)):
            found += [_kept(raw) for raw in page.get("items") or ()]
    return found


def _kept(raw: Mapping[str, Any]) -> tuple[str, Log]:
    try:
        log = runlog.from_object(raw)
    except ValueError as error:
        raise BackendError(str(error)) from error
    said = Log(log.text, log.pod, log.container, log.attempt, kept=True, truncated=log.truncated)
    return log.start_time, said


def _labels(name: str, attempt: int | None) -> str:
    return f"{LABEL_RUN}={name}" + (f",{LABEL_ATTEMPT}={attempt}" if attempt else "")


def pods(cluster: Cluster, name: str, attempt: int | None = None) -> list[Mapping[str, Any]]:
    """The Run's pods, the oldest first."""
    found = [
        pod for page in cluster.list(PODS, labels=_labels(name, attempt)) for pod in page.get("items") or ()
    ]
    return sorted(found, key=lambda pod: (attempt_of(pod), text(pod["metadata"].get("creationTimestamp"))))


def attempt_of(pod: Mapping[str, Any]) -> int:
    """The attempt a pod belongs to."""
    label = text(mapping(mapping(pod.get("metadata")).get("labels")).get(LABEL_ATTEMPT))
    return int(label) if label.isdecimal() else 0


def started(pod: Mapping[str, Any]) -> Iterator[str]:
    """The names of the containers that run or have run."""
    status = mapping(pod.get("status"))
    for key in ("initContainerStatuses", "containerStatuses"):
        for container in status.get(key) or ():
            if "running" in mapping(container.get("state")) or "terminated" in mapping(
                container.get("state")
            ):
                yield text(container.get("name"))


def path(cluster: Cluster, pod: Mapping[str, Any]) -> str:
    """The path of a pod's logs."""
    return PODS.path(cluster.namespace, text(pod["metadata"]["name"]), "log")


def _log(cluster: Cluster, pod: Mapping[str, Any], container: str) -> Log:
    query = urlencode(
        {"container": container, "tailLines": str(TAIL + 1)}
    )  # one more tells whether there are more
    response = cluster.send("GET", f"{path(cluster, pod)}?{query}", headers={"Accept": "*/*"})
    end, cut = b"", False
    try:
        for chunk in response.stream(65536):
            end += chunk
            cut = cut or len(end) > MAX_BYTES
            end = end[-MAX_BYTES:]
    except Exception as error:
        raise BackendError(f"the log of pod {pod['metadata']['name']} broke off: {error}") from error
    finally:
        response.close()
    if cut or end.count(b"\n") > TAIL - (not end.endswith(b"\n")):
        cut, end = True, end.partition(b"\n")[2] or end  # from the beginning of a line
    name = text(pod["metadata"]["name"])
    return Log(end.decode("utf-8", "replace"), name, container, attempt_of(pod), truncated=cut)
