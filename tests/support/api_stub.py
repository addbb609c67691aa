"""A stand-in for an API server and its kubelets: a Run and its pods, watches that remember only so much, logs on demand.

For what the real one does not do when a test wants it: to forget old versions, to end watches, to restart, to cut logs.
"""

from __future__ import annotations

import contextlib
import json
import ssl
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from cluster.pki import Authority
from run_operator import Cluster
from tests.support.kubeconfig_file import write_kubeconfig

GROUP = "/apis/run-operator.io/v1/namespaces/ml"
UID = "11111111-2222-3333-4444-555555555555"
LONG_AGO = "100"
"""The version of a Run that nobody has changed for a while: the server has forgotten what came after it."""


@dataclass
class Request:
    """One of them, as it came."""

    method: str
    path: str
    query: dict[str, str]
    headers: list[tuple[str, str]]

    @property
    def watches(self) -> bool:
        return self.query.get("watch") == "true"


Log = Callable[[dict[str, str]], Iterator[bytes]]
"""Pieces of a log for a query. It may wait, raise CutError, or answer `status` by StatusError."""


class CutError(Exception):
    """The connection breaks here."""


class StatusError(Exception):
    """Answer with this status."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


def run(state: str = "RUNNING", **metadata: Any) -> dict[str, Any]:
    """A Run that was last changed long ago."""
    return {
        "apiVersion": "run-operator.io/v1", "kind": "Run",
        "metadata": {
            "name": "x", "namespace": "ml", "uid": UID, "resourceVersion": LONG_AGO,
            "creationTimestamp": "2026-01-01T00:00:00Z", **metadata,
        },
        "spec": {
            "kind": "container+job:run", "project": "p", "id": "x",
            "spec": {"task": "container+job://p/t", "image": "i"},
        },
        "status": {"state": state, "attempt": 1, "message": ""},
    }  # fmt: skip


def pod(name: str = "x-1", restarts: int = 0, state: str = "running", **more: Any) -> dict[str, Any]:
    """A pod of it, with one container."""
    status = {"name": "main", "restartCount": restarts, "state": {state: {}}, **more}
    labels = {"run-operator.io/run": "x", "run-operator.io/attempt": "1"}
    return {
        "metadata": {"name": name, "namespace": "ml", "labels": labels, "creationTimestamp": "2026-01-01T00:00:01Z"},
        "status": {"phase": "Running", "containerStatuses": [status]},
    }  # fmt: skip


@dataclass
class Stub:
    """One namespace of one server."""

    objects: dict[str, list[dict[str, Any]]] = field(
        default_factory=lambda: {"runs": [run()], "pods": [pod()]}
    )
    """By the plural of their resource."""
    logs: dict[str, Log] = field(default_factory=dict)
    """By the name of the pod."""
    version: int = 5000
    requests: list[Request] = field(default_factory=list)
    faults: deque[Callable[[Request], int | None]] = field(default_factory=deque)
    """Each is asked for one watch, then gone: a status to answer, or None after it did nothing, or CutError."""
    ends_watches: bool = False
    """Each watch is ended as soon as it began."""
    status: int = 0
    """Answered to everything, if any."""
    pki: Path | None = None
    """Where its authority and certificate are made; without it, plain HTTP."""

    def __post_init__(self) -> None:
        self.lock = threading.Condition()
        self.history: list[tuple[int, str, str, dict[str, Any]]] = []
        self.stopping = False
        self.epoch = 0
        self._server: ThreadingHTTPServer | None = None
        self.port = 0
        if self.pki:
            Authority(self.pki).server("stub", ["localhost", "127.0.0.1"])
        self.start()

    def start(self) -> None:
        """Listen, at the same address as before."""
        self.stopping = False
        self._server = _Listener(("127.0.0.1", self.port), type("Handler", (_Handler,), {"stub": self}))
        self.port = self._server.server_address[1]
        if self.pki:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(self.pki / "stub.crt", self.pki / "stub.key")
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True
        ).start()

    def stop(self) -> None:
        """Refuse connections, and cut those there are."""
        assert self._server
        with self.lock:
            self.stopping = True
            self.epoch += 1
            self.lock.notify_all()
        self._server.shutdown()
        self._server.server_close()
        self._server.cut()  # type: ignore[attr-defined]

    def change(self, plural: str, body: dict[str, Any], kind: str = "MODIFIED") -> None:
        """An object changes, and every watch hears of it."""
        with self.lock:
            self.version += 1
            body["metadata"]["resourceVersion"] = str(self.version)
            others = [
                one for one in self.objects[plural] if one["metadata"]["name"] != body["metadata"]["name"]
            ]
            self.objects[plural] = others + ([body] if kind != "DELETED" else [])
            self.history.append((self.version, plural, kind, body))
            self.lock.notify_all()

    def end(self, state: str = "COMPLETED") -> None:
        """The Run comes to its end."""
        self.change("runs", run(state))

    def count(self, **wanted: Any) -> int:
        """Requests that are so; all of them without a word."""
        with self.lock:
            return sum(
                all(getattr(one, key) == value for key, value in wanted.items()) for one in self.requests
            )

    def kubeconfig(self, folder: Path, **user: Any) -> Path:
        """The way to it."""
        server = f"http{'s' if self.pki else ''}://127.0.0.1:{self.port}"
        authority = self.pki / "ca.crt" if self.pki else None
        return write_kubeconfig(
            folder / "stub-kubeconfig", server, authority=authority, namespace="ml", **user
        )

    @contextlib.contextmanager
    def cluster(self, folder: Path, **user: Any) -> Iterator[Cluster]:
        """For the client."""
        one = Cluster.connect(kubeconfig=str(self.kubeconfig(folder, **user)))
        yield one
        one.close()

    def kept(self, plural: str, after: int) -> list[tuple[int, str, str, dict[str, Any]]] | None:
        """Events of a resource after a version; None: forgotten."""
        if after < 5000 or after > self.version:
            return None
        return [one for one in self.history if one[0] > after and one[1] == plural]


class _Listener(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 64

    def __init__(self, *arguments: Any) -> None:
        self.open: set[Any] = set()
        super().__init__(*arguments)

    def process_request(self, request: Any, client_address: Any) -> None:
        self.open.add(request)
        super().process_request(request, client_address)

    def handle_error(self, *_: Any) -> None:
        """A client that went away."""

    def cut(self) -> None:
        for one in list(self.open):
            with contextlib.suppress(OSError):
                one.shutdown(2)


class _Handler(BaseHTTPRequestHandler):
    disable_nagle_algorithm = True  # else an answer waits 40 ms for an acknowledgement
    protocol_version = "HTTP/1.1"
    stub: Stub

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        query = {key: values[-1] for key, values in parse_qs(url.query, keep_blank_values=True).items()}
        request = Request(self.command, url.path, query, list(self.headers.items()))
        with self.stub.lock:
            self.stub.requests.append(request)
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        try:
            self._refuse(request)
            self._answer(request)
        except StatusError as error:
            self._json({"kind": "Status", "message": "a test says so", "code": error.status}, error.status)
        except CutError:
            self.close_connection = True

    def do_POST(self) -> None:
        self.do_GET()

    def do_PATCH(self) -> None:
        self.do_GET()

    def do_DELETE(self) -> None:
        self.do_GET()

    def _refuse(self, request: Request) -> None:
        status = self.stub.status
        if request.watches and self.stub.faults:
            status = self.stub.faults.popleft()(request) or status
        if status:
            raise StatusError(status)

    def _answer(self, request: Request) -> None:
        parts = request.path.strip("/").split("/")
        if parts[-1] == "log":
            self._stream(self.stub.logs.get(parts[-2], self._silence)(request.query))
        elif request.watches:
            self._stream(self._events(parts[-1], request))
        elif parts[-1] in self.stub.objects or parts[-1] in ("runlogs", "events"):
            items = self.stub.objects.get(parts[-1], [])
            name = request.query.get("fieldSelector", "").removeprefix("metadata.name=")
            if "metadata.name=" in request.query.get("fieldSelector", ""):
                items = [one for one in items if one["metadata"]["name"] == name]
            self._json({"metadata": {"resourceVersion": str(self.stub.version)}, "items": items})
        else:
            self._json(self._object(parts))

    def _silence(self, _: dict[str, str]) -> Iterator[bytes]:
        """The log of a program that writes nothing and goes on."""
        epoch = self.stub.epoch
        with self.stub.lock:
            self.stub.lock.wait_for(lambda: self.stub.epoch != epoch, timeout=60)
        yield b""

    def _object(self, parts: list[str]) -> dict[str, Any]:
        plural, name = parts[-2], parts[-1]
        for one in self.stub.objects.get(plural, ()):
            if one["metadata"]["name"] == name:
                return one
        raise StatusError(404)

    def _events(self, plural: str, request: Request) -> Iterator[bytes]:
        epoch, seen = self.stub.epoch, int(request.query.get("resourceVersion") or self.stub.version)
        until = time.monotonic() + float(request.query.get("timeoutSeconds") or 60)
        while not self.stub.ends_watches and time.monotonic() < until:
            with self.stub.lock:
                news = self.stub.kept(plural, seen)
                if news is None:
                    gone = {"kind": "Status", "code": 410, "reason": "Expired", "message": "too old"}
                    yield _line({"type": "ERROR", "object": gone})
                    return
                if not news:
                    self.stub.lock.wait(0.5)
                    if self.stub.epoch != epoch:
                        return
                    continue
            for version, _, kind, body in news:
                seen = version
                yield _line({"type": kind, "object": body})

    def _stream(self, pieces: Iterator[bytes]) -> None:
        pieces = iter(pieces)
        first = next(pieces, None) if "/log?" in self.path and "follow" not in self.path else b""
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for piece in [first] if first else []:
            self._chunk(piece)
        for piece in pieces:
            self._chunk(piece)
        self.wfile.write(b"0\r\n\r\n")

    def _chunk(self, piece: bytes) -> None:
        self.wfile.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
        self.wfile.flush()

    def _json(self, body: dict[str, Any], status: int = 200) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: Any) -> None:
        pass


def _line(event: dict[str, Any]) -> bytes:
    return json.dumps(event).encode() + b"\n"
