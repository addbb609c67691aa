"""Series for charts: whatever is joined, the highest and lowest values that can be drawn are those that were logged."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from run_operator.metrics import status_fields
from run_operator.metrics.metric_set import MetricSet
from run_operator.metrics.series import Series
from run_operator.web.view.curves import SPARK, curve, main_metric, spark

VALUES = st.lists(
    st.none() | st.floats(allow_nan=False, allow_infinity=False, width=32) | st.integers(-1000, 1000),
    max_size=300,
)


def status(values: list[Any], thinned: int = 0) -> dict[str, Any]:
    """As the operator stores them, thinned so many times."""
    series = Series()
    series.append(values)
    for _ in range(thinned):
        series.thin()
    held = MetricSet({"loss": series})
    return {"metrics": status_fields.values(held), "metricsInfo": status_fields.info(held)}


@given(VALUES, st.integers(1, 400), st.integers(0, 4))
def test_the_drawn_maximum_is_the_logged_one(values, points, thinned):
    found = curve(status(values, thinned), "loss", points)
    assert found is not None
    finite = [one for one in values if one is not None]
    high = [one for one in found.most or found.value if one is not None]
    low = [one for one in found.least or found.value if one is not None]
    assert (max(high, default=None), min(low, default=None)) == (
        max(finite, default=None),
        min(finite, default=None),
    )
    assert len(found.value) <= points
    assert (
        len({len(one) for one in (found.step, found.value, found.most, found.least) if one is not None}) == 1
    )
    assert found.step == sorted(set(found.step))
    assert all(0 <= step < max(1, len(values)) for step in found.step)


@given(VALUES, st.integers(1, 400), st.integers(0, 4), st.integers(0, 300), st.integers(0, 300))
def test_a_part_is_drawn_with_every_value_that_is_stored_of_it(values, points, thinned, first, last):
    held = status(values, thinned)
    found = curve(held, "loss", points, first, last)
    assert found is not None
    info, stride = held["metricsInfo"]["loss"], 2**thinned
    places = range(-(-first // stride), last // stride + 1)
    stored = [held["metrics"]["loss"][at] for at in places if at < len(held["metrics"]["loss"])]
    for drawn, key, choose in ((found.most, "max", max), (found.least, "min", min)):
        within = [one for one in stored if one is not None]
        if key in info and info[f"{key}Index"] // stride in places[: len(stored)]:
            within.append(info[key])
        shown = [one for one in (found.value if drawn is None else drawn) if one is not None]
        assert choose(shown, default=None) == choose(within, default=None)
    assert len(found.value) <= points
    assert all(first <= step <= last for step in found.step)
    assert found.joined == 1 or len(stored) > points


@given(VALUES)
def test_a_series_that_is_complete_is_drawn_as_it_is(values):
    found = curve(status(values), "loss")
    assert found is not None
    assert not found.bucketed
    assert found.value == values
    assert found.special == [at for at, one in enumerate(values) if one is None]


@given(VALUES)
def test_the_small_curve_of_a_row_keeps_the_extremes(values):
    found = spark(values)
    finite = [one for one in values if one is not None]
    shown = [one for one in found if one is not None]
    assert len(found) <= SPARK
    assert (max(shown, default=None), min(shown, default=None)) == (
        max(finite, default=None),
        min(finite, default=None),
    )


def test_a_single_value_and_what_a_person_broke():
    broken = {"metrics": {"a": 1.5, "b": None, "c": [1, "x", True, 2]}, "metricsInfo": {"c": 3}}
    single, none, odd = (curve(broken, name) for name in "abc")
    assert None not in (single, none, odd)
    assert (single.step, single.value) == ([0], [1.5])
    assert none.special == [0]
    assert odd.value == [1, None, None, 2]
    assert curve(broken, "d") is None


def test_a_row_shows_the_usual_metric_first():
    assert main_metric({}) is None
    assert main_metric({"metrics": {"a": [1], "loss": [3, 2]}})["name"] == "loss"
    assert main_metric({"metrics": {"a": 1, "b": [1]}}) == {"name": "b", "last": 1, "spark": [1]}
