"""Events that say why Jobs create no pods, and pods no containers. Those of a namespace are listed together, and seldom."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from run_operator.api.raw import parse
from run_operator.children.event_facts import (
    ENDED_JOB,
    ENDED_POD,
    FAILED_CREATE,
    JOB,
    KILLING,
    POD,
    REASONS,
    Question,
    Said,
)
from run_operator.children.pod import PROGRAM
from run_operator.kube.client import Api
from run_operator.kube.errors import KubeError
from run_operator.kube.resource import EVENTS
from run_operator.kube.single_flight import SingleFlight

FIELDS: Final = {
    JOB: f"involvedObject.kind=Job,reason={FAILED_CREATE}",
    # A selector cannot say "one of these reasons"; so it leaves out what is most, and the rest is left out here.
    POD: "involvedObject.kind=Pod,type=Warning,reason!=FailedScheduling,reason!=BackOff,reason!=Failed,reason!=Unhealthy",
    ENDED_POD: f"involvedObject.kind=Pod,reason={KILLING},involvedObject.fieldPath=spec.containers{{{PROGRAM}}}",
    ENDED_JOB: "involvedObject.kind=Job,reason!=SuccessfulCreate,reason!=SuccessfulDelete,reason!=FailedCreate",
}
CONTROLLER: Final = "job-controller"
"""The source of a Job's verdict. Others write Events about Jobs too, queues for example."""
KEPT: Final = 30.0
"""Seconds for which an answer is used for the Jobs and pods in it."""
NEW: Final = 5.0
"""Seconds for which it is used for other Jobs and pods."""
PAUSE: Final = 20
"""Factor: an answer is used at least so many times as long as its list took, because the API server reads all Events of the namespace."""
MOST: Final = 10_000
"""Jobs or pods of a namespace that are remembered, at most."""
MOST_READ: Final = 50_000
"""Events that are read for one answer, at most."""
MOST_SAID: Final = 10
"""Newest Events of one Job or pod that are remembered."""
MAX_TEXT: Final = 1000

log = logging.getLogger(__name__)


class _Answer(NamedTuple):
    at: float
    said: Mapping[str, tuple[Said, ...]]
    new: float = NEW
    """Seconds for which a pod that is not in the answer counts as without Events."""
    complete: bool = True
    """Whether all Events were read, so that what is not in the answer has none."""


class EventReader:
    """Events of controllers and kubelets about failed steps. `clock` is monotonic seconds, `wall` epoch seconds."""

    def __init__(
        self,
        api: Api,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._api = api
        self._clock = clock
        self._wall = wall
        self._answers: dict[tuple[str, str], _Answer] = {}
        self._asked: SingleFlight[None] = SingleFlight()

    async def why(self, namespace: str, question: Question) -> tuple[Said, ...] | None:
        """The newest Events of that Job or pod; empty if there are none, None if they cannot be read."""
        now, asked = self._clock(), (namespace, question.kind)
        self._answers = {
            name: kept for name, kept in self._answers.items() if now - kept.at < max(KEPT, kept.new)
        }
        known = self._answers.get(asked)
        if known is None or (question.uid not in known.said and now - known.at >= known.new):
            await self._asked.ask(asked, lambda: self._ask(*asked))
        answer = self._answers[asked]
        return answer.said.get(question.uid, () if answer.complete else None)

    async def _ask(self, namespace: str, kind: str) -> None:
        found: dict[str, tuple[Said, ...]] = {}
        read, began, now, complete = 0, self._clock(), self._wall(), True
        try:
            async for raw in self._api.list_objects(EVENTS, namespace=namespace, fields=FIELDS[kind]):
                read += 1
                uid = _subject(kind, raw.get("involvedObject") or {})
                if _answers(kind, raw) and (uid in found or len(found) < MOST):
                    those = sorted((*found.get(uid, ()), _said(raw, now)), key=lambda one: one.ago)
                    found[uid] = tuple(those[:MOST_SAID])
                if read >= MOST_READ:
                    complete = False
                    break
        except KubeError as error:
            log.info("Events of %ss in %s cannot be read: %s", kind, namespace, error)
            complete = False
        at = self._clock()
        self._answers[namespace, kind] = _Answer(at, found, max(NEW, PAUSE * (at - began)), complete)


def _subject(kind: str, about: Mapping[str, Any]) -> str:
    """The `Question.uid` that an Event about this object answers."""
    return str(about.get("name"))[:-5] if kind == ENDED_POD else str(about.get("uid"))


def _answers(kind: str, raw: Mapping[str, Any]) -> bool:
    source = (raw.get("source") or {}).get("component") or raw.get("reportingComponent")
    return raw.get("reason") in REASONS[kind] and (kind != ENDED_JOB or source == CONTROLLER)


def _said(raw: Mapping[str, Any], now: float) -> Said:
    """One Event as `Said`. Older recorders keep the count in the Event itself, newer ones in its series."""
    series = raw.get("series") or {}
    once = parse(raw.get("eventTime")) or 0.0
    last = parse(raw.get("lastTimestamp")) or parse(series.get("lastObservedTime")) or once
    first = parse(raw.get("firstTimestamp")) or once or last
    return Said(str(raw.get("reason")), str(raw.get("message") or "")[:MAX_TEXT], now - last, last - first)
