"""Providers of OpenID Connect whose people the API server knows, beside client certificates and ServiceAccounts."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import yaml

from cluster.api import kubectl
from cluster.build import build
from cluster.errors import ClusterError
from cluster.paths import Home
from cluster.processes import wait_until

PREFIX: Final = "oidc:"
"""Before the names of people and groups, so that no provider can name a user of the cluster itself."""
FILE: Final = "authentication.yaml"
TAKEN: Final = 'authentication_config_controller_automatic_reloads_total{apiserver_id_hash="'
TIMEOUT: Final = 90.0
"""The API server asks the provider for its keys first."""


def write(folder: Path, *providers: dict[str, Any]) -> bool:
    """The AuthenticationConfiguration, which the API server reads again when it changes; whether it has changed."""
    found = {
        "apiVersion": "apiserver.config.k8s.io/v1",
        "kind": "AuthenticationConfiguration",
        "jwt": list(providers),
    }
    path, text = folder / FILE, yaml.safe_dump(found)
    if path.exists() and path.read_text() == text:
        return False
    new = path.with_suffix(".new")
    new.write_text(text)
    new.replace(path)
    return True


def provider(issuer: str, client: str, authority: str | None, name: str) -> dict[str, Any]:
    """One provider. `authority`: the PEM text of its certificate authority; `name`: the claim with the person's name."""
    trusted = {"certificateAuthority": authority} if authority else {}
    return {
        "issuer": {"url": issuer, "audiences": [client], **trusted},
        "claimMappings": {
            "username": {"claim": name, "prefix": PREFIX},
            "groups": {"claim": "groups", "prefix": PREFIX},
        },
    }


def trust(home: Home, issuer: str, client: str, authority: Path | None, name: str) -> None:
    """Let the API server know the people of one provider, and wait until it does. Raises ClusterError."""
    if not (home.folder / FILE).exists():
        raise ClusterError(
            f"{home.name}: there is no such cluster, or it is of an older version; start it again"
        )
    programs = build("kubernetes")
    before = _taken(home, programs)
    wanted = provider(issuer, client, authority.read_text() if authority else None, name)
    if write(home.folder, wanted) and not wait_until(
        lambda: _taken(home, programs) != before, TIMEOUT, every=0.2
    ):
        raise ClusterError(
            f"{home.name}: the API server did not take the provider {issuer} within {TIMEOUT:g} s; "
            f"its log {home.logs / 'kube-apiserver.log'} says why"
        )


def _taken(home: Home, programs: Path) -> list[str]:
    """How often the API server has taken another configuration."""
    counted = kubectl(home, programs, "get", "--raw", "/metrics").splitlines()
    return [line for line in counted if TAKEN in line and 'status="success"' in line]
