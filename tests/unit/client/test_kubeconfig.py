"""Into a cluster, or one line that says why not: what is in kubeconfig files, and what is not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from run_operator.client import kubeconfig as config
from run_operator.client.errors import ClientError


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
        (["/nowhere/login"], "No such file or directory"),
        (["sh", "-c", "echo session over >&2; exit 1"], "session over"),
        (["sh", "-c", "echo junk"], "failed to decode process output"),
    ],
)
def test_a_login_command_that_fails_is_told_and_nothing_is_sent_as_nobody(tmp_path, command, said, capsys):
    version = "client.authentication.k8s.io/v1"
    login = {"apiVersion": version, "command": command[0], "args": command[1:], "interactiveMode": "Never"}
    path = kubeconfig(tmp_path / "a", exec=login)
    with pytest.raises(ClientError, match=rf"the login of user 'a' of .* failed: .*{said}.*; log in again$"):
        config.load(kubeconfig=str(path))
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    "text", ["", "[]", "3", "a: 1", "[", "clusters: 3", "current-context: x\ncontexts: [{}]"]
)
def test_a_broken_file_is_one_line(tmp_path, text):
    (tmp_path / "a").write_text(text)
    with pytest.raises(ClientError, match=r"^cannot enter a cluster: "):
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
    with pytest.raises(ClientError, match="is no name of a namespace"):
        config.load(kubeconfig=str(kubeconfig(tmp_path / "a")), namespace=name)
