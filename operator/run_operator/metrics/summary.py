"""The column SUMMARY of `kubectl get runs`: the last values, as few words as possible."""

from __future__ import annotations

from typing import Final

from run_operator.metrics.book import Book, Metric
from run_operator.metrics.series import Series

MAX_TEXT: Final = 80
"""Characters."""
MAX_NAME: Final = 24


def summary(book: Book) -> str:
    """`acc 0.93  loss 0.12 (n=400)`: by name, as many as fit; `+3` says that there are three more."""
    found = ""
    names = sorted(book.metrics)
    for at, name in enumerate(names):
        entry = f"{name if len(name) <= MAX_NAME else name[: MAX_NAME - 1] + '…'} {_told(book.metrics[name])}"
        rest = f"  +{len(names) - at}"
        if found and len(found) + len(entry) + len(rest) > MAX_TEXT:
            return found + rest
        found = f"{found}  {entry}" if found else entry
    return found


def last(metric: Metric) -> float | None:
    """The last value; None for NaN, an infinity, or an empty list."""
    value = metric.figures.last if isinstance(metric, Series) else metric.value
    return None if value is None else float(value)


def _told(metric: Metric) -> str:
    value = last(metric)
    number = "-" if value is None else f"{value:.4g}"
    return f"{number} (n={metric.count})" if isinstance(metric, Series) else number
