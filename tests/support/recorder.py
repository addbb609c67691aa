"""Stands between the SDK and the gateway and notes what is asked: the call, its parameters, the fields, the answer."""

from __future__ import annotations

import json
import re
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit


@dataclass(frozen=True)
class Call:
    """One request. `fields`: of its body, two levels deep; the status is ours, and is not compared."""

    request: str
    parameters: tuple[str, ...]
    fields: tuple[str, ...]
    code: int


class Recorder:
    """Forwards to `target`."""

    def __init__(self, target: str) -> None:
        self.calls: list[Call] = []
        recorder = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _forward(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                headers = {key: value for key, value in self.headers.items() if key.lower() != "host"}
                request = urllib.request.Request(  # noqa: S310 - to the gateway of the test
                    target + self.path, method=self.command, headers=headers, data=body or None
                )
                try:
                    with urllib.request.urlopen(request, timeout=70) as answer:  # noqa: S310
                        code, head, given = answer.status, answer.headers, answer.read()
                except urllib.error.HTTPError as error:
                    with error:
                        code, head, given = error.code, error.headers, error.read()
                recorder.calls.append(call(self.command, self.path, body, code))
                self.send_response(code)
                for key in ("Content-Type", "X-Api-Level", "Retry-After"):
                    if head.get(key):
                        self.send_header(key, head[key])
                self.send_header("Content-Length", str(len(given)))
                self.end_headers()
                self.wfile.write(given)

            do_GET = do_POST = do_PUT = do_DELETE = _forward  # noqa: N815 - http.server's names

            def log_message(self, *_: Any) -> None:
                """Nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def endpoint(self) -> str:
        """For DHCORE_ENDPOINT."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def stop(self) -> None:
        """Answer no more."""
        self._server.shutdown()
        self._server.server_close()


def call(method: str, path: str, body: bytes, code: int) -> Call:
    """What is worth comparing of a request."""
    parts = urlsplit(path)
    route = re.sub(r"^/api/v1/-/[^/]+", "/api/v1/-/{project}", parts.path)
    route = re.sub(r"^/api/v1/projects/[^/]+", "/api/v1/projects/{project}", route)
    route = re.sub(r"(\{project\}/[a-z]+)/[^/]+", r"\1/{id}", route)
    route = re.sub(r"/metrics/[^/]+$", "/metrics/{name}", route)
    parameters = sorted({name for name, _ in parse_qsl(parts.query)})
    return Call(f"{method} {route}", tuple(parameters), tuple(sorted(_fields(body))), code)


def _fields(body: bytes) -> Iterator[str]:
    try:
        document = json.loads(body or b"null")
    except ValueError:
        yield "(not JSON)"
        return
    if not isinstance(document, Mapping):
        return
    for key, value in document.items():
        yield key
        if isinstance(value, Mapping) and key in ("metadata", "spec"):
            yield from (f"{key}.{inner}" for inner in value)
