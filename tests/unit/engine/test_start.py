"""What a person reads when the operator cannot start."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest


class Old(BaseHTTPRequestHandler):
    """An API server that has Functions and has never heard of Runs."""

    def do_GET(self) -> None:
        known = "/functions" in self.path
        body: dict[str, Any] = (
            {"items": []} if known else {"kind": "Status", "message": "not found", "reason": "NotFound"}
        )
        self.send_response(200 if known else 404)
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())

    def log_message(self, *_: object) -> None:
        """Be quiet."""


@pytest.fixture
def kubeconfig(tmp_path: Path) -> Iterator[Path]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Old)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    named = {"cluster": {"server": f"http://127.0.0.1:{server.server_port}"}, "name": "c"}
    context = {"context": {"cluster": "c", "user": "u"}, "name": "x"}
    config = {"clusters": [named], "contexts": [context], "users": [{"name": "u", "user": {}}]}
    path = tmp_path / "kubeconfig"
    path.write_text(json.dumps({"apiVersion": "v1", "kind": "Config", "current-context": "x"} | config))
    yield path
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_missing_crd_is_reported_in_one_line(kubeconfig):
    done = subprocess.run(
        [sys.executable, "-m", "run_operator", "--metrics-bind-address", "127.0.0.1:0"],
        env={"KUBECONFIG": str(kubeconfig)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    (line,) = done.stderr.splitlines()
    assert done.returncode == 1
    assert "a CRD is missing or older than this operator: kubectl apply -k crds" in line
    assert "/apis/run-operator.io/v1alpha1/runs" in line
