"""Request bodies: what is taken, and that whatever else is sent ends in a sentence and nothing worse."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from run_operator.metrics import protocol
from run_operator.metrics.protocol import (
    MAX_BODY,
    MAX_VALUES,
    Append,
    Batch,
    MalformedError,
    Put,
    RefusedBatchError,
    Replace,
    Set,
    Truncate,
    UnacceptableError,
    of_operations,
    read,
)


def test_everything_that_can_be_said():
    ops = [
        {"k": "loss", "append": [0.1, 2, None]},
        {"k": "acc", "set": 0.93},
        {"k": "acc", "set": None, "overwrite": True},
        {"k": "lr", "put": 1},
        {"k": "loss", "replace": []},
        {"k": "loss", "truncate": 120},
    ]
    body = {"writer": "w", "seq": 1, "attempt": 2, "ops": ops, "end": True}
    assert read(json.dumps(body).encode()) == Batch(
        "w", 1, 2,
        (
            Append("loss", [0.1, 2, None]), Set("acc", 0.93, overwrite=False), Set("acc", None, overwrite=True),
            Put("lr", 1), Replace("loss", []), Truncate("loss", 120),
        ),
        end=True,
    )  # fmt: skip


def test_the_smallest_ones():
    assert read(b'{"ops": [{"k": "a", "put": 1}]}').writer is None
    assert read(b'{"writer": "w", "ops": []}') == Batch("w", None, None, (), end=False)
    assert read(b'{"writer": "w", "seq": 3, "end": true}').end


HOSTILE = {
    "nothing": (b"", MalformedError, "not JSON"),
    "half": (b'{"writer": "w", "seq"', MalformedError, "not JSON"),
    "binary": (b"\xff\xfe\x00", MalformedError, "not JSON"),
    "deep lists": (b"[" * 100_000, MalformedError, "deep"),
    "deep objects": (b'{"ops":' * 30_000, MalformedError, "deep"),
    "a list": (b"[]", MalformedError, "JSON object"),
    "a number": (b"1", MalformedError, "JSON object"),
    "NaN": (b'{"ops": [{"k": "a", "put": NaN}]}', MalformedError, "null"),
    "-Infinity": (b'{"ops": [{"k": "a", "append": [-Infinity]}]}', MalformedError, "null"),
    "NaN as a text": (b'{"ops": [{"k": "a", "put": "NaN"}]}', UnacceptableError, "a text"),
    "1e400": (b'{"ops": [{"k": "a", "append": [0, 1e400]}]}', UnacceptableError, "range of a double"),
    "a huge integer": (b'{"ops": [{"k": "a", "put": ' + b"9" * 4000 + b"}]}", UnacceptableError, "double"),
    "a huger integer": (b'{"ops": [{"k": "a", "put": ' + b"9" * 99_000 + b"}]}", MalformedError, "not JSON"),
    "true": (b'{"ops": [{"k": "a", "put": true}]}', UnacceptableError, "true or false"),
    "a list in a list": (b'{"ops": [{"k": "a", "append": [[1]]}]}', UnacceptableError, "value 0 is a list"),
    "no list": (b'{"ops": [{"k": "a", "append": 1}]}', MalformedError, "a list of numbers"),
    "no key": (b'{"ops": [{"append": [1]}]}', MalformedError, "must be a text"),
    "an empty key": (b'{"ops": [{"k": "", "put": 1}]}', UnacceptableError, "cannot name"),
    "a long key": (b'{"ops": [{"k": "' + b"x" * 129 + b'", "put": 1}]}', UnacceptableError, "cannot name"),
    "a huge key": (b'{"ops": [{"k": "' + b"x" * 99_999 + b'", "put": 1}]}', UnacceptableError, "cannot name"),
    "a line in a key": (b'{"ops": [{"k": "a\\nb", "put": 1}]}', UnacceptableError, "cannot name"),
    "a lone surrogate": (b'{"ops": [{"k": "\\ud800", "put": 1}]}', UnacceptableError, "cannot name"),
    "two verbs": (b'{"ops": [{"k": "a", "put": 1, "set": 1}]}', MalformedError, "exactly one"),
    "an unknown verb": (b'{"ops": [{"k": "a", "add": 1}]}', MalformedError, "exactly one"),
    "overwrite elsewhere": (b'{"ops": [{"k": "a", "put": 1, "overwrite": true}]}', MalformedError, "exactly one"),
    "ops is an object": (b'{"ops": {"k": "a"}}', MalformedError, "ops must be a list"),
    "an op is a list": (b'{"ops": [[]]}', MalformedError, "JSON object"),
    "too many ops": (json.dumps({"ops": [{"k": "a", "put": 1}] * 1001}).encode(), UnacceptableError, "1001"),
    "too many values": (
        json.dumps({"ops": [{"k": "a", "append": [1] * 15_000}] * 2}).encode(), UnacceptableError, "20000",
    ),
    "a negative length": (b'{"ops": [{"k": "a", "truncate": -1}]}', MalformedError, "at least 0"),
    "half a length": (b'{"ops": [{"k": "a", "truncate": 1.5}]}', MalformedError, "whole number"),
    "seq 0": (b'{"writer": "w", "seq": 0, "ops": []}', MalformedError, "at least 1"),
    "seq true": (b'{"writer": "w", "seq": true, "ops": []}', MalformedError, "whole number"),
    "a huge seq": (b'{"writer": "w", "seq": 99999999999999999, "ops": []}', MalformedError, "whole number"),
    "no seq": (b'{"writer": "w", "ops": [{"k": "a", "put": 1}]}', MalformedError, "needs a seq"),
    "no writer": (b'{"seq": 1, "ops": []}', MalformedError, "need a writer"),
    "end without a writer": (b'{"end": true, "ops": []}', MalformedError, "need a writer"),
    "end is a number": (b'{"end": 1, "ops": []}', MalformedError, "true or false"),
    "a writer with umlauts": ('{"writer": "ü", "seq": 1}'.encode(), MalformedError, "ASCII"),
    "a long writer": (b'{"writer": "' + b"w" * 201 + b'", "seq": 1}', MalformedError, "200"),
    "an unknown field": (b'{"sequence": 1, "ops": []}', MalformedError, "unknown field"),
}  # fmt: skip


@pytest.mark.parametrize(("body", "kind", "said"), HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_bodies(body, kind, said):
    assert len(body) <= MAX_BODY
    with pytest.raises(kind, match=said) as caught:
        read(body)
    assert len(str(caught.value)) < 400


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
)
fields = st.sampled_from(["writer", "seq", "attempt", "ops", "end", "k", "append", "set", "put", "truncate"])
nearly = st.dictionaries(fields, anything | st.lists(st.dictionaries(fields, anything), max_size=3))


@given(st.one_of(st.binary(max_size=200), (anything | nearly).map(lambda v: json.dumps(v).encode())))
def test_whatever_is_sent_nothing_else_is_raised(body):
    try:
        answer = read(body)
    except RefusedBatchError:
        return
    assert isinstance(answer, Batch)


def test_operations_of_an_object_are_checked_as_those_of_a_body():
    ops = [{"k": "loss", "append": [0.1, 2, None]}, {"k": "acc", "set": 0.93}]
    assert of_operations("w", ops) == read(
        json.dumps({"writer": "w", "seq": 1, "ops": ops, "end": True}).encode()
    )
    with pytest.raises(MalformedError, match="ops\\[0\\] must have k"):
        of_operations("w", [{"k": "x"}])


def test_a_list_of_any_length_is_refused_before_its_values_are_looked_at(monkeypatch):
    """An object of the cluster may hold 700,000, and the operator reads those of all namespaces."""
    looked = []
    monkeypatch.setattr(protocol, "numbers", lambda values: looked.append(len(values)) or values)
    with pytest.raises(UnacceptableError, match="more than 20000 values"):
        of_operations("w", [{"k": "x", "append": [1.5] * (MAX_VALUES + 1)}])
    assert looked == []
