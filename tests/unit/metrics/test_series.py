"""A list: whole while it fits, then every 2^k-th value; its figures are exact over all of them."""

from __future__ import annotations

import json
from fractions import Fraction
from math import fsum

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from run_operator.metrics import status_fields
from run_operator.metrics.metric_set import MetricSet
from run_operator.metrics.numbers import NotANumberError, numbers
from run_operator.metrics.series import Series
from tests.support.examples import examples

value = st.one_of(
    st.none(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(-1e300, 1e300),
    st.sampled_from([0.1, 1e16, -1e16, 0]),
)
step = st.one_of(st.lists(value, max_size=40), st.just("thin"), st.just("restart"), st.integers(0, 60))


def restarted(series: Series) -> Series:
    """As after a restart of the operator: from the status, as JSON, alone."""
    held = MetricSet({"k": series})
    again = status_fields.restored(
        *json.loads(json.dumps([status_fields.values(held), status_fields.info(held)]))
    )
    found = again.metrics["k"]
    assert isinstance(found, Series)
    return found


@settings(max_examples=examples(300), deadline=None)
@given(st.lists(step, max_size=25))
def test_the_list_is_always_every_strideth_value(steps):
    series, logged = Series(), []
    for one in steps:
        if one == "thin":
            series.thin()
        elif one == "restart":
            series = restarted(series)
        elif isinstance(one, int):
            series.truncate(one)
            logged = logged[:one]
        else:
            series.append(one)
            logged += one
        assert series.kept == logged[:: series.stride]
        assert series.count == len(logged)


@settings(max_examples=examples(300), deadline=None)
@given(st.lists(st.one_of(st.lists(value, max_size=40), st.sampled_from(["thin", "restart"])), max_size=20))
def test_the_figures_are_exact_however_thin_the_list(steps):
    series, logged = Series(), []
    for one in steps:
        if one == "thin":
            series.thin()
        elif one == "restart":
            series = restarted(series)
        else:
            series.append(one)
            logged += one
    figures, finite = series.figures, [v for v in logged if v is not None]
    assert figures.non_finite == len(logged) - len(finite)
    assert figures.last == (logged[-1] if logged else None)
    if figures.non_finite:
        assert logged.index(None) == figures.first_non_finite
    if finite:
        assert (figures.least, figures.least_at) == (min(finite), logged.index(min(finite)))
        assert (figures.most, figures.most_at) == (max(finite), logged.index(max(finite)))
        assert figures.total == pytest.approx(float(sum(map(Fraction, map(float, finite)))), rel=1e-15, abs=0)


def test_the_sum_is_the_correctly_rounded_one_over_restarts():
    logged = [0.1 * i * (-1) ** i for i in range(10_000)]
    series = Series()
    for at in range(0, 10_000, 100):
        series.append(logged[at : at + 100])
        series = restarted(series)
    assert series.figures.total == fsum(logged)


def test_a_sum_beyond_a_double_is_given_up_and_stays_so():
    series = Series()
    series.append([1.7e308, 1.7e308])
    series = restarted(series)
    series.append([-1.7e308])
    assert series.figures.total is None
    assert series.figures.most == 1.7e308


def test_a_rewind_of_a_whole_list_is_exact():
    series = Series()
    series.append([3.0, 1.0, None, 9.0])
    series.truncate(3)
    figures = series.figures
    assert (series.exact, series.rewinds, series.count) == (True, 1, 3)
    assert (figures.least, figures.most, figures.total, figures.non_finite) == (1.0, 3.0, 4.0, 1)
    assert figures.last is None


def test_a_rewind_of_a_thinned_list_says_what_is_not_known_any_more():
    series = Series()
    series.append([5.0, 1.0, 6.0, 2.0, 7.0, 9.0, 4.0])
    series.thin()
    series.truncate(5)
    figures = series.figures
    assert (series.kept, series.exact) == ([5.0, 6.0, 7.0], False)
    assert (figures.least, figures.least_at) == (1.0, 1)  # logged before the cut: exact
    assert (figures.most, figures.most_at) == (7.0, 4)  # the 9.0 was cut off: of the kept ones
    assert figures.total is None
    series.append([8.0])
    assert restarted(series).exact is False
    assert series.figures.last == 8.0


def test_a_rewind_to_nothing_is_exact_again():
    series = Series()
    series.append([1.0] * 8)
    series.thin()
    series.truncate(4)
    series.truncate(0)
    series.append([2.0, 3.0])
    assert (series.kept, series.stride, series.exact, series.figures.total) == ([2.0, 3.0], 1, True, 5.0)


@pytest.mark.parametrize(
    ("given_", "stored"),
    [
        ([2**63 - 1, -(2**63)], [2**63 - 1, -(2**63)]),
        ([2**63], [9.223372036854775808e18]),
        ([None, -0.0, 5e-324], [None, -0.0, 5e-324]),
    ],
)
def test_numbers(given_, stored):
    found = numbers(given_)
    assert found == stored
    assert list(map(type, found)) == list(map(type, stored))


@pytest.mark.parametrize("odd", [True, "1.5", [1], {}, float("inf"), -float("inf"), 10**400])
def test_what_is_no_number(odd):
    with pytest.raises(NotANumberError):
        numbers([0.5, odd])
