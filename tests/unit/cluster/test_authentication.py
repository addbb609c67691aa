"""Providers that an API server trusts: what its configuration holds, and what is said where it does not take them."""

from __future__ import annotations

import pytest
import yaml

from cluster import authentication
from cluster.errors import ClusterError
from cluster.paths import Home

ISSUER = "https://login.example.org/"


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("RUN_OPERATOR_CACHE", str(tmp_path))
    monkeypatch.setattr(authentication, "build", lambda _: tmp_path)
    one = Home("x")
    one.folder.mkdir(parents=True)
    return one


def configured(home):
    return yaml.safe_load((home.folder / authentication.FILE).read_text())["jwt"]


def test_a_new_cluster_trusts_nobody(home):
    authentication.write(home.folder)
    assert configured(home) == []


def test_a_provider_is_trusted_when_the_api_server_has_taken_it(home, tmp_path, monkeypatch):
    authentication.write(home.folder)
    answers = iter(["", "", f'apiserver_{authentication.TAKEN}x",status="success"}} 1'])
    monkeypatch.setattr(authentication, "kubectl", lambda *_: next(answers))
    authority = tmp_path / "ca.crt"
    authority.write_text("PEM")
    authentication.trust(home, ISSUER, "runs", authority, "email")
    (one,) = configured(home)
    assert one["issuer"] == {"url": ISSUER, "audiences": ["runs"], "certificateAuthority": "PEM"}
    assert one["claimMappings"]["username"] == {"claim": "email", "prefix": "oidc:"}
    monkeypatch.setattr(authentication, "kubectl", lambda *_: "")
    authentication.trust(home, ISSUER, "runs", authority, "email")  # once more: nothing to do


def test_a_provider_that_is_not_taken_is_reported(home, monkeypatch):
    with pytest.raises(ClusterError, match="no such cluster"):
        authentication.trust(home, ISSUER, "runs", None, "sub")
    authentication.write(home.folder)
    monkeypatch.setattr(authentication, "TIMEOUT", 0.3)
    monkeypatch.setattr(authentication, "kubectl", lambda *_: "")
    with pytest.raises(ClusterError, match=r"did not take the provider https://login\.example\.org/"):
        authentication.trust(home, ISSUER, "runs", None, "sub")
