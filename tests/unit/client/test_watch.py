"""How often the client asks: of a quiet Run once, whatever the server has forgotten, ends, refuses, or how it restarts."""

from __future__ import annotations

import contextlib
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from run_operator.client import log_follow, wait, watch
from run_operator.client.cli import main
from run_operator.client.errors import (
    EntityNotExistsError,
    RunDeletedError,
    UnavailableError,
    WaitTimeoutError,
)
from run_operator.client.watch import Deadline, ResourceWatch, RunWatch
from run_operator.kube.resource import RUNS
from tests.support.api_stub import CutError, Request, Stub, run
from tests.support.clients import in_thread
from tests.support.command_line import call_runctl
from tests.support.harness import wait_for


@pytest.fixture
def stub() -> Iterator[Stub]:
    one = Stub()
    yield one
    one.stop()


def watches(stub: Stub, plural: str = "runs") -> int:
    return sum(one.watches and one.path.endswith(plural) for one in stub.requests)


def rounds(stub: Stub, folder: Path, count: int) -> list[float]:
    """Follow the Run; the pauses between so many rounds."""
    pauses: list[float] = []
    with stub.cluster(folder) as cluster:
        for change in ResourceWatch(cluster, RUNS, fields="metadata.name=x", sleep=pauses.append):
            if change.kind == watch.ROUND and len(pauses) == count:
                break
    return pauses


@contextlib.contextmanager
def waiting(stub: Stub, folder: Path, count: int = 1) -> Iterator[list[Any]]:
    """`wait` for the Run x, from the watch with this number on; then the list has what it returned or raised."""
    with stub.cluster(folder) as cluster:
        thread, came = in_thread(lambda: wait.wait(cluster, "x"))
        wait_for("the watch", lambda: watches(stub) == count)
        yield came
        thread.join(30)


def test_a_run_that_nobody_changed_for_a_long_time_is_watched_by_one_request(stub: Stub, tmp_path: Path):
    with waiting(stub, tmp_path) as came:
        stub.end()
    assert came[0]["status"]["state"] == "COMPLETED"
    assert [one.watches for one in stub.requests] == [False, True]


def answers(status: int) -> Callable[[Stub], None]:
    def prepare(stub: Stub) -> None:
        stub.faults.extend([lambda _: status] * 20)

    return prepare


def ends(stub: Stub) -> None:
    stub.ends_watches = True


def cuts(stub: Stub) -> None:
    def cut(_: Request) -> int | None:
        raise CutError

    stub.faults.extend([cut] * 20)


def forgets(stub: Stub) -> None:
    stub.kept = lambda *_: None


@pytest.mark.parametrize(
    "prepare", [forgets, ends, cuts, answers(410), answers(429), answers(500), answers(503)],
    ids=["ERROR", "ends", "cut", "410", "429", "500", "503"],
)  # fmt: skip
def test_every_round_has_a_pause_that_grows(stub: Stub, tmp_path: Path, prepare: Callable[[Stub], None]):
    prepare(stub)
    pauses = rounds(stub, tmp_path, 9)
    assert min(pauses) > 0
    assert sum(pauses) > 3.0
    assert max(pauses) <= watch.LONGEST_ANSWERED_PAUSE
    assert watches(stub) <= 10


def test_a_stream_that_was_ended_goes_on_where_it_was(stub: Stub, tmp_path: Path):
    """Without a list, and without telling anything twice."""
    stub.ends_watches = True
    rounds(stub, tmp_path, 3)
    assert [one.watches for one in stub.requests] == [False, True, True, True, True]
    assert {one.query["resourceVersion"] for one in stub.requests if one.watches} == {"5000"}


def test_a_server_that_was_away_is_asked_for_a_list_at_once():
    """A cut alone is no reason for one."""
    asked: list[str] = []

    def watch_(_: Any, version: str, **__: Any) -> Iterator[dict[str, Any]]:
        asked.append(f"watch {version}")
        raise UnavailableError("cut")
        yield {}

    def list_(*_: Any, **__: Any) -> Iterator[dict[str, Any]]:
        asked.append("list")
        yield {"metadata": {"resourceVersion": str(len(asked))}, "items": []}

    cluster: Any = SimpleNamespace(watch=watch_, list=list_)
    for change in ResourceWatch(cluster, RUNS, sleep=lambda _: None):
        if change.kind == watch.ROUND and len(asked) >= 5:
            break
    assert asked == ["list", "watch 1", "watch 1", "list", "watch 4"]


def test_a_server_that_asks_for_time_gets_it(stub: Stub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def fails(*_: Any, **__: Any) -> Any:
        raise UnavailableError("busy", status=429, retry_after=17.0)

    pauses: list[float] = []
    with stub.cluster(tmp_path) as cluster:
        monkeypatch.setattr(cluster, "watch", fails)
        for change in ResourceWatch(cluster, RUNS, sleep=pauses.append):
            if change.kind == watch.ROUND and pauses:
                break
    assert pauses == [17.0]


@pytest.mark.parametrize("status", [401, 403])
def test_who_was_allowed_before_is_not_turned_away_by_a_server_that_starts(
    stub: Stub, tmp_path: Path, status: int
):
    stub.faults.extend([lambda _: status] * 2)
    with waiting(stub, tmp_path, 3) as came:
        stub.end()
    assert came[0]["status"]["state"] == "COMPLETED"


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (lambda stub: stub.change("runs", run(), "DELETED"), RunDeletedError),
        (lambda stub: stub.change("runs", run(uid="another")), RunDeletedError),
    ],
)
def test_a_run_that_is_deleted_or_another_one_ends_the_wait(stub, tmp_path, change, error):
    with waiting(stub, tmp_path) as came:
        change(stub)
    assert isinstance(came[0], error)


def test_a_run_that_is_not_there_and_one_that_takes_too_long(stub: Stub, tmp_path: Path):
    with stub.cluster(tmp_path) as cluster:
        with pytest.raises(EntityNotExistsError, match="there is no run y in the namespace ml"):
            next(iter(RunWatch(cluster, "y", Deadline(None))))
        with pytest.raises(WaitTimeoutError, match="run x is RUNNING after 0 s"):
            list(RunWatch(cluster, "x", Deadline(0.0)))


def test_the_lines_of_a_quiet_run_cost_no_more_than_its_watches(stub: Stub, tmp_path: Path):
    """No looking for pods every second: they are watched, and each log is one stream."""
    opened = threading.Event()

    def log(query: dict[str, str]) -> Iterator[bytes]:
        yield b"2026-01-01T00:00:02Z hello\n"
        opened.set()
        with stub.lock:
            stub.lock.wait_for(lambda: stub.objects["runs"][0]["status"]["state"] != "RUNNING", timeout=60)

    stub.logs["x-1"] = log
    lines: list[str] = []
    with stub.cluster(tmp_path) as cluster:
        follower = log_follow.LogFollower(cluster, "x", lambda line: lines.append(line.text), print, print)
        follower.look()
        wait_for("the line", lambda: lines == ["hello"])
        for _ in range(20):  # each metric that is logged changes the Run
            follower.look()
        wait_for("the watch of pods", lambda: watches(stub, "pods") == 1)
        assert len(stub.requests) == 3
        follower.close()
        stub.end()


def test_runs_that_are_waited_for_together_share_the_time_that_was_asked_for(stub: Stub, tmp_path: Path):
    path = stub.kubeconfig(tmp_path, token="t")
    done = call_runctl("wait", "x", "x", "-q", "--timeout", "1s", "--kubeconfig", path, folder=tmp_path).text
    said = "runctl: run x is RUNNING after 1 s; the Run continues; wait again"
    assert (done.returncode, done.stderr.splitlines()) == (4, [said, said])


VERBS = {
    "list": (["list"], 1),
    "get": (["get", "x"], 1),
    "apply": (["apply", "runs-y.yaml"], 1),
    "invoke": (["invoke", "x"], 1),
    "version": (["version"], 2),
    "runtimes": (["runtimes"], 2),
    "explain-runtime": (["explain-runtime", "a+b"], 2),
    "logs": (["logs", "x"], 4),
    "stop": (["stop", "x"], 3),
    "resume": (["resume", "x"], 2),
    "delete": (["delete", "x"], 2),
    "top": (["top"], 2),
    "compare": (["compare", "x", "x"], 2),
    "rerun": (["rerun", "x", "--dry-run"], 1),
    "describe": (["describe", "x"], 3),
    "why": (["why", "x"], 8),
    "metrics": (["metrics", "x"], 2),
    "export": (["export", "x", "-d", "."], 1),
    "wait -q": (["wait", "-q", "x", "--timeout", "500ms"], 3),
    "wait": (["wait", "x", "--timeout", "500ms"], 6),
}


ASK_NOBODY = {"manifest", "completion"}
ELSEWHERE = {"ui", "run"}
"""The page's streams are counted in tests/unit/web; `run` is an apply and a wait."""


def test_every_verb_is_counted():
    assert {arguments[0] for arguments, _ in VERBS.values()} | ASK_NOBODY | ELSEWHERE == set(main.VERBS)


@pytest.mark.parametrize("user", ["token", "plugin"])
@pytest.mark.parametrize(("arguments", "most"), VERBS.values(), ids=VERBS)
def test_each_verb_asks_a_few_times_and_logs_in_once(
    stub: Stub, tmp_path: Path, arguments: list[str], most: int, user: str
):
    """Also by a plugin whose token has two minutes to live."""
    calls = tmp_path / "calls"
    if arguments[0] == "logs":
        stub.logs["x-1"] = lambda _: iter([b"hello\n"])
    plugin = {
        "apiVersion": "client.authentication.k8s.io/v1", "interactiveMode": "Never", "command": sys.executable,
        "args": ["-c", PLUGIN, str(calls)],
    }  # fmt: skip
    (tmp_path / "runs-y.yaml").write_text("{kind: container+job:run, project: p, id: y, spec: {image: i}}")
    path = stub.kubeconfig(tmp_path, **({"token": "t"} if user == "token" else {"exec": plugin}))
    call_runctl(
        *arguments, "--kubeconfig", path, folder=tmp_path, variables={"KUBECONFIG": "", "NO_COLOR": "1"}
    )
    assert 0 < len(stub.requests) <= most
    assert {
        value for one in stub.requests for name, value in one.headers if name.lower() == "authorization"
    } == {"Bearer t"}
    assert user == "token" or calls.read_text() == "x"


PLUGIN = """
import datetime, json, sys
open(sys.argv[1], "a").write("x")
end = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(minutes=2)
print(json.dumps({"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential",
    "status": {"token": "t", "expirationTimestamp": end.strftime("%Y-%m-%dT%H:%M:%SZ")}}))
"""
