"""Python functions in real pods, in a namespace that enforces the restricted Pod Security Standard."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from tests.support.harness import condition, wait_for

PLAIN = "docker.io/library/python:3.12-slim"
"""An image with Python and nothing of ours."""


def function(
    person, name: str, code: str, handler: str = "run", *, kind: str = "python+job:run", **spec: Any
) -> None:
    """A Run of this code, as an export has it."""
    encoded = base64.b64encode(code.encode()).decode()
    source = {"source": "main.py", "handler": handler, "base64": encoded, "lang": "python"}
    body = {
        "apiVersion": "run-operator.io/v1alpha1",
        "kind": "Run",
        "metadata": {"name": name},
        "spec": {
            "kind": kind,
            "project": "demo",
            "id": name,
            "spec": {
                "task": f"{kind.removesuffix(':run')}://demo/task",
                "image": PLAIN,
                "source": source,
                "local_execution": False,
                **spec,
            },
        },
    }
    person.kubectl("create", "-f", "-", stdin=json.dumps(body))


def failed(person, name: str) -> tuple[str, str]:
    """Reason and message of a Run that ends in ERROR."""
    status = person.becomes(name, "ERROR")
    return condition(status, "Failed")["reason"], status["message"]


def test_what_a_handler_returns_is_in_the_status(person):
    code = "def run(x, rate=0.5):\n    print('epochs', x)\n    return x * 2, rate, 'fine'\n"
    function(person, "double", code, parameters={"x": 21})
    status = person.becomes("double", "COMPLETED")
    assert status["results"] == {"output_0": 42, "output_1": 0.5, "output_2": "fine"}
    assert status["resultsInfo"]["attempt"] == 1
    assert person.kubectl("logs", "job/double").stdout == "epochs 21\n"


@pytest.mark.parametrize(
    ("code", "reason", "said"),
    [
        ("def run(x:\n    pass\n", "ImportFailed", "SyntaxError"),
        ("def other():\n    pass\n", "HandlerNotFound", "there are: other"),
        (
            "def run():\n    raise ValueError('no such colour')\n",
            "HandlerFailed",
            "ValueError: no such colour",
        ),
        ("import sys\ndef run():\n    sys.exit(3)\n", "HandlerFailed", "sys.exit(3)"),
        ("def run():\n    return 'x' * (1 << 30)\n", "ResultsTooLarge", "64 KiB"),
        ("def run():\n    return {1, 2}\n", "InvalidResult", "builtins.set"),
        ("def run(y):\n    pass\n", "InvalidArguments", "missing a required argument: 'y'"),
    ],
)
def test_a_function_that_cannot_do_its_work_says_why(person, code, reason, said):
    function(person, "bad", code)
    found, message = failed(person, "bad")
    assert (found, said in message) == (reason, True), message
    log = person.kubectl("logs", "job/bad").stdout
    assert "run_runner" not in log


def test_a_function_is_stopped_and_the_next_attempt_starts_clean(person):
    code = (
        "import os, time\nfrom runmetrics import log_metric\n"
        "def run():\n"
        "    log_metric('attempt', int(os.environ['RUN_ATTEMPT']))\n"
        "    assert 'mine' not in os.listdir('.')\n"
        "    open('mine', 'w').close()\n"
        "    if os.environ['RUN_ATTEMPT'] == '1':\n        print('waiting', flush=True)\n        time.sleep(300)\n"
        "    return 'done'\n"
    )
    function(person, "long", code)
    person.becomes("long", "RUNNING")
    wait_for("the handler", lambda: "waiting" in person.kubectl("logs", "job/long", check=False).stdout)
    person.kubectl("patch", "run", "long", "--type=merge", "-p", '{"spec": {"suspend": true}}')
    stopped = person.becomes("long", "STOPPED")
    assert "results" not in stopped
    assert stopped["attempts"][0]["exitCode"] == 143
    person.kubectl("patch", "run", "long", "--type=merge", "-p", '{"spec": {"suspend": false}}')
    status = person.becomes("long", "COMPLETED")
    assert status["results"] == {"output_0": "done"}
    assert status["resultsInfo"]["attempt"] == 2
    assert status["metrics"]["attempt"] == [1, 2]
