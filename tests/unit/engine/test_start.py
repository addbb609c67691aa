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

from tests.support.kubeconfig_file import write_kubeconfig


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
    path = write_kubeconfig(tmp_path / "kubeconfig", f"http://127.0.0.1:{server.server_port}")
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
