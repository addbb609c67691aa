"""A PUT that had to wait in line."""

from __future__ import annotations

import time
from types import SimpleNamespace
from typing import Any

from run_operator.gateway.entities import Place
from run_operator.gateway.limits import GatewayLimits
from run_operator.gateway.run_metrics import RunMetrics
from run_operator.kube.errors import NotFoundError
from run_operator.kube.resource import RUNS
from run_operator.metrics.sdk_put import SOON

PLACE = Place(RUNS, "churn", "ns")
RUN: dict[str, Any] = {
    "metadata": {"name": "x", "namespace": "ns", "uid": "u", "generation": 1},
    "spec": {"kind": "container+job:run", "project": "churn", "id": "x", "spec": {}},
    "status": {"state": "RUNNING", "attempt": 1, "metrics": {"z": 1}},
}


class Entities:
    """One Run, and what it is asked to become."""

    def __init__(self) -> None:
        self.written: Any = None
        self.identity = SimpleNamespace(owner="ann", address="192.0.2.1")
        self.metrics: dict[str, Any] = {"z": 1}

    async def raw(self, *_: Any) -> dict[str, Any]:
        return {**RUN, "status": {**RUN["status"], "metrics": self.metrics}}

    async def create(self, _: Any, __: str, body: dict[str, Any]) -> None:
        self.written = body["spec"]["ops"]

    async def get(self, *_: Any) -> dict[str, Any]:
        raise NotFoundError("get", 404, "it is stored")


async def test_it_counts_from_when_it_came_what_its_sender_may_have_read(monkeypatch):
    entities = Entities()
    metrics: Any = RunMetrics(entities, GatewayLimits())  # type: ignore[arg-type]
    await metrics.all(entities, PLACE, "x")
    arrived = time.monotonic()
    entities.metrics = {"z": 1, "m": [1]}  # somebody else was first
    await metrics.all(entities, PLACE, "x")  # and reads it
    monkeypatch.setattr(time, "monotonic", lambda: arrived + 2 * SOON)
    await metrics.put(entities, PLACE, "x", "m", [2], arrived)
    assert entities.written == [{"k": "m", "append": [2]}]
