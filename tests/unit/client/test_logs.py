"""The log of a pod that is there: its end, from the beginning of a line, and whether that is all."""

from __future__ import annotations

from typing import Any

import pytest

from run_operator.client import log_reader
from tests.support.api_stub import Stub, pod, run
from tests.support.command_line import call_runctl

POD = {
    "metadata": {"name": "hello-x", "labels": {"run-operator.io/attempt": "2"}},
    "status": {"containerStatuses": [{"name": "main", "state": {"running": {}}}]},
}


class Answer:
    """A log as the kubelet sends it: the last `lines` of what was written."""

    def __init__(self, written: bytes, lines: int) -> None:
        self.data = b"".join(written.splitlines(keepends=True)[-lines:])

    def stream(self, size: int) -> Any:
        yield from (self.data[at : at + size] for at in range(0, len(self.data), size))

    def close(self) -> None:
        pass


class Node:
    """A cluster with one pod, which has written this."""

    namespace = "ml"

    def __init__(self, written: bytes) -> None:
        self.written = written

    def list(self, resource: Any, **_: Any) -> Any:
        yield {"items": [POD] if resource.kind == "Pod" else []}

    def send(self, method: str, path: str, **_: Any) -> Answer:
        assert method == "GET"
        return Answer(self.written, int(path.partition("tailLines=")[2]))


def read(written: bytes) -> log_reader.Log:
    cluster: Any = Node(written)
    (log,) = log_reader.read(cluster, "hello")
    return log


@pytest.mark.parametrize(
    "written",
    [
        b"",
        b"a",
        b"a\nb",
        b"a\n" * log_reader.TAIL,
        b"a\n" * (log_reader.TAIL - 1) + b"end",
        b"a" * log_reader.MAX_BYTES,
    ],
)
def test_a_log_within_the_bounds_is_all_there(written):
    log = read(written)
    assert (log.text.encode(), log.truncated, log.kept, log.attempt) == (written, False, False, 2)


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        (b"first\n" + b"a\n" * log_reader.TAIL, b"a\n" * log_reader.TAIL),
        (b"first\n" + b"a\n" * (log_reader.TAIL - 1) + b"end", b"a\n" * (log_reader.TAIL - 1) + b"end"),
        (b"first\n" + b"a" * (log_reader.MAX_BYTES - 2) + b"\n", b"a" * (log_reader.MAX_BYTES - 2) + b"\n"),
        (b"a" * (log_reader.MAX_BYTES + 1), b"a" * log_reader.MAX_BYTES),
    ],
)
def test_a_longer_one_says_that_its_beginning_is_missing(written, shown):
    log = read(written)
    assert log.truncated
    assert log.text.encode() == shown


@pytest.mark.parametrize("arguments", [[], ["-f"], ["-f", "--attempt", "1"]], ids=str)
@pytest.mark.parametrize("what", ["lines", "bytes"])
def test_a_beginning_that_is_not_shown_is_noted_once(tmp_path, capsys, arguments, what):
    stub = Stub(objects={"runs": [run("COMPLETED")], "pods": [pod(state="terminated")]})
    line = b"a\n" if what == "lines" else b"a" * 999 + b"\n"
    stub.logs["x-1"] = lambda _: iter([line * (log_reader.TAIL + 1 if what == "lines" else 3000)])
    path = stub.kubeconfig(tmp_path, token="t")
    try:
        done = call_runctl("logs", "x", *arguments, "--kubeconfig", path, folder=tmp_path)
    finally:
        stub.stop()
    noted = done.text.stderr + capsys.readouterr().err
    assert noted.count("only the end is shown (kubectl logs has all)") == 1
