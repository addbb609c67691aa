"""A signature holds for one value of one Run, and only with the operator's key."""

from __future__ import annotations

import json

import pytest

from run_operator.api.record_signer import SIGNATURE, RecordSigner

KEY, VALUE = (
    b"k" * 32,
    {"function": {"reference": "container://p/f", "spec": {"image": "é", "envs": [1, 0.5]}}},
)


def test_what_was_signed_is_genuine_also_after_a_way_through_json_and_in_another_order():
    signed = RecordSigner(KEY).sign("uid", VALUE)
    there = json.loads(json.dumps(signed))
    assert RecordSigner(KEY).is_genuine("uid", dict(reversed(there.items())))


@pytest.mark.parametrize(
    ("wrote", "read"), [(1.0, 1), (-0.0, 0), (10**22, 1e22), (0.5, 0.5), (True, True), (2**62, 2**62)]
)
def test_numbers_count_as_the_api_server_gives_them_back(wrote, read):
    signed = RecordSigner(KEY).sign("uid", {"spec": {"n": [wrote]}})
    assert RecordSigner(KEY).is_genuine("uid", {**signed, "spec": {"n": [read]}})


@pytest.mark.parametrize(
    "forged",
    [
        VALUE,
        VALUE | {SIGNATURE: ""},
        VALUE | {SIGNATURE: 7},
        VALUE | {SIGNATURE: "é"},
        VALUE | {SIGNATURE: RecordSigner(b"another key").sign("uid", VALUE)[SIGNATURE]},
        RecordSigner(KEY).sign("another", VALUE),
        RecordSigner(KEY).sign("uid", VALUE) | {"task": {"reference": "t"}},
        RecordSigner(KEY).sign("uid", VALUE)
        | {"function": {"reference": "container://p/f", "spec": {"image": "evil"}}},
    ],
    ids=[
        "unsigned",
        "empty",
        "a number",
        "not ascii",
        "another key",
        "another Run",
        "a part more",
        "a part changed",
    ],
)
def test_what_the_operator_did_not_write_is_not(forged):
    assert not RecordSigner(KEY).is_genuine("uid", forged)


def test_a_value_that_was_signed_before_is_signed_again_without_its_old_signature():
    once = RecordSigner(KEY).sign("uid", VALUE)
    assert RecordSigner(KEY).sign("uid", once) == once
    assert SIGNATURE not in VALUE


def test_the_key_is_not_shown():
    assert "kkk" not in repr(RecordSigner(KEY))
