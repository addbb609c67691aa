"""What log_metric takes, and whether the Run is the program's own."""

from __future__ import annotations

from typing import Any

import pytest

from run_operator.client import metric_logging


class Scalar:
    """As numpy's and torch's."""

    def __init__(self, value: Any) -> None:
        self._value = value

    def item(self) -> Any:
        return self._value


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (1, 1),
        (1.5, 1.5),
        ([1, 2.5], [1, 2.5]),
        ((1, 2), [1, 2]),
        ([], []),
        (Scalar(0.5), 0.5),
        ([Scalar(2)], [2]),
    ],
)
def test_numbers_are_taken(value, found):
    assert metric_logging.checked("loss", value) == found


@pytest.mark.parametrize(
    "value",
    [
        "1.5",
        None,
        True,
        {},
        [[1]],
        [True],
        float("nan"),
        float("inf"),
        [float("nan")],
        Scalar("x"),
        Scalar(True),
        b"1",
    ],
)
def test_everything_else_is_refused(value):
    with pytest.raises(ValueError, match=r"^Invalid metric value"):
        metric_logging.checked("loss", value)


@pytest.mark.parametrize("key", ["", "a\nb", "x" * 129, 3, None])
def test_a_key_that_is_none_is_refused(key):
    with pytest.raises(ValueError, match=r"^Invalid metric key"):
        metric_logging.checked(key, 1)


@pytest.mark.parametrize(
    ("url", "inside"),
    [
        ("https://x:8443/v1/namespaces/ml/runs/a/metrics", True),
        ("https://x:8443/v1/namespaces/ml/runs/b/metrics", False),
        ("", False),
    ],
)
def test_a_program_knows_whether_the_run_is_its_own(monkeypatch, url, inside):
    monkeypatch.setenv("RUN_METRICS_URL", url)
    assert metric_logging.inside("ml", "a") is inside


@pytest.mark.parametrize("values", [[("a", 1)], None, "a=1", 3])
def test_metrics_that_are_no_mapping_are_refused(values):
    with pytest.raises(ValueError, match=r"^Invalid metrics"):
        metric_logging.all_checked(values)


@pytest.mark.parametrize("flags", [{"step": 3}, {"step": None, "overwrite": 3}, {"step": 0}])
def test_a_step_is_answered_with_the_way_to_keep_it(flags):
    with pytest.raises(ValueError, match="Leave step out"):
        metric_logging.check_flags(**flags)
