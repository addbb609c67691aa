"""One browser for all tests of the page; each test opens the page again."""

from __future__ import annotations

import subprocess
import sys

import pytest

from cluster.current import chosen
from cluster.pki import Authority
from tests.support.browser import chromium
from tests.support.harness import REPOSITORY, cluster_down, cluster_name
from tests.support.page_server import World, page_server

NAME = cluster_name("web")
BEGUN = pytest.StashKey[subprocess.Popen[bytes]]()


def pytest_collection_finish(session):
    """An API server takes a while to start: it does so while other tests run, if one of those that follow needs it."""
    needed = any("control_plane" in item.fixturenames for item in session.items)
    if needed and not chosen() and not session.config.option.collectonly:
        command = [sys.executable, "-m", "cluster", "up", "--name", NAME, "--shape", "control-plane"]
        session.config.stash[BEGUN] = subprocess.Popen(command, cwd=REPOSITORY, stderr=subprocess.DEVNULL)


def pytest_sessionfinish(session):
    if begun := session.config.stash.get(BEGUN, None):
        begun.wait(300)
        cluster_down(NAME)


@pytest.fixture(scope="session")
def control_plane(request):
    """The name of a cluster with an API server."""
    request.config.stash[BEGUN].wait(300)
    return NAME


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
