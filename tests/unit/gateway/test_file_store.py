"""Token exchange as the SDK asks for it, and what of a Secret is handed out."""

from __future__ import annotations

import base64
import json
import time
from typing import Any
from urllib.parse import urlencode

import pytest

from run_operator.gateway.errors import Problem
from run_operator.gateway.file_store import (
    EXCHANGE,
    OPENID,
    REFRESH,
    FileStore,
    openid_configuration,
    subject,
)
from run_operator.kube.errors import ForbiddenError, NotFoundError, UnauthorizedError


class Caller:
    """Reads Secrets of one namespace as the API server would let it."""

    def __init__(self, token: str, secret: dict[str, str] | Exception) -> None:
        self.identity = type("Identity", (), {"token": token})
        self._secret = secret
        self.asked: list[tuple[str, str]] = []

    async def get(self, _: Any, namespace: str, name: str) -> dict[str, Any]:
        self.asked.append((namespace, name))
        if isinstance(self._secret, Exception):
            raise self._secret
        return {
            "data": {key: base64.b64encode(value.encode()).decode() for key, value in self._secret.items()}
        }


def token(**claims: Any) -> str:
    body = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return f"head.{body}.signature"


async def elsewhere(caller: Any, project: str) -> str:
    return f"ns-of-{project}"


SECRET = {
    "DHCORE_DEFAULT_FILES_STORE": "s3://churn",
    "AWS_ACCESS_KEY_ID": "churn\n",
    "OTHER": "not for the SDK",
}


async def test_the_variables_of_the_sdk_are_handed_out_and_no_others():
    mine = token(exp=time.time() + 60, **{"kubernetes.io": {"namespace": "churn"}})
    caller: Any = Caller(mine, SECRET)
    found = await FileStore("store").exchange(caller, "p", elsewhere)
    assert caller.asked == [("ns-of-p", "store")]
    assert found.pop("expires_in") in range(50, 61)
    assert found == {
        "access_token": mine,
        "token_type": "Bearer",
        "issued_token_type": "urn:ietf:params:oauth:token-type:access_token",
        "dhcore_default_files_store": "s3://churn",
        "aws_access_key_id": "churn",
    }
    await FileStore("store").exchange(caller, "", elsewhere)
    assert caller.asked[1:] == [("churn", "store")], "the token's own namespace"


@pytest.mark.parametrize(
    ("secret", "given"),
    [
        (NotFoundError("get", 404, "not found"), "t"),
        (ForbiddenError("get", 403, "no"), "t"),
        (SECRET, "opaque"),
        (SECRET, "a.%.b"),
    ],
)
async def test_without_a_store_or_a_right_the_token_comes_back_alone(secret, given):
    caller: Any = Caller(given, secret)
    project = "p" if isinstance(secret, Exception) else ""
    found = await FileStore("store").exchange(caller, project, elsewhere)
    assert set(found) == {"access_token", "token_type", "issued_token_type"}
    assert found["access_token"] == given


async def test_a_token_that_the_api_server_does_not_take_is_refused():
    caller: Any = Caller("t", UnauthorizedError("get", 401, "who?"))
    with pytest.raises(Problem) as caught:
        await FileStore("store").exchange(caller, "p", elsewhere)
    assert caught.value.status == 401


async def test_no_secret_is_read_where_no_store_is_configured():
    caller: Any = Caller("t", SECRET)
    assert await FileStore("").variables(caller, "ns") == {}
    assert caller.asked == []


@pytest.mark.parametrize(
    ("form", "wanted"),
    [
        ({"grant_type": EXCHANGE, "subject_token": "a.b.c", "scope": "credentials"}, "a.b.c"),
        ({"grant_type": REFRESH, "refresh_token": "a+b/c=="}, "a+b/c=="),
    ],
)
def test_the_token_is_taken_from_the_form(form, wanted):
    assert subject(urlencode(form).encode()) == wanted


@pytest.mark.parametrize(
    "body",
    [b"", b"grant_type=password&username=x", b"\xff=\xff", urlencode({"grant_type": EXCHANGE}).encode()],
)
def test_other_grants_are_refused(body):
    with pytest.raises(Problem) as caught:
        subject(body)
    assert caught.value.status == 400


@pytest.mark.parametrize(
    ("path", "issuer", "project"),
    [("/auth/token", "", None), ("/projects/churn/auth/token", "/projects/churn", "churn")],
)
def test_an_issuer_may_name_a_project(path, issuer, project):
    match = OPENID.fullmatch(path)
    assert match is not None
    assert match.groups() == (issuer, project, "/auth/token")
    found = openid_configuration(f"https://gateway{issuer}")
    assert found["token_endpoint"] == f"https://gateway{path}"
