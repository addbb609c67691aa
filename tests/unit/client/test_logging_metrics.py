"""Which way a metric goes, and what is said when nobody can know whether it arrived."""

from __future__ import annotations

import copy
import sys
import time
from types import SimpleNamespace
from typing import Any

import pytest

from run_operator import Run
from run_operator.client.errors import BackendError, BadRequestError, RunDeletedError, UnavailableError

DOCUMENT = {"kind": "container+job:run", "project": "p", "id": "a", "spec": {"task": "container+job://p/t"}}


class Server:
    """An API server that holds one Run; `answers` are raised, in order, by its patches."""

    namespace = "ml"

    def __init__(self, *answers: BackendError) -> None:
        self.answers = list(answers)
        self.status: dict[str, Any] = {"attempt": 1}
        self.uid = "u"
        self.patches: list[list[dict[str, Any]]] = []
        self.stores_before_it_fails = False
        self.then = lambda: None

    def get(self, *_: object) -> dict[str, Any]:
        return {
            "metadata": {"name": "a", "uid": self.uid},
            "spec": DOCUMENT,
            "status": copy.deepcopy(self.status),
        }

    def json_patch(self, _: object, __: str, operations: list[dict[str, Any]], *, subresource: str) -> None:
        assert subresource == "status"
        self.patches.append(operations)
        failure = self.answers.pop(0) if self.answers else None
        if failure is None or self.stores_before_it_fails:
            for operation in operations:
                if operation["op"] == "add":
                    self.status[operation["path"].removeprefix("/status/")] = operation["value"]
        self.then()
        if failure is not None:
            raise failure


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch):
    monkeypatch.setattr(time, "sleep", lambda _: None)


def run(server: Server) -> Run:
    return Run(DOCUMENT, server, "a", "u")  # type: ignore[arg-type]


def test_in_its_own_pod_the_mounted_module_takes_it(monkeypatch):
    calls: list[tuple[Any, ...]] = []
    module = SimpleNamespace(
        log_metric=lambda *given, **flags: calls.append((*given, flags)),
        log_metrics=lambda *given, **flags: calls.append((*given, flags)),
    )
    monkeypatch.setitem(sys.modules, "runmetrics", module)
    monkeypatch.setenv("RUN_METRICS_URL", "https://x:8443/v1/namespaces/ml/runs/a/metrics")
    server = Server()
    run(server).log_metric("loss", 1, overwrite=True)
    run(server).log_metrics({"a": 2})
    assert calls == [
        ("loss", 1, {"overwrite": True, "single_value": False}),
        ({"a": 2}, {"overwrite": False}),
    ]
    assert server.patches == []


def test_a_patch_follows_the_commit_it_was_made_from_and_names_its_writer():
    server = Server()
    run(server).log_metric("loss", 1)
    run(server).log_metric("loss", 2)
    tests = [[op["value"] for op in patch if op["op"] == "test"] for patch in server.patches]
    assert tests[0] == ["u", None]
    assert tests[1][1].startswith("client-")
    assert server.status["metrics"] == {"loss": [1, 2]}
    assert len(server.status["metricsIngest"]["writers"]) == len(server.status["metricsIngest"]["ended"]) == 2


def test_somebody_faster_means_again_and_a_lost_answer_means_look():
    server = Server(BadRequestError("test failed"), UnavailableError("lost"))
    run(server).log_metric("loss", 1)
    assert (len(server.patches), server.status["metrics"]) == (3, {"loss": [1]})
    server = Server(UnavailableError("lost"))
    server.stores_before_it_fails = True
    run(server).log_metric("loss", 1)
    assert (len(server.patches), server.status["metrics"]) == (1, {"loss": [1]})


def test_when_it_cannot_be_known_it_says_so():
    server = Server(UnavailableError("lost"))
    server.then = lambda: server.status.update(
        metricsIngest={"attempt": 2, "commitId": "another", "writers": {}}
    )
    with pytest.raises(UnavailableError, match="may or may not be stored; look at"):
        run(server).log_metric("loss", 1)
    assert len(server.patches) == 1


def test_another_run_of_that_name_gets_nothing():
    server = Server()
    server.uid = "other"
    with pytest.raises(RunDeletedError):
        run(server).log_metric("loss", 1)


def test_it_is_tried_for_a_bounded_time(monkeypatch):
    clock = iter(range(0, 10_000, 10))
    monkeypatch.setattr(time, "monotonic", lambda: next(clock))
    server = Server(*[BadRequestError("test failed")] * 50)
    with pytest.raises(UnavailableError, match="metrics of run a are not stored"):
        run(server).log_metric("loss", 1)
    assert 2 < len(server.patches) < 6


def test_more_than_a_batch_holds_is_a_value_error():
    with pytest.raises(ValueError, match="more than 20000 values"):
        run(Server()).log_metric("loss", [1] * 20_001)
