"""A kubeconfig of one server and one user."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml


def write_kubeconfig(
    path: Path, server: str, *, authority: Path | None = None, namespace: str = "", **user: Any
) -> Path:
    """Write it; `authority`: the file with the certificate of the server's authority, `user`: the user's credentials."""
    trusted = {} if authority is None else {"certificate-authority": str(authority)}
    where = {"namespace": namespace} if namespace else {}
    entry = {"name": "test"}
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "test",
        "clusters": [entry | {"cluster": {"server": server} | trusted}],
        "contexts": [entry | {"context": {"cluster": "test", "user": "test"} | where}],
        "users": [entry | {"user": user}],
    }
    path.write_text(yaml.safe_dump(document))
    return path
