"""The gateway says which keys of a document are not used, in a header as the API server's."""

from __future__ import annotations

import pytest

from run_operator.gateway.warnings import not_used_of, warning_header

RUN = {"kind": "container+job:run", "spec": {"image": "x", "env": 1}}
SAID = "spec.spec.env is not used by container+job; did you mean envs?"


@pytest.mark.parametrize(
    ("method", "parts", "expected"),
    [
        ("POST", ("api", "v1", "-", "ml", "runs"), [SAID]),
        ("PUT", ("api", "v1", "-", "ml", "runs", "a"), [SAID]),
        ("POST", ("api", "v1", "-", "ml", "functions"), []),
        ("POST", ("api", "v1", "-", "ml", "runs", "a", "stop"), []),
        ("GET", ("api", "v1", "-", "ml", "runs"), []),
    ],
)
def test_which_requests_are_looked_at(method, parts, expected):
    assert not_used_of(method, parts, RUN) == expected


@pytest.mark.parametrize("body", [None, [], {"kind": 7}, {"kind": "container+job:run", "spec": []}])
def test_what_is_no_document_has_no_warning(body):
    assert not_used_of("POST", ("runs",), body) == []


def test_the_header():
    assert warning_header([]) == {}
    assert warning_header([SAID, 'a "b" \n\u00e9']) == {
        "Warning": f'299 run-operator-gateway "{SAID}", 299 run-operator-gateway "a \\"b\\" ??"'
    }
