"""What a document says that has no effect."""

from __future__ import annotations

import pytest

from run_operator.workloads.unused_fields import without_effect
from tests.support.builders import run


def warnings(spec, **top):
    one = run({"image": "x", **spec}, **top)
    return without_effect(one, one.spec)


@pytest.mark.parametrize(
    ("source", "warned"),
    [
        ({"source": "main.py", "handler": "main", "base64": ""}, True),
        ({"source": "main.py", "code": "x"}, False),
        ({"handler": "main"}, False),
        ({}, False),
    ],
)
def test_a_file_that_is_named_but_not_held(source, warned):
    said = "spec.spec.source names main.py but does not hold it (no base64, no code): nothing is put into /shared"
    assert warnings({"source": source}) == ((said,) if warned else ())


def test_a_build_fetches_its_source():
    spec = {"base_image": "x", "source": {"source": "git+https://example.org/x"}}
    assert without_effect(run(spec, kind="container+build:run"), spec) == ()


def test_keys_that_the_kind_does_not_use():
    assert warnings({"env": 1}) == ("spec.spec.env is not used by container+job; did you mean envs?",)
    assert warnings({"env": 1, "task": "container+serve://a/b"}, kind="container+run") == (
        "spec.spec.env is not used by container+serve; did you mean envs?",
    )


def test_a_document_that_cannot_be_built_is_reported_by_building_it():
    assert warnings({"source": {"source": "x", "base64": 1}}) == ()
    assert warnings({}, kind="container+run") == ()
