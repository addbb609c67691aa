"""What a person copies: names are quoted, and each tool does the same."""

from __future__ import annotations

import json
import shlex

import pytest

from run_operator.gateway.telemetry import OTHER, route
from run_operator.kube.errors import (
    ConflictError,
    ForbiddenError,
    ThrottledError,
    TransientError,
    UnauthorizedError,
)
from run_operator.kube.resource import EVENTS, PODS
from run_operator.web.errors import of_kube
from run_operator.web.rights import CHANGE, LIST, LOGS, Right
from run_operator.web.view.commands import commands, invocation


def test_each_tool_has_each_action():
    found = commands("ml", "x")
    assert {tool: sorted(actions) for tool, actions in found.items()} == {
        key: ["delete", "get", "logs", "resume", "stop"] for key in ("kubectl", "runctl", "python")
    }
    patch = shlex.split(found["kubectl"]["stop"])[-1]
    assert json.loads(patch) == {"spec": {"suspend": True}}
    compile(found["python"]["resume"], "copied", "exec")


def test_a_name_from_elsewhere_stays_one_word():
    odd = "x; rm -rf /"
    assert shlex.split(commands("ml", odd)["runctl"]["stop"])[2] == odd
    assert shlex.split(invocation("a b", odd))[2:] == [odd, "-n", "a b"]


@pytest.mark.parametrize(
    ("right", "namespace", "sentence"),
    [
        (CHANGE, "ml", "patch runs.run-operator.io in ml"),
        (LIST, None, "list runs.run-operator.io in all namespaces"),
        (LOGS, "ml", "get pods/log in ml"),
        (Right("list", EVENTS), "ml", "list events in ml"),
    ],
)
def test_a_missing_right_is_named_as_an_administrator_reads_it(right, namespace, sentence):
    assert right.missing(namespace) == sentence


def test_the_question_to_the_api_server():
    asked = Right("get", PODS, "log").review("ml", "x")["spec"]["resourceAttributes"]
    assert asked == {"verb": "get", "resource": "pods", "subresource": "log", "namespace": "ml", "name": "x"}
    assert "namespace" not in LIST.review(None)["spec"]["resourceAttributes"]


@pytest.mark.parametrize(
    ("error", "status", "reason", "missing"),
    [
        (UnauthorizedError("get x", 401, "no"), 401, "Unauthorized", None),
        (ForbiddenError("patch x", 403, "no"), 403, "Forbidden", "patch runs.run-operator.io in ml"),
        (ConflictError("patch x", 409, "no"), 409, "Conflict", None),
        (ThrottledError("patch x", "slow", 3.0), 429, "TooManyRequests", None),
        (TransientError("patch x", 0, "away"), 503, "Unavailable", None),
    ],
)
def test_what_the_api_server_refuses(error, status, reason, missing):
    found = of_kube(error, "run x cannot be stopped", CHANGE, "ml")
    assert (found.status, found.reason, found.missing) == (status, reason, missing)
    assert str(found).startswith("run x cannot be stopped: ")


@pytest.mark.parametrize(
    ("path", "template"),
    [
        ("ui", "/ui/{file}"),
        ("ui/app-12345678.js", "/ui/{file}"),
        ("ui/api/runs/stream", "/ui/api/runs/stream"),
        ("ui/api/namespaces/ml/runs/x", "/ui/api/namespaces/{namespace}/runs/{name}"),
        ("ui/api/namespaces/ml/runs/x/stop", "/ui/api/namespaces/{namespace}/runs/{name}/stop"),
        ("ui/api/namespaces/ml/runs/x/anything", OTHER),
        ("ui/api/whatever/is/asked", OTHER),
    ],
)
def test_what_is_counted_has_few_names(path, template):
    assert route(tuple(path.split("/"))) == template
