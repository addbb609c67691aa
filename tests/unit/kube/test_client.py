"""Every way a request can fail is one of the typed errors: the caller knows what to expect."""

from __future__ import annotations

from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from kubernetes.aio.client import Configuration
from kubernetes.aio.config import ConfigException

from run_operator.kube.client import Api
from run_operator.kube.errors import ForbiddenError, TransientError, UnauthorizedError
from run_operator.kube.fence import Unfenced
from run_operator.kube.resource import RUNS


@pytest.mark.parametrize(
    "error", [FileNotFoundError("token"), ConfigException("Token file exists but empty.")]
)
async def test_a_token_that_cannot_be_read_just_now_is_a_transient_error(error):
    """It would end the tasks that write Events and compare the store, which expect no other errors."""

    async def refresh(_: Configuration) -> None:
        raise error

    configuration: Any = Configuration(host="http://127.0.0.1:9")
    configuration.api_key = {"BearerToken": "x"}
    configuration.refresh_api_key_hook = refresh
    seen: list[str] = []
    api = Api(configuration, Unfenced(), lambda *request: seen.append(request[2]), "test")
    try:
        with pytest.raises(TransientError, match="oken"):
            await api.get(RUNS, "ml", "hello")
    finally:
        await api.close()
    assert seen == ["error"]


@pytest.mark.parametrize(
    ("denial", "ready", "token", "error"),
    [
        (403, 200, "", ForbiddenError),
        (403, 500, "", TransientError),
        (401, 401, "", UnauthorizedError),
        (403, 500, "of-a-caller", ForbiddenError),
    ],
)
async def test_a_denied_write_counts_only_if_the_api_server_has_read_its_roles(denial, ready, token, error):
    async def answer(request: web.Request) -> web.Response:
        if request.path == "/readyz":
            return web.Response(status=ready)
        return web.json_response({"message": "runs is forbidden", "reason": "Forbidden"}, status=denial)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    async with TestServer(app) as server:
        host = str(server.make_url("")).rstrip("/")
        api = Api(Configuration(host=host), Unfenced(), lambda *_: None, "test")
        try:
            with pytest.raises(error, match="runs is forbidden"):
                await (api.as_caller(token) if token else api).patch(RUNS, "ml", "hello", {})
        finally:
            await api.close()
