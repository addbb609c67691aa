"""Every field of a kubeconfig beside kubectl: the same headers reach the server, or both refuse."""

from __future__ import annotations

import base64
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from cluster.build import build
from cluster.pki import Authority
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


REACHED: dict[str, dict[str, Any]] = {
    "certificate-authority": {"certificate-authority": "ca.crt"},
    "certificate-authority-data": {"certificate-authority-data": "of-the-file"},
    "tls-server-name": {"tls-server-name": "localhost", "certificate-authority": "ca.crt"},
    "insecure-skip-tls-verify": {"insecure-skip-tls-verify": True},
    "disable-compression": {"disable-compression": True, "certificate-authority": "ca.crt"},
    "extensions": {"extensions": [{"name": "x", "extension": {}}], "certificate-authority": "ca.crt"},
    "server-with-a-path": {"server": "/k8s/clusters/c-1", "certificate-authority": "ca.crt"},
}
UNREACHED: dict[str, dict[str, Any]] = {
    "no-authority": {},
    "another-authority": {"certificate-authority-data": "another"},
    "authority-that-is-gone": {"certificate-authority": "nowhere.crt"},
    "tls-server-name": {"tls-server-name": "elsewhere.test", "certificate-authority": "ca.crt"},
    "insecure-with-an-authority": {"insecure-skip-tls-verify": True, "certificate-authority": "ca.crt"},
    "insecure-false": {"insecure-skip-tls-verify": False},
    "proxy-url": {"proxy-url": "http://127.0.0.1:9", "certificate-authority": "ca.crt"},
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


def cluster(home: Path, fields: dict[str, Any]) -> None:
    """The cluster of the kubeconfig, with these fields alone beside its server; `ca.crt` is beside it."""
    path = home / "stub-kubeconfig"
    document = yaml.safe_load(path.read_text())
    known = document["clusters"][0]["cluster"]
    Authority(home / "other")
    (home / "ca.crt").write_bytes((home / "pki" / "ca.crt").read_bytes())
    files = {"of-the-file": home / "ca.crt", "another": home / "other" / "ca.crt"}
    given = {name: base64.b64encode(file.read_bytes()).decode() for name, file in files.items()}
    found = {
        key: given.get(value, value) if isinstance(value, str) else value for key, value in fields.items()
    }
    found["server"] = known["server"] + found.get("server", "")
    document["clusters"][0]["cluster"] = found
    document["users"][0]["user"] = {"token": "t"}
    path.write_text(yaml.safe_dump(document))


@pytest.mark.parametrize("fields", REACHED.values(), ids=REACHED)
def test_a_cluster_is_reached_as_by_kubectl(stub: Stub, home: Path, fields: dict[str, Any]):
    cluster(home, fields)
    (theirs, _), (ours, said) = both(stub, home)
    assert ours == theirs == {("authorization", "Bearer t")}, said


@pytest.mark.parametrize("fields", UNREACHED.values(), ids=UNREACHED)
def test_a_cluster_that_kubectl_does_not_trust_or_reach_gets_nothing(
    stub: Stub, home: Path, fields: dict[str, Any]
):
    cluster(home, fields)
    (theirs, _), (ours, said) = both(stub, home)
    assert ours == theirs == {("nothing", "sent")}
    assert said.startswith("runctl: ")


def test_every_field_of_a_cluster_has_a_case():
    tried = str(REACHED) + str(UNREACHED)
    assert {field for field in credentials.CLUSTER_FIELDS if f"'{field}'" not in tried} == set()


def test_every_field_of_a_user_and_of_a_plugin_has_a_case():
    tried = str(SENT) + str(REFUSED)
    known = credentials.USER_FIELDS | credentials.EXEC_FIELDS
    rest = {field for field in known if f"'{field}'" not in tried}
    assert rest == {
        "client-certificate-data",
        "client-key-data",
    }  # every test with a cluster logs in by these
