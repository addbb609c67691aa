"""Documents the client makes or is given: what the SDK would make, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from run_operator.client.documents import checked, new_document, object_of
from run_operator.client.errors import EntityError
from run_operator.document.entity import load
from run_operator.document.errors import NotAnExportError

EXPORTS = Path(__file__).parents[2] / "data" / "exports"
TASK = "container+job://p/t"


def test_a_new_document_is_what_the_sdk_makes():
    made = new_document("p", "container+job:run", "an-id", ["a"], {"task": TASK, "image": None, "args": []})
    exported = load((EXPORTS / "container-job-selfcontained.yaml").read_bytes()).document
    assert list(made) == list(exported)
    assert made["spec"] == {"task": TASK, "args": []}
    assert made["key"] == "store://p/run/container+job:run/an-id"
    assert set(made["metadata"]) == {"project", "name", "labels", "created", "updated"}
    assert len(new_document("p", "k", None, None, {})["id"]) == 32


@pytest.mark.parametrize("wrong", ["My", "a_b", "a.b", "", "-a", "a--b", "a b"])
def test_an_id_that_is_no_slug_is_refused_with_the_originals_words(wrong):
    with pytest.raises(ValueError, match=r"^Invalid ID: .*\. Must pass slugified ID\.$"):
        new_document("p", "k", wrong, None, {})


def test_a_document_needs_no_task():
    assert checked(new_document("p", "container+job:run", "a", None, {})).id == "a"


MANIFEST = b"""apiVersion: run-operator.io/v1alpha1
kind: Run
metadata: {name: hand}
spec: {kind: "container+job:run", spec: {image: x}}
"""


def test_a_manifest_is_applied_as_it_is():
    body = object_of(MANIFEST, suspend=True)
    assert body["metadata"] == {"name": "hand"}
    assert body["spec"] == {"kind": "container+job:run", "spec": {"image": "x"}, "suspend": True}


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (b"name: hand", b"a: b", "metadata.name"),
        (b"spec: {kind", b"spec2: {kind", "'spec' is missing"),
        (b"Run", b"Pod", "manifest"),
        (b"v1alpha1", b"v1", "^apiVersion run-operator.io/v1 is not known; write run-operator.io/v1alpha1$"),
        (
            b"image: x",
            b"image: x}, suspended: true, runPolicy: {backofLimit: 1",
            "spec.suspended is not known; did you mean suspend[?]; spec.runPolicy.backofLimit is not known; did you mean backoffLimit[?]$",
        ),
        (
            b"spec: {image: x}",
            b"image: x, env: [], template: {}, ttlSecondsAfterFinished: 1",
            "^spec.image is not known; did you mean spec.spec.image[?]; spec.env is not known; did you mean spec.spec.envs[?]; spec.template is not known; did you mean image, command and args without a template, in spec.spec[?]; spec.ttlSecondsAfterFinished is not known; did you mean spec.runPolicy.ttlSecondsAfterFinished[?]$",
        ),
        (
            b"spec: {image: x}}",
            b"spec: {}}\ncommand: x",
            "^command is not known; did you mean spec.spec.command[?]$",
        ),
    ],
)
def test_a_manifest_that_says_too_little_is_refused(old, new, said):
    with pytest.raises(NotAnExportError, match=said):
        object_of(MANIFEST.replace(old, new))


def test_a_function_is_no_run():
    function = {"kind": "container", "project": "p", "id": "a", "name": "f", "spec": {}}
    with pytest.raises(EntityError, match="this is a Function"):
        checked(function)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ({"image": object()}, r"^spec\.image is of the type object; a document can have"),
        ({"args": ["a", {1, 2}]}, r"^spec\.args\[1\] is of the type set"),
        ({"x": {"y": float("nan")}}, r"^spec\.x\.y is nan, which is not a number"),
        ({"envs": {1: "a"}}, r"^the key 1 in spec\.envs is not a text; write '1'"),
    ],
)
def test_a_value_that_no_file_can_hold_is_named(value, said):
    with pytest.raises(EntityError, match=said):
        checked(new_document("p", "container+job:run", "a", None, {"task": TASK, **value}))
