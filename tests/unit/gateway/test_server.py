"""The port: hostile requests get an answer, nothing of a token gets out, and the API server is not asked for nothing."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import json
import logging

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import RawTestServer
from kubernetes.aio.client import Configuration

from run_operator.gateway.file_store import FileStore
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
from tests.unit.gateway.test_telemetry import samples

LIMITS = GatewayLimits(body=10_000, body_time=0.3, retry_timeout=0.1, slowest=0.2, burst=40, rate=1)
TOKEN = "secret-of-the-caller"  # noqa: S105
RUN = "/api/v1/-/churn/runs/x"


async def api_server(request: web.BaseRequest) -> web.StreamResponse:
    """Knows who everybody is but `nobody`, and nothing else: whatever gets further is answered with 503."""
    user = request.headers["Authorization"].removeprefix("Bearer ")
    if not request.path.endswith("/selfsubjectreviews"):
        return web.json_response({"message": "overloaded"}, status=503)
    if user == "nobody":
        return web.json_response({"message": "Unauthorized", "reason": "Unauthorized"}, status=401)
    return web.json_response({"status": {"userInfo": {"username": f"user of {user[:6]}"}}}, status=201)


@contextlib.asynccontextmanager
async def serving(limits: GatewayLimits, counters: GatewayTelemetry):
    """`asked` collects what the API server is asked for, apart from who somebody is."""
    asked: list[str] = []

    def observe(verb: str, what: str, code: str) -> None:
        if what != "selfsubjectreviews":
            asked.append(f"{verb} {what}")

    async with RawTestServer(api_server) as behind:
        configuration = Configuration(host=str(behind.make_url("")).rstrip("/"))
        configuration.connection_pool_maxsize = 4
        api = Api(configuration, Unfenced(), observe, "test")
        server = GatewayServer(api, Routes(limits, {"churn": "ns"}, FileStore("")), limits, counters)
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
        ({}, "needs a token"),
        ({"Authorization": "Basic YTpi"}, "the gateway does not accept user and password"),
        ({"Authorization": "Bearer "}, "no bearer token"),
        ({"Authorization": "Bearer a b"}, "no bearer token"),
        ({"Authorization": "Bearer " + "a" * 16_100}, "no bearer token"),
    ],
)
async def test_who_has_no_token_reads_what_to_set(gateway, headers, words):
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
        ("PUT", f"{RUN}/metrics/a/b", b'"1"', 400),
        ("PUT", f"{RUN}/metrics/a?b", b"1", 400),
        ("PUT", f"{RUN}/metrics", b"1", 400),
        ("PUT", f"{RUN}/metrics/", b"1", 400),
        ("GET", f"{RUN}/metrics/a?b", b"", 400),
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
    answer, reply = await sent(session, method, path, data=body)
    assert answer.status == status, reply
    assert "Traceback" not in reply["message"]
    assert not asked
    assert not [one for one in caplog.records if one.levelno > logging.INFO]


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


async def test_who_is_too_fast_is_slowed_down_and_at_last_refused():
    limits = dataclasses.replace(LIMITS, rate=0.01)  # a busy machine answers less than one request a second
    async with serving(limits, GatewayTelemetry()) as (session, _):
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
        ({"request": 0.01, "retry_timeout": 60.0}, "request", 504),
    ],
)
async def test_whoever_a_limit_refuses_is_counted_under_its_name(limits, limit, status):
    async def begun():
        yield b"["
        await asyncio.Event().wait()

    counters, body = GatewayTelemetry(), begun() if limit == "body_time" else b"[1.0, 2.0]"
    async with serving(dataclasses.replace(LIMITS, **limits), counters) as (session, _):
        for _ in range(2 if limit == "rate" else 0):  # as a stranger, and as one who is known
            await sent(session, "GET", "/api/v2/x")
        answer, _ = await sent(session, "PUT", f"{RUN}/metrics/loss", data=body)
    assert answer.status == status
    found = samples(counters)
    assert found["run_operator_gateway_refused_total", (limit,)] == 1
    route = "/api/v1/-/{project}/runs/{id}/metrics/{name}"
    assert found["run_operator_gateway_requests_total", (str(status), "PUT", route)] == 1


async def test_an_idle_connection_makes_room_for_a_new_one_and_nothing_is_logged(caplog):
    counters = GatewayTelemetry()
    async with serving(dataclasses.replace(LIMITS, connections=2), counters) as (session, _):
        port = session._base_url.port
        served, keeps = await asyncio.open_connection("127.0.0.1", port)
        keeps.write(b"GET /.well-known/configuration HTTP/1.1\r\nHost: x\r\n\r\n")
        assert await served.readuntil(b"}") != b""
        silent, first = await asyncio.open_connection("127.0.0.1", port)
        first.write(b"GET /never-ended HTTP/1.1\r\n")
        answer, _ = await sent(session, "GET", "/.well-known/configuration", token=None)
        assert answer.status == 200
        with contextlib.suppress(ConnectionResetError):
            assert await asyncio.wait_for(silent.read(), 10) == b"", (
                "who never sent a request gives way first"
            )
        keeps.write(b"GET /.well-known/configuration HTTP/1.1\r\nHost: x\r\n\r\n")
        assert await served.readuntil(b"}") != b""
        for writer in (first, keeps):
            writer.close()
    assert samples(counters)["run_operator_gateway_refused_total", ("connections",)] >= 1
    assert not [one for one in caplog.records if one.levelno > logging.INFO]


async def raw(session: aiohttp.ClientSession, head: str, body: bytes = b"", wait: bytes = b"") -> bytes:
    """The whole answer to what is sent as it is; the body only once `wait` has come."""
    reader, writer = await asyncio.open_connection("127.0.0.1", session._base_url.port)
    writer.write(head.replace("\n", "\r\n").encode() + b"\r\n\r\n")
    async with asyncio.timeout(5):
        before = await reader.readuntil(wait) if wait else b""
        writer.write(body)
        answer = before + await reader.read()
    writer.close()
    return answer


EXPECTING = (
    f"POST /api/v1/-/churn/runs HTTP/1.1\nHost: x\nConnection: close\nAuthorization: Bearer {TOKEN}\nExpect: "
)


async def test_who_waits_to_be_asked_for_the_body_is_asked(gateway):
    session, _ = gateway
    head = f"{EXPECTING}100-continue\nContent-Length: 2"
    answer = await raw(session, head, b"[]", wait=b"HTTP/1.1 100 Continue\r\n\r\n")
    assert b"HTTP/1.1 400 Bad Request" in answer
    assert b"must be a JSON object" in answer


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (f"{EXPECTING}100-continue\nContent-Length: 99999999", b"413"),
        (f"{EXPECTING}a-miracle\nContent-Length: 2", b"417"),
        (f"{EXPECTING.replace(TOKEN, 'nobody')}100-continue\nContent-Length: 2", b"401"),
    ],
)
async def test_a_body_that_will_not_be_taken_is_refused_before_it_is_sent(gateway, head, status):
    answer = await raw(gateway[0], head)
    assert answer.startswith(b"HTTP/1.1 " + status)
    assert b"100 Continue" not in answer


async def test_a_body_is_read_only_after_the_api_server_has_named_its_sender():
    """However many strangers send half a body: there is room for those who are known."""
    half = "POST /api/v1/-/churn/runs HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer nobody\r\nContent-Length: 9000\r\n\r\n["
    limits = dataclasses.replace(LIMITS, bodies=10_000, body_time=5.0)
    async with serving(limits, GatewayTelemetry()) as (session, _):
        strangers = [await asyncio.open_connection("127.0.0.1", session._base_url.port) for _ in range(8)]
        for reader, writer in strangers:
            writer.write(half.encode())
            assert (await reader.readline()).split()[1] == b"401"
        answer, _ = await sent(session, "POST", "/api/v1/-/churn/runs", data=b"[" + b" " * 8_000 + b"]")
        assert answer.status == 400
        for _, writer in strangers:
            writer.close()


async def test_bodies_of_one_sender_leave_room_for_others():
    async def begun():
        yield b"["
        await asyncio.Event().wait()

    limits = dataclasses.replace(LIMITS, bodies=1_000_000, bodies_each=10_000, body_time=5.0)
    async with serving(limits, GatewayTelemetry()) as (session, _):
        hold = [asyncio.create_task(sent(session, "POST", f"{RUN}/stop", data=begun())) for _ in range(2)]
        done, _ = await asyncio.wait(hold, return_when=asyncio.FIRST_COMPLETED)
        assert (done.pop().result()[0].status) == 503
        answer, _ = await sent(session, "POST", f"{RUN}/complete", data=b"{}", token="another")
        assert answer.status == 400
        for task in hold:
            task.cancel()


async def test_strangers_at_an_address_do_not_slow_down_who_is_known_there():
    limits = dataclasses.replace(LIMITS, burst=2, rate=0.01)
    async with serving(limits, GatewayTelemetry()) as (session, _):
        assert (await sent(session, "GET", "/api/v2/x"))[0].status == 404
        statuses = {(await sent(session, "GET", "/api/v2/x", token="nobody"))[0].status for _ in range(4)}
        assert statuses == {401, 429}
        assert (await sent(session, "GET", "/api/v2/x"))[0].status == 404


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"GET / HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer secret-of-the-caller\x00\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer "
        + b"secret-of-the-caller" * 2_000
        + b"\r\n\r\n",
        b"secret-of-the-caller\r\n\r\n",
    ],
)
async def test_what_is_no_http_is_refused_without_being_repeated(gateway, caplog, request_bytes):
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway[0]._base_url.port)
    writer.write(request_bytes)
    async with asyncio.timeout(5):
        answer = await reader.read()
    writer.close()
    head, _, body = answer.partition(b"\r\n\r\n")
    assert json.loads(body)["status"] == 400
    assert b"Server: run-operator\r\n" in head + b"\r\n"
    for word in (b"aiohttp", b"Python", TOKEN.encode()):
        assert word not in answer
    assert TOKEN not in caplog.text


@pytest.mark.parametrize("path", [RUN, "/api/v1/-/churn/runs", "/api/v1/projects/churn"])
async def test_head_is_answered_as_get_is(gateway, path):
    session, _ = gateway
    headers = {"Authorization": f"Bearer {TOKEN}"}
    async with session.get(path, headers=headers) as got, session.head(path, headers=headers) as headed:
        assert (got.status, headed.status) == (503, 503)


@pytest.mark.parametrize("entity_id", ["A", "a--b", "-a", "a.b", "x" * 256])
@pytest.mark.parametrize(("plural", "kind"), [("runs", "container+job:run"), ("functions", "container")])
async def test_an_id_that_the_sdk_cannot_read_is_refused(gateway, plural, kind, entity_id):
    """Else the SDK could not list the project any more."""
    session, asked = gateway
    document = {"kind": kind, "project": "churn", "id": entity_id, "name": "n", "spec": {"image": "i"}}
    answer, body = await sent(session, "POST", f"/api/v1/-/churn/{plural}", data=json.dumps(document))
    assert (answer.status, asked) == (400, [])
    assert "id" in body["message"]


async def test_head_is_a_get_without_a_body(gateway):
    session, _ = gateway
    async with session.head("/.well-known/configuration") as answer:
        assert answer.status == 200
        assert int(answer.headers["Content-Length"]) > 0
        assert await answer.read() == b""
    async with session.get("/.well-known/configuration") as answer:
        assert answer.headers["Server"] == "run-operator"


async def test_the_access_log_says_who_did_what_and_holds_no_token(gateway, caplog):
    caplog.set_level(logging.INFO)
    session, _ = gateway
    await sent(session, "POST", f"{RUN}/complete", data=b"{}")
    await sent(session, "GET", f"{RUN}?name=hidden", token="nobody")
    lines = [one.fields for one in caplog.records if one.name == "run_operator.gateway.access"]
    kept = [{key: line[key] for key in ("user", "verb", "project", "entity", "code")} for line in lines]
    assert kept == [
        {"user": "user of secret", "verb": "POST", "project": "churn", "entity": "x", "code": 400},
        {"user": "", "verb": "GET", "project": "churn", "entity": "x", "code": 401},
    ]
    assert TOKEN not in caplog.text
    assert "hidden" not in caplog.text


async def test_who_the_api_server_is_asked_for_is_counted():
    counters = GatewayTelemetry()
    api = Api(Configuration(host="http://127.0.0.1:1"), Unfenced(), counters.asked, "test")
    with pytest.raises(TransientError):
        await api.get(RUNS, "ns", "x")
    await api.close()
    assert samples(counters)["run_operator_gateway_api_requests_total", ("error", "runs", "get")] == 1


async def test_what_was_counted_is_reported_on_the_health_port():
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
