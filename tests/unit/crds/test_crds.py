"""The CRDs say what the Python code means: every field explained, every state, condition, policy and status field declared."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from run_operator.api import conditions, unknown_keys
from run_operator.api.conditions import State
from run_operator.api.exported import KEPT
from run_operator.api.policy import DeadlinePolicy, PolicyDefaults, RunPolicy
from run_operator.api.raw import stamp
from run_operator.api.record_signer import RecordSigner
from run_operator.api.references import ResolvedPart, ResolvedRecord
from run_operator.api.results import Results
from run_operator.api.unknown_keys import DESIRED
from run_operator.children.pod_summary import MAX_PODS, summaries
from run_operator.children.service_address import summary
from run_operator.lifecycle.model import Observed
from run_operator.lifecycle.plan import plan
from run_operator.lifecycle.status_builder import MAX_ATTEMPTS, MAX_TRANSITIONS, StatusBuilder
from run_operator.workloads.types import Options
from tests.support import fields_page
from tests.support.builders import NOW, replica, run, service
from tests.support.crd_files import schema_of as schema
from tests.support.crd_files import version_of as version
from tests.support.workflows import build, chain
from tests.support.world import World

Schema = dict[str, Any]
CRDS: Final = Path(__file__).parents[3] / "crds"
DOCUMENTS: Final = ("runs", "functions", "tasks", "artifacts", "dataitems", "models", "containerimages")
NAMES: Final = (*DOCUMENTS, "runlogs", "metricbatches")
STANDARD: Final = (".metadata",)
"""Kubernetes explains it itself."""
UNREADABLE: Final = (
    r"!self.matches(r'[\x00-\x1f\x7f-\x9f\x{200e}\x{200f}\x{2028}-\x{202e}\x{2066}-\x{2069}]')"
)
"""The rule for a text that a column shows, written in CEL."""
TYPES: Final[dict[str, type | tuple[type, ...]]] = {
    "string": str, "integer": int, "number": (int, float), "boolean": bool, "object": dict, "array": list,
}  # fmt: skip


def fields(node: Schema, path: str = "") -> Iterator[tuple[str, Schema]]:
    """Every field below `node`, items of lists included."""
    for name, inner in node.get("properties", {}).items():
        yield f"{path}.{name}", inner
        yield from fields(inner, f"{path}.{name}")
    for key in ("items", "additionalProperties"):
        if key in node:
            yield f"{path}[]", node[key]
            yield from fields(node[key], f"{path}[]")


def undeclared(value: Any, node: Schema, path: str = "") -> Iterator[str]:
    """What an API server would drop or refuse of a status."""
    if not isinstance(value, TYPES[node["type"]]) or (isinstance(value, bool) and node["type"] != "boolean"):
        yield f"{path} is no {node['type']}"
    elif isinstance(value, dict):
        for key, inner in value.items():
            below = node.get("properties", {}).get(key, node.get("additionalProperties"))
            if below is not None:
                yield from undeclared(inner, below, f"{path}.{key}")
            elif not node.get("x-kubernetes-preserve-unknown-fields"):
                yield f"{path}.{key} is not declared"
    elif isinstance(value, list):
        if len(value) > node["maxItems"]:
            yield f"{path} is too long"
        for inner in value:
            yield from undeclared(inner, node["items"], f"{path}[]")
    elif "enum" in node and value not in node["enum"]:
        yield f"{path} may not be {value}"


def is_refused(field: dict[str, Any]) -> bool:
    """Whether a field is declared only to be refused with a word about its place."""
    return bool(field["description"].startswith("Refused here."))


RUN: Final = schema("runs")["properties"]
STATUS: Final = RUN["status"]
POLICY: Final = RUN["spec"]["properties"]["runPolicy"]["properties"]


@pytest.mark.parametrize("name", NAMES)
def test_every_field_is_explained_in_sentences(name):
    top = schema(name)
    for path, field in [("", top), *fields(top)]:
        if path not in STANDARD:
            said = field.get("description", "")
            assert said, f"{name}{path} has no description"
            assert said.endswith("."), f"{name}{path}: {said}"
            assert len(said) <= 500, f"{name}{path}: nobody reads that much"


@pytest.mark.parametrize("name", NAMES)
def test_every_column_and_every_default_is_explained(name):
    for column in version(name)["additionalPrinterColumns"]:
        assert column.get("description", "").endswith("."), column["name"]
    for path, field in fields(schema(name)):
        if isinstance(field.get("default"), int | str) and path.startswith(".spec.runPolicy"):
            assert f"{field['default']}" in field["description"], f"{path} does not say its default"


@pytest.mark.parametrize("name", NAMES)
def test_every_column_with_a_text_of_a_document_refuses_what_terminals_obey(name):
    """kubectl writes a column as it is."""
    for column in version(name)["additionalPrinterColumns"]:
        if column["type"] != "string" or not column["jsonPath"].startswith(".spec."):
            continue
        field = schema(name)
        for key in column["jsonPath"].strip(".").split("."):
            field = field["properties"][key]
        rules = [one["rule"] for one in field.get("x-kubernetes-validations", ())]
        assert (
            UNREADABLE in rules or field.get("pattern") or any("self.matches('^[" in one for one in rules)
        ), column["name"]


@pytest.mark.parametrize("name", DOCUMENTS)
def test_the_keys_of_an_export_are_those_of_the_spec(name):
    declared = {
        key
        for key, field in schema(name)["properties"]["spec"]["properties"].items()
        if not is_refused(field)
    }
    assert declared - set(DESIRED) == set(KEPT)


def test_a_field_that_people_write_one_level_too_high_is_refused_with_its_place():
    refused = {key: field["enum"] for key, field in RUN["spec"]["properties"].items() if is_refused(field)}
    inner = set(RUN["spec"]["properties"]["spec"]["properties"]) & set(refused)
    assert inner >= {"image", "command", "args", "envs", "resources", "volumes"}
    assert all(refused[key] == [f"written as spec.spec.{key}"] for key in inner)
    policy = set(POLICY) & set(refused)
    assert all(refused[key] == [f"written as spec.runPolicy.{key}"] for key in policy)


def test_the_client_knows_every_field_of_the_policy():
    assert set(POLICY) == unknown_keys.POLICY


def test_every_state_is_declared():
    assert {str(state) for state in State} <= set(STATUS["properties"]["state"]["enum"])
    assert STATUS["properties"]["state"]["default"] == State.CREATED


def test_every_condition_is_named_where_conditions_are_explained():
    names = [conditions.RESOLVED, conditions.RUNNING, conditions.SUSPENDED, conditions.QUEUED]
    for name in [*names, conditions.COMPLETE, conditions.FAILED, conditions.FINISHED]:
        assert name in STATUS["properties"]["conditions"]["description"]


def test_the_policy_has_the_same_defaults_in_both_places():
    stated = {name: field["default"] for name, field in POLICY.items() if "default" in field}
    assert RunPolicy.from_object(stated) == RunPolicy.from_object({}) == RunPolicy()
    assert set(POLICY["deadlinePolicy"]["enum"]) == {str(policy) for policy in DeadlinePolicy}


@pytest.mark.parametrize("name", POLICY)
def test_every_field_of_the_policy_has_an_effect(name):
    others: dict[str, list[Any]] = {
        "metrics": [{"statusBudget": "128Ki"}, {"onLimit": "Fail"}],
        "deadlinePolicy": ["WallClock"],
    }
    for other in others.get(name, [77]):
        assert RunPolicy.from_object({name: other}) != RunPolicy()


def test_every_field_of_the_model_is_declared():
    assert len(dataclasses.fields(RunPolicy)) == len(POLICY)


def test_the_lists_are_as_long_as_the_operator_makes_them():
    lists = {"transitions": MAX_TRANSITIONS, "attempts": MAX_ATTEMPTS, "pods": MAX_PODS}
    assert {name: STATUS["properties"][name]["maxItems"] for name in lists} == lists


def nodes_of_a_pipeline() -> list[dict[str, Any]]:
    """One step that handed something on, and one that failed."""
    one = run({"build": build(chain()), "parameters": {"url": "x"}}, kind="hera+pipeline:run", name="p")
    ended = {
        "state": "COMPLETED",
        "firstStartTime": "2026-11-29T10:00:00Z",
        "completionTime": "2026-11-29T10:01:00Z",
    }
    steps = (
        run(name="p-1", status=ended),
        run(name="p-2", status={"state": "ERROR", "message": "exit code 1"}),
    )
    seen = Observed(
        steps=steps, returned={"p-1": {"outputs": {"dataset": "store://demo/dataitem/table/d:1"}}}
    )
    begun = one.with_status({"state": "RUNNING", "attempt": 1, "startTime": stamp(NOW)})
    status = plan(begun, seen, NOW, Options()).status
    assert status is not None
    return list(status["nodes"])


def full_status() -> dict[str, Any]:
    """A status in which everything is said that can be said."""
    draft = StatusBuilder(run().with_defaults(PolicyDefaults(60, 60)), NOW)
    draft.begin_attempt()
    draft.replicas(1, "run-operator.io/run-uid=u")
    draft.of_job("j")
    draft.interrupted("PodDeleted", 1, counts=True)
    draft.become(State.PENDING, "waiting")
    draft.condition(conditions.RUNNING, status=False, reason="Pending", message="m")
    draft.suspended_by("User")
    draft.end_attempt("Suspended", "stopped", 143, "hello-1", NOW + 5)
    draft.completed_at(NOW + 6)
    draft.pods(summaries([replica(last_exit=3)]))
    draft.service(summary(service(type="NodePort", ports=[{"name": "port80", "port": 80, "targetPort": 1, "nodePort": 30001}])))  # fmt: skip
    draft.nodes(nodes_of_a_pipeline())
    part = ResolvedPart(reference="r", name="n", uid="u", spec={"image": "i"})
    function = dataclasses.replace(part, id="v1", generation=2)
    task = dataclasses.replace(part, function="container://demo/hello", generation=2)
    placed = dataclasses.replace(part, namespace="ml")
    record = ResolvedRecord(function, task, placed, dataclasses.replace(placed, generation=2)).to_object()
    draft.resolved(RecordSigner(b"").sign("uid", record))
    returned = Results({"accuracy": 0.5}, {"model": "store://demo/model/model/m:1"})
    return draft.current | returned.status_fields(1, "2026-11-29T10:00:00Z")


def test_whatever_the_status_can_say_is_declared():
    assert list(undeclared(full_status(), STATUS)) == []


def test_every_declared_field_of_the_status_is_written():
    """Those of metrics: test_metrics_schema.py."""

    def written(value: Any, node: Schema, path: str) -> Iterator[str]:
        for key, inner in value.items():
            yield f"{path}.{key}"
            below = node["properties"].get(key, {})
            for one in inner if isinstance(inner, list) else [inner]:
                if isinstance(one, dict) and "properties" in below.get("items", below):
                    yield from written(one, below.get("items", below), f"{path}.{key}")

    declared = {path.replace("[]", "") for path, _ in fields(STATUS) if not path.startswith(".metrics")}
    declared -= {".service.ip", ".service.hostname"}
    assert declared - {*written(full_status(), STATUS, "")} == set()


@pytest.mark.parametrize("story", [{"named": True}, {"queue": "team-a"}, {"backoff_limit": 1}], ids=str)
def test_what_a_whole_story_writes_is_declared(story):
    world = World(**story)
    seen: set[str] = set()

    def calmly() -> None:
        for _ in range(12):
            world.calm()
            assert list(undeclared(world.run["status"], STATUS)) == []
            seen.add(world.run["status"]["state"])

    calmly()
    for suspend in (True, False):
        world.set_suspend(suspend=suspend)
        calmly()
    for _ in range(2):
        world.kubelet(3)
        calmly()
    assert {"RUNNING", "STOPPED", "ERROR"} <= seen


def test_the_page_of_fields_is_written_from_the_schema():
    assert fields_page.PAGE.read_text() == fields_page.page(), "make docs"


def test_every_field_of_a_document_may_say_nothing():
    """Programs write null for it; a field without a type takes everything."""
    document = RUN["spec"]["properties"]["spec"]["properties"]
    for name, field in document.items():
        assert field.get("nullable") or "type" not in field, name
        assert field.get("type") != "object" or field["x-kubernetes-preserve-unknown-fields"], name


def test_kubectl_scale_and_autoscalers_find_the_replicas_of_a_run():
    assert version("runs")["subresources"]["scale"] == {
        "specReplicasPath": ".spec.spec.replicas",
        "statusReplicasPath": ".status.replicas",
        "labelSelectorPath": ".status.selector",
    }
