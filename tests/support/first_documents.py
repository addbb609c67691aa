"""Documents that people wrote by hand, in tests/data/first_documents: each with a usual mistake, and small correct ones.

The first lines of a file say what its author has to hear before a pod starts (`# shown: ...`), and by which program where it
is not the API server's own answer (`# by: kubectl`).
"""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

from tests.support.proxy import tls

FOLDER = Path(__file__).parents[1] / "data" / "first_documents"


@dataclass(frozen=True)
class FirstDocument:
    """One file."""

    path: Path

    @property
    def name(self) -> str:
        """The file's, which is also that of the Run."""
        return self.path.stem

    @property
    def shown(self) -> list[str]:
        """What its author must hear."""
        return self._said("# shown: ")

    @property
    def by(self) -> str:
        """The program that says so: kubectl or runctl; empty: the API server and the operator."""
        return "".join(self._said("# by: "))

    @property
    def body(self) -> Any:
        """The object."""
        return yaml.safe_load(self.path.read_text())

    def _said(self, mark: str) -> list[str]:
        return [
            line.removeprefix(mark) for line in self.path.read_text().splitlines() if line.startswith(mark)
        ]


def documents(kind: str) -> list[FirstDocument]:
    """Of `mistakes` or `correct`."""
    return [FirstDocument(path) for path in sorted((FOLDER / kind).glob("*.yaml"))]


@dataclass(frozen=True)
class Answer:
    """What the API server says to a Run."""

    status: int
    message: str
    warnings: str


class Poster:
    """One connection that creates Runs as `kubectl create` does, without a process for each."""

    def __init__(self, connection: http.client.HTTPSConnection, namespace: str) -> None:
        self._connection = connection
        self._path = f"/apis/run-operator.io/v1alpha1/namespaces/{namespace}/runs?fieldValidation=Strict"

    def post(self, body: Any) -> Answer:
        """Create it."""
        self._connection.request("POST", self._path, json.dumps(body), {"Content-Type": "application/json"})
        answer = self._connection.getresponse()
        said = json.loads(answer.read())
        warnings = "\n".join(answer.headers.get_all("Warning") or ())
        return Answer(answer.status, said.get("message", ""), warnings.replace('\\"', '"'))


@contextmanager
def poster(kubeconfig: Path, namespace: str) -> Iterator[Poster]:
    """A connection with the rights of the kubeconfig."""
    with tls(kubeconfig) as (server, context):
        address = urlsplit(server)
        connection = http.client.HTTPSConnection(
            str(address.hostname), address.port, context=context, timeout=60
        )
        try:
            yield Poster(connection, namespace)
        finally:
            connection.close()
