"""The few samples of when values came in: true, bounded, and enough to see a pause."""

from __future__ import annotations

import json
from bisect import bisect_right

from hypothesis import given
from hypothesis import strategies as st

from run_operator.metrics.arrivals import MOST, TOGETHER, Arrivals, room
from run_operator.metrics.metric_set import MetricLimits
from run_operator.metrics.protocol import Append, Batch
from run_operator.metrics.run_ledger import RunLedger
from run_operator.metrics.status_fields import restored

START = 1_764_486_000.0
BATCHES = st.lists(st.tuples(st.floats(0.0, 30.0), st.integers(1, 50)), min_size=1, max_size=80)


def logged(batches: list[tuple[float, int]]) -> tuple[Arrivals, list[float]]:
    """Seconds since the batch before and number of values, as samples and as the time of each value."""
    found, times, now = Arrivals(), [], START
    for pause, values in batches:
        now += pause
        found.note(len(times), len(times) + values, now)
        times += [now] * values
    return found, times


@given(BATCHES, st.integers(2, MOST))
def test_each_sample_is_true_however_many_are_kept(batches, most):
    found, times = logged(batches)
    found.fit(most)
    assert len(found) <= most
    for count, at in zip(found.counts, found.times, strict=True):
        before = bisect_right(times, at - 1e-6)
        assert before <= count <= bisect_right(times, at + 1e-6)
    assert found.counts[-1] == len(times)


@given(BATCHES)
def test_no_time_is_wrong_by_more_than_programs_wait_before_they_send(batches):
    found, times = logged(batches)
    if len(found) >= 2 * MOST:
        return  # some are gone
    for index, came in enumerate(times):
        at = found.time(index)
        assert at is not None
        assert abs(at - came) <= TOGETHER + 1e-6


def test_a_pause_is_seen_when_four_samples_are_kept():
    found, times = logged([(2.0, 10)] * 500 + [(3600.0, 10)] + [(2.0, 10)] * 500)
    found.fit(4)
    assert all(abs((found.time(at) or 0) - times[at]) <= 2 * TOGETHER for at in range(0, len(times), 7))


def test_samples_are_bounded_between_commits_and_in_the_status():
    found, _ = logged([(1.5, at % 7 + 1) for at in range(10_000)])
    assert len(found) <= 2 * MOST
    budget = MetricLimits().budget
    ledger = RunLedger("u", {}, START)
    for second in range(300):
        ops = tuple(Append(f"layer_{at}", [1.0]) for at in range(64))
        ledger.take(
            None, Batch(None, None, None, ops, end=False), 1, MetricLimits(), 1.5 * second, lambda _: False
        )
    (info,) = (
        one["value"]
        for one in ledger.commit("c", MetricLimits(), {}).operations
        if one["path"].endswith("Info")
    )
    kept = [json.dumps(one["arrivals"]["counts"] + one["arrivals"]["seconds"]) for one in info.values()]
    assert sum(map(len, kept)) <= budget // 10
    assert room(1024, 1) == 4
    assert (room(budget, 1), room(budget, 64), room(512 * 1024, 2)) == (MOST, 4, MOST)


@given(BATCHES)
def test_the_next_operator_goes_on_with_them(batches):
    found, times = logged(batches)
    again = Arrivals.restored(json.loads(json.dumps(found.to_status())))
    assert again.counts == found.counts
    assert all(abs(a - b) <= 0.051 for a, b in zip(again.times, found.times, strict=True))
    again.note(len(times), len(times) + 1, START + 10_000)
    assert again.time(len(times)) == START + 10_000


def test_what_somebody_edited_is_no_sample():
    good = {"since": "2026-11-30T08:00:00Z", "counts": [1, 2], "seconds": [0, 1.5]}
    assert len(Arrivals.restored(good)) == 2
    for change in (
        {"since": "soon"},
        {"counts": [2, 1]},
        {"counts": [1]},
        {"seconds": [0, "1"]},
        {"counts": [True, 2]},
        {"seconds": None},
    ):
        assert len(Arrivals.restored(good | change)) == 0
    info = {"loss": {"kind": "List", "count": 3, "stride": 1, "arrivals": good}}
    assert len(restored({"loss": [1, 2, 3]}, info).metrics["loss"].arrivals) == 0


def test_a_rewind_forgets_what_came_after_it():
    found, times = logged([(10.0, 10)] * 5)
    found.truncate(25)
    assert found.counts[-1] == 25
    assert abs((found.time(19) or 0) - times[19]) <= 1e-6
    assert abs((found.time(24) or 0) - times[24]) <= TOGETHER
    found.truncate(0)
    assert found.counts == [0]
    found.note(0, 1, START + 1000)
    assert found.time(0) == START + 1000


def test_a_list_from_before_tells_nothing_of_its_first_values():
    ledger = RunLedger(
        "u", {"metrics": {"loss": [1, 2]}, "metricsInfo": {"loss": {"count": 2, "stride": 1}}}, START
    )
    batch = Batch(None, None, None, (Append("loss", [3.0]),), end=False)
    ledger.take(None, batch, 1, MetricLimits(), 60.0, lambda _: False)
    arrivals = ledger.metric_set.metrics["loss"].arrivals
    assert (arrivals.time(0), arrivals.time(1), arrivals.time(2)) == (None, START + 58, START + 60)


def test_a_clock_that_is_set_back_leaves_them_in_order():
    found, _ = logged([(5.0, 1), (5.0, 1)])
    found.note(2, 3, START - 100)
    assert found.times == sorted(found.times)
