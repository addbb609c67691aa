"""The page of `runctl ui` has the rights of the kubeconfig: its headers, its token, and a login that renews it."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import RawTestServer
from kubernetes.client import Configuration

from run_operator.client.errors import ClientError
from run_operator.client.kubeconfig import Access
from run_operator.kube.errors import TransientError, UnauthorizedError
from run_operator.kube.resource import RUNS
from run_operator.web.kubeconfig_api import connect


class Login:
    """A plugin whose first token has run out. `broken`: it cannot log in."""

    def __init__(self, broken: bool = False) -> None:
        self.token = "old"  # noqa: S105
        self.broken = broken

    def reject(self) -> bool:
        self.token = "new"  # noqa: S105
        return True

    def refresh(self, of: Any) -> None:
        if self.broken:
            raise ClientError("the login of user 'me' failed")
        of.api_key["BearerToken"] = f"Bearer {self.token}"


async def api_server(request: web.BaseRequest) -> web.StreamResponse:
    """Takes the new token alone, and repeats the impersonated user."""
    if request.headers.get("Authorization") != "Bearer new":
        return web.json_response({"message": "Unauthorized", "reason": "Unauthorized"}, status=401)
    asked = [*request.headers.getall("Impersonate-User"), *request.headers.getall("Impersonate-Group")]
    return web.json_response({"asked": asked})


async def reached(login: Login, times: int) -> Any:
    async with RawTestServer(api_server) as server:
        configuration = Configuration()
        configuration.host = str(server.make_url("")).rstrip("/")
        configuration.api_key["BearerToken"] = "Bearer old"
        configuration.refresh_api_key_hook = login.refresh  # type: ignore[assignment]
        headers = (("Impersonate-User", "ann"), ("Impersonate-Group", "a"), ("Impersonate-Group", "b"))
        api = connect(Access(configuration, "ml", inside=False, headers=headers, login=login))  # type: ignore[arg-type]
        try:
            for _ in range(times - 1):
                with pytest.raises(UnauthorizedError):
                    await api.get(RUNS, "ml", "x")
            return await api.get(RUNS, "ml", "x")
        finally:
            await api.close()


async def test_a_token_that_is_refused_is_renewed_and_groups_are_sent():
    assert (await reached(Login(), times=2))["asked"] == ["ann", "a", "b"]


async def test_a_login_that_fails_says_so():
    with pytest.raises(TransientError, match="the login of user 'me' failed"):
        await reached(Login(broken=True), times=1)


@pytest.mark.parametrize(
    ("host", "excepted", "proxied"),
    [
        ("https://10.1.2.3:6443", "", True),
        ("https://10.1.2.3:6443", "10.0.0.0/8", False),
        ("https://api.corp.test:6443", ".corp.test", False),
        ("https://api.corp.test:6443", "elsewhere.test", True),
        ("https://127.0.0.1:6443", "localhost,127.0.0.1", False),
    ],
)
async def test_a_proxy_of_the_environment_has_the_exceptions_of_the_environment(
    monkeypatch, host, excepted, proxied
):
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", excepted)
    configuration = Configuration()
    configuration.host = host
    api = connect(Access(configuration, "ml", inside=False))
    try:
        assert bool(api._client.rest_client.proxy) is proxied
    finally:
        await api.close()


def test_without_the_extra_the_command_says_what_to_install():
    program = (
        "import sys; sys.modules['orjson'] = None; sys.argv = ['runctl', 'ui', '--no-browser']\n"
        "from run_operator.client.cli.main import main; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode != 0
    assert "pip install 'run-operator[ui]'" in done.stderr
    assert "Traceback" not in done.stderr
