"""A kubelet's log endpoint for fake nodes: programs that write a line now and then, as the API server asks for it."""

from __future__ import annotations

import json
import ssl
import threading
import time
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from cluster.pki import Authority
from tests.support.harness import Person


class Kubelet:
    """Listens on 127.0.0.1. Each container writes `tick N` every so many seconds, since this began."""

    def __init__(self, folder: Path, every: float) -> None:
        self.began = time.time()
        self.every = every
        folder.mkdir(parents=True, exist_ok=True)
        Authority(folder).server("kubelet", ["localhost", "127.0.0.1"])
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(folder / "kubelet.crt", folder / "kubelet.key")
        self._server = _Quiet(("127.0.0.1", 0), type("Handler", (_Handler,), {"kubelet": self}))
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def serve(self, person: Person) -> None:
        """All nodes of this cluster have their logs here."""
        status = {
            "addresses": [{"type": "InternalIP", "address": "127.0.0.1"}],
            "daemonEndpoints": {"kubeletEndpoint": {"Port": self.port}},
        }
        for node in person.items("nodes"):
            patch = json.dumps({"status": status})
            name = node["metadata"]["name"]
            person.kubectl("patch", "node", name, "--subresource=status", "--type=merge", "-p", patch)

    def line(self, number: int) -> tuple[float, bytes]:
        """When it is written, and how it is sent."""
        at = self.began + number * self.every
        stamp = datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        return at, f"{stamp} tick {number}\n".encode()


class _Quiet(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """The API server that asked was killed."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    kubelet: Kubelet

    def do_GET(self) -> None:
        query = parse_qs(urlsplit(self.path).query)
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        since = datetime.fromisoformat(query["sinceTime"][0]).timestamp() if "sinceTime" in query else 0.0
        number = 0
        while True:
            at, line = self.kubelet.line(number)
            number += 1
            if at < since:
                continue
            if at > time.time():
                if "follow" not in query:
                    break
                time.sleep(at - time.time())
            self.wfile.write(f"{len(line):x}\r\n".encode() + line + b"\r\n")
            self.wfile.flush()
        self.wfile.write(b"0\r\n\r\n")

    def log_message(self, *_: object) -> None:
        pass
