"""URLs for invoke: of the Run's own service, or refused."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from run_operator.client.errors import BackendError, EntityError
from run_operator.client.invoke import invoke, path_below

BASE = "http://echo.ml:80"


@pytest.mark.parametrize(
    ("url", "tail"),
    [
        (None, "/"),
        (BASE, "/"),
        (f"{BASE}/v1/x?a=1", "/v1/x?a=1"),
        (f"{BASE}?a=1", "/?a=1"),
        (f"{BASE}/x#y", "/x"),
        (f"{BASE}#y", "/"),
        (f"{BASE}/zürich/日本", "/z%C3%BCrich/%E6%97%A5%E6%9C%AC"),
        (f"{BASE}/a b?q=x y&größe=1", "/a%20b?q=x%20y&gr%C3%B6%C3%9Fe=1"),
        (f"{BASE}/a\r\nX: y", "/a%0D%0AX:%20y"),
        (f"{BASE}/100%/50%2F2%zz", "/100%25/50%2F2%25zz"),
        (f"{BASE}/\udcff\N{GRINNING FACE}", "/%FF%F0%9F%98%80"),
        (f"{BASE}/v1/models/a:predict;x=1,2@3", "/v1/models/a:predict;x=1,2@3"),
        (f'{BASE}/"<>`{{}}^', "/%22%3C%3E%60%7B%7D%5E"),
    ],
)
def test_a_url_of_the_service_is_taken_apart(url, tail):
    assert path_below(BASE, url) == tail


@pytest.mark.parametrize(
    "url",
    [
        "http://evil/", "https://echo.ml:80/", f"{BASE}80/", f"{BASE}@evil/", f"{BASE}.evil/", f"{BASE}/../x",
        f"{BASE}/a/%2e%2e/x", f"{BASE}/a/%252e%252e/x", f"{BASE}/..\\x", "", f"{BASE}/\ud800",
    ],
)  # fmt: skip
def test_a_url_of_anything_else_is_refused(url):
    with pytest.raises(EntityError, match=r"^Invalid URL: "):
        path_below(BASE, url)


@pytest.mark.parametrize(
    "address",
    [
        "echo.other:80",
        "run-operator.run-operator:8080",
        "evil.test:80",
        "127.0.0.1:80",
        "echo.ml:80/x",
        "a@echo.ml:80",
    ],
)
@pytest.mark.parametrize("inside", [False, True])
def test_a_status_that_others_wrote_leads_to_no_other_namespace(address, inside):
    cluster: Any = SimpleNamespace(namespace="ml", inside=inside)
    with pytest.raises(EntityError, match="which is not a Service of the namespace ml"):
        invoke(cluster, {"service": {"url": address}}, "GET", None)


@pytest.mark.parametrize(
    ("content", "is_refusal"),
    [
        (b'{"kind":"Status","apiVersion":"v1","metadata":{},"message":"no endpoints available"}', True),
        (b'{"kind":"Status","apiVersion":"v1"', False),
        (b'{"error": "of the service"}', False),
    ],
)
def test_a_refusal_of_the_api_server_is_an_error_with_the_state_of_the_run(content, is_refusal):
    """An answer of the service is passed on, whatever its status is."""
    response = SimpleNamespace(status=503, headers={}, read=lambda *_, **__: content, close=lambda: None)
    cluster: Any = SimpleNamespace(inside=False, namespace="ml", raw=lambda *_, **__: response)
    status = {"service": {"url": "echo.ml:80"}, "state": "STOPPED", "message": "stopped"}
    if not is_refusal:
        assert invoke(cluster, status, "GET", None).content == content
        return
    with pytest.raises(
        BackendError, match=r"echo\.ml:80/: no endpoints available; the Run is STOPPED: stopped"
    ):
        invoke(cluster, status, "GET", None)
