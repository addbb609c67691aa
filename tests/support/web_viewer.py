"""Somebody with the page open: what the browser sends and reads, and `runctl ui` as a process."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, Self
from urllib.parse import urlsplit

from tests.support.harness import REPOSITORY, wait_for

TIMEOUT = 30.0


class Reply(NamedTuple):
    """One answer."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body."""
        return json.loads(self.body)

    @property
    def error(self) -> dict[str, Any]:
        """The status of an answer that is none."""
        return dict(self.json["error"])


class Viewer:
    """`address`: of the page, with the slash at its end."""

    def __init__(self, address: str, token: str = "") -> None:
        parts = urlsplit(address)
        self._host, self._path = parts.netloc, parts.path
        self.token = token

    def ask(self, method: str, path: str, **headers: str) -> Reply:
        """`path`: below the page, such as `api/runs`."""
        connection, answer, _ = self._begin(method, path, headers)
        with contextlib.closing(connection), contextlib.closing(answer):
            found = {name.lower(): value for name, value in answer.getheaders()}
            return Reply(answer.status, found, answer.read())

    def get(self, path: str) -> Any:
        """What is answered with 200."""
        reply = self.ask("GET", path)
        assert reply.status == 200, reply.body
        return reply.json

    def open(self, path: str) -> Stream:
        """A stream that was not refused."""
        connection, answer, line = self._begin("GET", path, {})
        assert answer.status == 200, answer.read()
        return Stream(connection, answer, line)

    def _begin(
        self, method: str, path: str, headers: dict[str, str]
    ) -> tuple[http.client.HTTPConnection, http.client.HTTPResponse, socket.socket]:
        connection = http.client.HTTPConnection(self._host, timeout=TIMEOUT)
        given = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        sent = given | {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, self._path + path, headers=sent)
        line: socket.socket = connection.sock
        return connection, connection.getresponse(), line


class Stream:
    """Reads events in a thread of its own."""

    def __init__(
        self, connection: http.client.HTTPConnection, answer: http.client.HTTPResponse, line: socket.socket
    ) -> None:
        self._connection = connection
        self._answer = answer
        self._line = line
        self.events: list[tuple[str, Any]] = []
        self.text = b""
        self.ended = threading.Event()
        threading.Thread(target=self._read, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            self._line.shutdown(socket.SHUT_RDWR)
        assert self.ended.wait(TIMEOUT)

    def wait(self, name: str, fits: Callable[[Any], bool] = lambda _: True, deadline: float = TIMEOUT) -> Any:
        """The data of the first such event."""

        def found() -> list[Any]:
            return [(data,) for event, data in list(self.events) if event == name and fits(data)]

        return wait_for(f"the event {name} among {[e for e, _ in self.events]}", found, deadline)[0][0]

    def row(self, name: str, fits: Callable[[dict[str, Any]], bool] = lambda _: True) -> dict[str, Any]:
        """The first row of a Run that fits."""

        def found() -> list[dict[str, Any]]:
            rows = [row for event, data in list(self.events) if event == "rows" for row in data]
            return [row for row in rows if row["name"] == name and fits(row)]

        first: dict[str, Any] = wait_for(f"a row of {name}", found, TIMEOUT)[0]
        return first

    def _read(self) -> None:
        event = ""
        try:
            while line := self._answer.readline():
                self.text += line
                if line.startswith(b"event: "):
                    event = line[7:].decode().strip()
                elif line.startswith(b"data: "):
                    self.events.append((event, json.loads(line[6:])))
        except (OSError, ValueError, http.client.HTTPException, AttributeError):
            pass
        finally:
            self._answer.close()
            self._connection.close()
            self.ended.set()


class UiProcess:
    """`runctl ui --no-browser`."""

    def __init__(self, kubeconfig: Path, namespace: str) -> None:
        environment = os.environ | {"KUBECONFIG": str(kubeconfig), "PYTHONPATH": str(REPOSITORY / "operator")}
        command = [sys.executable, "-m", "run_operator.client.cli", "ui", "--no-browser", "-n", namespace]
        self._process = subprocess.Popen(
            command,
            cwd=REPOSITORY,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        said = self._process.stdout.readline()
        assert "#token=" in said, self._process.communicate(timeout=10)
        address, _, token = said.split()[-1].partition("#token=")
        self.address = address
        self.viewer = Viewer(address, token)

    def interrupt(self) -> tuple[int, str]:
        """Ctrl-C; the exit code, and what was said on standard error."""
        self._process.send_signal(signal.SIGINT)
        _, said = self._process.communicate(timeout=30)
        return self._process.returncode, said

    def kill(self) -> None:
        """Whatever it does."""
        self._process.kill()
        self._process.communicate(timeout=10)
