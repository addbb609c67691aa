"""A Python function that is served: nuclio's rules over real HTTP, with the real nuclio-sdk to compare with."""

from __future__ import annotations

import base64
import http.client
import json
import signal
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import nuclio_sdk
import pytest
from nuclio_sdk.json_encoder import Encoder

from run_operator.runner import nuclio
from run_operator.runner.asgi import answer_of
from tests.pod.functions import Pod

ECHO = """
def run(context, event):
    body = event.body
    return {
        "body": body.decode("latin-1") if isinstance(body, bytes) else body,
        "kind": type(body).__name__, "path": event.path, "method": event.method, "fields": event.fields,
        "content_type": event.content_type, "size": event.size, "url": event.url, "trigger": event.trigger.kind,
        "header": event.get_header("X-THING"), "headers": sorted(event.headers),
    }
"""


class Reply(NamedTuple):
    status: int
    content_type: str
    body: bytes
    headers: dict[str, str]


class Served:
    """A function on a port of 127.0.0.1."""

    def __init__(self, pod: Pod, code: str, **spec: Any) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        environment = {"RUN_SERVE_PORT": str(self.port), "RUN_SERVE_HOST": "127.0.0.1"}
        given = environment | spec.pop("environment", {})
        more = {name: value for name, value in given.items() if value is not None}
        self.pod = pod
        self.process = pod.start(code, "serve", environment=more, **spec)
        self.lines: list[str] = []
        for line in self.process.stdout or ():
            self.lines.append(line)
            if line.startswith("serving"):
                break
        while self.process.poll() is None:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.02)

    def ask(
        self,
        method: str = "GET",
        path: str = "/",
        body: bytes | None = None,
        address: str = "127.0.0.1",
        **headers: str,
    ) -> Reply:
        connection = http.client.HTTPConnection(address, self.port, timeout=30)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, body, named)
        answer = connection.getresponse()
        found = {name.lower(): value for name, value in answer.getheaders()}
        data = answer.read()
        connection.close()
        return Reply(answer.status, found.get("content-type", ""), data, found)


@pytest.fixture
def pod(tmp_path: Path) -> Pod:
    return Pod(tmp_path / "pod")


@pytest.fixture
def serve(pod: Pod) -> Iterator[Any]:
    made: list[Served] = []

    def begin(code: str, **spec: Any) -> Served:
        made.append(Served(pod, code, **spec))
        return made[-1]

    yield begin
    for one in made:
        if one.process.poll() is None:
            one.process.send_signal(signal.SIGTERM)
        one.process.communicate(timeout=30)


class TestEvent:
    def test_a_request_becomes_an_event(self, serve):
        served = serve(ECHO)
        reported = json.loads(served.ask("PUT", "/a/b%20c?x=1&y=&x=2", b"\x00\xff", X_Thing="t").body)
        assert reported["body"] == "\x00\xff"
        assert (reported["kind"], reported["path"], reported["method"]) == ("bytes", "/a/b c", "PUT")
        assert reported["fields"] == {"x": "2", "y": ""}
        assert (reported["size"], reported["header"], reported["trigger"]) == (2, "t", "http")
        assert reported["url"].endswith("/a/b c?x=1&y=&x=2")
        assert {"Host", "X-Thing", "Content-Length"} <= set(reported["headers"])

    @pytest.mark.parametrize(
        ("content_type", "body", "kind"),
        [
            ("application/json", b'{"a": 1}', "dict"),
            ("application/json", b"[1]", "list"),
            ("application/json", b"{", "bytes"),
            ("application/json; charset=utf-8", b"{}", "bytes"),
            ("text/plain", b"{}", "bytes"),
            ("", b"", "bytes"),
        ],
    )
    def test_a_body_is_read_as_nuclio_reads_it(self, serve, content_type, body, kind):
        """By the SDK's own deserializer, of what nuclio's processor would send."""
        message = {
            b"body": body, b"content_type": content_type.encode(), b"trigger": {b"kind": b"http", b"name": b"x"},
            b"fields": {}, b"headers": {}, b"id": b"", b"method": b"POST", b"path": b"/", b"size": len(body),
            b"timestamp": 0, b"url": b"", b"shard_id": 0, b"num_shards": 0, b"type": b"", b"type_version": b"",
            b"version": b"",
        }  # fmt: skip
        theirs = nuclio_sdk.Event.deserialize(message)
        assert type(theirs.body).__name__ == kind
        headers = {"Content_Type": content_type} if content_type else {}
        assert json.loads(serve(ECHO).ask("POST", body=body, **headers).body)["kind"] == kind


RETURNED = [
    "text", "", b"\x00\xffbytes", {"a": 1}, [1, "two"], (201, "made"), (202, {"a": 1}), 42, 1.5, None, True,
    nuclio_sdk.Response(body="b", status_code=404, content_type="text/html", headers={"X-A": "1"}),
    nuclio_sdk.Response(body={"a": 1}, status_code=200), nuclio_sdk.Response(body=b"\xff", content_type="image/png"),
    nuclio_sdk.Response(body=[1]), nuclio_sdk.Response(),
]  # fmt: skip


@pytest.mark.parametrize("returned", RETURNED, ids=repr)
def test_what_a_handler_returns_is_answered_as_nuclio_does(returned):
    assert nuclio.Response is nuclio_sdk.Response
    theirs = nuclio_sdk.Response.from_entrypoint_output(Encoder().encode, returned)
    body = theirs["body"].encode()
    if theirs["body_encoding"] == "base64":
        body = base64.b64decode(body)
    ours = answer_of(returned)
    assert (ours.status, ours.content_type, dict(ours.headers), ours.body) == (
        theirs["status_code"],
        theirs["content_type"],
        theirs["headers"],
        body,
    )


class TestResponses:
    def test_over_http(self, serve):
        served = serve(
            "def run(context, event):\n"
            "    if event.path == '/binary':\n"
            "        return context.Response(body=bytes(range(256)), content_type='image/png', status_code=201, headers={'X-A': '1'})\n"
            "    return {'a': 1}\n"
        )
        reply = served.ask("GET", "/binary")
        assert (reply.status, reply.content_type, reply.body) == (201, "image/png", bytes(range(256)))
        assert reply.headers["x-a"] == "1"
        assert served.ask().content_type == "application/json"
        assert served.ask("HEAD").body == b""

    def test_a_generator_is_streamed(self, serve):
        served = serve("def run(event):\n    for i in range(3):\n        yield f'part {i};'\n")
        assert served.ask().body == b"part 0;part 1;part 2;"

    def test_an_error_fails_the_request_and_nothing_else(self, serve, pod):
        served = serve(
            "class Missing(Exception):\n    status_code = 404\n"
            "def run(event):\n"
            "    if event.path == '/missing':\n        raise Missing('no such thing')\n"
            "    if event.path == '/bad':\n        raise ValueError('no such colour')\n"
            "    return 'fine'\n"
        )
        reply = served.ask("GET", "/bad")
        assert (reply.status, reply.body) == (500, b"ValueError: no such colour")
        assert served.ask("GET", "/missing").status == 404
        assert served.ask().body == b"fine"
        served.process.send_signal(signal.SIGTERM)
        errors = served.process.communicate(timeout=30)[1]
        assert "ValueError: no such colour" in errors
        assert "run_runner" not in errors

    def test_a_body_beyond_the_limit_is_refused(self, serve):
        served = serve("def run(event):\n    return 'x'\n")
        assert served.ask("POST", body=b"x" * ((64 << 20) + 1)).status == 413


class TestWorkers:
    def test_init_runs_once_a_worker_and_a_handler_needs_no_arguments(self, serve):
        served = serve(
            "n = []\ndef init(context, start):\n    n.append(start)\n    context.n = n\n"
            "def run(context, x=1):\n    context.n.append(x)\n    return context.n\n",
            init_function="init",
            init_parameters={"start": 5},
        )
        assert json.loads(served.ask().body) == [5, 1]
        assert json.loads(served.ask().body) == [5, 1, 1]

    @pytest.mark.parametrize("workers", ["1", "2"])
    def test_an_init_function_may_be_a_coroutine(self, serve, workers):
        served = serve(
            "import asyncio\nasync def init(context):\n    await asyncio.sleep(0)\n    context.n = 7\n"
            "def run(context):\n    return context.n\n",
            init_function="init",
            environment={"RUN_SERVE_WORKERS": workers},
        )
        assert served.ask().body == b"7"

    def test_one_event_at_a_time(self, serve):
        served = serve(
            "import threading, time\nbusy = []\n"
            "def run(event):\n    busy.append(1)\n    time.sleep(0.05)\n    most = len(busy)\n    busy.pop()\n    return most\n"
        )
        assert most(served) == 1

    def test_several_at_once_where_the_function_allows_it(self, serve):
        served = serve(
            "import threading\nmet = threading.Barrier(4, timeout=20)\ndef run(event):\n    met.wait()\n    return 'met'\n",
            environment={"RUN_SERVE_CONCURRENCY": "4"},
        )
        assert answers(served, 4) == [b"met"] * 4

    def test_a_coroutine(self, serve):
        served = serve(
            "import asyncio\nmet = []\n"
            "async def run(event):\n    met.append(1)\n    while len(met) < 3:\n        await asyncio.sleep(0.01)\n    return 'met'\n"
        )
        assert answers(served, 3) == [b"met"] * 3

    def test_a_handler_may_run_an_event_loop_of_its_own(self, serve):
        served = serve(
            "import asyncio\nasync def answer():\n    await asyncio.sleep(0.01)\n    return 'fine'\n"
            "def run(event):\n    return asyncio.run(answer())\n"
        )
        assert [served.ask().body, served.ask().body] == [b"fine", b"fine"]

    def test_sys_exit_is_an_error_of_the_request(self, serve):
        served = serve(
            "import sys\ndef run(event):\n    sys.exit(3) if event.path == '/x' else None\n    return 'fine'\n"
        )
        assert served.ask("GET", "/x").status == 500
        assert served.ask().body == b"fine"

    @pytest.mark.parametrize("workers", ["1", "2"])
    @pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
    def test_it_is_reached_by_ipv4_and_by_ipv6(self, serve, workers, address):
        served = serve(
            "def run(event):\n    return 'fine'\n",
            environment={"RUN_SERVE_HOST": None, "RUN_SERVE_WORKERS": workers},
        )
        assert served.ask(address=address).body == b"fine"

    def test_several_processes(self, serve):
        served = serve(
            "import os, time\ndef run(event):\n    time.sleep(0.05)\n    return str(os.getpid())\n",
            environment={"RUN_SERVE_WORKERS": "2"},
        )
        found: set[bytes] = set()
        deadline = time.monotonic() + 60
        while len(found) < 2 and time.monotonic() < deadline:
            found |= set(answers(served, 8))
        assert len(found) == 2
        served.process.send_signal(signal.SIGTERM)
        served.process.communicate(timeout=30)

    @pytest.mark.parametrize("workers", ["1", "2"])
    @pytest.mark.parametrize(
        ("code", "spec", "words"),
        [
            ("def init(context):\n    raise OSError('no file')\ndef run():\n    pass\n", {"init_function": "init"}, "InitFailed: OSError: no file"),
            ("def run(x):\n    pass\n", {}, "InvalidArguments: run(x) is called with context, event, project and run only"),
        ],
    )  # fmt: skip
    def test_a_function_that_cannot_start_says_why(self, pod, code, spec, words, workers):
        environment = {"RUN_SERVE_WORKERS": workers, "RUN_SERVE_PORT": "0", "RUN_SERVE_HOST": "127.0.0.1"}
        environment.pop("RUN_SERVE_PORT")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            environment["RUN_SERVE_PORT"] = str(free.getsockname()[1])
        ended = pod.ended(pod.start(code, "serve", environment=environment, **spec))
        assert ended.words.startswith(words)

    def test_a_number_that_is_none_is_refused(self, pod):
        process = pod.start("def run():\n    pass\n", "serve", environment={"RUN_SERVE_WORKERS": "many"})
        assert (
            pod.ended(process).words == "ServerFailed: RUN_SERVE_WORKERS='many' is not a number from 1 to 64"
        )


class TestStop:
    def test_a_request_under_way_is_answered(self, serve):
        served = serve(
            "import time\ndef run(event):\n    print('begun', flush=True)\n    time.sleep(1)\n    return 'done'\n"
        )
        replies: list[bytes] = []
        asking = threading.Thread(target=lambda: replies.append(served.ask().body))
        asking.start()
        assert served.process.stdout.readline() == "begun\n"
        served.process.send_signal(signal.SIGTERM)
        asking.join(30)
        assert replies == [b"done"]
        served.process.communicate(timeout=30)
        assert served.process.returncode in (0, 143)

    def test_a_request_without_end_does_not_hold_it_up(self, serve):
        served = serve(
            "import time\ndef run(event):\n    print('begun', flush=True)\n    time.sleep(300)\n", grace=1
        )
        threading.Thread(target=quietly, args=(served,), daemon=True).start()
        assert served.process.stdout.readline() == "begun\n"
        served.process.send_signal(signal.SIGTERM)
        served.process.communicate(timeout=20)


def quietly(served: Served) -> None:
    try:
        served.ask()
    except (OSError, http.client.HTTPException):
        return


def answers(served: Served, number: int) -> list[bytes]:
    """So many requests at once."""
    found: list[bytes] = []
    threads = [threading.Thread(target=lambda: found.append(served.ask().body)) for _ in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return found


def most(served: Served) -> int:
    return max(int(body) for body in answers(served, 4))
