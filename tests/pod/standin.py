"""A stand-in for the operator's ingest: the protocol of docs/metrics.md over HTTPS, with faults on demand."""

from __future__ import annotations

import contextlib
import json
import ssl
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from cluster.pki import Authority

PATH = "/v1/namespaces/ml/runs/hello/metrics"
LATER, COMMITTED = 202, 200


class CutError(Exception):
    """Close the connection without an answer."""


@dataclass
class Reply:
    """One answer."""

    status: int
    body: dict[str, Any]
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Writer:
    """What one process has sent: batches taken, and how many of them are committed."""

    taken: list[dict[str, Any]] = field(default_factory=list)
    committed: int = 0
    ended: bool = False


Fault = Callable[["Ingest", dict[str, Any]], "Reply | None"]
"""Sees the message first: answers in the ingest's place, lets it pass (None), or cuts the connection."""


class Ingest:
    """The state behind the endpoint. `commits` False: it takes batches (202) and stores them when asked again."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.writers: dict[str, Writer] = {}
        self.committed: list[dict[str, Any]] = []
        self.messages: list[dict[str, Any]] = []
        self.times: list[float] = []
        self.statuses: list[int] = []
        """0: cut off."""
        self.tokens: list[str] = []
        self.connections = 0
        self.faults: deque[Fault] = deque()
        self.always: Fault | None = None
        self.commits = True
        self.largest = 256 * 1024
        self.notes: list[str] = []
        self.complaints: list[str] = []
        """What a client did that it must not do."""

    def post(self, data: bytes, token: str) -> Reply:
        """One request."""
        with self.lock:
            self.statuses.append(0)
            reply = self._post(data, token)
            self.statuses[-1] = reply.status
            return reply

    def _post(self, data: bytes, token: str) -> Reply:
        message = json.loads(data, parse_constant=_refuse_constant)
        self.messages.append(message)
        self.times.append(time.monotonic())
        self.tokens.append(token)
        for fault in (self.faults.popleft() if self.faults else None, self.always):
            reply = fault(self, message) if fault else None
            if reply:
                return reply
        if len(data) > self.largest:
            return Reply(413, {"error": f"more than {self.largest} bytes"})
        return self.take(message)

    def take(self, message: dict[str, Any]) -> Reply:
        """What a faultless ingest does."""
        writer = self.writers.setdefault(message["writer"], Writer())
        seq = message.get("seq")
        if seq is None:
            assert message["ops"] == []
            self._commit(writer)
        elif seq > len(writer.taken) + 1:
            return Reply(409, {"error": "a gap", "expected": len(writer.taken) + 1})
        elif seq == len(writer.taken) + 1:
            assert not writer.ended, "something follows the last batch"
            assert len(message["ops"]) <= 1000
            writer.taken.append(message)
            writer.ended = message.get("end", False)
            if self.commits:
                self._commit(writer)
        else:
            assert message["ops"] == writer.taken[seq - 1]["ops"], "a number stands for one batch, always"
        done = writer.committed == len(writer.taken)
        body = {"committed": writer.committed, "accepted": len(writer.taken), "notes": self.notes}
        return Reply(COMMITTED if done else LATER, body)

    def crash(self) -> None:
        """Forget what is not committed."""
        with self.lock:
            for writer in self.writers.values():
                del writer.taken[writer.committed :]
                writer.ended = False

    def _commit(self, writer: Writer) -> None:
        self.committed += writer.taken[writer.committed :]
        writer.committed = len(writer.taken)

    def metrics(self) -> dict[str, Any]:
        """What `status.metrics` would hold without a budget."""
        found: dict[str, Any] = {}
        with self.lock:
            for message in self.committed:
                for op in message["ops"]:
                    apply(found, op)
        return found


def apply(found: dict[str, Any], op: dict[str, Any]) -> None:
    """One op of the protocol: the platform's truth table, repaired where that crashes."""
    key, old = op["k"], found.get(op["k"])
    listed = [] if key not in found else old if isinstance(old, list) else [old]
    if "append" in op:
        found[key] = listed + op["append"]
    elif "replace" in op:
        found[key] = list(op["replace"])
    elif "truncate" in op:
        found[key] = listed[: op["truncate"]]
    elif "put" in op:
        found[key] = [*listed, op["put"]] if key in found else op["put"]
    elif key not in found or op.get("overwrite"):
        found[key] = op["set"]


def _refuse_constant(name: str) -> Any:
    raise AssertionError(f"{name} is not JSON")


# ---- faults


def answers(status: int, **body: Any) -> Fault:
    """Refuse, and take nothing."""
    headers = {"Retry-After": str(body.pop("retry_after"))} if "retry_after" in body else {}

    def fault(ingest: Ingest, message: dict[str, Any]) -> Reply | None:
        return Reply(status, {"error": "a test says so"} | body, headers)

    fault.__name__ = str(status)
    return fault


def cut_before(ingest: Ingest, message: dict[str, Any]) -> Reply | None:
    """The request is lost."""
    raise CutError


def cut_after(ingest: Ingest, message: dict[str, Any]) -> Reply | None:
    """The batch is taken, the answer is lost."""
    ingest.take(message)
    raise CutError


def crash_after(ingest: Ingest, message: dict[str, Any]) -> Reply | None:
    """The batch is taken and answered, then everything that is not committed is forgotten."""
    reply = ingest.take(message)
    ingest.crash()
    return reply


def refuses(key: str) -> Fault:
    """Any batch with this key in it is not acceptable."""

    def fault(ingest: Ingest, message: dict[str, Any]) -> Reply | None:
        bad = any(op["k"] == key for op in message["ops"])
        return Reply(422, {"error": f"the metric {key!r} is not acceptable"}) if bad else None

    return fault


# ---- the server


class Server:
    """The ingest over HTTPS on a port of 127.0.0.1; can go down and come back at the same address."""

    def __init__(self, folder: Path) -> None:
        self.ingest = Ingest()
        self.folder = folder
        authority = Authority(folder)
        authority.server("ingest", ["localhost", "127.0.0.1"])
        (folder / "token").write_text("token-1")
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(folder / "ingest.crt", folder / "ingest.key")
        self._server: ThreadingHTTPServer | None = None
        self._port = 0
        self.hanging = threading.Event()
        """While it is set, requests are read and not answered."""
        self._released = threading.Event()
        self.up()

    @property
    def environment(self) -> dict[str, str]:
        """What the operator puts into a pod."""
        return {
            "RUN_METRICS_URL": f"https://localhost:{self._port}{PATH}",
            "RUN_METRICS_TOKEN_FILE": str(self.folder / "token"),
            "RUN_METRICS_CA_FILE": str(self.folder / "ca.crt"),
            "RUN_ATTEMPT": "2",
        }

    def up(self) -> None:
        """Listen."""
        self._server = _Listener(("127.0.0.1", self._port), _handler(self.ingest, self))
        self._server.context = self._context  # type: ignore[attr-defined]
        self._port = self._server.server_address[1]
        threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        ).start()

    def down(self) -> None:
        """Refuse connections, and cut those there are."""
        assert self._server
        self._server.shutdown()
        self._server.server_close()
        self.cut()

    def cut(self) -> None:
        """Close all connections."""
        self._server.cut()  # type: ignore[union-attr]

    def close(self) -> None:
        """The end of the test."""
        self.release()
        self.down()

    def release(self) -> None:
        """Answer what hangs, and hang no more."""
        self.hanging.clear()
        self._released.set()

    def wait_while_hanging(self) -> None:
        """In the handler."""
        if self.hanging.is_set():
            self._released.wait()


class _Listener(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 64
    context: ssl.SSLContext

    def __init__(self, *arguments: Any) -> None:
        self.open: set[Any] = set()
        super().__init__(*arguments)

    def finish_request(self, request: Any, client_address: Any) -> None:
        try:
            with self.context.wrap_socket(request, server_side=True) as secure:
                self.open.add(secure)
                super().finish_request(secure, client_address)
        except OSError:
            pass  # a client that went away

    def cut(self) -> None:
        for one in list(self.open):
            with contextlib.suppress(OSError):
                one.shutdown(2)


def _handler(ingest: Ingest, server: Server) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 30
        wbufsize = -1  # an answer is one packet

        def setup(self) -> None:
            super().setup()
            ingest.connections += 1

        def do_POST(self) -> None:
            data = self.rfile.read(int(self.headers["Content-Length"]))
            server.wait_while_hanging()
            try:
                assert self.path == PATH
                reply = ingest.post(data, self.headers.get("Authorization", ""))
            except (CutError, AssertionError) as error:
                ingest.complaints += [str(error)] if isinstance(error, AssertionError) else []
                self.close_connection = True
                return
            body = json.dumps(reply.body).encode()
            self.send_response(reply.status)
            for name, value in ({"Content-Length": str(len(body))} | reply.headers).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    return Handler
