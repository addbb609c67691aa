"""Objects that one team makes to harm the processes that all share: on a real API server, which takes them."""

from __future__ import annotations

import json
import uuid
from pathlib import Path

import pytest

from run_operator.lifecycle.status_builder import MAX_MESSAGE
from tests.support.harness import OperatorProcess, Person, condition, run_object
from tests.support.workflows import build, task, template, workflow

DEPTHS = (700, 2000)


def create(person: Person, folder: Path, plural: str, text: str) -> None:
    """As it is: no client could write it."""
    path = folder / f"{uuid.uuid4().hex}.json"
    path.write_text(text)
    url = f"/apis/run-operator.io/v1alpha1/namespaces/{person.namespace}/{plural}"
    person.kubectl("create", "--raw", url, "-f", str(path))


def nested(depth: int, *, maps: bool) -> str:
    return ('{"a":' if maps else "[") * depth + "1" + ("}" if maps else "]") * depth


def deep(plural: str, kind: str, spec: dict, depth: int, *, maps: bool) -> tuple[str, str]:
    """An object with a place for anything, and something deep in it."""
    name = f"deep-{depth}-{int(maps)}"
    body = {"apiVersion": "run-operator.io/v1alpha1", "kind": kind, "metadata": {"name": name}}
    return plural, json.dumps(body | {"spec": spec}).replace('"HERE"', nested(depth, maps=maps))


DOCUMENT = {"project": "p", "id": "deep", "name": "deep"}
DEEP = [
    deep(plural, kind, spec, depth, maps=maps)
    for maps in (False, True)
    for depth in DEPTHS
    for plural, kind, spec in (
        ("runs", "Run", DOCUMENT | {"kind": "container+job:run", "spec": {"x": "HERE"}}),
        ("functions", "Function", DOCUMENT | {"kind": "container", "spec": {"x": "HERE"}}),
        ("tasks", "Task", DOCUMENT | {"kind": "container+job", "spec": {"x": "HERE"}}),
        ("metricbatches", "MetricBatch", {"run": "deep-700-0", "ops": [{"k": "x", "set": "HERE"}]}),
    )
]


def test_workflows_that_are_made_to_be_read_slowly_keep_nobody_waiting(operator, person, stranger):
    """The operator reads a workflow in the process that all share, at each look at its pipeline."""
    braces = workflow([task("a")], template("a", args=["{{" * 40_000]))
    values = workflow([task("a")], metadata={f"a{number}": "b" for number in range(11_000)})
    places = workflow(
        [task("a")],
        template("a", args=["{{workflow.parameters.x}}" * 5_000]),
        arguments={"parameters": [{"name": "x"}]},
    )
    for number in range(2):
        for name, document in (("braces", braces), ("values", values), ("places", places)):
            spec = {"image": None, "task": None, "build": build(document)}
            spec |= {"parameters": {"x": "x" * 16_000}} if name == "places" else {}
            stranger.apply_run(f"{name}-{number}", kind="hera+pipeline", spec=spec)
    person.apply_run("beside")
    person.becomes("beside", "RUNNING")
    assert "more than 10000 values" in stranger.becomes("values-0", "ERROR")["message"]
    assert "more than 524288 characters" in stranger.becomes("places-0", "ERROR")["message"]


@pytest.mark.timeout(240)
def test_objects_nested_deeper_than_parsers_read_stop_nobody(alone, kubeconfig, person, stranger, tmp_path):
    """The API server takes thousands of levels, Python's parser and orjson about one thousand.

    The first lists of an operator that starts are in tests/unit/engine/test_deep_objects.py.
    """
    operator = OperatorProcess(kubeconfig, tmp_path / "log")
    operator.start()
    for plural, text in DEEP:
        create(stranger, tmp_path, plural, text)
    person.apply_run("beside")
    person.becomes("beside", "RUNNING")
    operator.kill()


def test_a_key_of_a_megabyte_costs_its_run_and_nothing_else(operator, person, stranger, tmp_path):
    """It is repeated in the message of the Run, whose beginning alone is kept."""
    for number in range(8):
        document = run_object(f"long-{number}", spec={"resources": {"k" * 700_000: "1"}})
        create(stranger, tmp_path, "runs", json.dumps(document))
    person.apply_run("beside")
    person.becomes("beside", "RUNNING")
    assert len(stranger.becomes("long-7", "ERROR")["message"]) <= MAX_MESSAGE


WRONG = {
    "many": {f"imag{i}": 1 for i in range(8_000)},
    "long": {f"imag{i}{'k' * 10_000}": 1 for i in range(60)},
}
"""Keys that no kind uses. For each the right word could be looked for, and each could be repeated in a message."""
MAX_STATUS = 8 * 1024
"""Bytes."""
MAX_EVENT = 1024
"""Characters of an Event's message, which the API server allows."""


def test_wrong_keys_without_end_delay_nobody_and_are_said_in_a_few_words(
    operator, person, stranger, tmp_path
):
    for number in range(8):
        for name, keys in WRONG.items():
            create(stranger, tmp_path, "runs", json.dumps(run_object(f"{name}-{number}", spec=keys)))
    person.apply_run("beside")
    person.becomes("beside", "RUNNING", 20)
    for name, keys in WRONG.items():
        status = stranger.becomes(f"{name}-7", "RUNNING")
        message = condition(status, "NotApplied")["message"]
        assert f"spec.spec.{next(iter(keys))[:80]}" in message
        assert len(message) <= MAX_MESSAGE
        assert len(json.dumps(status)) <= MAX_STATUS
    message = condition(stranger.status("many-7"), "NotApplied")["message"]
    assert message.endswith(f"and {len(WRONG['many']) - 10} more")
    messages = [one["message"] for one in stranger.items("events") if one["reason"] == "NotApplied"]
    assert messages
    assert max(map(len, messages)) <= MAX_EVENT
