"""Every field of a kubeconfig beside kubectl: the same headers reach the server, or both refuse."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from cluster.build import build
from run_operator.client import credentials
from tests.support.api_stub import Stub

ASKS = ("authorization", "impersonate-")
V1 = "client.authentication.k8s.io/v1"
PLUGIN = """#!/bin/sh
echo "$KUBERNETES_EXEC_INFO" | grep -q '"server"' && suffix=-asked
echo '{"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": {"token": "'$1$EXTRA$suffix'"}}'
"""
LOGIN = {"apiVersion": V1, "command": "./login", "interactiveMode": "Never"}

SENT: dict[str, dict[str, Any]] = {
    "token": {"token": "t"},
    "tokenFile": {"tokenFile": "token"},
    "tokenFile-and-token": {"tokenFile": "token", "token": "stale"},
    "username-password": {"username": "u", "password": "p"},
    "as": {"token": "t", "as": "bob"},
    "as-uid": {"token": "t", "as": "bob", "as-uid": "7"},
    "as-groups": {"token": "t", "as": "bob", "as-groups": ["dev", "system:authenticated"]},
    "as-user-extra": {
        "token": "t",
        "as": "bob",
        "as-user-extra": {"acme.com/Project": ["a", "b"], "x": ["v"]},
    },
    "exec-command": {"exec": LOGIN},
    "exec-args": {"exec": LOGIN | {"args": ["one"]}},
    "exec-env": {"exec": LOGIN | {"args": ["one"], "env": [{"name": "EXTRA", "value": "-two"}]}},
    "exec-provideClusterInfo": {"exec": LOGIN | {"args": ["one"], "provideClusterInfo": True}},
    "exec-installHint": {"exec": LOGIN | {"args": ["one"], "installHint": "get it"}},
    "exec-IfAvailable": {"exec": LOGIN | {"args": ["one"], "interactiveMode": "IfAvailable"}},
    "exec-and-token": {"token": "t", "exec": LOGIN},
    "exec-as": {"as": "bob", "exec": LOGIN | {"args": ["one"]}},
    "extensions": {"token": "t", "extensions": [{"name": "x", "extension": {}}]},
}
REFUSED: dict[str, dict[str, Any]] = {
    "two-ways": {"token": "t", "username": "u", "password": "p"},
    "as-groups-of-nobody": {"token": "t", "as-groups": ["g"]},
    "as-uid-of-nobody": {"token": "t", "as-uid": "7"},
    "auth-provider": {"auth-provider": {"name": "azure", "config": {}}},
    "exec-and-auth-provider": {
        "exec": LOGIN,
        "auth-provider": {"name": "oidc", "config": {"id-token": "a.b.c"}},
    },
    "exec-missing": {"exec": LOGIN | {"command": "./nowhere", "installHint": "get it from your admin"}},
    "exec-fails": {"exec": LOGIN | {"command": "/bin/false"}},
    "exec-version": {"exec": LOGIN | {"apiVersion": "client.authentication.k8s.io/v9"}},
    "exec-Always": {"exec": LOGIN | {"interactiveMode": "Always"}},
    "client-certificate": {"client-certificate": "nowhere.crt", "client-key": "nowhere.key"},
}


@pytest.fixture
def stub(tmp_path: Path) -> Iterator[Stub]:
    """With TLS: kubectl gives away no credentials without."""
    (tmp_path / "pki").mkdir()
    one = Stub(pki=tmp_path / "pki")
    yield one
    one.stop()


@pytest.fixture
def home(stub: Stub, tmp_path: Path) -> Path:
    """A folder with a kubeconfig, and what it names beside it."""
    (tmp_path / "login").write_text(PLUGIN)
    (tmp_path / "login").chmod(0o755)
    (tmp_path / "token").write_text("from-file\n")
    stub.kubeconfig(tmp_path)
    return tmp_path


def ask(stub: Stub, home: Path, *command: str) -> tuple[set[tuple[str, str]], str]:
    """Who asked, by the headers of the first request, and what was said on standard error."""
    stub.requests.clear()
    done = subprocess.run(
        command,
        env=os.environ | {"KUBECONFIG": str(home / "stub-kubeconfig")},
        cwd="/",
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    found = stub.requests[0].headers if stub.requests else []
    reported = {(name.lower(), value) for name, value in found if name.lower().startswith(ASKS)}
    return (reported if stub.requests else {("nothing", "sent")}), done.stderr


def both(stub: Stub, home: Path) -> tuple[tuple[set[tuple[str, str]], str], tuple[set[tuple[str, str]], str]]:
    kubectl = str(build("kubernetes") / "kubectl")
    runctl = [sys.executable, "-m", "run_operator.client.cli", "list"]
    return ask(stub, home, kubectl, "get", "--raw", "/x"), ask(stub, home, *runctl)


def user(home: Path, **fields: Any) -> None:
    path = home / "stub-kubeconfig"
    document = yaml.safe_load(path.read_text())
    document["users"][0]["user"] = fields
    path.write_text(yaml.safe_dump(document))


@pytest.mark.parametrize("fields", SENT.values(), ids=SENT)
def test_the_same_is_sent_as_by_kubectl(stub: Stub, home: Path, fields: dict[str, Any]):
    user(home, **fields)
    (theirs, _), (ours, said) = both(stub, home)
    assert ours == theirs, said
    assert ours


@pytest.mark.parametrize("fields", REFUSED.values(), ids=REFUSED)
def test_what_kubectl_refuses_is_refused(stub: Stub, home: Path, fields: dict[str, Any]):
    user(home, **fields)
    (theirs, _), (ours, said) = both(stub, home)
    assert ours == theirs == {("nothing", "sent")}
    assert said.startswith("runctl: ")
    assert said.count("\n") == 1
    assert ("get it from your admin" in said) == ("installHint" in str(fields))


def test_every_field_of_a_user_and_of_a_plugin_has_a_case():
    tried = str(SENT) + str(REFUSED)
    known = credentials.USER_FIELDS | credentials.EXEC_FIELDS
    rest = {field for field in known if f"'{field}'" not in tried}
    assert rest == {
        "client-certificate-data",
        "client-key-data",
    }  # every test with a cluster logs in by these
