"""One browser for all tests of the page; each test opens the page again."""

from __future__ import annotations

import pytest

from cluster.pki import Authority
from tests.support.browser import chromium
from tests.support.page_server import World, page_server


@pytest.fixture(scope="session")
def certified(tmp_path_factory):
    """The folder with ca.crt, provider.crt and provider.key: of a provider on this machine, which the browser takes."""
    authority = Authority(tmp_path_factory.mktemp("provider"))
    authority.server("provider", ["localhost"])
    return authority.folder


@pytest.fixture(scope="session")
def window(tmp_path_factory, certified):
    with chromium(tmp_path_factory.mktemp("browser"), trusted=certified / "provider.crt") as browser:
        yield browser


@pytest.fixture
def browser(window):
    """The window in its usual size, light, with an empty page; at the end no error may be in its console."""
    window.call("POST", "url", {"url": "about:blank"})
    window.resize(1280, 800)
    window.cdp("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "light"}])
    window.log()
    yield window
    assert [
        line for line in window.log() if "Failed to load resource" not in line and "net::ERR" not in line
    ] == []


@pytest.fixture
def world():
    """A dozen Runs with six metrics each."""
    return World(runs=12, metrics=6)


@pytest.fixture
def address(world):
    """Where the page with these Runs is."""
    with page_server(world) as address:
        yield address
