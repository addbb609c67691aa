"""Why Jobs make no pods: only their Events say so. Those of a namespace are listed together, and not often."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from run_operator.ingest.once import Once
from run_operator.kube.client import Api
from run_operator.kube.errors import KubeError
from run_operator.kube.resource import EVENTS
from run_operator.workloads.observe import MAX_MESSAGE
from run_operator.workloads.readiness import FAILED_CREATE

FIELDS: Final = f"involvedObject.kind=Job,reason={FAILED_CREATE}"
KEPT: Final = 30.0
"""Seconds an answer counts for the Jobs that it mentions."""
NEW: Final = 5.0
"""Seconds it counts for the others."""
MOST: Final = 10_000
"""Jobs of a namespace that are remembered."""

log = logging.getLogger(__name__)


class _Answer(NamedTuple):
    at: float
    said: Mapping[str, str]


class RefusedPods:
    """What the Job controller says of pods it could not make. `clock` is monotonic seconds."""

    def __init__(self, api: Api, clock: Callable[[], float] = time.monotonic) -> None:
        self._api = api
        self._clock = clock
        self._answers: dict[str, _Answer] = {}
        self._asked: Once[None] = Once()

    async def why(self, namespace: str, job_uid: str) -> str:
        """The words of the Job's newest Event; empty if there is none, or it may not be read."""
        now = self._clock()
        self._answers = {name: kept for name, kept in self._answers.items() if now - kept.at < KEPT}
        known = self._answers.get(namespace)
        if known is None or (job_uid not in known.said and now - known.at >= NEW):
            await self._asked.ask(namespace, lambda: self._ask(namespace))
        return self._answers[namespace].said.get(job_uid, "")

    async def _ask(self, namespace: str) -> None:
        found: dict[str, tuple[str, str]] = {}
        try:
            async for raw in self._api.list_objects(EVENTS, namespace=namespace, fields=FIELDS):
                uid = str((raw.get("involvedObject") or {}).get("uid"))
                at = str(raw.get("lastTimestamp") or raw.get("eventTime") or "")
                if at >= found.get(uid, ("", ""))[0] and (uid in found or len(found) < MOST):
                    found[uid] = at, str(raw.get("message") or "")[:MAX_MESSAGE]
        except KubeError as error:
            log.info("Events of Jobs in %s cannot be read: %s", namespace, error)
        said = {uid: text.removeprefix("Error creating: ") for uid, (_, text) in found.items()}
        self._answers[namespace] = _Answer(self._clock(), said)
