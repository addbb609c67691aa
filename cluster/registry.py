"""A registry for images that are built: CNCF distribution over a folder, with passwords, without TLS."""

from __future__ import annotations

import base64
import json
import secrets
import subprocess
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from cluster.build import build
from cluster.errors import ClusterError
from cluster.supervise import Component

MODULE: Final = "registry"
PORT: Final = 5000
USERS: Final = ("builder", "reader")
"""Who pushes, and who pulls."""


def program() -> Path:
    """The registry, which hashes passwords too; built first if need be. Raises ClusterError."""
    return build(MODULE) / "registry"


@dataclass(frozen=True)
class Registry:
    """Where it listens, and the password of each user."""

    address: str
    """host:port, as in the names of its images."""
    passwords: dict[str, str] = field(
        default_factory=lambda: {user: secrets.token_urlsafe(18) for user in USERS}, repr=False
    )

    def save(self, folder: Path) -> None:
        """Beside the cluster's other keys; readable by their owner only."""
        path = folder / "registry.json"
        path.touch(mode=0o600)
        path.write_text(json.dumps(asdict(self)))

    @classmethod
    def load(cls, folder: Path) -> Registry:
        """The inverse of `save`. Raises ClusterError."""
        path = folder / "registry.json"
        if not path.exists():
            raise ClusterError("this cluster has no registry; start it with: python -m cluster up --registry")
        return cls(**json.loads(path.read_text()))

    def component(self, program: Path, folder: Path, listen: str) -> Component:
        """The program, with its files in `folder`."""
        data, users, config = (
            folder / name for name in ("registry", "registry-users", "registry-config.json")
        )
        data.mkdir(parents=True, exist_ok=True)
        users.write_text("".join(f"{user}:{_hash(program, word)}\n" for user, word in self.passwords.items()))
        config.write_text(json.dumps(_configuration(data, users, listen)))
        return Component(
            "registry", [str(program), "serve", str(config)], env={"OTEL_TRACES_EXPORTER": "none"}
        )

    def login(self, user: str) -> dict[str, Any]:
        """What docker keeps of a login, as Secrets of images have it."""
        token = base64.b64encode(f"{user}:{self.passwords[user]}".encode()).decode()
        return {"auths": {self.address: {"auth": token}}}

    def secret(self, name: str, namespace: str, user: str) -> dict[str, Any]:
        """The Secret by which a pod pushes or pulls."""
        return {
            "apiVersion": "v1",
            "kind": "Secret",
            "type": "kubernetes.io/dockerconfigjson",
            "metadata": {"name": name, "namespace": namespace},
            "stringData": {".dockerconfigjson": json.dumps(self.login(user))},
        }


def trust(folder: Path, address: str) -> None:
    """Tell the node's container runtime that this registry has no TLS."""
    place = folder / "registries" / address
    place.mkdir(parents=True, exist_ok=True)
    lines = (
        f'server = "http://{address}"\n\n[host."http://{address}"]\n  capabilities = ["pull", "resolve"]\n'
    )
    (place / "hosts.toml").write_text(lines)


def _configuration(data: Path, users: Path, listen: str) -> dict[str, Any]:
    """Distribution reads YAML, and so JSON."""
    return {
        "version": "0.1",
        "log": {"level": "warn", "accesslog": {"disabled": True}},
        "storage": {"filesystem": {"rootdirectory": str(data)}, "delete": {"enabled": True}},
        "auth": {"htpasswd": {"realm": "run-operator", "path": str(users)}},
        "http": {"addr": listen, "secret": secrets.token_urlsafe(18)},
    }


def _hash(program: Path, password: str) -> str:
    done = subprocess.run(
        [program, "hash"], input=password, capture_output=True, text=True, check=False, timeout=60
    )
    if done.returncode:
        raise ClusterError(f"the registry cannot hash a password: {done.stderr.strip()[-300:]}")
    return done.stdout.strip()
