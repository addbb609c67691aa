"""log_metric: the values it takes, the way a metric goes, and what is reported where it may not have arrived."""

from __future__ import annotations

import sys
import time
from types import SimpleNamespace
from typing import Any

import pytest

from run_operator import Run
from run_operator.client import metric_logging
from run_operator.client.errors import (
    BackendError,
    EntityAlreadyExistsError,
    EntityError,
    EntityNotExistsError,
    ForbiddenError,
    RunDeletedError,
    UnavailableError,
)
from run_operator.kube.resource import METRIC_BATCHES, Resource

DOCUMENT = {"kind": "container+job:run", "project": "p", "id": "a", "spec": {"task": "container+job://p/t"}}


class Server:
    """An API server that holds one Run, and an operator; `answers` are raised, in order, when a batch is created."""

    namespace = "ml"

    def __init__(self, *answers: BackendError) -> None:
        self.answers = list(answers)
        self.uid = "u"
        self.batches: dict[str, dict[str, Any]] = {}
        self.created: list[dict[str, Any]] = []
        self.stores_before_it_fails = False
        self.status: dict[str, Any] | None = None
        self.works = True

    def get(self, resource: Resource, name: str) -> dict[str, Any]:
        if resource == METRIC_BATCHES:
            if name not in self.batches:
                raise EntityNotExistsError("gone")
            return self.batches[name]
        return {"metadata": {"name": "a", "uid": self.uid}, "spec": DOCUMENT, "status": {"attempt": 3}}

    def create(self, resource: Resource, body: dict[str, Any]) -> None:
        assert resource == METRIC_BATCHES
        self.created.append(body)
        failure = self.answers.pop(0) if self.answers else None
        if body["metadata"]["name"] in self.batches:
            raise EntityAlreadyExistsError("there")
        if (failure is None or self.stores_before_it_fails) and not (self.works and self.status is None):
            self.batches[body["metadata"]["name"]] = body | {"status": self.status or {}}
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
    assert server.created == []


def test_a_batch_names_the_run_the_attempt_and_itself():
    server = Server()
    run(server).log_metric("loss", 1)
    run(server).log_metric("loss", 2)
    specs = [one["spec"] for one in server.created]
    assert specs[0] == {"run": "a", "runUID": "u", "attempt": 3, "ops": [{"k": "loss", "append": [1]}]}
    assert len({one["metadata"]["name"] for one in server.created}) == 2


@pytest.mark.parametrize("stored", [False, True])
def test_a_lost_answer_means_the_same_batch_again(stored):
    server = Server(UnavailableError("lost"))
    server.stores_before_it_fails, server.status = stored, {"state": "Stored"}
    run(server).log_metric("loss", 1)
    assert len(server.created) == 2
    assert server.created[0] == server.created[1]


def test_what_the_operator_refuses_is_an_error_and_its_notes_are_warnings():
    server = Server()
    server.status = {"state": "Refused", "message": "no room"}
    with pytest.raises(EntityError, match="run a: no room"):
        run(server).log_metric("loss", 1)
    server.status = {"state": "Stored", "notes": ["'loss' is kept"]}
    with pytest.warns(UserWarning, match="is kept"):
        run(server).log_metric("loss", 1)


def test_another_run_of_that_name_gets_nothing():
    server = Server()
    server.uid = "other"
    with pytest.raises(RunDeletedError):
        run(server).log_metric("loss", 1)
    assert server.created == []


@pytest.mark.parametrize("lost", [False, True])
def test_it_is_waited_for_a_bounded_time(monkeypatch, lost):
    clock = iter(range(0, 10_000, 10))
    monkeypatch.setattr(time, "monotonic", lambda: next(clock))
    server = Server(*[UnavailableError("lost")] * (50 if lost else 0))
    server.works = False
    said = "lost" if lost else "is the operator running"
    with pytest.raises(UnavailableError, match=f"metrics of run a may or may not be stored.*{said}"):
        run(server).log_metric("loss", 1)
    assert len(server.created) < 6


def test_a_refusal_names_the_role_to_bind_or_the_quota_that_is_used_up():
    server = Server(
        ForbiddenError("no"), ForbiddenError("exceeded quota: batches"), EntityNotExistsError("?")
    )
    with pytest.raises(ForbiddenError, match="-n ml --clusterrole=run-operator-metrics"):
        run(server).log_metric("loss", 1)
    with pytest.raises(ForbiddenError, match="try again in a moment"):
        run(server).log_metric("loss", 1)
    with pytest.raises(BackendError, match="kubectl apply -k crds"):
        run(server).log_metric("loss", 1)


def test_more_than_a_batch_holds_is_a_value_error():
    with pytest.raises(ValueError, match="more than 20000 values"):
        run(Server()).log_metric("loss", [1] * 20_001)


class Scalar:
    """As numpy's and torch's."""

    def __init__(self, value: Any) -> None:
        self._value = value

    def item(self) -> Any:
        return self._value


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (1, 1),
        (1.5, 1.5),
        ([1, 2.5], [1, 2.5]),
        ((1, 2), [1, 2]),
        ([], []),
        (Scalar(0.5), 0.5),
        ([Scalar(2)], [2]),
    ],
)
def test_numbers_are_taken(value, found):
    assert metric_logging.checked("loss", value) == found


@pytest.mark.parametrize(
    "value",
    [
        "1.5",
        None,
        True,
        {},
        [[1]],
        [True],
        float("nan"),
        float("inf"),
        [float("nan")],
        Scalar("x"),
        Scalar(True),
        b"1",
    ],
)
def test_everything_else_is_refused(value):
    with pytest.raises(ValueError, match=r"^Invalid metric value"):
        metric_logging.checked("loss", value)


@pytest.mark.parametrize("key", ["", "a\nb", "x" * 129, 3, None])
def test_a_key_that_is_none_is_refused(key):
    with pytest.raises(ValueError, match=r"^Invalid metric key"):
        metric_logging.checked(key, 1)


@pytest.mark.parametrize(
    ("url", "inside"),
    [
        ("https://x:8443/v1/namespaces/ml/runs/a/metrics", True),
        ("https://x:8443/v1/namespaces/ml/runs/b/metrics", False),
        ("", False),
    ],
)
def test_a_program_knows_whether_the_run_is_its_own(monkeypatch, url, inside):
    monkeypatch.setenv("RUN_METRICS_URL", url)
    assert metric_logging.inside("ml", "a") is inside


@pytest.mark.parametrize("values", [[("a", 1)], None, "a=1", 3])
def test_metrics_that_are_no_mapping_are_refused(values):
    with pytest.raises(ValueError, match=r"^Invalid metrics"):
        metric_logging.all_checked(values)


@pytest.mark.parametrize("flags", [{"step": 3}, {"step": None, "overwrite": 3}, {"step": 0}])
def test_a_step_is_answered_with_the_way_to_keep_it(flags):
    with pytest.raises(ValueError, match="Leave step out"):
        metric_logging.check_flags(**flags)
