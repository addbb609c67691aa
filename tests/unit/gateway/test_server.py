"""The port: hostile requests get an answer, nothing of a token gets out, and the API server is not asked for nothing."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import json
import logging

import aiohttp
import pytest
from kubernetes.aio.client import Configuration

from run_operator.gateway.limits import GatewayLimits
from run_operator.gateway.routes import Routes, parts_of
from run_operator.gateway.server import GatewayServer
from run_operator.gateway.telemetry import GatewayTelemetry
from run_operator.http.probes import ProbeServer
from run_operator.kube.client import Api
from run_operator.kube.errors import TransientError
from run_operator.kube.fence import Unfenced
from run_operator.kube.resource import RUNS
from tests.support.harness import free_port
from tests.unit.gateway.test_counters import samples

LIMITS = GatewayLimits(body=10_000, body_time=0.3, patience=0.1, slowest=0.2, burst=40, rate=1)
TOKEN = "secret-of-the-caller"  # noqa: S105
RUN = "/api/v1/-/churn/runs/x"


@contextlib.asynccontextmanager
async def serving(limits: GatewayLimits, counters: GatewayTelemetry):
    """No API server is there: whatever gets that far is answered with 503."""
    configuration = Configuration(host="http://127.0.0.1:1")
    configuration.connection_pool_maxsize = 4
    asked: list[str] = []
    api = Api(configuration, Unfenced(), lambda verb, what, _: asked.append(f"{verb} {what}"), "test")
    server = GatewayServer(api, Routes(limits, {"churn": "ns"}), limits, counters)
    port = await server.listen("127.0.0.1", 0, None)
    async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session:
        yield session, asked
    await server.stop()
    await api.close()


@pytest.fixture
async def gateway():
    async with serving(LIMITS, GatewayTelemetry()) as one:
        yield one


async def sent(session, method, path, *, token: str | None = TOKEN, **more):
    headers = {"Authorization": f"Bearer {token}"} if token is not None else {}
    async with session.request(method, path, headers=headers | more.pop("headers", {}), **more) as answer:
        return answer, json.loads(await answer.text())


@pytest.mark.parametrize(
    ("headers", "words"),
    [
        ({}, "without a token"),
        ({"Authorization": "Basic YTpi"}, "user and password are not taken"),
        ({"Authorization": "Bearer "}, "no bearer token"),
        ({"Authorization": "Bearer a b"}, "no bearer token"),
        ({"Authorization": "Bearer " + "a" * 16_100}, "no bearer token"),
    ],
)
async def test_who_has_no_token_is_told_what_to_set(gateway, headers, words):
    session, asked = gateway
    answer, body = await sent(session, "GET", "/api/v1/projects/churn", token=None, headers=headers)
    assert (answer.status, answer.headers["X-Api-Level"]) == (401, "16")
    assert words in body["message"]
    assert "DHCORE_ACCESS_TOKEN" in body["message"]
    assert not asked


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/api/v1/-/churn/runs", b"{", 400),
        ("POST", "/api/v1/-/churn/runs", b"\xff", 400),
        ("POST", "/api/v1/-/churn/runs", b"[" * 9_000, 400),
        ("POST", "/api/v1/-/churn/runs", b"[]", 400),
        (
            "POST",
            "/api/v1/-/churn/runs",
            b'{"kind": "container+job:run", "project": "other", "id": "x"}',
            400,
        ),
        ("POST", "/api/v1/-/churn/functions", b'{"kind": 1, "project": "churn"}', 400),
        ("POST", "/api/v1/-/churn/runs", b'{"a": ' + b"1" * 9_000 + b"}", 400),
        ("POST", "/api/v1/-/churn/runs", b" " * 20_000, 413),
        ("PUT", f"{RUN}/metrics/loss", b'"1.5"', 400),
        ("PUT", f"{RUN}/metrics/loss", b"[[1]]", 400),
        ("PUT", f"{RUN}/metrics/loss", b"true", 400),
        ("PUT", f"{RUN}/metrics/loss", b"1e999", 400),
        ("PUT", f"{RUN}/metrics/a/b", b"1", 405),
        ("PATCH", RUN, b"{}", 405),
        ("POST", f"{RUN}/complete", b"{}", 400),
        ("GET", "/api/v1/-/churn/runs?page=-1", b"", 400),
        ("GET", "/api/v1/-/churn/triggers", b"", 501),
        ("GET", "/api/v1/-/ch%2Furn/runs", b"", 404),
        ("GET", "/api/v2/x", b"", 404),
    ],
)
async def test_whatever_is_sent_gets_an_answer_and_no_traceback(gateway, caplog, method, path, body, status):
    session, asked = gateway
    answer, told = await sent(session, method, path, data=body)
    assert answer.status == status, told
    assert "Traceback" not in told["message"]
    assert not asked
    assert not caplog.records


async def test_a_token_is_nowhere_but_in_the_request_to_the_api_server(gateway, caplog):
    caplog.set_level(logging.DEBUG)
    session, asked = gateway
    answer, body = await sent(session, "GET", RUN)
    assert (answer.status, bool(asked)) == (503, True)
    assert int(answer.headers["Retry-After"]) >= 1
    assert TOKEN not in json.dumps(body) + caplog.text


async def test_a_body_that_does_not_come_is_not_waited_for(gateway):
    session, _ = gateway

    async def slowly():
        yield b"{"
        await asyncio.sleep(5)
        yield b"}"

    answer, _ = await sent(session, "POST", "/api/v1/-/churn/runs", data=slowly())
    assert answer.status == 408


async def test_who_is_too_fast_is_slowed_down_and_at_last_refused(gateway):
    session, _ = gateway
    statuses = [(await sent(session, "GET", "/api/v2/x"))[0].status for _ in range(42)]
    assert statuses[:20] == [404] * 20
    assert statuses[-1] == 429


@pytest.mark.parametrize(
    ("limits", "limit", "status"),
    [
        ({"body": 5}, "body", 413),
        ({"bodies": 5}, "bodies", 503),
        ({"body_time": 0.01}, "body_time", 408),
        ({"burst": 1, "rate": 0.01}, "rate", 429),
        ({"request": 0.01, "patience": 60.0}, "request", 504),
    ],
)
async def test_whoever_a_limit_refuses_is_counted_under_its_name(limits, limit, status):
    async def begun():
        yield b"["
        await asyncio.Event().wait()

    counters, body = GatewayTelemetry(), begun() if limit == "body_time" else b"[1.0, 2.0]"
    async with serving(dataclasses.replace(LIMITS, **limits), counters) as (session, _):
        if limit == "rate":
            await sent(session, "GET", "/api/v2/x")
        answer, _ = await sent(session, "PUT", f"{RUN}/metrics/loss", data=body)
    assert answer.status == status
    found = samples(counters)
    assert found["run_operator_gateway_refused_total", (limit,)] == 1
    route = "/api/v1/-/{project}/runs/{id}/metrics/{name}"
    assert found["run_operator_gateway_requests_total", (str(status), "PUT", route)] == 1


async def test_a_connection_too_many_is_closed_and_counted_and_nothing_is_logged(caplog):
    counters = GatewayTelemetry()
    async with serving(dataclasses.replace(LIMITS, connections=1), counters) as (session, _):
        port = session._base_url.port
        _, first = await asyncio.open_connection("127.0.0.1", port)
        reader, second = await asyncio.open_connection("127.0.0.1", port)
        with contextlib.suppress(ConnectionResetError):
            assert await asyncio.wait_for(reader.read(), 10) == b""
        for writer in (first, second):
            writer.close()
    assert samples(counters)["run_operator_gateway_refused_total", ("connections",)] == 1
    assert not caplog.records


async def test_who_the_api_server_is_asked_for_is_counted():
    counters = GatewayTelemetry()
    api = Api(Configuration(host="http://127.0.0.1:1"), Unfenced(), counters.asked, "test")
    with pytest.raises(TransientError):
        await api.get(RUNS, "ns", "x")
    await api.close()
    assert samples(counters)["run_operator_gateway_api_requests_total", ("error", "runs", "get")] == 1


async def test_what_was_counted_is_told_on_the_health_port():
    counters = GatewayTelemetry()
    counters.refused("rate")
    port, health = free_port(), ProbeServer(counters.text, list)
    await health.listen("127.0.0.1", port)
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"http://127.0.0.1:{port}/metrics") as answer,
    ):
        assert answer.content_type == "text/plain"
        assert 'run_operator_gateway_refused_total{limit="rate"} 1.0' in await answer.text()
    await health.stop()


async def test_anybody_may_ask_what_this_is(gateway):
    session, _ = gateway
    answer, body = await sent(session, "GET", "/.well-known/configuration", token=None)
    assert (answer.status, body["dhcore_api_level"]) == (200, 16)


def test_a_name_may_hold_a_slash_that_is_encoded():
    assert parts_of("/api/v1/-/p/runs/x/metrics/a%2Fb%20%C3%A4?x=1")[-1] == "a/b ä"
