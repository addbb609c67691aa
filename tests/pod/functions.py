"""Python functions as they run in a pod: the packed runner in a real interpreter, a stand-in for the operator's ingest."""

from __future__ import annotations

import json
import os
import ssl
import subprocess
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple

from cluster.pki import Authority
from run_operator.runner.bundle import bundle
from tests.pod.programs import MODULE, PYTHON


class Ended(NamedTuple):
    """How a function ended. `words`: what the kubelet would read."""

    code: int
    out: str
    errors: str
    words: str


class Ingest:
    """Takes results, by PUT and the token of the pod alone. `faults`: statuses to answer first."""

    def __init__(self, folder: Path) -> None:
        self.received: list[dict[str, Any]] = []
        self.faults: deque[int] = deque()
        folder.mkdir()
        Authority(folder).server("ingest", ["localhost", "127.0.0.1"])
        (folder / "token").write_text("token-1")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(folder / "ingest.crt", folder / "ingest.key")
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        port = self._server.server_address[1]
        self.report = {
            "url": f"https://localhost:{port}/v1/namespaces/ml/runs/one/result",
            "token_file": str(folder / "token"),
            "authority_file": str(folder / "ca.crt"),
        }

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        ingest = self

        class Handler(BaseHTTPRequestHandler):
            def do_PUT(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                status = ingest.faults.popleft() if ingest.faults else 200
                if self.headers["Authorization"] != "Bearer token-1":
                    status = 401
                if status == 200:
                    ingest.received.append(body)
                answer = json.dumps({"error": "the reason"} if status != 200 else {}).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_: Any) -> None:
                pass

        return Handler


class Pod:
    """One pod: its folder /shared, what the operator mounts, and its environment."""

    def __init__(self, folder: Path, ingest: Ingest | None = None) -> None:
        self.folder = folder
        self.shared = folder / "shared"
        self.shared.mkdir(parents=True)
        (folder / "tmp").mkdir()
        (folder / "runner.pyz").write_bytes(bundle())
        self.ingest = ingest
        self.environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(MODULE.parent),
            "TMPDIR": str(folder / "tmp"),
            "RUN_DOCUMENT": str(folder / "run.json"),
            "RUN_FOLDER": str(self.shared),
            "RUN_TERMINATION_LOG": str(folder / "words"),
        }

    def start(self, source: dict[str, Any] | str, action: str = "job", **spec: Any) -> subprocess.Popen[str]:
        """`source`: code, or what the document says."""
        if isinstance(source, str):
            source = {"code": source, "handler": spec.pop("handler", "run")}
            if "init_function" in spec:
                source["init_function"] = spec.pop("init_function")
        environment = spec.pop("environment", {})
        grace = spec.pop("grace", 5)
        run = {"kind": "python+job:run", "project": "demo", "id": "one", "spec": {"source": source, **spec}}
        document = {"run": run, "grace": grace, **({"report": self.ingest.report} if self.ingest else {})}
        (self.folder / "run.json").write_text(json.dumps(document))
        return subprocess.Popen(
            [PYTHON, "-u", str(self.folder / "runner.pyz"), action],
            env=self.environment | environment,
            cwd=self.folder,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def run(self, source: dict[str, Any] | str, **spec: Any) -> Ended:
        """Until its end."""
        return self.ended(self.start(source, **spec))

    def ended(self, process: subprocess.Popen[str]) -> Ended:
        """The end of a process, which is killed if it does not come to it."""
        try:
            out, errors = process.communicate(timeout=60)
        finally:
            process.kill()
        words = self.folder / "words"
        return Ended(process.returncode, out, errors, words.read_text() if words.exists() else "")


@contextmanager
def files_served(folder: Path) -> Iterator[str]:
    """The address of an HTTP server with the files of a folder."""

    class Quiet(SimpleHTTPRequestHandler):
        def __init__(self, *arguments: Any) -> None:
            super().__init__(*arguments, directory=str(folder))

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Quiet)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
