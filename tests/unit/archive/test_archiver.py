"""What becomes of logs, on a store that is told things and an API server that can be made to misbehave."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from typing import Any, Self

import pytest
from prometheus_client import CollectorRegistry

from run_operator.archive.archiver import Archiver
from run_operator.archive.counters import Counters
from run_operator.archive.keeper import Keeper
from run_operator.archive.limits import Limits
from run_operator.archive.nodes import FAKE
from run_operator.archive.shelf import Shelf
from run_operator.archive.source import Source
from run_operator.engine.store import Store
from run_operator.kube.errors import AlreadyExistsError, ForbiddenError, NotFoundError, TransientError
from run_operator.resources import runlog
from run_operator.resources.run import Run
from run_operator.workloads.views import JobView, PodView

LABELS = {"run-operator.io/run-uid": "r", "run-operator.io/attempt": "1"}
RUNNING: dict[str, Any] = {"running": {"startedAt": "2026-01-01T00:00:00Z"}}
OVER: dict[str, Any] = {"terminated": {"exitCode": 143, "finishedAt": "2026-01-01T00:00:09Z"}}
QUICK = {"first_pause": 0.01, "last_pause": 0.05, "settle": 5.0, "linger": 0.05}


class Log:
    """What a kubelet has of one container: pieces that are there, and pieces to come."""

    def __init__(self, *pieces: bytes, open_: bool = False) -> None:
        self.pieces: asyncio.Queue[bytes | Exception | None] = asyncio.Queue()
        for piece in pieces:
            self.pieces.put_nowait(piece)
        if not open_:
            self.pieces.put_nowait(None)


class FakeApi:
    def __init__(self) -> None:
        self.logs: dict[str, Log] = {}
        self.stored: dict[str, dict[str, Any]] = {}
        self.asked: list[str] = []
        self.deleted: list[str] = []
        self.faults: list[Exception] = []
        self.refusals: list[Exception] = []
        self.everything: Exception | None = None

    async def stream(self, resource, path, query, *, deadline) -> AsyncIterator[bytes]:
        pod = path.split("/")[-2]
        self.asked.append(f"{'follow' if 'follow' in query else 'read'} {pod}.{query['container']}")
        await asyncio.sleep(0)
        if self.everything is not None:
            raise self.everything
        if self.faults:
            raise self.faults.pop(0)
        log = self.logs.get(f"{pod}.{query['container']}")
        if log is None:
            raise NotFoundError("get", 404, "no such pod")
        while (piece := await log.pieces.get()) is not None:
            if isinstance(piece, Exception):
                raise piece
            yield piece

    async def create(self, resource, namespace, body, *, accept="") -> dict[str, Any]:
        if self.refusals:
            raise self.refusals.pop(0)
        name = body["metadata"]["name"]
        if name in self.stored:
            raise AlreadyExistsError("create", 409, "there", "AlreadyExists")
        body["metadata"] |= {
            "uid": f"uid-{name}",
            "namespace": namespace,
            "creationTimestamp": f"{len(self.stored):09}",
        }
        self.stored[name] = body
        return {"metadata": body["metadata"]}

    async def delete(self, resource, namespace, name, uid) -> None:
        assert self.stored.pop(name)["metadata"]["uid"] == uid
        self.deleted.append(name)

    async def list_metadata(self, resource, *, namespace=None, selector="") -> AsyncIterator[dict[str, Any]]:
        for body in list(self.stored.values()):
            yield body["metadata"]


class World:
    def __init__(self, **limits: Any) -> None:
        self.api = FakeApi()
        self.store = Store(lambda *_: None)
        self.registry = CollectorRegistry()
        self.said: list[str] = []
        self.dropped: list[str] = []
        self.begin = asyncio.Event()
        self.limits = Limits(**(QUICK | limits))
        counters = Counters(self.registry)
        api: Any = self.api
        shelf = Shelf(api, (None,), self.limits, counters, lambda uid, share: self.dropped.append(share))
        keeper = Keeper(
            api, shelf, self.store, self.limits, counters,
            lambda run, reason, message: self.said.append(f"{reason} {message}"), time.time,
        )  # fmt: skip
        self.archiver = Archiver(
            Source(api, self.limits), keeper, self.store, self.limits, counters, time.monotonic
        )
        self.store.listener = self.archiver
        self.version = 1
        self.run()

    async def __aenter__(self) -> Self:
        self.working = asyncio.create_task(self.archiver.work(self.begin))
        return self

    async def __aexit__(self, *_: object) -> None:
        self.working.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self.working

    async def start(self) -> None:
        self.begin.set()
        await self.until(lambda: self.archiver._begun)

    def metadata(self, name: str, **more: Any) -> dict[str, Any]:
        self.version += 1
        return {
            "namespace": "ml", "name": name, "uid": f"uid-{name}", "resourceVersion": str(self.version), "labels": LABELS
        } | more  # fmt: skip

    def run(self, **more: Any) -> None:
        spec = {"kind": "container+job:run", "project": "p", "id": "x", "spec": {}}
        self.store.put_run(
            Run.from_object({"metadata": self.metadata("x", uid="r", **more), "spec": spec, "status": {}})
        )

    def job(self, *, suspend: bool) -> None:
        self.store.put_child(
            JobView.from_object({"metadata": self.metadata("x"), "spec": {"suspend": suspend}})
        )

    def pod(self, name: str = "p", phase: str = "Running", *, going: bool = False, **states: Any) -> None:
        told = [
            {"name": container, "state": state} for container, state in (states or {"main": RUNNING}).items()
        ]
        more = {"deletionTimestamp": "2026-01-01T00:00:30Z"} if going else {}
        raw = {
            "metadata": self.metadata(name, **more), "spec": {"nodeName": "node"},
            "status": {"phase": phase, "containerStatuses": told},
        }  # fmt: skip
        self.store.put_child(PodView.from_object(raw))

    def gone(self, name: str = "p") -> None:
        self.store.drop_child(f"uid-{name}")

    def count(self, name: str, **labels: str) -> float:
        return self.registry.get_sample_value(f"run_operator_logs_{name}", labels) or 0.0

    async def until(self, true: Callable[[], Any]) -> None:
        async with asyncio.timeout(5):
            while not true():  # noqa: ASYNC110 - of a cluster that tells nobody
                await asyncio.sleep(0.002)

    async def kept(self, *names: str) -> list[runlog.RunLog]:
        await self.until(lambda: set(names) <= set(self.api.stored))
        await self.until(lambda: self.count("kept_total") >= len(names))
        return [runlog.from_object(self.api.stored[name]) for name in names]


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with World() as one:
        await one.start()
        yield one


async def test_what_a_program_writes_in_its_grace_period_is_kept(world):
    log = world.api.logs["p.main"] = Log(b"step 1\n", open_=True)
    world.pod()
    assert world.api.asked == []
    world.job(suspend=True)  # the first sign, before any pod is asked to go
    await world.until(lambda: world.api.asked == ["follow p.main"])
    world.pod(going=True)
    log.pieces.put_nowait(b"last words\n")
    log.pieces.put_nowait(None)
    world.pod(phase="Failed", going=True, main=OVER)
    world.gone()
    (kept,) = await world.kept("p.main")
    assert (kept.text, kept.exit_code, kept.attempt) == ("step 1\nlast words\n", 143, 1)
    assert (kept.lines, kept.bytes, kept.truncated, kept.node) == (2, 18, False, "node")
    assert world.api.asked == ["follow p.main"]
    owner = world.api.stored["p.main"]["metadata"]["ownerReferences"][0]
    assert (owner["kind"], owner["uid"]) == ("Run", "r")


async def test_a_program_that_has_ended_is_read_once(world):
    world.api.logs |= {"p.main": Log(b"hello\n"), "p.side": Log(b"")}
    for _ in range(3):
        world.pod(phase="Succeeded", main=OVER, side=OVER)
    await world.kept("p.main")
    await world.until(lambda: len(world.api.asked) == 2)
    world.pod(phase="Succeeded", going=True, main=OVER, side=OVER)
    world.gone()
    assert sorted(world.api.asked) == ["read p.main", "read p.side"]
    assert list(world.api.stored) == ["p.main"]  # nothing was written by the other
    assert world.said == []


async def test_an_operator_that_starts_reads_what_ended_meanwhile_and_nothing_twice():
    async with World() as first:
        first.api.logs["old.main"] = Log(b"old\n")
        await first.start()
        first.pod("old", "Succeeded", main=OVER)
        await first.kept("old.main")
    async with World() as second:
        second.api.stored = first.api.stored
        second.api.logs["p.main"] = Log(b"meanwhile\n")
        second.pod("old", "Succeeded", main=OVER)
        second.pod("p", "Failed", main=OVER)
        await asyncio.sleep(0)
        assert second.api.asked == []  # the store may not be complete yet
        await second.start()
        await second.kept("p.main")
        assert second.api.asked == ["read p.main"]


async def test_a_stream_that_is_cut_is_read_again_when_the_container_has_ended(world):
    log = world.api.logs["p.main"] = Log(b"half", open_=True)
    world.pod(going=True)
    await world.until(lambda: world.api.asked == ["follow p.main"])
    world.api.logs["p.main"] = Log(b"half and the rest\n")
    log.pieces.put_nowait(TransientError("get", 0, "connection reset"))
    await world.until(lambda: world.count("followed") == 0)
    world.pod(phase="Failed", going=True, main=OVER)
    (kept,) = await world.kept("p.main")
    assert kept.text == "half and the rest\n"


async def test_a_pod_that_is_gone_ends_the_following_with_what_there_is(world):
    world.api.logs["p.main"] = Log(b"all there is", open_=True)
    world.pod(going=True)
    await world.until(lambda: world.count("followed") == 1)
    await world.until(world.api.logs["p.main"].pieces.empty)
    world.gone()
    (kept,) = await world.kept("p.main")
    assert (kept.text, kept.exit_code) == ("all there is", None)


async def test_more_than_can_be_followed_is_read_afterwards():
    async with World(tail=33_000_000, reads=2) as world:
        assert world.limits.follows == 1
        await world.start()
        for name in ("a", "b"):
            world.api.logs[f"{name}.main"] = Log(name.encode(), open_=True)
            world.pod(name, going=True)
        await world.until(lambda: world.api.asked == ["follow a.main"])
        world.pod("b", "Failed", going=True, main=OVER)
        world.api.logs["b.main"].pieces.put_nowait(None)
        await world.kept("b.main")
        assert world.api.asked == ["follow a.main", "read b.main"]


async def test_a_node_that_does_not_answer_is_given_up_after_a_few_requests_and_told_once(world):
    world.api.everything = TransientError("get", 500, "dial tcp: i/o timeout")
    for number in range(50):
        world.pod(f"p{number}", "Failed", main=OVER)
    await world.until(lambda: world.count("lost_total", reason="unreachable") == 50)
    assert len(world.api.asked) < 40
    assert len(world.said) == 1
    assert "LogsNotKept" in world.said[0]
    assert "node node does not serve it: dial tcp: i/o timeout" in world.said[0]


async def test_a_fake_node_costs_one_request_and_no_event(world):
    world.api.everything = TransientError("get", 500, f"{FAKE}; known addresses: []")
    world.pod("first", "Failed", main=OVER)
    await world.until(lambda: world.count("lost_total", reason="addressless") == 1)
    for number in range(20):
        world.pod(f"p{number}", "Failed", main=OVER)
        world.pod(f"q{number}")
    world.job(suspend=True)
    for number in range(20):
        world.gone(f"q{number}")
    await world.until(lambda: world.count("lost_total", reason="addressless") == 41)
    assert (world.api.asked, world.said) == (["read first.main"], [])


async def test_a_pod_that_is_gone_before_anybody_asked_is_told(world):
    world.pod()
    world.gone()
    assert world.count("lost_total", reason="gone") == 1
    assert "the pod was gone before its log could be read" in world.said[0]


async def test_a_refusal_is_told_and_not_repeated(world):
    world.api.everything = ForbiddenError("get", 403, "pods/log is forbidden")
    world.pod(going=True)
    world.pod(phase="Failed", going=True, main=OVER)
    await world.until(lambda: world.count("lost_total", reason="refused") == 1)
    assert len(world.api.asked) <= world.limits.tries + 1
    assert "pods/log is forbidden" in world.said[0]


async def test_a_write_that_fails_is_tried_again_and_a_quota_is_told(world, monkeypatch):
    monkeypatch.setattr("run_operator.archive.keeper.PAUSES", (0.0, 0.0))
    world.api.logs |= {"p.main": Log(b"a"), "q.main": Log(b"b")}
    world.api.refusals = [TransientError("create", 503, "later"), TransientError("create", 0, "no answer")]
    world.pod("p", "Failed", main=OVER)
    await world.kept("p.main")
    world.api.refusals = [ForbiddenError("create", 403, "exceeded quota")]
    world.pod("q", "Failed", main=OVER)
    await world.until(lambda: world.count("lost_total", reason="refused") == 1)
    assert "exceeded quota" in world.said[0]
    assert world.count("stored_bytes") == len(runlog.packed(b"a"))


async def test_of_a_run_that_is_being_deleted_nothing_is_kept(world):
    world.run(deletionTimestamp="2026-01-01T00:00:00Z")
    world.pod("p", "Failed", main=OVER)
    world.pod("q", "Failed", main=OVER)
    world.gone("q")
    assert (world.api.asked, world.said, world.count("lost_total", reason="gone")) == ([], [], 0)


def noise(size: int, seed: int) -> bytes:
    import random  # noqa: PLC0415

    return random.Random(seed).randbytes(size)


@pytest.mark.parametrize(
    ("limits", "share"),
    [
        ({"of_run": 1000}, "run"),
        ({"objects": 2}, "run"),
        ({"of_namespace": 1000}, "namespace"),
        ({"of_cluster": 1000}, "cluster"),
    ],
)
async def test_the_oldest_goes_where_a_share_is_used_up(limits, share):
    async with World(**limits) as world:
        await world.start()
        for number in range(3):
            world.api.logs[f"p{number}.main"] = Log(noise(400, number))
            world.pod(f"p{number}", "Failed", main=OVER)
            await world.until(lambda n=number: world.count("kept_total") == n + 1)
        assert world.api.deleted[0] == "p0.main"
        assert "p2.main" in world.api.stored
        assert set(world.dropped) == {share}
        assert world.count("dropped_total", share=share) == len(world.api.deleted)
        stored = sum(
            int(b["metadata"]["annotations"]["run-operator.io/log-size"]) for b in world.api.stored.values()
        )
        assert world.count("stored_bytes") == stored


async def test_what_others_deleted_does_not_count():
    async with World(of_namespace=1000) as world:
        await world.start()
        for number in range(3):
            world.api.logs[f"p{number}.main"] = Log(noise(400, number))
            world.pod(f"p{number}", "Failed", main=OVER)
            await world.until(lambda n=number: world.count("kept_total") == n + 1)
            world.api.stored.pop("p0.main", None)
        assert world.api.deleted == []


async def test_a_run_that_is_gone_leaves_room(world):
    world.api.logs["p.main"] = Log(b"x")
    world.pod("p", "Failed", main=OVER)
    await world.kept("p.main")
    assert world.count("stored_bytes") > 0
    world.store.drop_run(next(world.store.runs()).key, "r")
    assert world.count("stored_bytes") == 0


async def test_what_does_not_compress_is_cut_to_what_an_object_holds():
    async with World(tail=2_000_000) as world:
        await world.start()
        world.api.logs["p.main"] = Log(noise(1_500_000, 1))
        world.pod("p", "Failed", main=OVER)
        (kept,) = await world.kept("p.main")
        assert kept.truncated
        assert kept.bytes == 1_500_000
        assert len(kept.data) > 600_000
        assert len(world.api.stored["p.main"]["data"]) <= 1_048_576
