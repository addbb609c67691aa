"""Answers: a caller that does not read one holds neither memory nor a connection for long."""

from __future__ import annotations

import asyncio
import contextlib
from contextlib import ExitStack, suppress

import pytest
from aiohttp import web

from run_operator.http.server import Bounds, ByteBudget, OverBudgetError, Ports

LARGE = b"x" * 32_000_000


async def test_who_does_not_read_the_answer_is_cut_off():
    asked = asyncio.Event()

    async def large(_: web.BaseRequest) -> web.StreamResponse:
        asked.set()
        return web.Response(body=LARGE)

    ports = Ports(large, Bounds(answer_time=0.3))
    port = await ports.listen("127.0.0.1", 0, None)
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1024)
    writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    async with asyncio.timeout(10):
        await asked.wait()
        await ports.close(60)  # waits for the answer to end
    received = 0
    with contextlib.suppress(ConnectionError):
        while piece := await reader.read(65_536):
            received += len(piece)
    assert received < len(LARGE)
    writer.close()


async def test_who_reads_gets_all_of_it():
    async def large(_: web.BaseRequest) -> web.StreamResponse:
        return web.Response(body=LARGE)

    ports = Ports(large, Bounds(answer_time=10))
    port = await ports.listen("127.0.0.1", 0, None)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    async with asyncio.timeout(20):
        answer = await reader.read()
    assert answer.endswith(LARGE[-1000:])
    assert len(answer) > len(LARGE)
    writer.close()
    await ports.close(1)


def test_a_budget_has_a_share_for_each_and_an_end():
    budget = ByteBudget(total=10, each=6)
    with budget.hold(6, "ann"):
        with pytest.raises(OverBudgetError, match="of one caller"), budget.hold(1, "ann"):
            pass
        with (
            budget.hold(4, "bob"),
            pytest.raises(OverBudgetError, match="too many requests at the same time"),
            budget.hold(1, ""),
        ):
            pass
        assert budget.used == 6
    with budget.hold(6, "ann"):
        assert budget.used == 6
    assert budget.used == 0


def test_several_callers_that_take_all_they_can_leave_something_for_the_next():
    budget = ByteBudget(total=64, each=16)
    with ExitStack() as held:
        for name in range(5):
            with suppress(OverBudgetError):
                for _ in range(64):
                    held.enter_context(budget.hold(1, f"flood-{name}"))
        assert budget.used > 32
        held.enter_context(budget.hold(1, "next"))
    assert budget.used == 0
