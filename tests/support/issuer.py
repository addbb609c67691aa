"""As much of an OIDC provider as the DigitalHub SDK needs to renew a token. What it hands out, the test decides."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs


class Issuer:
    """`renew`: the next access token. `asked`: the forms that were sent."""

    def __init__(self, renew: Callable[[], str]) -> None:
        self.asked: list[dict[str, str]] = []
        issuer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._changed({"token_endpoint": f"{issuer.url}/token"})

            def do_POST(self) -> None:
                sent = self.rfile.read(int(self.headers["Content-Length"])).decode()
                issuer.asked.append({key: values[0] for key, values in parse_qs(sent).items()})
                number = len(issuer.asked) + 1
                self._changed({"access_token": renew(), "refresh_token": f"r{number}", "expires_in": 3600})

            def _changed(self, answer: dict[str, Any]) -> None:
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.end_headers()
                self.wfile.write(json.dumps(answer).encode())

            def log_message(self, *_: Any) -> None:
                """Not into the test's output."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
