"""Signing in: with a token, with a made-up provider, and with a real one."""

from __future__ import annotations

import base64
import json

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicNumbers
from cryptography.hazmat.primitives.hashes import SHA256

from run_operator.web.oidc import OidcProvider, OidcSettings
from tests.support.harness import free_port
from tests.support.oidc_provider import answer, oidc_provider, sign_in
from tests.support.page_server import TOKEN


def test_who_is_signed_out_reads_why_and_can_sign_in_again(browser, world, address):
    world.mode = "gateway"
    browser.open(address)
    browser.write("#token", "wrong")
    browser.click("Sign in", "button[type=submit]")
    browser.wait_for("This token is not known.", "[role=alert]")
    browser.write("#token", TOKEN)
    browser.click("Sign in", "button[type=submit]")
    browser.wait_for("12 Runs")
    assert browser.run("return [sessionStorage.length, localStorage.length, document.cookie]") == [0, 0, ""]
    browser.click("Sign out")
    browser.wait_for("You have signed out.")


def test_a_person_signs_in_with_the_provider_and_comes_back_to_the_same_view(browser, world, address):
    world.mode, world.provider = "gateway", True
    browser.open(f"{address}#/runs?state=ERROR")
    browser.click("Sign in with 127.0.0.1")
    browser.wait_for("1 of 12 Runs")
    assert world.challenge
    assert browser.run("return [location.search, location.hash, sessionStorage.length]") == [
        "",
        "#/runs?state=ERROR&ns=research",
        0,
    ]


def test_an_answer_of_the_provider_that_nobody_asked_for_is_refused(browser, world, address):
    world.mode, world.provider = "gateway", True
    browser.open(f"{address}?code=c1&state=forged")
    browser.wait_for("This answer of the provider is not for this page", "[role=alert]")


def test_who_finds_no_button_of_the_provider_reads_why(browser, world, address):
    world.mode, world.oidc = "gateway", OidcProvider(OidcSettings("http://127.0.0.1:9/", "runs"))
    browser.open(address)
    browser.wait_for(
        "There is no sign-in with the cluster's provider now: the OIDC provider's document", "[role=status]"
    )
    assert "Sign in with" not in browser.text()
    browser.write("#token", TOKEN)
    browser.click("Sign in", "button[type=submit]")
    browser.wait_for("12 Runs")


@pytest.fixture
def provider(address):
    """A provider of a certified library, which knows the page as a public client; gives its issuer."""
    with oidc_provider(free_port(), address) as issuer:
        yield issuer


def test_a_person_signs_in_with_a_real_provider(browser, world, address, provider):
    """Code flow with PKCE; the page's content policy is that of the real server, for this provider."""
    world.mode, world.oidc = "gateway", OidcProvider(OidcSettings(provider, "runs"))
    claims = []
    world.accepts = lambda token: claims.append(_claims(token, provider)) or True
    browser.open(f"{address}#/runs?state=ERROR")
    sign_in(browser)
    browser.wait_for("1 of 12 Runs")
    assert (claims[0]["iss"], claims[0]["aud"]) == (provider, ["runs"])
    assert browser.run("return [location.search, location.hash, sessionStorage.length]") == [
        "",
        "#/runs?state=ERROR&ns=research",
        0,
    ]


def _claims(token, issuer):
    """As an API server checks them. Raises InvalidSignature."""
    head, body, signature = token.split(".")
    found = answer(answer(f"{issuer}.well-known/openid-configuration")["jwks_uri"])["keys"]
    key = next(one for one in found if one["kid"] == json.loads(_bytes(head))["kid"])
    e, n = (int.from_bytes(_bytes(key[part]), "big") for part in "en")
    RSAPublicNumbers(e, n).public_key().verify(
        _bytes(signature), f"{head}.{body}".encode(), PKCS1v15(), SHA256()
    )
    return json.loads(_bytes(body))


def _bytes(part):
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def test_a_forged_token_would_be_noticed(provider):
    head = base64.urlsafe_b64encode(
        json.dumps({"kid": answer(f"{provider}keys")["keys"][0]["kid"]}).encode()
    ).decode()
    with pytest.raises(InvalidSignature):
        _claims(f"{head.rstrip('=')}.e30.c2ln", provider)
