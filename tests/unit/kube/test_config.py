"""How the operator enters a cluster from outside: with the rights that the kubeconfig asks for, or not at all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from run_operator.kube import config


def kubeconfig(path: Path, **user: Any) -> Path:
    document = {
        "apiVersion": "v1", "kind": "Config", "current-context": "a",
        "clusters": [{"name": "a", "cluster": {"server": "https://a:6443"}}],
        "users": [{"name": "a", "user": {"token": "t"} | user}, {"name": "b", "user": {"as": "x"}}],
        "contexts": [{"name": "a", "context": {"cluster": "a", "user": "a"}}],
    }  # fmt: skip
    path.write_text(yaml.safe_dump(document))
    return path


@pytest.mark.parametrize(
    "field", [{"as": "bob"}, {"as-groups": ["g"]}, {"as-uid": "7"}, {"as-user-extra": {"a": ["b"]}}]
)
async def test_a_user_that_works_as_somebody_else_is_refused(tmp_path, monkeypatch, field):
    monkeypatch.setenv("KUBECONFIG", str(kubeconfig(tmp_path / "a", **field)))
    with pytest.raises(config.NoClusterError, match="impersonates another user"):
        await config.load(1)


async def test_a_user_that_the_context_does_not_name_is_of_no_concern(tmp_path, monkeypatch):
    monkeypatch.setenv("KUBECONFIG", str(kubeconfig(tmp_path / "a")))
    assert (await config.load(1)).host == "https://a:6443"
