"""A real S3 server for the projects' files, optional: Versity's gateway over a folder.

A bucket and a user for each project: the credentials of one do not even list another's. One bucket with a prefix for each
project would do for the objects, but a policy that lets the SDK see its bucket (it asks with HeadBucket) lets it list all names too.
"""

from __future__ import annotations

import json
import secrets
import subprocess
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final

from cluster.build import build
from cluster.errors import ClusterError
from cluster.supervise import Component

MODULE: Final = "s3"
PORT: Final = 7070
REGION: Final = "us-east-1"
SECRET: Final = "run-operator-store"  # noqa: S105 - the name of the Secret
"""What the manifests of the demo and the tests name it."""


def program() -> Path:
    """The server, which is its administrator's tool too; built first if need be. Raises ClusterError."""
    return build(MODULE) / "versitygw"


@dataclass(frozen=True)
class Server:
    """Where it listens, and the credentials of its administrator."""

    endpoint: str
    access: str = "root"
    secret: str = field(default_factory=lambda: secrets.token_urlsafe(24), repr=False)

    def save(self, folder: Path) -> None:
        """Beside the cluster's other keys; readable by their owner only."""
        path = folder / "s3.json"
        path.touch(mode=0o600)
        path.write_text(json.dumps(asdict(self)))

    @classmethod
    def load(cls, folder: Path) -> Server:
        """The inverse of `save`. Raises ClusterError."""
        path = folder / "s3.json"
        if not path.exists():
            raise ClusterError("this cluster has no S3 server; start it with: python -m cluster up --s3")
        return cls(**json.loads(path.read_text()))

    def component(self, program: Path, folder: Path, listen: str) -> Component:
        """The program, with its files in `folder`."""
        data, users = folder / "s3", folder / "s3-users"
        for one in (data, users):
            one.mkdir(parents=True, exist_ok=True)
        argv = [
            str(program), f"--port={listen}", f"--iam-dir={users}", f"--region={REGION}", "--health=/healthz", "--quiet",
            "posix", str(data),
        ]  # fmt: skip
        return Component("s3", argv, env={"ROOT_ACCESS_KEY": self.access, "ROOT_SECRET_KEY": self.secret})

    def add_project(self, program: Path, project: str) -> dict[str, str]:
        """A bucket and a user who owns it; what the SDK's variables are. Raises ClusterError."""
        key = secrets.token_urlsafe(24)
        self._admin(program, "create-user", "--access", project, "--secret", key, "--role", "user")
        self._admin(program, "create-bucket", "--bucket", project, "--owner", project)
        return {
            "DHCORE_DEFAULT_FILES_STORE": f"s3://{project}",
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_REGION": REGION,
            "AWS_ACCESS_KEY_ID": project,
            "AWS_SECRET_ACCESS_KEY": key,
        }

    def _admin(self, program: Path, *command: str) -> None:
        keys = {
            "ADMIN_ACCESS_KEY": self.access,
            "ADMIN_SECRET_KEY": self.secret,
            "ADMIN_ENDPOINT_URL": self.endpoint,
        }
        done = subprocess.run(
            [program, "admin", *command], env=keys, capture_output=True, text=True, check=False, timeout=60
        )
        if done.returncode:
            raise ClusterError(
                f"the S3 server refuses {command[0]}: {(done.stderr or done.stdout).strip()[-300:]}"
            )


def secret(variables: dict[str, str], namespace: str) -> dict[str, object]:
    """The Secret by which a project's pods and the gateway find the store."""
    metadata = {"name": SECRET, "namespace": namespace}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": variables}
