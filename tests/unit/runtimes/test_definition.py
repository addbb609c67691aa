"""A Runtime's mistakes are found when it is applied, all at once, each with its place."""

from __future__ import annotations

from typing import Any

import pytest

from run_operator.runtimes.compiled_runtimes import definition
from run_operator.runtimes.definition import InvalidRuntimeError
from tests.support.runtimes import runtime


def mistakes(**spec: Any) -> list[str]:
    try:
        definition(runtime(**spec)["spec"])
    except InvalidRuntimeError as error:
        return error.mistakes
    return []


def document(**spec: Any) -> dict[str, Any]:
    made = runtime()["spec"]["document"]
    return {"kind": made["kind"], "spec": {**made["spec"], **spec}}


def test_a_good_one_has_none():
    assert mistakes() == []


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ({"kinds": []}, "spec.kinds: is missing"),
        ({"kinds": ["echo"]}, "spec.kinds[0]: 'echo' is not the kind of a Run"),
        ({"kinds": ["container+serve:run"]}, "spec.kinds[0]: container+serve:run is built into the operator"),
        ({"document": {"kind": "echo+serve:run", "spec": {}}}, "spec.document.kind: 'echo+serve:run' is not built"),
        ({"kinds": ["echo+train:run"]}, "spec.kinds[0]: Runs of echo+train:run are jobs by their action"),
        ({"fields": {"a": {"type": "date"}}}, "spec.fields.a: type 'date' is unknown"),
        ({"fields": {"a": {"type": "integer", "default": "1"}}}, "spec.fields.a: default is a text"),
        ({"document": document(args=["${run.spec.txt}"])}, "spec.document.spec.args[0]: "),
        ({"document": document(args=["${run.spec.text + 1}"])}, "spec.document.spec.args[0]: "),
        ({"document": document(image="${settings.img}")}, "spec.document.spec.image: "),
        ({"document": document(args=["${run.spec.x}"])}, "(tried with a document with every field)"),
        ({"document": document(service_ports=[])}, "spec.spec.service_ports: is missing"),
        ({"document": document(image="${''}")}, "spec.spec.image: is missing"),
        ({"document": document(run_as_user=0)}, "root is not allowed"),
        ({"files": [{"source": "s3://b/${run.spec.text}", "path": "/etc"}]}, "folders below /shared"),
        ({"files": [{"source": "s3://b/${run.spec.text}", "path": "/shared/../etc"}]}, "folders below /shared"),
        ({"readiness": {"path": "${run.nothing}"}}, "spec.readiness.path: "),
        ({"settings": {"image": "x" * 9000}}, "spec.settings.image has 9000 characters"),
    ],
    ids=lambda value: str(value)[:60],
)  # fmt: skip
def test_what_is_wrong(spec, said):
    assert any(said in mistake for mistake in mistakes(**spec)), mistakes(**spec)


def test_a_field_that_documents_need_not_have_is_tried_without():
    """`has` is needed where there is no default."""
    spec = {
        "fields": {"text": {"required": True}, "extra": {}},
        "document": document(args=["${run.spec.extra}"]),
    }
    (mistake,) = mistakes(**spec)
    assert "the required fields alone" in mistake
    spec["document"] = document(args=["${has(run.spec.extra) ? [run.spec.extra] : []}"])
    assert mistakes(**spec) == []


def test_both_ways_of_a_switch_are_tried():
    spec = {
        "fields": {"text": {"required": True}, "loud": {"type": "boolean", "default": True}},
        "document": document(args=["${run.spec.loud ? run.spec.text : run.spec.whisper}"]),
    }
    (mistake,) = mistakes(**spec)
    assert "every switch off" in mistake


def test_all_mistakes_at_once():
    found = mistakes(kinds=["echo+serve"], document=document(args=["${a}", "${b}"]))
    assert len(found) == 3
