"""What the page gets of the provider's discovery document, and what is refused of it."""

from __future__ import annotations

import json
from typing import Any

import click
import pytest
from aiohttp import web
from aiohttp.test_utils import RawTestServer

from run_operator.gateway.__main__ import GatewaySettings, _oidc
from run_operator.web.oidc import OidcProvider, OidcSettings, check_issuer


async def session_of(
    document: object, status: int = 200
) -> tuple[tuple[dict[str, Any] | None, str | None], OidcProvider, list[str]]:
    """`ISSUER` in the document stands for the address of the provider."""
    asked: list[str] = []

    async def provider(request: web.BaseRequest) -> web.StreamResponse:
        asked.append(request.path)
        issuer = f"http://{request.host}"
        return web.Response(status=status, text=json.dumps(document).replace("ISSUER", issuer))

    async with RawTestServer(provider) as server:
        issuer = str(server.make_url("")).rstrip("/")
        one = OidcProvider(OidcSettings(issuer, "runs"))
        await one.session()
        return await one.session(), one, asked


GOOD = {
    "issuer": "ISSUER/",
    "authorization_endpoint": "ISSUER/auth",
    "token_endpoint": "https://tokens.example/token",
    "jwks_uri": "ISSUER/keys",
}


async def test_the_page_gets_the_endpoints_and_may_ask_them_alone():
    (session, problem), provider, asked = await session_of(GOOD)
    assert session is not None
    assert (session["clientId"], session["scopes"], problem) == ("runs", ["openid", "profile", "email"], None)
    assert session["authorizationEndpoint"] == f"{session['issuer']}/auth"
    assert (session["tokenEndpoint"], session["endSessionEndpoint"]) == ("https://tokens.example/token", None)
    assert provider.origins == (session["issuer"], "https://tokens.example")
    assert asked == ["/.well-known/openid-configuration"], "once, for everybody"


@pytest.mark.parametrize(
    ("document", "status", "words"),
    [
        (GOOD, 500, "HTTP 500"),
        (GOOD, 302, "HTTP 302"),
        ([], 200, "not a JSON object"),
        (GOOD | {"issuer": "https://other.example"}, 200, "of the issuer"),
        (GOOD | {"token_endpoint": "javascript:alert(1)"}, 200, "not an https://"),
        (GOOD | {"token_endpoint": "https://x; script-src *"}, 200, "not an https://"),
        (GOOD | {"padding": "x" * 300_000}, 200, "more than"),
    ],
)
async def test_a_document_that_cannot_be_used_says_why(document, status, words):
    (session, problem), provider, asked = await session_of(document, status)
    assert session is None
    assert words in (problem or "")
    assert len(provider.origins) == 1
    assert len(asked) == 1, "not with every request"


@pytest.mark.parametrize(
    "issuer",
    ["", "http://issuer.example", "https://", "ftp://x", "https://a b", "https://a;b", "https://*.x"],
)
def test_an_issuer_that_is_none(issuer):
    with pytest.raises(ValueError, match="not an https://"):
        check_issuer(issuer)


def test_half_of_the_settings_is_a_mistake():
    assert _oidc(GatewaySettings()) is None
    for half in (GatewaySettings(ui_oidc_issuer="https://a"), GatewaySettings(ui_oidc_client_id="runs")):
        with pytest.raises(click.UsageError, match="must be set together"):
            _oidc(half)
    with pytest.raises(click.UsageError, match="not an https://"):
        _oidc(GatewaySettings(ui_oidc_issuer="x", ui_oidc_client_id="runs"))
