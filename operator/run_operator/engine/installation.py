"""Missing parts of the installation: they are reported, and everything that works without them goes on.

Only the CRD of Runs is essential. A part that comes back is used again.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Final, NamedTuple

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from run_operator.api.constants import MANAGED_BY
from run_operator.api.raw import stamp
from run_operator.kube.client import Api
from run_operator.kube.errors import ForbiddenError, KubeError, NotFoundError, UnauthorizedError
from run_operator.kube.media_types import METADATA_LIST
from run_operator.kube.resource import (
    CLUSTER_RUNTIMES,
    EVENTS,
    FUNCTIONS,
    METRIC_BATCHES,
    RUN_LOGS,
    RUNS,
    RUNTIMES,
    SECRETS,
    TASKS,
)

EVERY: Final = 10.0
"""Seconds between two checks."""
CRDS: Final = (RUNS, FUNCTIONS, TASKS, RUNTIMES, CLUSTER_RUNTIMES, METRIC_BATCHES, RUN_LOGS)

log = logging.getLogger(__name__)


class Part(NamedTuple):
    """An object of the installation, and the command that creates it."""

    name: str
    advice: str
    essential: bool = False
    """Whether nothing works without it."""

    def __str__(self) -> str:
        return f"{self.name} is missing: {self.advice}"


ACCOUNT: Final = Part(
    "account of the operator",
    "the API server refuses its token; apply manifests/base again, and delete the operator's pod if that does not help",
    essential=True,
)
RIGHTS: Final = Part(
    "right of the operator",
    "its roles or their bindings are missing: apply manifests/base again",
    essential=True,
)


class Installation:
    """Checks the parts every few seconds. `secret`: of the ingest's authority; empty where there is no ingest.

    `served`: the served namespace; None: all namespaces.
    """

    def __init__(
        self, api: Api, namespace: str, secret: str, *, logs: bool, served: str | None = None
    ) -> None:
        self._api = api
        self._namespace = namespace
        self._served = served
        self._secret = secret
        self._crds = CRDS if logs else CRDS[:-1]
        self._missing: dict[str, Part] = {}

    @property
    def missing(self) -> list[Part]:
        """The missing parts, as of the last check."""
        return list(self._missing.values())

    def lines(self) -> list[str]:
        """Lines for /readyz about missing parts that are not essential."""
        return [str(part) for part in self.missing if not part.essential]

    def problems(self) -> list[str]:
        """Lines for /readyz about missing essential parts."""
        return [str(part) for part in self.missing if part.essential]

    async def work(self) -> None:
        """Check until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(EVERY)

    async def look(self) -> None:
        """Check once. An API server that does not answer changes nothing."""
        try:
            found = {part.name: part for part in await self._absent()}
        except UnauthorizedError:
            found = {ACCOUNT.name: ACCOUNT}
        except KubeError as error:
            log.debug("the parts of the installation cannot be checked: %s", error)
            return
        for part in (found[name] for name in found.keys() - self._missing.keys()):
            log.error("%s", part)
            await self._tell("Warning", "PartMissing", str(part))
        for part in (self._missing[name] for name in self._missing.keys() - found.keys()):
            log.info("%s exists again", part.name)
            await self._tell("Normal", "PartFound", f"{part.name} exists again")
        self._missing = found

    async def _absent(self) -> Iterable[Part]:
        absent = []
        for resource in self._crds:
            if not await self._api.serves(resource):
                name = f"CustomResourceDefinition {resource.plural}.{resource.group}"
                absent.append(Part(name, "kubectl apply -k crds", essential=resource == RUNS))
        if not await self._may(self._lists_runs()):
            return [*absent, RIGHTS]
        if self._secret:
            try:
                if not await self._may(self._api.get_metadata(SECRETS, self._namespace, self._secret)):
                    absent.append(Part(f"right to read Secret {self._secret}", RIGHTS.advice))
            except NotFoundError:
                advice = "apply manifests/base/ingest-ca.yaml again; until then new pods cannot send metrics"
                absent.append(Part(f"Secret {self._namespace}/{self._secret}", advice))
        return absent

    async def _lists_runs(self) -> None:
        async for _ in self._api.pages(RUNS, namespace=self._served, page_size=1, accept=METADATA_LIST):
            return

    async def _may(self, request: Awaitable[object]) -> bool:
        """Whether the operator may do it. A denial counts only if the API server is ready: before, it does not know its roles."""
        try:
            await request
        except ForbiddenError:
            return not await self._api.ready()
        return True

    async def _tell(self, kind: str, reason: str, message: str) -> None:
        """An Event about the operator's own pod; outside of a cluster about its namespace."""
        pod = os.environ.get("HOSTNAME", "")
        about: dict[str, Any] = {"apiVersion": "v1", "kind": "Pod", "name": pod, "namespace": self._namespace}
        moment = time.time()
        body = {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"generateName": "run-operator-", "namespace": self._namespace},
            "involvedObject": about,
            "type": kind,
            "reason": reason,
            "message": message,
            "firstTimestamp": stamp(moment),
            "lastTimestamp": stamp(moment),
            "count": 1,
            "source": {"component": MANAGED_BY},
            "reportingComponent": MANAGED_BY,
            "reportingInstance": MANAGED_BY,
        }
        try:
            await self._api.create(EVENTS, self._namespace, body)
        except KubeError as error:
            log.debug("event not written: %s", error)


class MissingParts(Collector):
    """`run_operator_missing_part`: 1 for each part that is not there."""

    def __init__(self, missing: Callable[[], list[Part]]) -> None:
        self._missing = missing

    def collect(self) -> Iterable[GaugeMetricFamily]:
        """The metric, for Prometheus."""
        text = "1 for each object of the installation that does not exist."
        family = GaugeMetricFamily("run_operator_missing_part", text, labels=["part"])
        for part in self._missing():
            family.add_metric([part.name], 1)
        yield family
