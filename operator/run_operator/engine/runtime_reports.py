"""Reports in the status of each Runtime and ClusterRuntime whether Runs can use it, and its mistakes."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Any, Final

from run_operator.api.conditions import with_condition
from run_operator.api.raw import mapping, mappings, newer
from run_operator.api.runtime_object import ACCEPTED, RuntimeView
from run_operator.fairness import RoundRobin
from run_operator.kube.client import Api
from run_operator.kube.errors import FencedError, KubeError, NotFoundError
from run_operator.kube.media_types import METADATA
from run_operator.kube.resource import BY_KIND
from run_operator.runtimes.compiled_runtimes import usable
from run_operator.runtimes.definition import InvalidRuntimeError
from run_operator.workloads.builder import SUPPORTED

INVALID: Final = "InvalidRuntime"
SHARE: Final = 9
"""Factor: after a compilation the next one waits nine times as long, so that compiling takes at most a tenth of the time."""
MOST: Final = 2000
"""Runtimes that wait to be looked at. Namespaces take turns; one that has the most gives up those that do not fit."""
PAUSE: Final = 5.0
"""Seconds after a write that failed."""

log = logging.getLogger(__name__)


class RuntimeReports:
    """`wall` is the clock, epoch seconds."""

    def __init__(self, api: Api, wall: Callable[[], float] = time.time) -> None:
        self._api = api
        self._wall = wall
        self._waiting: dict[str, RuntimeView] = {}
        self._turns: RoundRobin[str] = RoundRobin()
        self._news = asyncio.Event()

    def put(self, view: RuntimeView) -> None:
        """Queue a Runtime that appeared or changed."""
        known = self._waiting.get(view.uid)
        if is_reported(view) or (known and not newer(view.resource_version, known.resource_version)):
            return
        self._queue(view)

    def _queue(self, view: RuntimeView) -> None:
        self._waiting[view.uid] = view
        self._turns.add(view.namespace, view.uid)
        if len(self._waiting) > MOST and (given_up := self._turns.pop_excess(view.namespace)):
            del self._waiting[given_up]
        self._news.set()

    async def work(self, begin: asyncio.Event) -> None:
        """Work until cancelled; `begin`: set when this replica may write."""
        await begin.wait()
        while True:
            await self._news.wait()
            self._news.clear()
            while (uid := self._turns.pop()) is not None:
                view = self._waiting.pop(uid)
                try:
                    await self._report(view)
                except Exception:
                    log.exception("cannot say whether %s can be used", view.place)  # the others follow

    async def _report(self, view: RuntimeView) -> None:
        began = time.monotonic()
        status = reported(view, self._wall())
        await asyncio.sleep((time.monotonic() - began) * SHARE)
        body = {"metadata": {"uid": view.uid}, "status": status}
        try:
            await self._api.patch(
                BY_KIND[view.what], view.namespace, view.name, body, subresource="status", accept=METADATA
            )
        except NotFoundError:
            return  # its DELETED event is on the way
        except (KubeError, FencedError) as error:
            log.warning("the status of %s is not written yet: %s", view.place, error)
            if view.uid not in self._waiting:
                self._queue(view)  # after all others
            await asyncio.sleep(PAUSE)


def is_reported(view: RuntimeView) -> bool:
    """Whether its status is about its present generation."""
    return view.status.get("observedGeneration") == view.generation


def reported(view: RuntimeView, now: float) -> dict[str, Any]:
    """The status for this Runtime."""
    try:
        reason, message = ACCEPTED, f"Runs of {', '.join(view.kinds)} are built as {_what(view)}"
    except InvalidRuntimeError as error:
        reason, message = INVALID, str(error)
    conditions = mappings(mapping(view.status).get("conditions"))
    written = with_condition(
        conditions, ACCEPTED, status=reason == ACCEPTED, reason=reason, message=message, now=now, generation=view.generation,
    )  # fmt: skip
    return {"observedGeneration": view.generation, "conditions": written}


def _what(view: RuntimeView) -> str:
    """Raises InvalidRuntimeError."""
    found = usable(view.spec, view.namespace)
    if found.resource:
        return (
            f"{found.resource.kind} of {found.resource.component}. The operator makes it with its own rights: only a "
            "ValidatingAdmissionPolicy asks the authors of Runs for theirs (docs/runtimes.md)"
        )
    what = "a service" if SUPPORTED[found.kind].child_kind == "Deployment" else "a job"
    return f"{what}, as those of {found.kind} are"
