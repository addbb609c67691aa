"""Kubeconfig files: one for the person, one for each component."""

from __future__ import annotations

import base64
from pathlib import Path

import yaml


def write(path: Path, server: str, pki: Path, client: str, *, name: str) -> None:
    """A self-contained kubeconfig for the client certificate `client` in `pki`."""
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": name,
        "clusters": [
            {
                "name": name,
                "cluster": {"server": server, "certificate-authority-data": _encoded(pki / "ca.crt")},
            }
        ],
        "users": [
            {
                "name": client,
                "user": {
                    "client-certificate-data": _encoded(pki / f"{client}.crt"),
                    "client-key-data": _encoded(pki / f"{client}.key"),
                },
            }
        ],
        "contexts": [{"name": name, "context": {"cluster": name, "user": client}}],
    }
    path.touch(mode=0o600)
    path.write_text(yaml.safe_dump(document, sort_keys=False))


def _encoded(path: Path) -> str:
    return base64.b64encode(path.read_bytes()).decode("ascii")
