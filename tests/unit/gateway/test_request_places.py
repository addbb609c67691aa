"""Places for requests: each tenant has its share, and what has places of its own needs none here."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from run_operator.gateway.errors import Problem
from run_operator.gateway.limits import GatewayLimits
from run_operator.gateway.request_places import RequestPlaces

ONE = ("api", "v1", "-", "p", "functions", "x")
LIST = ("api", "v1", "-", "p", "functions")
LOGS = ("api", "v1", "-", "p", "runs", "x", "logs")
METRIC = ("api", "v1", "-", "p", "runs", "x", "metrics", "loss")


class Requests:
    """Requests that hold what they have until the end."""

    def __init__(self, limits: GatewayLimits) -> None:
        self.places = RequestPlaces(limits)
        self.inside: list[str] = []
        self.over = asyncio.Event()

    async def one(self, tenant: str, method: str = "GET", parts: tuple[str, ...] = ONE) -> None:
        caller: Any = SimpleNamespace(identity=SimpleNamespace(tenant=tenant))
        async with self.places.hold(method, parts, caller):
            self.inside.append(tenant)
            await self.over.wait()

    async def begin(self, *ones: Any) -> list[asyncio.Task[None]]:
        tasks = [asyncio.create_task(one) for one in ones]
        for _ in range(20):
            await asyncio.sleep(0)
        return tasks

    async def end(self, tasks: list[asyncio.Task[None]]) -> list[Any]:
        self.over.set()
        return await asyncio.gather(*tasks, return_exceptions=True)


async def test_who_sends_many_at_once_has_its_share_and_others_find_a_place():
    requests = Requests(GatewayLimits(requests=6, requests_each=4, requests_waiting=5))
    tasks = await requests.begin(*(requests.one("flood") for _ in range(20)))
    assert requests.inside == 4 * ["flood"]
    tasks += await requests.begin(requests.one("quiet"))
    assert requests.inside[-1] == "quiet"
    ended = await requests.end(tasks)
    refused = [one for one in ended if isinstance(one, Problem)]
    assert len(refused) == 11, "four, and five that wait"
    assert {(one.status, one.limit) for one in refused} == {(429, "requests")}


@pytest.mark.parametrize(("method", "parts"), [("GET", LIST), ("GET", LOGS), ("PUT", METRIC)])
async def test_lists_logs_and_metrics_do_not_wait_for_the_places_of_others(method, parts):
    requests = Requests(GatewayLimits(requests=1, requests_each=1))
    tasks = await requests.begin(requests.one("ann"), requests.one("ann", method, parts))
    assert len(requests.inside) == 2
    await requests.end(tasks)


async def test_metrics_that_wait_for_the_operator_have_a_share_too():
    requests = Requests(GatewayLimits(requests=2, requests_each=1))
    tasks = await requests.begin(*(requests.one("ann", "PUT", METRIC) for _ in range(3)))
    assert len(requests.inside) == 1
    await requests.end(tasks)
