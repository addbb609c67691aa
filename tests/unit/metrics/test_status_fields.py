"""What turns the metrics of a status into others: always exactly those, and for lists that grew little more than what is new."""

from __future__ import annotations

import copy
import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from run_operator.metrics.metric_set import MetricSet
from run_operator.metrics.series import Single
from run_operator.metrics.status_fields import MOST, SHARE, difference, info

KEYS = st.sampled_from(["loss", "a/b", "a~b", "~1", "-"])
NUMBERS = st.integers(-3, 3) | st.floats(allow_nan=False, allow_infinity=False)
METRICS = st.dictionaries(KEYS, st.lists(NUMBERS, max_size=12) | NUMBERS)


def patched(there: Any, operations: list[dict[str, Any]]) -> Any:
    """As RFC 6902 has it, of the operations that are made."""
    status = {"metrics": copy.deepcopy(there)}
    for op in operations:
        assert op["op"] == "add"
        parts = [part.replace("~1", "/").replace("~0", "~") for part in op["path"].split("/")[2:]]
        at: Any = status
        for part in parts[:-1]:
            at = at[part]
        if isinstance(at, list):
            assert parts[-1] == "-"
            at.append(op["value"])
        else:
            at[parts[-1]] = copy.deepcopy(op["value"])
    return status["metrics"]


@given(there=METRICS | st.none(), wanted=METRICS)
def test_it_ends_in_what_is_wanted_whatever_was_there(there, wanted):
    assert patched(there, difference(there, wanted)) == wanted


@given(there=METRICS, more=METRICS)
def test_it_ends_in_what_is_wanted_when_lists_grew(there, more):
    wanted = {
        key: there[key] + value if isinstance(there.get(key), list) and isinstance(value, list) else value
        for key, value in (there | more).items()
    }
    assert patched(there, difference(there, wanted)) == wanted


def test_of_a_list_that_grew_only_the_end_is_written_and_nothing_of_one_that_did_not():
    long = [0.5] * 1000
    made = difference({"a": long, "b": long, "c": 1}, {"a": [*long, 1.5, 2.5], "b": list(long), "c": 1})
    assert made == [{"op": "add", "path": "/status/metrics/a/-", "value": value} for value in (1.5, 2.5)]


def test_a_list_with_much_that_is_new_is_written_whole():
    there = [0] * SHARE
    assert len(difference({"a": there}, {"a": [*there, *there]})) == 1


def test_a_patch_has_a_bounded_number_of_operations():
    there = {f"m{i}": [0] * 400 for i in range(64)}
    wanted = {key: [*value, *range(100)] for key, value in there.items()}
    made = difference(there, wanted)
    assert len(made) <= MOST + len(there)
    assert patched(there, made) == wanted


def test_what_is_not_known_to_be_there_is_written_whole():
    for there in (None, {}, {"gone": [1], "a": [1] * 9}):
        wanted = {"a": [1] * 10}
        assert [op["path"] for op in difference(there, wanted)] == ["/status/metrics"]
        assert json.loads(json.dumps(difference(there, wanted)[0]["value"])) == wanted


def test_the_last_value_of_a_single_one_is_reported():
    """So that one jsonPath sorts single values and lists."""
    found = info(MetricSet({"acc": Single(0.5), "odd": Single(None)}))
    assert found["acc"]["last"] == 0.5
    assert "last" not in found["odd"]
