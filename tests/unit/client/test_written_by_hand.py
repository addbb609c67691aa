"""What runctl and the gateway say to documents written by hand is what the operator says: of every one in tests/data/first_documents."""

from __future__ import annotations

import pytest
import yaml

from run_operator.client.documents import object_of
from run_operator.document.errors import DocumentError
from run_operator.document.known_fields import not_used
from tests.support.first_documents import FirstDocument, documents


def notes(document: FirstDocument) -> list[str]:
    """What is said before anything is sent."""
    try:
        return not_used(object_of(document.path.read_bytes())["spec"])
    except DocumentError as error:
        return [str(error)]


def unused_in(document: FirstDocument) -> list[str]:
    """Sentences about keys without effect that is shown. A key of resources is refused by the operator."""
    return [
        one
        for one in document.shown
        if (" is not used by " in one and "spec.spec.resources." not in one) or " does not hold it" in one
    ]


SHOWN = [one for one in documents("mistakes") if unused_in(one)]


@pytest.mark.parametrize("document", SHOWN, ids=lambda one: one.name)
def test_a_key_without_effect_is_named_before_anything_is_sent(document):
    said = "\n".join(notes(document))
    assert not [one for one in unused_in(document) if one not in said], said


@pytest.mark.parametrize("document", documents("correct"), ids=lambda one: one.name)
def test_a_correct_document_has_no_notes(document):
    assert notes(document) == []


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("typing-suspend", "spec.suspended is not known; did you mean suspend?"),
        ("typing-run-policy", "spec.runpolicy is not known; did you mean spec.runPolicy?"),
        ("typing-within-run-policy", "spec.runPolicy.backofLimit is not known; did you mean backoffLimit?"),
        ("image-beside-kind", "spec.command is not known; did you mean spec.spec.command?"),
        ("inner-spec-not-indented", "spec.image is not known; did you mean spec.spec.image?"),
        ("image-at-the-top", "image is not known; did you mean spec.spec.image?"),
        ("another-api-version", "write run-operator.io/v1alpha1"),
        ("key-twice", "the key 'image' is defined twice"),
    ],
)
def test_a_key_in_the_wrong_place_is_refused_by_runctl(name, said):
    (document,) = [one for one in documents("mistakes") if one.name == name]
    assert said in notes(document)[0]


def test_a_file_that_a_function_may_hold_is_not_missed():
    spec = {"image": "x", "source": {"source": "train.py"}}
    run = {"kind": "container+job:run", "spec": spec}
    assert not_used(run) == [
        "spec.spec.source names train.py but does not hold it (no base64, no code): nothing is put into /shared"
    ]
    for held in ({"function": "container://p/f"}, {"source": {"source": "train.py", "code": "x"}}):
        assert not_used({**run, "spec": spec | held}) == []
    assert not_used({**run, "spec": spec | {"source": {"source": "https://x/train.py"}}}) == []


def test_every_document_is_a_run_with_the_name_of_its_file():
    for one in (*documents("mistakes"), *documents("correct")):
        if not one.by and one.name != "name-with-underscore":
            assert yaml.safe_load(one.path.read_text())["metadata"]["name"] == one.name
