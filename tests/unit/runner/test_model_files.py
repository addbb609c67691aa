"""What an init container fetches: a folder of an S3 store page by page, one file, an entity's files; and what it refuses."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from run_operator.runner import model_files
from run_operator.runner.errors import RunnerError

NAMES = {"model/a.bin": b"A", "model/sub/b.bin": b"B", "model/": b"", "evil/../x": b"X"}


class Store(BaseHTTPRequestHandler):
    """One bucket; a page holds one name."""

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        key = parts.path.removeprefix("/bucket").lstrip("/")
        if "list-type" in query:
            found = [name for name in NAMES if name.startswith(query["prefix"])]
            at = int(query.get("continuation-token", "0"))
            more = f"<NextContinuationToken>{at + 1}</NextContinuationToken>" if at + 1 < len(found) else ""
            keys = "".join(f"<Contents><Key>{name}</Key></Contents>" for name in found[at : at + 1])
            body = f'<R xmlns="http://s3.amazonaws.com/doc/2006-03-01/">{keys}{more}</R>'.encode()
        elif key in NAMES:
            body = NAMES[key]
        else:
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture(scope="module")
def environ() -> Iterator[dict[str, str]]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Store)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    address = f"http://127.0.0.1:{server.server_port}"
    yield {"AWS_ENDPOINT_URL": address, "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "s"}
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_folder_is_fetched_whole(environ, tmp_path):
    model_files.provide(["s3://bucket/model/", str(tmp_path / "m")], environ)
    files = {
        str(path.relative_to(tmp_path / "m")): path.read_bytes()
        for path in (tmp_path / "m").rglob("*")
        if path.is_file()
    }
    assert files == {"a.bin": b"A", "sub/b.bin": b"B"}


def test_one_file_by_s3_and_by_http(environ, tmp_path):
    model_files.provide(
        [
            "s3://bucket/model/a.bin",
            str(tmp_path / "s3"),
            f"{environ['AWS_ENDPOINT_URL']}/bucket/model/sub/b.bin",
            str(tmp_path / "http"),
        ],
        environ,
    )
    assert (tmp_path / "s3" / "a.bin").read_bytes() == b"A"
    assert (tmp_path / "http" / "b.bin").read_bytes() == b"B"


def test_the_files_of_an_entity(environ, tmp_path, monkeypatch):
    asked = []

    def entity(project: str, plural: str, name: str, _: object) -> dict[str, object]:
        asked.append((project, plural, name))
        return {"spec": {"path": "s3://bucket/model/"}}

    monkeypatch.setattr(model_files, "_entity", entity)
    model_files.provide(["store://demo/model/sklearn/iris:v1", str(tmp_path)], environ)
    assert asked == [("demo", "models", "iris:v1")]
    assert (tmp_path / "a.bin").exists()


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("s3://bucket/nothing/", "there is no file below"),
        ("s3://bucket/model/none.bin", "answers 404"),
        ("s3://bucket/evil/", "leaves the folder"),
        ("ftp://x/y", "has a scheme that cannot be fetched"),
        ("store://demo/model/sklearn/iris:v1", "--pod-api-url is not set"),
    ],
)
def test_what_cannot_be_fetched_is_reported(source, said, environ, tmp_path: Path):
    with pytest.raises(RunnerError, match=said):
        model_files.provide([source, str(tmp_path)], environ)
