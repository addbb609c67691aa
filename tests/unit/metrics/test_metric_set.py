"""What an operation does to what is there, and the budget that all metrics of a Run share."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from run_operator.metrics import status_fields
from run_operator.metrics.metric_set import MAX_KEYS, MetricLimits, MetricSet
from run_operator.metrics.protocol import Append, Batch, Op, Put, Replace, Set, Truncate, UnacceptableError
from run_operator.metrics.series import Series
from tests.support.examples import examples

PLENTY = MetricLimits()


def batch(*ops: Op) -> Batch:
    return Batch(None, None, None, ops, end=False)


def start(value) -> MetricSet:
    held = MetricSet()
    if isinstance(value, list):
        held.apply(batch(Replace("k", list(value))), PLENTY)
    elif value is not None:
        held.apply(batch(Set("k", value, overwrite=True)), PLENTY)
    return held


KEPT = "kept"
TRUTH = [  # operation, then the result for: nothing, 1.0, [1.0]
    (Append("k", [2.0]), [2.0], [1.0, 2.0], [1.0, 2.0]),
    (Append("k", [2.0, 3.0]), [2.0, 3.0], [1.0, 2.0, 3.0], [1.0, 2.0, 3.0]),
    (Append("k", []), [], [1.0], [1.0]),
    (Replace("k", [2.0]), [2.0], [2.0], [2.0]),
    (Replace("k", []), [], [], []),
    (Set("k", 2.0, overwrite=False), 2.0, 1.0, [1.0]),
    (Set("k", 2.0, overwrite=True), 2.0, 2.0, 2.0),
    (Put("k", 2.0), 2.0, [1.0, 2.0], [1.0, 2.0]),
    (Append("k", [None]), [None], [1.0, None], [1.0, None]),
    (Set("k", None, overwrite=True), None, None, None),
]


@pytest.mark.parametrize(("op", "from_nothing", "from_single", "from_list"), TRUTH)
def test_the_truth_table(op, from_nothing, from_single, from_list):
    for before, after in ((None, from_nothing), (1.0, from_single), ([1.0], from_list)):
        held = start(before)
        held.apply(batch(op), PLENTY)
        assert status_fields.values(held) == {"k": after}


@pytest.mark.parametrize("before", [1.0, [1.0]])
def test_a_value_that_is_not_stored_is_counted_and_reported(before):
    held = start(before)
    notes = held.apply(batch(Set("k", 2.0, overwrite=False)), PLENTY)
    assert "already has a" in notes[0]
    assert status_fields.info(held)["k"]["ignored"] == 1


def test_a_replaced_list_starts_again():
    held = start([5.0, 7.0])
    held.apply(batch(Replace("k", [1.0])), PLENTY)
    reported = status_fields.info(held)["k"]
    assert (reported["count"], reported["min"], reported["max"], reported["sum"]) == (1, 1.0, 1.0, 1.0)


@pytest.mark.parametrize(("before", "length"), [(None, 1), (1.0, 0), ([1.0], 2)])
def test_a_rewind_of_what_is_not_there_is_reported_and_changes_nothing(before, length):
    held = start(before)
    before = status_fields.values(held)
    assert held.apply(batch(Truncate("k", length)), PLENTY)
    assert status_fields.values(held) == before


def test_a_program_without_a_checkpoint_truncates_to_nothing_without_a_word():
    held = start(None)
    assert not held.apply(batch(Truncate("k", 0)), PLENTY)
    assert status_fields.values(held) == status_fields.values(start(None))


def test_one_metric_too_many_is_refused_and_nothing_of_the_batch_is_stored():
    held = MetricSet()
    held.apply(batch(*(Put(f"k{i}", 1) for i in range(MAX_KEYS))), PLENTY)
    with pytest.raises(
        UnacceptableError, match="'more' does not fit: a Run can have at most 64 metrics"
    ) as caught:
        held.apply(batch(Put("k0", 2), Put("more", 1), Append("most", [1, 2]), Truncate("none", 1)), PLENTY)
    assert (caught.value.more, held.refused) == ({"keys": ["more", "most"]}, 3)
    assert status_fields.values(held)["k0"] == 1


def test_only_names_that_have_no_place_are_named():
    held = MetricSet()
    held.apply(batch(*(Put(f"k{i}", 1) for i in range(MAX_KEYS - 1))), PLENTY)
    with pytest.raises(UnacceptableError) as caught:
        held.apply(batch(Put("last", 2), Put("more", 1)), PLENTY)
    assert caught.value.more == {"keys": ["more"]}


def test_a_name_for_which_the_budget_has_no_room_is_refused():
    names = [f"{i}" * 64 for i in range(10, 30)]
    with pytest.raises(UnacceptableError, match="statusBudget") as caught:
        MetricSet().apply(batch(*(Put(name, 1) for name in names)), MetricLimits(budget=1024))
    refused = caught.value.more["keys"]
    assert refused == names[-len(refused) :]
    MetricSet().apply(
        batch(*(Put(name, 1) for name in names if name not in refused)), MetricLimits(budget=1024)
    )


def test_the_largest_list_is_thinned_first_and_single_values_never():
    held = MetricSet()
    ops: list[Any] = [
        Append("long", [0.123456789] * 300),
        Append("short", [0.1, 0.2, 0.3]),
        Put("single", 0.987654321),
    ]
    held.apply(batch(*ops), MetricLimits(budget=2048))
    reported = status_fields.info(held)
    assert reported["long"]["stride"] == 2
    assert reported["short"]["stride"] == 1
    assert status_fields.values(held)["single"] == 0.987654321
    assert reported["long"]["count"] == 300


class TestFail:
    """`onLimit: Fail`: the lists stay whole, and what does not fit is refused and counted."""

    limits = MetricLimits(budget=1024, fail=True)

    def full(self) -> MetricSet:
        held = MetricSet()
        held.apply(batch(Append("loss", [0.123456789] * 70)), self.limits)
        return held

    def test_what_does_not_fit_is_refused_and_counted(self):
        held = self.full()
        with pytest.raises(UnacceptableError, match="onLimit: Fail"):
            held.apply(batch(Append("loss", [0.5] * 100)), self.limits)
        reported = status_fields.info(held)["loss"]
        assert (reported["count"], reported["stride"], reported["refused"], held.refused) == (70, 1, 100, 100)

    def test_the_rest_of_the_batch_is_stored(self):
        held = self.full()
        notes = held.apply(batch(Append("loss", [0.5] * 100), Set("acc", 0.9, overwrite=True)), self.limits)
        assert "100 values refused" in notes[0]
        assert status_fields.values(held)["acc"] == 0.9

    def test_a_list_with_a_hole_cannot_come_about(self):
        held = self.full()
        with pytest.raises(UnacceptableError):
            held.apply(batch(Append("loss", [0.5] * 100)), self.limits)
        with pytest.raises(UnacceptableError):
            held.apply(batch(Append("loss", [1])), self.limits)

    def test_a_rewind_makes_room(self):
        held = self.full()
        with pytest.raises(UnacceptableError):
            held.apply(batch(Append("loss", [0.5] * 100)), self.limits)
        held.apply(batch(Truncate("loss", 2), Append("loss", [7])), self.limits)
        assert status_fields.values(held)["loss"] == [0.123456789, 0.123456789, 7]


value = st.one_of(
    st.none(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from([1e16, 1.5e20, 1e21, 1e-5, 1.2345678901234567e-6, -1e-7, 5e-324, 1.7976931348623157e308]),
)
key = st.sampled_from(["loss", "acc", "a<b>&", "ü" * 20, '"quoted"', "x" * 100])
op = st.one_of(
    st.builds(Append, key, st.lists(value, max_size=200)),
    st.builds(Replace, key, st.lists(value, max_size=50)),
    st.builds(Put, key, value),
    st.builds(Set, key, value, st.booleans()),
    st.builds(Truncate, key, st.integers(0, 300)),
)


def in_go(held: MetricSet) -> int:
    """Bytes of the metrics as the API server writes them: encoding/json's rule for floats and its HTML escapes."""

    def number(value) -> str:
        if not isinstance(value, float):
            return json.dumps(value)
        plain = value == 0 or 1e-6 <= abs(value) < 1e21
        return _shortest(value, plain=plain)

    def text(name: str) -> str:
        plain = json.dumps(name, ensure_ascii=False)
        for letter in "<>&":
            plain = plain.replace(letter, f"\\u{ord(letter):04x}")
        return plain

    parts = []
    for name, metric in status_fields.values(held).items():
        inner = f"[{','.join(map(number, metric))}]" if isinstance(metric, list) else number(metric)
        parts.append(f"{text(name)}:{inner}")
    return len(f"{{{','.join(parts)}}}".encode())


def _shortest(value: float, *, plain: bool) -> str:
    if not plain:
        return repr(value)
    digits, _, exponent = f"{value!r}".partition("e")
    if not exponent:
        return digits.removesuffix(".0")
    whole, _, fraction = digits.lstrip("-").partition(".")
    shift = int(exponent)
    sign = "-" if value < 0 else ""
    if shift < 0:
        return f"{sign}0.{'0' * (-shift - 1)}{whole}{fraction}"
    return f"{sign}{whole}{fraction.ljust(shift, '0')}"


@settings(max_examples=examples(200), deadline=None)
@given(st.lists(st.lists(op, max_size=6), max_size=12), st.integers(2048, 8192), st.booleans())
def test_the_budget_is_never_exceeded_whatever_the_mix(batches, budget, fail):
    held = MetricSet()
    limits = MetricLimits(budget, fail)
    for ops in batches:
        try:
            held.apply(batch(*ops), limits)
        except UnacceptableError:
            assert fail
        assert len(json.dumps(status_fields.values(held), separators=(",", ":"))) <= held.size <= budget
        assert in_go(held) <= budget


@settings(max_examples=examples(200), deadline=None)
@given(st.lists(st.lists(op, max_size=6), max_size=12), st.data())
def test_what_is_in_the_status_is_enough_to_go_on(batches, data):
    """One held lives on, the other is read back from the status, as JSON, at random points: no difference."""
    one, other = MetricSet(), MetricSet()
    limits = MetricLimits(2048)
    for ops in batches:
        one.apply(batch(*ops), limits)
        other.apply(batch(*ops), limits)
        if data.draw(st.booleans()):
            status = json.loads(json.dumps([status_fields.values(other), status_fields.info(other)]))
            other = status_fields.restored(*status)
    assert status_fields.values(other) == status_fields.values(one)
    assert status_fields.info(other) == status_fields.info(one)


def test_a_status_that_a_person_broke_is_read_as_far_as_it_makes_sense():
    held = status_fields.restored(
        {"a": [1, 2, 3], "b": "text", "c": [True], "d": 4, "e": [5]},
        {"a": {"stride": 3, "count": 3}, "d": "what", "e": {"stride": 1, "count": 1, "min": "x"}},
    )
    assert status_fields.values(held) == {"a": [1, 2, 3], "d": 4, "e": [5]}
    series = held.metrics["a"]
    assert isinstance(series, Series)
    assert (series.stride, series.count, series.figures.total) == (1, 3, 6.0)
