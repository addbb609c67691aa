"""JSON that is nested more deeply than parsers read: what is around it is read."""

from __future__ import annotations

import json

import orjson
import pytest

from run_operator.gateway.encoding import encoded
from run_operator.kube import nesting


def page(inner: str) -> bytes:
    """A list with this between two other objects."""
    items = (
        '{"metadata":{"uid":"a"}}',
        f'{{"metadata":{{"uid":"b"}},"spec":{inner}}}',
        '{"metadata":{"uid":"c"}}',
    )
    return f'{{"items":[{",".join(items)}]}}'.encode()


@pytest.mark.parametrize("depth", [10, 145, 150, 1000, 1100, 9999])
@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a]\\"}":', "}"), ('[{"x":[', "]}]")])
def test_the_other_objects_of_a_list_are_read(depth, opening, closing):
    deep = page(opening * depth + "1" + closing * depth)
    for found in (nesting.loads(deep), nesting.loads(nesting.cut(deep))):
        assert [one["metadata"]["uid"] for one in found["items"]] == ["a", "b", "c"]
    json.loads(nesting.cut(deep))


def test_what_is_no_deeper_stays_as_it_is():
    text = page(json.dumps({"a": [{"b": [1, "]}", {}]}] * 200}))
    assert nesting.cut(text) is text


def test_what_is_no_json_is_an_error():
    for text in (b"", b"[" * 2000, b'{"a":' * 2000, b"[1,"):
        with pytest.raises(orjson.JSONDecodeError):
            nesting.loads(text)


def test_answers_are_written_whatever_their_depth():
    value: object = 1
    for _ in range(900):
        value = [value]
    assert json.loads(encoded({"a": value, "b": 2}))["b"] == 2
