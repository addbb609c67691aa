"""A real provider of OpenID Connect: the example of a certified library, as a process on this machine."""

from __future__ import annotations

import json
import os
import ssl
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cluster.build import build
from tests.support.browser import Browser

CLIENT = "runs"
NAME = "oidc:id1"
"""Of its one person, in a cluster that trusts it (`cluster.authentication`): the claim `sub`."""


@contextmanager
def oidc_provider(port: int, redirect: str, certified: Path | None = None) -> Iterator[str]:
    """Knows the page at `redirect` as a public client. Gives its issuer.

    `certified`: the folder of its certificate, for HTTPS.
    """
    environment = os.environ | {"PORT": str(port), "REDIRECT_URI": redirect}
    if certified:
        environment |= {
            "CERTIFICATE": str(certified / "provider.crt"),
            "KEY": str(certified / "provider.key"),
        }
    process = subprocess.Popen([build("oidc") / "oidc"], env=environment, stderr=subprocess.DEVNULL)
    try:
        issuer = issuer_at(port, certified)
        answer(f"{issuer}.well-known/openid-configuration", certified)
        yield issuer
    finally:
        process.terminate()
        process.wait(10)


def issuer_at(port: int, certified: Path | None = None) -> str:
    """What its tokens name."""
    return f"{'https' if certified else 'http'}://localhost:{port}/"


def sign_in(browser: Browser) -> None:
    """As its one person does, from the page's button on."""
    browser.click("Sign in with localhost")
    browser.wait("return document.querySelector('input[name=password]')")
    browser.write("input[name=username]", "test-user@localhost")
    browser.write("input[name=password]", "verysecure")
    browser.click("Login", "button, input[type=submit]")


def answer(address: str, certified: Path | None = None, deadline: float = 10.0) -> Any:
    """JSON, as soon as there is somebody who answers."""
    trusted = ssl.create_default_context(cafile=certified / "ca.crt") if certified else None
    end = time.monotonic() + deadline
    while True:
        try:
            with urllib.request.urlopen(address, timeout=5, context=trusted) as found:  # noqa: S310
                return json.load(found)
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.02)
