"""Into a cluster, or one line that says why not: what is in kubeconfig files, and what is not."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from run_operator.client import kubeconfig as config
from run_operator.client.errors import ClientError

EXEC = "client.authentication.k8s.io/v1"
CREDENTIAL = '{"kind": "ExecCredential", '


def kubeconfig(path: Path, name: str = "a", **user: Any) -> Path:
    """A file with one cluster, one user and one context, all of this name, the namespace too."""
    document = {
        "apiVersion": "v1", "kind": "Config", "current-context": name,
        "clusters": [{"name": name, "cluster": {"server": f"https://{name}:6443"}}],
        "users": [{"name": name, "user": user or {"token": "t"}}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name, "namespace": name}}],
    }  # fmt: skip
    path.write_text(yaml.safe_dump(document))
    return path


@pytest.fixture(autouse=True)
def outside(monkeypatch):
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    monkeypatch.delenv("KUBECONFIG", raising=False)


def test_contexts_of_all_files_are_known_and_bring_their_namespace(tmp_path, monkeypatch):
    both = f"{kubeconfig(tmp_path / 'a')}:{tmp_path / 'missing'}:{kubeconfig(tmp_path / 'b', 'b')}"
    monkeypatch.setenv("KUBECONFIG", both)
    assert config.contexts() == ["a", "b"]
    for name in ("a", "b"):
        access = config.load(context=name)
        assert (access.configuration.host, access.namespace) == (f"https://{name}:6443", name)
    assert config.load(namespace="mine", context="a").namespace == "mine"


def test_a_file_that_is_missing_and_a_context_that_is_unknown_are_named(tmp_path):
    with pytest.raises(ClientError, match=r"there is no kubeconfig /nowhere; set KUBECONFIG"):
        config.load(kubeconfig="/nowhere")
    with pytest.raises(ClientError, match=r"there is no context 'z' in .*; there is a$"):
        config.load(kubeconfig=str(kubeconfig(tmp_path / "a")), context="z")


def test_a_user_that_is_not_there_is_not_taken_for_nobody(tmp_path):
    path = kubeconfig(tmp_path / "a")
    path.write_text(path.read_text().replace("user: a\n", "user: ghost\n"))
    with pytest.raises(ClientError, match=r"the user 'ghost' of the chosen context is not in"):
        config.load(kubeconfig=str(path))


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (
            ["/nowhere/login"],
            "No such file or directory: the command that this kubeconfig names cannot be run; get it",
        ),
        (["sh", "-c", "echo session over >&2; exit 1"], "sh ended with code 1; .* log in again"),
        (["sh", "-c", "echo junk"], "its output is not JSON"),
        (["sh", "-c", "echo '{}'"], "its output is not an ExecCredential"),
        (
            ["sh", "-c", f"""echo '{CREDENTIAL}"apiVersion": "x"}}'"""],
            "its answer has the apiVersion 'x', not client",
        ),
        (
            ["sh", "-c", f"""echo '{CREDENTIAL}"apiVersion": "{EXEC}"}}'"""],
            "neither a token nor a certificate",
        ),
    ],
)
def test_a_login_command_that_fails_is_reported_and_nothing_is_sent_as_nobody(tmp_path, command, said, capfd):
    login = {"apiVersion": EXEC, "command": command[0], "args": command[1:], "interactiveMode": "Never"}
    login["installHint"] = "get it\nfrom your admin"
    path = kubeconfig(tmp_path / "a", exec=login)
    with pytest.raises(ClientError, match=rf"the login of user 'a' of .* failed: .*{said}"):
        config.load(kubeconfig=str(path))
    assert capfd.readouterr().err == (
        "session over\n" if "session" in str(command) else ""
    )  # as the plugin says it


@pytest.mark.parametrize(
    "text", ["", "[]", "3", "a: 1", "[", "clusters: 3", "current-context: x\ncontexts: [{}]"]
)
def test_a_broken_file_is_one_line(tmp_path, text):
    (tmp_path / "a").write_text(text)
    with pytest.raises(ClientError, match=r"^cannot connect to a cluster: "):
        config.load(kubeconfig=str(tmp_path / "a"))


def test_a_message_shows_no_credentials(tmp_path):
    path = kubeconfig(tmp_path / "a")
    cluster = "server: null\n    certificate-authority-data: c2VjcmV0"
    path.write_text(path.read_text().replace("server: https://a:6443", cluster))
    with pytest.raises(ClientError, match="Expected key server") as caught:
        config.load(kubeconfig=str(path))
    assert "c2VjcmV0" not in str(caught.value)


@pytest.mark.parametrize("name", ["a/b", "..", "A", "x" * 64, "a?b", "-a"])
def test_what_is_no_namespace_is_not_sent(tmp_path, name):
    with pytest.raises(ClientError, match="is not a valid name of a namespace"):
        config.load(kubeconfig=str(kubeconfig(tmp_path / "a")), namespace=name)


@pytest.mark.parametrize("text", ["", "# nothing yet\n", "---\n", "\n\n"])
@pytest.mark.parametrize("place", [0, 1, 2])
def test_an_empty_file_among_others_says_nothing(tmp_path, monkeypatch, text, place):
    (tmp_path / "new").write_text(text)
    files = [str(kubeconfig(tmp_path / name, name)) for name in "ab"]
    files.insert(place, str(tmp_path / "new"))
    monkeypatch.setenv("KUBECONFIG", ":".join(files))
    assert config.load().configuration.host == "https://a:6443"
    assert config.contexts() == ["a", "b"]


def test_the_first_file_that_names_a_context_counts(tmp_path, monkeypatch):
    first = kubeconfig(tmp_path / "a")
    document = yaml.safe_load(kubeconfig(tmp_path / "b", "b").read_text())
    (tmp_path / "c").write_text(yaml.safe_dump(document | {"current-context": ""}))
    monkeypatch.setenv("KUBECONFIG", f"{tmp_path / 'c'}:{first}:{tmp_path / 'b'}")
    assert config.load().configuration.host == "https://a:6443"


def change(path: Path, kind: str, **fields: Any) -> str:
    """The token of the only entry of this kind."""
    document = yaml.safe_load(path.read_text())
    document[f"{kind}s"][0][kind] |= fields
    path.write_text(yaml.safe_dump(document))
    return str(path)


@pytest.mark.parametrize(
    ("kind", "fields", "said"),
    [
        ("user", {"act-as": "x"}, "has the field 'act-as', which is unknown"),
        ("cluster", {"tls-min-version": "1.3"}, "has the field 'tls-min-version'"),
        (
            "cluster",
            {"insecure-skip-tls-verify": True, "certificate-authority-data": "eA=="},
            "insecure-skip-tls-verify and certificate-authority-data: only one",
        ),
        ("context", {"tenant": "x"}, "has the field 'tenant'"),
        ("user", {"exec": {"command": "x", "policy": "y"}, "token": ""}, "has the field 'policy'"),
        ("user", {"as-groups": ["g"]}, "without 'as', the name of the user"),
        ("user", {"as-uid": "1"}, "without 'as', the name of the user"),
        ("user", {"as-user-extra": {"a": ["b"]}}, "without 'as', the name of the user"),
        ("user", {"auth-provider": {"name": "azure"}}, "the auth-provider 'azure', which is not supported"),
        ("user", {"auth-provider": {"name": "oidc", "config": {"id-token": "x"}}, "token": ""}, "has no token that"),
        ("user", {"username": "u", "password": "p"}, "has token and username: only one is allowed"),
        ("cluster", {"proxy-url": "socks5://127.0.0.1:1"}, "the proxy-url 'socks5.* is not supported"),
        ("user", {"exec": {"command": "x"}, "token": ""}, "needs a command, an apiVersion"),
        ("user", {"tokenFile": "/nowhere", "token": ""}, "the token file /nowhere cannot be read"),
    ],
    ids=str,
)  # fmt: skip
def test_what_is_not_supported_is_an_error_that_names_it(tmp_path, kind, fields, said):
    with pytest.raises(ClientError, match=said):
        config.load(kubeconfig=change(kubeconfig(tmp_path / "a"), kind, **fields))


def headers(access: config.Access) -> dict[str, str]:
    """Those of who asks."""
    found = dict(access.headers)
    token = access.configuration.get_api_key_with_prefix("BearerToken")
    return found | ({"Authorization": token} if token else {})


@pytest.mark.parametrize(
    ("fields", "sent"),
    [
        ({"as": "bob"}, {"Impersonate-User": "bob"}),
        ({"as": "bob", "as-uid": "7"}, {"Impersonate-User": "bob", "Impersonate-Uid": "7"}),
        ({"as": "bob", "as-groups": ["dev"]}, {"Impersonate-User": "bob", "Impersonate-Group": "dev"}),
        (
            {"as": "bob", "as-user-extra": {"Acme.com/Projekt ü": ["x"]}},
            {"Impersonate-User": "bob", "Impersonate-Extra-acme.com%2Fprojekt%20%C3%BC": "x"},
        ),
    ],
    ids=str,
)
def test_who_works_as_somebody_else_has_no_more_rights(tmp_path, fields, sent):
    access = config.load(kubeconfig=change(kubeconfig(tmp_path / "a"), "user", **fields))
    assert headers(access) == sent | {"Authorization": "Bearer t"}


def test_a_token_file_goes_before_a_token_and_is_read_again_when_it_is_refused(tmp_path):
    (tmp_path / "token").write_text("one\n")
    access = config.load(
        kubeconfig=change(kubeconfig(tmp_path / "a"), "user", tokenFile="token", token="stale")
    )
    assert headers(access) == {"Authorization": "Bearer one"}
    (tmp_path / "token").write_text("two\n")
    assert access.login.reject()
    assert headers(access) == {"Authorization": "Bearer two"}
    assert not access.login.reject()


def test_data_goes_before_a_file_and_a_file_is_beside_its_kubeconfig(tmp_path, monkeypatch):
    folder = tmp_path / "home"
    folder.mkdir()
    (folder / "ca.crt").write_text("beside")
    path = kubeconfig(folder / "a")
    monkeypatch.chdir(tmp_path)
    access = config.load(kubeconfig=change(path, "cluster", **{"certificate-authority": "ca.crt"}))
    assert Path(access.configuration.ssl_ca_cert).read_text() == "beside"
    fields = {"certificate-authority-data": "ZGF0YQ=="}
    access = config.load(kubeconfig=change(path, "cluster", **fields))
    assert Path(access.configuration.ssl_ca_cert).read_text() == "data"


PLUGIN = """#!/bin/sh
echo "open this page" >&2
echo x >> "$(dirname "$0")/calls"
echo "$KUBERNETES_EXEC_INFO" > "$(dirname "$0")/asked"
cat "$(dirname "$0")/answer"
"""


@pytest.fixture
def plugin(tmp_path, monkeypatch):
    """A kubeconfig whose plugin is beside it, and who calls it from elsewhere."""
    folder = tmp_path / "home"
    folder.mkdir()
    (folder / "login").write_text(PLUGIN)
    (folder / "login").chmod(0o755)
    monkeypatch.chdir(tmp_path)
    login = {"apiVersion": EXEC, "command": "./login", "interactiveMode": "Never", "provideClusterInfo": True}
    return kubeconfig(folder / "a", exec=login)


def answers(plugin: Path, seconds: float | None, **status: str) -> None:
    """From now on."""
    if seconds is not None:
        end = datetime.now(UTC) + timedelta(seconds=seconds)
        status["expirationTimestamp"] = end.strftime("%Y-%m-%dT%H:%M:%SZ")
    document = {"apiVersion": EXEC, "kind": "ExecCredential", "status": status}
    (plugin.parent / "answer").write_text(json.dumps(document))


@pytest.mark.parametrize("seconds", [None, 3600, 200, 30, 3, -60])
def test_a_plugin_is_run_once_while_its_token_lives(plugin, capfd, seconds):
    answers(plugin, seconds, token="one")
    access = config.load(kubeconfig=str(plugin))
    for _ in range(20):
        assert headers(access) == {"Authorization": "Bearer one"}
    assert (plugin.parent / "calls").read_text() == "x\n"
    assert capfd.readouterr().err == "open this page\n"
    asked = json.loads((plugin.parent / "asked").read_text())["spec"]
    assert asked == {"interactive": False, "cluster": {"server": "https://a:6443"}}


def test_a_plugin_is_run_again_at_the_end_of_its_token_and_when_it_is_refused(plugin, monkeypatch):
    answers(plugin, 3600, token="one")
    access = config.load(kubeconfig=str(plugin))
    answers(plugin, 3600, token="two")
    clock = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: clock + 3580)
    assert headers(access) == {"Authorization": "Bearer one"}
    monkeypatch.setattr(time, "monotonic", lambda: clock + 3596)
    assert headers(access) == {"Authorization": "Bearer two"}
    assert not access.login.reject(), "it was fetched this very moment"
    answers(plugin, 3600, token="three")
    monkeypatch.setattr(time, "monotonic", lambda: clock + 3700)
    assert access.login.reject()
    assert headers(access) == {"Authorization": "Bearer three"}


def test_a_plugin_may_answer_a_certificate(plugin):
    answers(plugin, None, clientCertificateData="CERT", clientKeyData="KEY")
    access = config.load(kubeconfig=str(plugin))
    assert Path(access.configuration.cert_file).read_text() == "CERT"
    assert Path(access.configuration.key_file).read_text() == "KEY"
    assert Path(access.configuration.key_file).stat().st_mode & 0o077 == 0
