"""A server for the page with made-up Runs: the calls of the real one, and a state that tests change as they like.

`python -m tests.support.page_server --runs 1000` serves it for development; with the token `dev`.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import hashlib
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlencode, urlsplit

from run_operator.web.headers import content_policy
from run_operator.web.oidc import OidcProvider
from run_operator.web.view.series_answer import series_answer
from tests.support.page_samples import Json, detail, row, series

STATIC = Path(__file__).parents[2] / "operator" / "run_operator" / "web" / "static"
TYPES = {".html": "text/html; charset=utf-8", ".js": "text/javascript", ".css": "text/css"}
TOKEN = "dev"  # noqa: S105
PAGE = 500
UNKNOWN = {"error": {"reason": "Unauthorized", "message": "This token is not known.", "missing": None}}


class World:
    """What the server tells; a test changes it and calls `changed`."""

    def __init__(
        self, runs: int = 0, metrics: int = 4, points: int = 240, *, now: datetime | None = None
    ) -> None:
        self.now = now or datetime.now(UTC)
        self.rows: list[Json] = [row(at, self.now) for at in range(runs)]
        names = ["loss", "accuracy", "val_loss", "val_accuracy", "learning_rate", "grad_norm"]
        self.metric_names = (names + [f"layer_{at:04d}/norm" for at in range(max(0, metrics - 6))])[:metrics]
        self.points = points
        self.buckets = True
        self.stored: Json | None = None
        """A Run as the API server has it: its series are answered by the code of the real server."""
        self.details: dict[str, Json] = {}
        self.comparison: Json | None = None
        self.logs = "".join(f"epoch {at}: loss {2 / (at + 1):.4f} \x1b[32mok\x1b[0m\n" for at in range(400))
        self.mode = "loopback"
        self.provider = False
        self.oidc: OidcProvider | None = None
        """A provider elsewhere, asked by the code of the real server."""
        self.accepts: Callable[[str], bool] = lambda token: token == TOKEN
        self.challenge = ""
        self.refusals: list[int] = []
        """Statuses of the answers to the next requests for the list."""
        self.changes = threading.Condition()
        self.version = 0
        self.serving = True

    def changed(self) -> None:
        with self.changes:
            self.version += 1
            self.changes.notify_all()

    def detail_of(self, name: str) -> Json | None:
        if name in self.details:
            return self.details[name]
        one = next((one for one in self.rows if one["name"] == name), None)
        return None if one is None else detail(one, self.metric_names, self.now)

    def series_of(self, name: str, metric: str) -> Json:
        end = self.now.timestamp()
        attempts = [
            {"number": 1, "from": end - 8700, "to": end - 6820},
            {"number": 2, "from": end - 3360, "to": end},
        ]
        seed = sum(map(ord, name))
        uid = next((one["uid"] for one in self.rows if one["name"] == name), "")
        at = int(uid.removeprefix("uid-")) if uid.startswith("uid-") else 0
        return series(
            metric,
            self.points,
            seed=seed,
            attempts=attempts,
            buckets=self.buckets,
            gap=metric == "val_loss",
            speed=0.5 + 0.4 * (at % 4),
        )

    def _summary(self, name: str, metric: str) -> Json:
        values = [value for value in self.series_of(name, metric)["points"]["value"] if value is not None]
        return {"last": values[-1], "min": min(values), "max": max(values)}

    def compare(self, names: list[str]) -> Json:
        if self.comparison is not None:
            return self.comparison
        rows = [one for name in names for one in self.rows if one["name"] == name]
        lost = [name for name in names if all(one["name"] != name for one in rows)]
        count = range(len(rows))
        return {
            "lost": [
                {"run": f"research/{name}", "message": f"run {name} cannot be read: not found"}
                for name in lost
            ],
            "runs": rows,
            "parameters": {
                "learning_rate": [0.0001 * (1 + at % 4) for at in count],
                "batch_size": [32 * (1 + at % 3) for at in count],
                "optimizer": [("adamw", "sgd")[at % 2] for at in count],
                "epochs": [40 for _ in count],
            },
            "metrics": {
                name: [self._summary(one["name"], name) for one in rows] for name in self.metric_names
            },
        }


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.0"  # no connection outlives the server
    world: World

    def log_message(self, *_: Any) -> None: ...

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        parts = [unquote(part) for part in url.path.split("/") if part]
        query = parse_qs(url.query)
        try:
            self._get(parts, query)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def do_POST(self) -> None:
        parts = [unquote(part) for part in urlsplit(self.path).path.split("/") if part]
        if parts == ["token"]:
            self._token()
            return
        self._change(parts[5], {"stop": "STOPPED", "resume": "RUNNING"}[parts[6]])

    def do_DELETE(self) -> None:
        parts = [unquote(part) for part in urlsplit(self.path).path.split("/") if part]
        self.world.rows = [one for one in self.world.rows if one["name"] != parts[5]]
        self._json({}, 202)
        self.world.changed()

    def _change(self, name: str, state: str) -> None:
        found = next(one for one in self.world.rows if one["name"] == name)
        found |= {"state": state, "suspended": state == "STOPPED"}
        self._json(found, 202)
        self.world.changed()

    def _get(self, parts: list[str], query: dict[str, list[str]]) -> None:
        if parts == ["authorize"]:
            self._authorize(query)
        elif parts[:2] != ["ui", "api"]:
            self._static(parts[1:])
        elif parts[2:] == ["session"]:
            self._session()
        elif not self._is_known():
            self._json(
                {"error": {"reason": "Unauthorized", "message": "This token is not known.", "missing": None}},
                401,
            )
        elif parts[2:] == ["namespaces"]:
            self._json({"items": ["research"], "all": True})
        elif parts[2:] == ["runs", "stream"] and self.world.refusals:
            refusal = {"reason": "Refused", "message": "It is refused for now.", "missing": None}
            self._json({"error": refusal}, self.world.refusals.pop(0))
        elif parts[2:] == ["runs", "stream"]:
            self._stream_runs()
        elif parts[2:] == ["compare"]:
            self._json(self.world.compare([run.split("/")[1] for run in query.get("run", [])]))
        else:
            self._run(parts[5], parts[6:], query)

    def _run(self, name: str, rest: list[str], query: dict[str, list[str]]) -> None:
        found = self.world.detail_of(name)
        if found is None and rest != ["stream"]:
            self._json(
                {"error": {"reason": "NotFound", "message": f"There is no Run {name}.", "missing": None}}, 404
            )
        elif rest == ["stream"]:
            self._stream_run(name)
        elif rest == ["metrics"]:
            self._json(self._series(name, query))
        elif rest == ["logs"]:
            self._send(self.world.logs.encode(), "text/plain; charset=utf-8")
        else:
            self._json(found)

    def _series(self, name: str, query: dict[str, list[str]]) -> Json:
        if self.world.stored is None:
            return {"series": [self.world.series_of(name, metric) for metric in query["name"]]}
        first, last = (int(query[one][0]) if one in query else None for one in ("from", "to"))
        points = int(query["points"][0])
        return series_answer(self.world.stored, query["name"], time.time(), points, first or 0, last)

    def _session(self) -> None:
        answer: Json = {"mode": self.world.mode, "version": "0", "oidc": None, "namespace": "research"}
        if self.world.oidc is not None:
            answer["oidc"], answer["oidcProblem"] = asyncio.run(self.world.oidc.session())
        if self.world.provider:
            here = f"http://{self.headers['Host']}"
            places = {"authorizationEndpoint": f"{here}/authorize", "tokenEndpoint": f"{here}/token"}
            answer["oidc"] = places | {
                "issuer": here,
                "clientId": "runs",
                "scopes": ["openid", "groups"],
            }
        if self._is_known():
            answer["user"] = {"name": "ada", "groups": []}
        elif "Authorization" in self.headers:
            self._json(UNKNOWN, 401)
            return
        self._json(answer)

    def _is_known(self) -> bool:
        scheme, _, token = self.headers.get("Authorization", "").partition(" ")
        return scheme == "Bearer" and self.world.accepts(token)

    def _authorize(self, query: dict[str, list[str]]) -> None:
        """What a provider does when the person has agreed."""
        self.world.challenge = (
            query["code_challenge"][0] if query["code_challenge_method"] == ["S256"] else ""
        )
        back = urlencode({"code": "c1", "state": query["state"][0]})
        self.send_response(302)
        self.send_header("Location", f"{query['redirect_uri'][0]}?{back}")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _token(self) -> None:
        """Only who began may have the token: the verifier fits the challenge (RFC 7636)."""
        body = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        digest = hashlib.sha256(body["code_verifier"][0].encode()).digest()
        fits = base64.urlsafe_b64encode(digest).decode().rstrip("=") == self.world.challenge
        if fits and body["code"] == ["c1"] and body["client_id"] == ["runs"]:
            self._json({"id_token": TOKEN, "access_token": "other"})
        else:
            self._json({"error": "invalid_grant"}, 400)

    def _stream_runs(self) -> None:
        self._begin()
        known: dict[str, str] = {}
        while self.world.serving:
            version = self.world.version
            now = {one["uid"]: json.dumps(one) for one in self.world.rows}
            news = [text for uid, text in now.items() if known.get(uid) != text]
            for at in range(0, len(news), PAGE):
                self._event("rows", f"[{','.join(news[at : at + PAGE])}]")
            if gone := [uid for uid in known if uid not in now]:
                self._event("gone", json.dumps(gone))
            if not known or version == 0:
                self._event("synced", "{}")
            known = now
            self._wait(version)

    def _stream_run(self, name: str) -> None:
        self._begin()
        while self.world.serving:
            version = self.world.version
            found = self.world.detail_of(name)
            if found is None:
                self._event("gone", "{}")
                return
            self._event("detail", json.dumps(found))
            self._wait(version)

    def _wait(self, version: int) -> None:
        with self.world.changes:
            while self.world.version == version:
                self.world.changes.wait(5)
                if self.world.version == version:
                    self.wfile.write(b": ping\n\n")

    def _begin(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True

    def _event(self, event: str, data: str) -> None:
        self.wfile.write(f"event: {event}\ndata: {data}\n\n".encode())
        self.wfile.flush()

    def _static(self, parts: list[str]) -> None:
        path = STATIC / (parts[0] if parts else "index.html")
        if path.is_file():
            self._send(path.read_bytes(), TYPES[path.suffix])
        else:
            self._json({}, 404)

    def _json(self, answer: Json | None, status: int = 200) -> None:
        self._send(json.dumps(answer).encode(), "application/json", status)

    def _send(self, body: bytes, kind: str, status: int = 200) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header(
            "Content-Security-Policy", content_policy(self.world.oidc.origins if self.world.oidc else ())
        )
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def page_server(world: World, port: int = 0) -> Iterator[str]:
    """Serves the page; gives the address of the list, with the token."""
    handler = type("Handler", (_Handler,), {"world": world})
    world.serving = True
    server = ThreadingHTTPServer(("127.0.0.1", port), handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/ui/"
    finally:
        world.serving = False
        world.changed()
        server.shutdown()
        server.server_close()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.support.page_server")
    parser.add_argument("--runs", type=int, default=60)
    parser.add_argument("--metrics", type=int, default=6)
    parser.add_argument("--points", type=int, default=240)
    parser.add_argument("--port", type=int, default=0)
    chosen = parser.parse_args()
    with page_server(World(chosen.runs, chosen.metrics, chosen.points), chosen.port) as address:
        print(f"{address}#token={TOKEN}", flush=True)  # noqa: T201
        while True:
            time.sleep(60)


if __name__ == "__main__":
    main()
