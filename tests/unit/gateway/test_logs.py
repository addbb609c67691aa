"""Logs of pods that are there and of pods that are gone, as the SDK's Log reads them."""

from __future__ import annotations

import base64
import gzip
from typing import Any

import pytest

from run_operator.gateway.entities import Place
from run_operator.gateway.limits import GatewayLimits
from run_operator.gateway.run_logs import LogSource, Selection, logs
from run_operator.kube.errors import NotFoundError, TransientError
from run_operator.kube.media_types import METADATA_LIST
from run_operator.kube.resource import PODS, RUN_LOGS, RUNS

PLACE = Place(RUNS, "churn", "ns")
RUN = {"metadata": {"name": "x"}, "spec": {"id": "x"}}


def pod(name: str, attempt: int) -> dict[str, Any]:
    return {
        "metadata": {"name": name, "labels": {"run-operator.io/attempt": str(attempt)}},
        "status": {"phase": "Running", "containerStatuses": [{"name": "main", "state": {"running": {}}}]},
    }


def kept(name: str, attempt: int, text: bytes) -> dict[str, Any]:
    data = base64.b64encode(gzip.compress(text)).decode()
    metadata = {"name": f"{name}.main", "labels": {"run-operator.io/attempt": str(attempt)}}
    return {
        "metadata": metadata,
        "run": "x",
        "attempt": attempt,
        "pod": name,
        "container": "main",
        "data": data,
    }


class Caller:
    """`written`: pod to its log, or to the error of reading it."""

    def __init__(self, pods: list[Any], archive: list[Any] | None, written: dict[str, Any]) -> None:
        self._objects = {PODS: pods, RUN_LOGS: archive}
        self._written = written

    async def all(self, resource, namespace, *, labels="", accept=""):
        assert (namespace, labels) == ("ns", "run-operator.io/run=x")
        found = self._objects[resource]
        if found is None:
            raise NotFoundError("list runlogs", 404, "no such kind")
        for one in found:
            yield {"metadata": one["metadata"]} if accept == METADATA_LIST else one

    async def get(self, resource, _namespace, name):
        return next(one for one in self._objects[resource] if one["metadata"]["name"] == name)

    async def log_tail(self, namespace, name, query, keep):
        found = self._written[name]
        if isinstance(found, Exception):
            raise found
        return found[-keep:]


async def read(caller: Caller, limits: GatewayLimits | None = None) -> list[tuple[int, str]]:
    found: Any = await logs(caller, PLACE, RUN, limits or GatewayLimits())  # type: ignore[arg-type]
    assert all(one["kind"] == "log" and one["spec"] == {"run": "x"} for one in found)
    return [(one["status"]["attempt"], base64.b64decode(one["content"]).decode()) for one in found]


async def test_attempts_come_in_order_and_a_pod_that_is_there_wins_over_what_was_kept():
    archive = [kept("b", 2, b"kept"), kept("a", 1, b"first\n")]
    caller = Caller([pod("b", 2)], archive, {"b": b"live \xff\n"})
    assert await read(caller) == [(1, "first\n"), (2, "live \ufffd\n")]


async def test_one_log_that_cannot_be_read_does_not_hide_the_others():
    archive = [kept("a", 1, b"first\n"), kept("c", 3, b"x") | {"data": "no gzip"}]
    caller = Caller([pod("b", 2)], archive, {"b": TransientError("get log", 0, "the node is gone")})
    found = await read(caller)
    assert [attempt for attempt, _ in found] == [1, 2, 3]
    assert "cannot be read now: the node is gone" in found[1][1]
    assert "damaged" in found[2][1]


async def test_a_cluster_that_keeps_no_logs_has_those_of_its_pods():
    assert await read(Caller([pod("a", 1)], None, {"a": b"here"})) == [(1, "here")]


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        (b"one\n10%\r20%\r30%\nthree\n", b"10%\r20%\r30%\nthree\n"),
        (b"one\ntwo\nno end\r", b"two\nno end\r"),
        (b"one\r\ntwo\r\nthree\r\n", b"two\r\nthree\r\n"),
        (b"\n\n\n", b"\n\n"),
        (b"10%\r20%\r30%\r", b"10%\r20%\r30%\r"),
        (b"", b""),
    ],
)
async def test_a_kept_line_ends_at_a_line_feed_and_nowhere_else(written, shown):
    caller: Any = Caller([], [kept("a", 1, written)], {})
    source = LogSource(caller, "ns", "x", "run x", GatewayLimits(), Selection(lines=2))
    assert [one.content for one in await source.written([])] == [shown]


async def test_the_newest_have_the_room():
    caller = Caller(
        [pod("a", 1), pod("b", 2)], [kept("z", 1, b"0" * 100)], {"a": b"1" * 100, "b": b"2" * 100}
    )
    found = await read(caller, GatewayLimits(logs=80, all_logs=120))
    note = "(only the end of this log is shown)\n"
    assert found == [(1, note + "1" * 40), (2, note + "2" * 80)]


@pytest.mark.parametrize("truncated", [True, False])
async def test_a_beginning_that_was_not_kept_is_noted(truncated):
    caller = Caller([], [kept("a", 1, b"the end\n") | {"truncated": truncated}], {})
    ((_, text),) = await read(caller)
    assert text == "(only the end of this log is shown)\n" * truncated + "the end\n"
