"""A single value says its last one where a list does, so that one jsonPath sorts both."""

from __future__ import annotations

from run_operator.metrics.metric_set import MetricSet
from run_operator.metrics.series import Single
from run_operator.metrics.status_fields import info


def test_the_last_value_of_a_single_one_is_reported():
    found = info(MetricSet({"acc": Single(0.5), "odd": Single(None)}))
    assert found["acc"]["last"] == 0.5
    assert "last" not in found["odd"]
