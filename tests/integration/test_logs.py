"""What is kept of logs, on a real API server: fake nodes have none, so a proxy answers for them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from run_operator import Cluster, Run
from run_operator.client.runs import get_run
from tests.support.builders import container_status
from tests.support.harness import OperatorProcess, Person, delta, wait_for
from tests.support.proxy import Proxy
from tests.support.terminal import Terminal


@pytest.fixture
def own(alone, proxy: Proxy, person: Person, tmp_path: Path) -> Iterator[OperatorProcess]:
    """An operator whose nodes have logs: each container has written its pod's name a thousand times."""
    proxy.answer = kubelet
    one = OperatorProcess(
        proxy.kubeconfig, tmp_path / "log", namespaces=person.namespace, log_tail_bytes="2000"
    )
    one.start()
    yield one
    one.kill()


def kubelet(method: str, path: str) -> web.Response | None:
    if "/log?" not in path:
        return None
    pod = path.split("/log?", maxsplit=1)[0].rpartition("/")[2]
    return web.Response(text="".join(f"{pod} {number}\n" for number in range(1000)))


@pytest.fixture
def cluster(kubeconfig: Path, person: Person) -> Iterator[Cluster]:
    one = Cluster.connect(kubeconfig=str(kubeconfig), namespace=person.namespace)
    yield one
    one.close()


def the_run(cluster: Cluster) -> Run:
    return get_run("x", cluster=cluster)


def test_a_stopped_attempt_has_its_log_and_a_stop_costs_no_more_writes(own, person, cluster, proxy):
    person.apply_run("x")
    person.becomes("x", "RUNNING")
    before = own.writes()
    person.patch_run("x", {"spec": {"suspend": True}})
    person.becomes("x", "STOPPED")
    (log,) = the_run(cluster).logs(attempt=1)
    assert sum(delta(before, own.writes()).values()) <= 3
    assert own.writes()["create runlogs"] == 1
    lines = log.text.splitlines()
    assert (log.kept, log.truncated, log.container, lines[-1]) == (True, True, "main", f"{log.pod} 999")
    assert 2000 <= len(log.text) < 2100
    assert [line.text for line in the_run(cluster).logs(follow=True, attempt=1)] == lines
    assert the_run(cluster).logs(attempt=2) == []
    done = Terminal(person).run("logs", "-f", "x")
    assert (done.returncode, done.stdout.splitlines()) == (0, lines)
    assert done.stderr.endswith("run x: STOPPED: stopped; set spec.suspend to false to resume\n")
    rows = person.kubectl("get", "rlog").stdout.splitlines()
    assert rows[0].split() == ["NAME", "RUN", "ATTEMPT", "POD", "CONTAINER", "BYTES", "TRUNCATED", "AGE"]
    assert rows[1].split()[:5] == [f"{log.pod}.main", "x", "1", log.pod, "main"]
    (raw,) = person.items("runlogs", "--field-selector=run=x")
    assert raw["metadata"]["labels"]["run-operator.io/attempt"] == "1"


def test_what_ended_while_the_operator_was_down_is_read_when_it_is_back_and_nothing_twice(own, person, proxy):
    person.apply_run("x")
    person.becomes("x", "RUNNING")
    person.apply_run("y", "kwok-complete")
    wait_for("the log of y", lambda: [raw for raw in person.items("runlogs") if raw["run"] == "y"])
    own.kill()
    (pod,) = person.items("pods", "--selector=run-operator.io/run=x")
    ended: dict[str, Any] = {"phase": "Succeeded"}
    ended["containerStatuses"] = [container_status(terminated={"exitCode": 0})]
    person.kubectl(
        "patch", "pod", pod["metadata"]["name"], "--subresource=status", "--type=merge",
        "-p", json.dumps({"status": ended}),
    )  # fmt: skip
    asked: list[str] = []

    def watching(method: str, path: str) -> web.Response | None:
        answer = kubelet(method, path)
        asked.extend([path] if answer else [])
        return answer

    proxy.answer = watching
    own.start()
    wait_for("the log of x", lambda: [raw for raw in person.items("runlogs") if raw["run"] == "x"])
    assert [pod["metadata"]["name"] in path for path in asked] == [True]


def test_fake_nodes_cost_nothing_but_a_count(operator, person):
    before, lost = operator.writes(), _lost(operator)
    for name in ("a", "b"):  # ended, not stopped: their pods stay until they were asked for their logs
        person.apply_run(name, "kwok-complete")
    wait_for("counted", lambda: _lost(operator) >= lost + 2)
    events = person.items("events", "--field-selector=reason=LogsNotKept")
    assert (events, operator.writes().get("create runlogs", 0)) == ([], before.get("create runlogs", 0))


def _lost(operator: OperatorProcess) -> float:
    name = "run_operator_logs_lost_total"
    return sum(
        value
        for found, labels, value in operator.metrics()
        if found == name and labels["reason"] == "addressless"
    )
