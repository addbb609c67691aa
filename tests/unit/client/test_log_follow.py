"""Followed logs: nothing is lost, nothing comes twice, nothing falls silent; what is cut or skipped is noted once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from run_operator.client import log_follow, log_lines, log_reader
from run_operator.client.log_follow import LogFollower
from tests.support.api_stub import CutError, StatusError, Stub, pod
from tests.support.harness import wait_for


@pytest.fixture
def stub() -> Iterator[Stub]:
    one = Stub()
    yield one
    one.stop()


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_follow, "PAUSE", 0.01)
    monkeypatch.setattr(log_follow, "LONGEST_PAUSE", 0.05)


class Listener:
    """Somebody who follows."""

    def __init__(self, cluster: Any) -> None:
        self.lines: list[str] = []
        self.notes: list[str] = []
        self.denials: list[Any] = []
        self.follower = LogFollower(
            cluster, "x", lambda line: self.lines.append(line.text), self.denials.append, self.notes.append
        )
        self.follower.look()


@pytest.fixture
def listener(stub: Stub, tmp_path: Path) -> Iterator[Any]:
    made = []
    with stub.cluster(tmp_path) as cluster:

        def listen() -> Listener:
            made.append(Listener(cluster))
            return made[0]

        yield listen
        for one in made:
            one.follower.close()


def stamped(second: int, text: str, fraction: str = "") -> bytes:
    return f"2026-01-01T00:00:{second:02}{fraction}Z {text}\n".encode()


def hold(stub: Stub) -> None:
    """The program goes on, and writes nothing."""
    epoch = stub.epoch
    with stub.lock:
        stub.lock.wait_for(lambda: stub.epoch != epoch, timeout=60)


class Kubelet:
    """A log that is written once, and read as often as somebody asks, with a fault for each of the first times."""

    def __init__(self, stub: Stub, lines: list[bytes], *faults: Any) -> None:
        self.stub, self.lines, self.faults = stub, lines, list(faults)
        self.asked: list[dict[str, str]] = []
        stub.logs["x-1"] = self

    def __call__(self, query: dict[str, str]) -> Iterator[bytes]:
        self.asked.append(query)
        fault = self.faults.pop(0) if self.faults else None
        if isinstance(fault, int):
            raise StatusError(fault)
        return self._pieces(query, fault)

    def _pieces(self, query: dict[str, str], fault: Any) -> Iterator[bytes]:
        since = query.get("sinceTime", "")[:19]
        newest = self.lines[-int(query.get("tailLines", 0)) :]
        data = b"".join(line for line in newest if line[:19].decode() >= since)
        if fault:
            if fault[0]:
                yield data[: fault[0]]
            raise CutError
        yield data
        hold(self.stub)


POD = "/api/v1/namespaces/ml/pods/x-1"
LINES = [stamped(second, f"line {second} {part}", f".{part}") for second in range(3) for part in (1, 11, 111)]
TEXTS = [line.decode().partition(" ")[2].rstrip("\n") for line in LINES]


def test_all_that_was_written_before_is_shown(stub: Stub, listener: Any):
    Kubelet(stub, [stamped(1, f"line {number}") for number in range(5000)])
    heard = listener()
    wait_for("the lines", lambda: len(heard.lines) == 5000)
    assert heard.lines == [f"line {number}" for number in range(5000)]


@pytest.mark.parametrize("at", [0, 10, len(LINES[0]), len(LINES[0]) + 5, 100, 170, 200])
def test_a_stream_that_is_cut_goes_on_after_the_last_whole_line(stub: Stub, listener: Any, at: int):
    Kubelet(stub, LINES, (at, CutError), (at, CutError))
    heard = listener()
    wait_for("the lines", lambda: len(heard.lines) >= len(TEXTS))
    assert heard.lines == TEXTS


def test_lines_of_one_moment_come_once_each(stub: Stub, listener: Any):
    same = [stamped(1, str(number), ".5") for number in range(6)]
    Kubelet(stub, same, (len(same[0]) * 3, CutError))
    heard = listener()
    wait_for("the lines", lambda: len(heard.lines) >= 6)
    assert heard.lines == list("012345")


def test_a_node_whose_clock_changes_its_zone_loses_no_line(stub: Stub, listener: Any):
    lines = [b"2026-10-25T02:59:59.5+02:00 summer\n", b"2026-10-25T02:00:00.1+01:00 winter\n"]
    kubelet = Kubelet(stub, lines, (len(lines[0]), CutError))
    kubelet.lines = lines
    stub.logs["x-1"] = lambda query: kubelet(query | {"sinceTime": ""})
    heard = listener()
    wait_for("the lines", lambda: len(heard.lines) >= 2)
    assert heard.lines == ["summer", "winter"]


@pytest.mark.parametrize("status", [401, 429, 503])
def test_a_kubelet_or_api_server_that_restarts_is_waited_for_and_noted_once(
    stub: Stub, listener: Any, status: int
):
    Kubelet(stub, LINES, (30, CutError), *[status] * 7)
    heard = listener()
    wait_for("the lines", lambda: len(heard.lines) >= len(TEXTS))
    assert heard.lines == TEXTS
    assert [note.partition(";")[0] for note in heard.notes] == ["the log of x-1 main cannot be read now"]


def test_an_api_server_that_is_gone_for_a_while(stub: Stub, listener: Any):
    kubelet = Kubelet(stub, LINES[:4])
    heard = listener()
    wait_for("the first lines", lambda: len(heard.lines) == 4)
    stub.stop()
    kubelet.lines = LINES
    stub.start()
    wait_for("the lines", lambda: len(heard.lines) >= len(TEXTS))
    assert heard.lines == TEXTS


def test_who_may_not_read_logs_hears_so(stub: Stub, listener: Any):
    Kubelet(stub, LINES, *[403] * 9)
    heard = listener()
    wait_for("the word", lambda: bool(heard.denials))
    assert heard.lines == []


@pytest.mark.parametrize("between", ["running", "waiting"])
def test_a_container_that_begins_again_is_followed_again(stub: Stub, listener: Any, between: str):
    """Twice; seen while it waits for its next life, or only when that has begun."""
    after: dict[str, Any] = {"lastState": {"terminated": {}}}

    def lives() -> int:
        return int(stub.objects["pods"][0]["status"]["containerStatuses"][0]["restartCount"])

    def log(query: dict[str, str]) -> Iterator[bytes]:
        number = lives()
        if query.get("sinceTime") != f"2026-01-01T00:00:{10 + number}Z":
            yield stamped(10 + number, f"life {number}")
        if number == 2:
            hold(stub)
        if between == "waiting":
            stub.change("pods", pod(restarts=number, state="waiting", **after))
        else:
            stub.change("pods", pod(restarts=number + 1, **after))

    stub.logs["x-1"] = log
    heard = listener()
    for number in range(2 if between == "waiting" else 0):
        wait_for("a life", lambda number=number: len(heard.lines) > number)
        wait_for("the look at the pod", lambda number=number: stub.count(path=POD) > number)
        stub.change("pods", pod(restarts=number + 1, **after))
    wait_for("three lives", lambda: len(heard.lines) >= 3)
    assert heard.lines == ["life 0", "life 1", "life 2"]
    assert heard.notes == []


def test_lives_that_nobody_could_listen_to_are_noted(stub: Stub, listener: Any):
    def log(query: dict[str, str]) -> Iterator[bytes]:
        restarts = stub.objects["pods"][0]["status"]["containerStatuses"][0]["restartCount"]
        if query.get("previous"):
            yield stamped(8, "life 3")
        elif restarts == 0:
            yield stamped(1, "life 0")
            stub.change("pods", pod(restarts=4, lastState={"terminated": {}}))
        else:
            yield stamped(9, "life 4")
            hold(stub)

    stub.logs["x-1"] = log
    heard = listener()
    wait_for("the lines", lambda: len(heard.lines) >= 3)
    assert heard.lines == ["life 0", "life 3", "life 4"]
    assert len(heard.notes) == 1
    assert "was started 3 times while its log could not be read" in heard.notes[0]


@pytest.mark.parametrize("length", [log_reader.MAX_BYTES + 1, 9_000_000])
def test_a_line_that_is_too_long_is_cut_and_the_next_ones_come(stub: Stub, listener: Any, length: int):
    Kubelet(stub, [stamped(1, "first"), stamped(2, "x" * length), stamped(3, "after"), stamped(4, "tick")])
    heard = listener()
    wait_for("the lines", lambda: len(heard.lines) >= 4)
    assert [line[:5] for line in heard.lines] == ["first", "xxxxx", "after", "tick"]
    assert heard.notes == ["the log of x-1 main: a line is too long; only its beginning is shown"]


ODD = [
    "a\rb",
    "a\x0bb",
    "a\x0cb",
    "a\x1cb",
    "a\x85b",
    "a\u2028b",
    "a\u2029b",
    " ",
    "a  b ",
    "größe",
    "2026 x",
]


def test_a_line_ends_at_a_line_feed_and_nowhere_else(stub: Stub, listener: Any):
    Kubelet(stub, [stamped(second, text) for second, text in enumerate(ODD)])
    heard = listener()
    wait_for("the lines", lambda: len(heard.lines) >= len(ODD))
    kept = log_reader.Log("".join(f"{text}\n" for text in ODD), "x-1", "main", 1)
    assert heard.lines == ODD == [line.text for line in log_reader.lines_of([kept])]


@pytest.mark.parametrize(
    ("text", "lines"), [("", []), ("\n", [""]), ("a", ["a"]), ("a\n\nb", ["a", "", "b"])]
)
def test_the_lines_of_a_log_that_is_kept(text: str, lines: list[str]):
    assert log_reader.split(text) == lines


def test_what_the_kubelet_says_itself_is_shown_whole(stub: Stub, listener: Any):
    Kubelet(stub, [stamped(1, "a"), b"unable to retrieve container logs for containerd://1\n"])
    heard = listener()
    wait_for("the lines", lambda: len(heard.lines) >= 2)
    assert heard.lines[1] == "unable to retrieve container logs for containerd://1"


def test_more_containers_than_are_followed_are_noted_once(stub: Stub, listener: Any, monkeypatch):
    monkeypatch.setattr(log_follow, "MAX_STREAMS", 2)
    stub.objects["pods"] = [pod(f"x-{number}") for number in range(4)]
    heard = listener()
    wait_for("the word", lambda: bool(heard.notes))
    assert heard.notes == ["only 2 containers are followed at the same time, and this Run has more"]


@pytest.mark.parametrize(
    ("stamp", "nanoseconds"),
    [
        ("1970-01-01T00:00:01Z", 1_000_000_000),
        ("1970-01-01T00:00:00.5Z", 500_000_000),
        ("1970-01-01T01:00:00.000000001+01:00", 1),
        ("1970-01-01", None),
        ("1970-13-01T00:00:01Z", None),
    ],
)
def test_times_are_numbers(stamp: str, nanoseconds: int | None):
    assert log_lines.moment(stamp) == nanoseconds
