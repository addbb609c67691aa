"""The workers outlive the watch streams, and end before them."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import threading
import urllib.parse
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from kopf._cogs.aiokits import aiotasks

from run_operator.engine import kopf_streams, resync, streams
from run_operator.engine.operator import Operator
from run_operator.engine.watched_kinds import WATCHED
from run_operator.flags import BindAddress
from run_operator.kube import client, reflector
from run_operator.kube.reflector import RewoundError
from run_operator.kube.resource import Resource
from run_operator.settings import Settings
from tests.support.kubeconfig_file import write_kubeconfig

KNOWN = (
    *WATCHED,
    Resource("", "v1", "namespaces", "Namespace"),  # kopf waits for these two to be there
    Resource("apiextensions.k8s.io", "v1", "customresourcedefinitions", "CustomResourceDefinition"),
)
UNSEEN = {"metadata": {"namespace": "ml", "name": "unseen", "uid": "unseen", "resourceVersion": "5"}}
LATE = {
    "metadata": {"namespace": "ml", "name": "late", "uid": "late", "resourceVersion": "9", "generation": 1},
    "spec": {"kind": "container+job:run", "project": "p", "id": "i", "suspend": True,
             "spec": {"task": "container+job://p/t", "image": "x"}},
    "status": {},
}  # fmt: skip


class ApiServer(ThreadingHTTPServer):
    """Lists nothing, and tells nothing by its watches; what it was asked to write is in `writes`.

    `still`: the streams stand still. They tell neither of `runs` nor of an object that a sweep finds, until they are
    opened again.
    """

    daemon_threads = True
    request_queue_size = 64
    """Ten streams come at once; of those that find no place in a shorter queue the kernel tries again after a second."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.closed = threading.Event()
        self.writes: list[str] = []
        self.runs: list[Any] = []
        self.still = False
        self.unknown: set[str] = set()
        """Kinds whose CRD is missing."""
        self.odd = b""
        """The first event of the first watch of Jobs."""
        self.watching: list[str] = []
        """The resource of each watch."""
        self.version = "10"


class Handler(BaseHTTPRequestHandler):
    disable_nagle_algorithm = True
    server: ApiServer

    def do_GET(self) -> None:
        path, _, query = self.path.partition("?")
        asked = urllib.parse.parse_qs(query)
        if path.rpartition("/")[2] in self.server.unknown:
            self._answer(404, {"kind": "Status", "reason": "NotFound", "message": "no such kind"})
            return
        if "watch" in asked:
            self.send_response(200)
            self.end_headers()
            plural = path.rpartition("/")[2]
            if plural == "jobs" and plural not in self.server.watching:
                self.wfile.write(self.server.odd)
            self.wfile.flush()
            self.server.watching.append(plural)
            self.server.closed.wait()
            return
        of_sweep = "PartialObjectMetadataList" in self.headers.get("Accept", "")
        self._answer(200, self._discovered(path) or self._listed(path, of_sweep))

    def do_PATCH(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.writes.append(self.path.partition("?")[0])
        self._answer(200, LATE | {"status": {"state": "STOPPED"}})

    def _listed(self, path: str, of_sweep: bool) -> Any:
        of_runs = path.endswith("/runs")
        if of_runs and not of_sweep:
            self.server.still = False
        items = self.server.runs if of_runs and not self.server.still else []
        if of_sweep and self.server.still and path.endswith("/configmaps"):
            items = [UNSEEN]
        return {"metadata": {"resourceVersion": self.server.version}, "items": items}

    def _discovered(self, path: str) -> Any:
        groups = {(r.group, r.version) for r in KNOWN}
        if path == "/api":
            return {"versions": ["v1"]}
        if path == "/apis":
            named = [(group, f"{group}/{version}", version) for group, version in groups if group]
            versions = [
                {"name": group, "versions": [{"groupVersion": both, "version": version}],
                 "preferredVersion": {"groupVersion": both, "version": version}}
                for group, both, version in named
            ]  # fmt: skip
            return {"groups": versions}
        there = [r for r in KNOWN if r.root == path and r.plural not in self.server.unknown]
        verbs = ["get", "list", "watch", "patch"]
        return there and {
            "resources": [
                {
                    "name": r.plural,
                    "kind": r.kind,
                    "singularName": r.kind.lower(),
                    "namespaced": True,
                    "verbs": verbs,
                }
                for r in there
            ]
        }

    def _answer(self, status: int, body: Any) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """Be quiet."""


@pytest.fixture(autouse=True)
def _brief(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses that no test here measures are short; among them kopf's own wait for tasks that it does not know."""
    monkeypatch.setattr(streams, "BACKOFF", (0.05,))
    monkeypatch.setattr(streams, "DISCOVERY_PAUSE", 0.05)
    monkeypatch.setattr(reflector, "UNKNOWN", 0.1)
    wait = aiotasks.wait

    async def briefly(tasks: Any, **options: Any) -> Any:
        if options.get("timeout") == 5:
            options["timeout"] = 0.2
        return await wait(tasks, **options)

    monkeypatch.setattr(aiotasks, "wait", briefly)


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ApiServer]:
    server = ApiServer()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    path = write_kubeconfig(tmp_path / "kubeconfig", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("KUBECONFIG", str(path))
    yield server
    server.closed.set()
    server.shutdown()
    thread.join()
    server.server_close()


def operator(port: int = 0, sweep_interval: float = 0.2) -> Operator:
    return Operator(
        Settings(
            workers=2,
            sweep_interval=sweep_interval,
            sync_deadline=1,
            metrics_bind_address=BindAddress("127.0.0.1", port),
            log_tail_bytes=0,
        )
    )


async def until(question: Any) -> None:
    async with asyncio.timeout(30):
        while not question():  # noqa: ASYNC110 - the questions are about another thread
            await asyncio.sleep(0.02)


async def test_workers_go_on_when_the_streams_are_opened_again(cluster, monkeypatch):
    monkeypatch.setattr(
        resync, "GRACE", 1.0
    )  # less, and a busy machine opens them again before they were open
    working = asyncio.create_task(operator().run())
    await until(lambda: len(cluster.watching) >= len(WATCHED))
    cluster.runs, cluster.still = [LATE], True
    await until(lambda: [path for path in cluster.writes if "/runs/" in path])
    assert cluster.writes[-1].endswith("/runs/late/status")
    os.kill(os.getpid(), signal.SIGTERM)
    await working


async def test_after_watches_that_say_nothing_the_objects_are_listed_before_the_next_resync(
    cluster, monkeypatch, caplog
):
    """The streams of this API server never say a word: neither the first ones nor those that are opened in their place."""
    monkeypatch.setattr(client, "SILENCE", 0.5)
    working = asyncio.create_task(operator(sweep_interval=1000).run())
    await until(lambda: len(cluster.watching) >= len(WATCHED))
    cluster.runs = [LATE]
    await until(lambda: [path for path in cluster.writes if "/runs/" in path])
    assert "listing Runs and what they refer to again: nothing came for 0.5 s" in caplog.text
    assert "the watch streams failed" not in caplog.text
    os.kill(os.getpid(), signal.SIGTERM)
    await working


@pytest.mark.parametrize("missing", ["tasks", "functions"])
async def test_runs_go_on_without_a_kind_that_they_may_refer_to_and_the_probe_says_what_is_missing(
    cluster, unused_tcp_port, missing
):
    cluster.unknown = {missing}
    cluster.runs = [LATE]
    working = asyncio.create_task(operator(unused_tcp_port).run())
    await until(lambda: [path for path in cluster.writes if "/runs/" in path])
    async with aiohttp.ClientSession() as person:
        ready = await asked(person, unused_tcp_port, "readyz", f"{missing}.run-operator.io is missing")
        assert (ready.status, "kubectl apply -k crds" in await ready.text()) == (200, True)
        await asked(
            person, unused_tcp_port, "metrics", f'part="CustomResourceDefinition {missing}.run-operator.io"'
        )
        cluster.unknown = set()
        await until(lambda: missing in cluster.watching)
    os.kill(os.getpid(), signal.SIGTERM)
    await working


async def asked(person: aiohttp.ClientSession, port: int, page: str, words: str) -> aiohttp.ClientResponse:
    """The page once it says so."""
    async with asyncio.timeout(30):
        while True:
            answer = await person.get(f"http://127.0.0.1:{port}/{page}")
            if words in await answer.text():
                return answer
            await asyncio.sleep(0.05)


async def test_a_signal_ends_the_workers_first_and_leaves_kopf_nothing_to_wait_for(
    cluster, caplog, unused_tcp_port
):
    caplog.set_level(logging.DEBUG, "kopf")
    working = asyncio.create_task(operator(unused_tcp_port).run())
    await until(lambda: len(cluster.watching) >= len(WATCHED))
    async with aiohttp.ClientSession() as probe:  # its connection stays open, as a scraper's
        async with probe.get(f"http://127.0.0.1:{unused_tcp_port}/healthz") as answer:
            assert answer.status == 200
        os.kill(os.getpid(), signal.SIGTERM)
        await working
    assert [text for text in caplog.messages if text.startswith("Hung tasks")] == [
        "Hung tasks stopping is skipped: no tasks given."
    ]


async def test_a_stream_that_fails_is_opened_again(cluster, caplog):
    cluster.odd = b'{"type": "ADDED", "object": {}}\n'
    working = asyncio.create_task(operator().run())
    await until(lambda: cluster.watching.count("jobs") > 1 and cluster.watching.count("runs") > 0)
    assert "a watch stream failed" in caplog.text
    os.kill(os.getpid(), signal.SIGTERM)
    await working


async def test_a_kopf_that_does_not_end_is_left_behind_and_another_one_started(cluster, caplog, monkeypatch):
    """It waits for credentials without end when one of its parts dies while another one logs in again."""
    monkeypatch.setattr(streams, "KOPF_ENDS", 0.1)
    monkeypatch.setattr(streams, "KOPF_CANCELLED", 0.1)
    over, kopf, left, closing = asyncio.Event(), kopf_streams.run, [], []

    async def stubborn(*arguments: Any) -> None:
        closing.append(arguments[2])
        if left:
            await kopf(*arguments)
            return
        left.append(asyncio.current_task())
        arguments[2].set()  # the streams are to be closed, as when a part of it has died
        while not over.is_set():
            with suppress(asyncio.CancelledError):
                await over.wait()

    monkeypatch.setattr(kopf_streams, "run", stubborn)
    working = asyncio.create_task(operator().run())
    await until(lambda: "runs" in cluster.watching)
    assert "kopf does not end" in caplog.text
    over.set()
    await left[0]
    os.kill(os.getpid(), signal.SIGTERM)
    await working
    assert closing[0] is not closing[1]  # or the one that was left behind would close the other one's streams


async def test_a_kopf_that_ends_too_late_is_cancelled_and_the_operator_goes_on(cluster, caplog, monkeypatch):
    """An answer 410 to a watch is an error that ends kopf, and its other parts may be waiting for credentials."""
    monkeypatch.setattr(streams, "KOPF_ENDS", 0.1)
    kopf, late = kopf_streams.run, []

    async def ends_late(*arguments: Any) -> None:
        if late:
            await kopf(*arguments)
            return
        late.append(True)
        arguments[2].set()
        await asyncio.Event().wait()

    monkeypatch.setattr(kopf_streams, "run", ends_late)
    working = asyncio.create_task(operator().run())
    await until(lambda: "runs" in cluster.watching or working.done())
    assert not working.done()
    assert "kopf was cancelled" in caplog.text
    os.kill(os.getpid(), signal.SIGTERM)
    await working


async def test_tasks_that_began_after_kopf_outlive_it(cluster, monkeypatch):
    """Commits, workers of a new leader, files for pods: kopf would cancel them as its own when it ends."""
    ended, end, ends = asyncio.Event(), asyncio.Event(), kopf_streams.run

    async def run(handlers: Any, names: Any, stop: Any, *more: Any) -> None:
        async def stopped() -> None:
            await end.wait()
            stop.set()

        stopping = asyncio.create_task(stopped())
        with suppress(Exception):
            await ends(handlers, names, stop, *more)
        await stopping
        ended.set()

    monkeypatch.setattr(kopf_streams, "run", run)
    working = asyncio.create_task(operator().run())
    await until(lambda: "runs" in cluster.watching)
    others = asyncio.create_task(asyncio.Event().wait(), name="others")
    end.set()
    await ended.wait()
    assert not others.done()
    others.cancel()
    os.kill(os.getpid(), signal.SIGTERM)
    await working


async def test_an_api_server_that_went_back_in_time_ends_the_operator(cluster):
    working = asyncio.create_task(operator().run())
    await until(lambda: len(cluster.watching) >= len(WATCHED))
    cluster.version = "0"
    cluster.closed.set()
    with pytest.raises(RewoundError):
        await working


async def test_a_part_that_dies_ends_the_operator(cluster, monkeypatch, caplog):
    async def broken(*_: Any) -> bool:
        raise ValueError("a mistake")

    monkeypatch.setattr(resync.Resync, "synced", broken)
    with pytest.raises(ValueError, match="a mistake"):
        await operator().run()
    assert "beginning has failed: the operator exits" in caplog.text
