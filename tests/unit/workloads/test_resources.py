"""Kubernetes quantities, exactly."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from run_operator.workloads.fields import InvalidSpecError
from run_operator.workloads.metadata import child_name, label_value, shortened
from run_operator.workloads.resources import parse, quantity, scaled_bytes


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("500m", "0.5"),
        ("2", "2"),
        ("0.5", "0.5"),
        ("1.5Gi", str(1536 * 2**20)),
        ("1e3", "1000"),
        ("2k", "2000"),
    ],
)
def test_amounts(text, amount):
    assert parse(text) == Decimal(amount)


@pytest.mark.parametrize(
    "bad", ["", "x1", "1 Gi", "-1", "0", "1KiB", "1e99", True, None, [], "9" * 30, 0.0, -0.5, 1e20]
)
def test_what_is_no_quantity_is_refused(bad):
    with pytest.raises(InvalidSpecError):
        quantity(bad, "f")


@pytest.mark.parametrize(("value", "made"), [(1, "1"), (0.5, "0.5"), (1e-5, "1e-05"), (" 2Gi ", "2Gi")])
def test_plain_numbers_are_quantities_too(value, made):
    assert quantity(value, "f") == made
    assert parse(made)


@given(st.integers(1, 2**40))
def test_a_limit_is_never_below_a_tenth_more_and_less_than_a_ki_above(amount):
    limit = parse(scaled_bytes(str(amount), Decimal("1.1")))
    assert 0 <= limit - amount * Decimal("1.1") < 1024


@given(st.text(max_size=300))
def test_names_are_labels_and_short_ones_stay(name):
    made = shortened(name)
    assert len(made) <= 63
    assert made == made.strip("-")
    assert label_value(made) == made


def test_two_long_names_that_begin_alike_differ():
    assert child_name("a" * 70) != child_name("a" * 71)
