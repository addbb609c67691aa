"""URLs for invoke: of the Run's own service, or refused."""

from __future__ import annotations

import pytest

from run_operator.client.errors import EntityError
from run_operator.client.invoke import path_below

BASE = "http://echo.ml:80"


@pytest.mark.parametrize(
    ("url", "tail"),
    [
        (None, "/"),
        (BASE, "/"),
        (f"{BASE}/v1/x?a=1", "/v1/x?a=1"),
        (f"{BASE}?a=1", "/?a=1"),
        (f"{BASE}/x#y", "/x"),
    ],
)
def test_a_url_of_the_service_is_taken_apart(url, tail):
    assert path_below(BASE, url) == tail


@pytest.mark.parametrize(
    "url",
    [
        "http://evil/", "https://echo.ml:80/", f"{BASE}80/", f"{BASE}@evil/", f"{BASE}.evil/", f"{BASE}/../x",
        f"{BASE}/a/%2e%2e/x", f"{BASE}/a/%252e%252e/x", f"{BASE}/..\\x", f"{BASE}/a b", f"{BASE}/a\r\nX: y", "", f"{BASE}/é",
    ],
)  # fmt: skip
def test_a_url_of_anything_else_is_refused(url):
    with pytest.raises(EntityError, match=r"^Invalid URL: "):
        path_below(BASE, url)
