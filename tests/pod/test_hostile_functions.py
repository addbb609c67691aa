"""Functions, archives and servers that mean no good, or do what a runner did not expect."""

from __future__ import annotations

import io
import os
import signal
import socket
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from tests.pod.functions import files_served


class TestProcesses:
    @pytest.mark.parametrize("method", ["fork", "spawn"])
    def test_processes_that_the_function_ends_do_not_speak_for_the_run(self, pod, ingest, method):
        code = (
            "import multiprocessing, time\ndef square(x):\n    return x * x\n"
            f"def run():\n    context = multiprocessing.get_context('{method}')\n"
            "    ended = context.Process(target=time.sleep, args=(60,))\n"
            "    ended.start()\n    ended.terminate()\n    ended.join()\n"
            "    with context.Pool(2) as pool:\n        return sum(pool.map(square, range(4)))\n"
        )
        ended = pod.run(code)
        assert (ended.code, ended.words) == (0, ""), ended
        assert ingest.received == [{"results": {"output_0": 14}, "outputs": {}}]

    def test_no_end_of_a_process_that_has_just_begun_is_lost(self, pod, ingest):
        """Python drops signals that a child gets while it sets itself up; each fork of these gets one about then."""
        code = (
            "import os, signal, time\ndef run():\n    for _ in range(300):\n        child = os.fork()\n"
            "        if not child:\n            time.sleep(60)\n            os._exit(0)\n"
            "        os.kill(child, signal.SIGTERM)\n        ended = os.waitpid(child, 0)[1]\n"
            "        if ended != signal.SIGTERM:\n            return ended\n    return 'all ended'\n"
        )
        ended = pod.run(code)
        assert (ended.code, ended.words) == (0, ""), ended
        assert ingest.received[0]["results"] == {"output_0": "all ended"}

    @pytest.mark.parametrize("end", ["sys.exit(3)", "raise ValueError('of the child')", "return 2"])
    def test_a_process_that_the_function_forks_reports_nothing(self, pod, ingest, end):
        code = (
            "import os, sys\ndef run():\n    child = os.fork()\n"
            f"    if not child:\n        {end}\n    os.waitpid(child, 0)\n    return 1\n"
        )
        ended = pod.run(code)
        assert (ended.code, ended.words) == (0, ""), ended
        assert ingest.received == [{"results": {"output_0": 1}, "outputs": {}}]


class TestEnds:
    @pytest.mark.parametrize(
        ("code", "words"),
        [
            ("class Own(BaseException):\n    pass\ndef run():\n    raise Own('x')\n", "HandlerFailed: main.Own: x"),
            ("import asyncio\nasync def run():\n    raise asyncio.CancelledError('late')\n", "HandlerFailed: asyncio.exceptions.CancelledError"),
            ("raise BaseException('no import')\n", "ImportFailed: main.py cannot be imported: BaseException: no import"),
            ("def run():\n    return 10 ** 5000\n", "InvalidResult: the result 'output_0' is a number of more than 4096 bits"),
        ],
    )  # fmt: skip
    def test_none_shows_the_runner(self, pod, ingest, code, words):
        ended = pod.run(code)
        assert ended.code == 1
        assert ended.words.startswith(words)
        assert "run_runner" not in ended.errors
        assert ingest.received == []

    @pytest.mark.parametrize(
        "before",
        [
            "sys.stdout.close()",
            "sys.stderr.close()",
            "sys.stdout = sys.stderr = None",
            "sys.stderr = io.StringIO()",
            "builtins.print = None",
            "shutil.rmtree(os.getcwd())",
        ],
    )
    def test_its_reason_is_there_whatever_the_function_did_before(self, pod, before):
        ended = pod.run(
            f"import builtins, io, os, shutil, sys\ndef run():\n    {before}\n    raise ValueError('after')\n"
        )
        assert (ended.code, ended.words) == (1, "HandlerFailed: ValueError: after")
        assert ended.errors.splitlines()[-2:] == ["ValueError: after", "HandlerFailed: ValueError: after"]
        assert "run_runner" not in ended.errors

    @pytest.mark.parametrize("before", ["os.close(1)", "os.closerange(0, 99)", "sys.stdout.close()"])
    def test_its_results_are_stored_without_its_streams(self, pod, ingest, before):
        ingest.faults.append(503)
        ended = pod.run(f"import os, sys\ndef run():\n    {before}\n    return 2\n")
        assert (ended.code, ended.words) == (0, "")
        assert ingest.received[0]["results"] == {"output_0": 2}

    @pytest.mark.parametrize(
        ("code", "words"),
        [
            ("def run():\n    raise Odd\n", "HandlerFailed: main.Odd: <exception str() failed>"),
            ("def run():\n    sys.exit(Odd())\n", "HandlerFailed: the function called sys.exit(Odd) while running the handler"),
            ("sys.exit(Odd())\n", "ImportFailed: main.py calls sys.exit(Odd) during its import"),
            ("def run():\n    traceback.format_exception_only = None\n    1 / 0\n", "HandlerFailed: ZeroDivisionError"),
        ],
    )  # fmt: skip
    def test_what_cannot_be_shown_is_named(self, pod, code, words):
        odd = "import sys, traceback\nclass Odd(Exception):\n    def __repr__(self):\n        raise RuntimeError\n    __str__ = __repr__\n"
        ended = pod.run(odd + code)
        assert (ended.code, ended.words) == (1, words)
        assert "run_runner" not in ended.errors

    def test_an_init_function_that_exits(self, pod):
        ended = pod.run(
            "import sys\ndef init(context):\n    sys.exit(4)\ndef run():\n    pass\n", init_function="init"
        )
        assert ended.code == 4
        assert ended.words == "InitFailed: the function called sys.exit(4) while running the init function"

    def test_a_credential_is_in_no_reason(self, pod):
        variables = {"DB_PASSWORD": "hunter2-hunter2", "TOKEN_FILE": "/var/run/token"}
        code = (
            "import os\ndef run():\n    raise ValueError(os.environ['DB_PASSWORD'], 'https://me:other@host/x', "
            "os.environ['TOKEN_FILE'])\n"
        )
        ended = pod.run(code, environment=variables)
        assert ended.words == "HandlerFailed: ValueError: ('***', 'https://***@host/x', '/var/run/token')"


def stored(*files: tuple[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, data in files:
            archive.writestr(name, data)
    return out.getvalue()


def damaged() -> bytes:
    """Its compressed bytes are none."""
    data = bytearray(stored(("main.py", b"x = 1\n" * 1000)))
    data[40:50] = b"\xff" * 10
    return bytes(data)


@pytest.mark.parametrize(
    "data",
    [
        stored(("a", b"x"), ("a/b", b"x")),
        stored(("x" * 300, b"x")),
        damaged(),
        stored(("main.py", b"def run():\n    pass\n"))[:-30],
    ],
    ids=["file-and-folder", "long-name", "damaged", "cut-off"],
)
def test_an_archive_that_cannot_be_unpacked_is_said_in_one_line(pod, tmp_path, data):
    (tmp_path / "www").mkdir()
    (tmp_path / "www" / "a.zip").write_bytes(data)
    with files_served(tmp_path / "www") as url:
        ended = pod.run({"source": f"zip+{url}/a.zip", "handler": "run"})
    assert ended.code == 1
    assert ended.words.startswith("InvalidSource: the archive of the source is not unpacked: it is not a zip")
    assert "Traceback" not in ended.errors


@contextmanager
def server(answer: Any) -> Iterator[tuple[int, list[str]]]:
    """The port of a server, and the credentials it got; `answer` gets each request."""
    seen: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.append(self.headers.get("Authorization", ""))
            answer(self)

        def log_message(self, *_: Any) -> None:
            pass

    one = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=one.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield one.server_address[1], seen
    finally:
        one.shutdown()
        one.server_close()


def not_there(request: Any) -> None:
    request.send_error(404)


@pytest.mark.parametrize("scheme", ["git+http", "zip+http", "http"])
def test_another_host_that_a_server_sends_on_to_gets_no_credentials(pod, scheme):
    with server(not_there) as (other, seen):

        def redirected(request: Any) -> None:
            request.send_response(302)
            request.send_header("Location", f"http://localhost:{other}{request.path}")
            request.end_headers()

        with server(redirected) as (port, asked):
            ended = pod.run(
                {"source": f"{scheme}://me:secret@127.0.0.1:{port}/code.git", "handler": "main:run"}
            )
    assert [one.partition(" ")[0] for one in asked[:1]] == ["Basic"]
    assert set(seen) <= {""}
    assert ended.words.startswith("InvalidSource: ")
    if scheme.startswith("git"):
        assert f"redirects to http://localhost:{other}, where the credentials are not sent" in ended.words
    assert "secret" not in "".join(ended[1:])


def test_a_file_that_breaks_off_is_not_taken_for_whole(pod):
    def half(request: Any) -> None:
        request.send_response(200)
        request.send_header("Content-Length", "100")
        request.end_headers()
        request.wfile.write(b"def run():\n    pass\n")
        request.wfile.flush()
        request.connection.shutdown(socket.SHUT_RDWR)

    with server(half) as (port, _):
        ended = pod.run({"source": f"http://127.0.0.1:{port}/main.py", "handler": "run"})
    assert ended.words == f"InvalidSource: http://127.0.0.1:{port}/main.py broke off after 20 of 100 bytes"


@pytest.mark.parametrize("what", ["source", "requirements"])
def test_a_stop_while_something_is_fetched_ends_it_at_once(pod, what):
    asked, over = threading.Event(), threading.Event()

    def silent(_: Any) -> None:
        asked.set()
        over.wait(30)

    with server(silent) as (port, _):
        address = f"http://127.0.0.1:{port}/"
        if what == "source":
            process = pod.start({"source": f"{address}main.py", "handler": "run"})
        else:
            variables = dict.fromkeys(("PIP_INDEX_URL", "UV_INDEX_URL"), address) | {
                "PIP_CONFIG_FILE": os.devnull
            }
            process = pod.start("def run():\n    pass\n", requirements=["tinywheel"], environment=variables)
        assert asked.wait(30)
        process.send_signal(signal.SIGTERM)
        ended = pod.ended(process)
        over.set()
    stage = "fetching the source" if what == "source" else "installing the requirements"
    assert (ended.code, ended.words) == (143, f"stopped while {stage}")
    assert "Traceback" not in ended.errors
