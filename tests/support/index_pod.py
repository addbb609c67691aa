"""A wheel index in the cluster: a pod that serves files which a test brings along."""

from __future__ import annotations

import base64
from collections.abc import Mapping

from tests.support.harness import Person
from tests.support.wheel_index import index, packed

SERVE = ["python3", "-m", "http.server", "--directory", "/files", "8000"]
UNPACK = (
    "import base64, io, sys, tarfile; "
    "tarfile.open(fileobj=io.BytesIO(base64.b64decode(sys.stdin.read()))).extractall('/files')"
)


def serve_wheels(person: Person, wheels: Mapping[str, bytes]) -> str:
    """The address of the index, as pods of the namespace reach it."""
    context = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
    container = {
        "name": "index", "image": "docker.io/library/python:3.12-slim", "command": SERVE, "securityContext": context,
        "volumeMounts": [{"name": "files", "mountPath": "/files"}],
        "readinessProbe": {"tcpSocket": {"port": 8000}, "periodSeconds": 1},
    }  # fmt: skip
    restricted = {"runAsNonRoot": True, "runAsUser": 1000, "seccompProfile": {"type": "RuntimeDefault"}}
    spec = {
        "securityContext": restricted, "containers": [container], "automountServiceAccountToken": False,
        "volumes": [{"name": "files", "emptyDir": {}}],
    }  # fmt: skip
    person.apply(
        [
            {
                "apiVersion": "v1", "kind": "Pod",
                "metadata": {"name": "index", "labels": {"app": "index"}}, "spec": spec,
            },
            {
                "apiVersion": "v1", "kind": "Service", "metadata": {"name": "index"},
                "spec": {"selector": {"app": "index"}, "ports": [{"port": 8000}]},
            },
        ]
    )  # fmt: skip
    person.kubectl("wait", "--for=condition=Ready", "pod/index", "--timeout=60s")
    archive = base64.b64encode(packed(index(wheels))).decode()
    person.kubectl("exec", "-i", "index", "--", "python3", "-c", UNPACK, stdin=archive)
    return f"http://index.{person.namespace}:8000/simple/"


def name_index(person: Person, address: str) -> None:
    """What an administrator writes into a project, for the component manifests/components/requirements."""
    variables = (f"--from-literal={name}={address}" for name in ("UV_INDEX_URL", "PIP_INDEX_URL"))
    person.kubectl("create", "secret", "generic", "run-operator-requirements", *variables)
