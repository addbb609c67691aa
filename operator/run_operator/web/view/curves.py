"""Series for charts, from the metrics in a status. Where points are joined into buckets, every spike stays.

`value[i]` is the last value of a bucket, `min[i]` and `max[i]` its extremes: also those that the operator knows of values
that it does not keep. So the highest point that can be drawn is the highest that was logged.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from run_operator.api.metric_figures import figures
from run_operator.api.raw import JSON, mapping, number

Value = float | int | None

MAX_POINTS: Final = 20_000
"""Points of one series; a status of the largest size holds fewer."""
SPARK: Final = 40
"""Numbers of the small curve in a row."""
MAX_SPECIAL: Final = 1000
"""Values that are not numbers, of which a series tells the steps."""
NOT_FINITE: Final = "NaN"
"""The status says only that a value was NaN or an infinity."""
FIRST_CHOICE: Final = ("loss", "train_loss", "val_loss", "eval_loss", "accuracy", "score")


@dataclass(frozen=True, slots=True)
class Curve:
    """One metric as arrays of the same length. `least` and `most` are None where no values are joined."""

    step: list[int]
    value: list[Value]
    least: list[Value] | None
    most: list[Value] | None
    special: list[int]
    """The steps of the values that are not numbers."""
    count: int
    """Values that were logged."""
    stride: int
    """Steps between two kept values."""
    joined: int = 1
    """Kept values of one point; above 1 a part of the curve can be read finer."""

    @property
    def bucketed(self) -> bool:
        """Whether a point stands for several values."""
        return self.least is not None


def curve(
    status: JSON, name: str, points: int = MAX_POINTS, first: int = 0, last: int | None = None
) -> Curve | None:
    """A metric in at most that many points; None where there is none of that name.

    `first` and `last` are the steps of a part, both included. None: to the end.
    """
    metrics = mapping(status.get("metrics"))
    if name not in metrics:
        return None
    info = mapping(mapping(status.get("metricsInfo")).get(name))
    found = metrics[name]
    if not isinstance(found, list):
        value = _value(found)
        return Curve(
            [0], [value], None, None, [0] if value is None else [], number(info.get("count")) or 1, 1
        )
    values = [_value(one) for one in found]
    stride = max(1, number(info.get("stride")))
    count = max(len(values), number(info.get("count")))
    begin = -(-first // stride)
    part = values[begin : None if last is None else last // stride + 1]
    special = [(begin + at) * stride for at, value in enumerate(part) if value is None][:MAX_SPECIAL]
    size = max(1, -(-len(part) // max(1, min(points, MAX_POINTS))))
    if size == 1 and stride == 1:
        return Curve(list(range(begin, begin + len(part))), part, None, None, special, count, 1)
    step, last_ones, least, most = _buckets(part, info, size, stride, begin)
    return Curve(step, last_ones, least, most, special, count, stride, size)


def _buckets(
    values: Sequence[Value], info: JSON, size: int, stride: int, begin: int
) -> tuple[list[int], list[Value], list[Value], list[Value]]:
    """Steps, last, least and greatest of buckets of `size` kept values, the first of which has the place `begin`.

    The extremes that `metricsInfo` knows are in the bucket of their step.
    """
    starts = range(0, len(values), size)
    parts = [values[start : start + size] for start in starts]
    finite = [[one for one in part if one is not None] for part in parts]
    least: list[Value] = [min(part, default=None) for part in finite]
    most: list[Value] = [max(part, default=None) for part in finite]
    for extremes, key, choose in ((least, "min", min), (most, "max", max)):
        known = _value(info.get(key))
        at = number(info.get(f"{key}Index")) // stride - begin
        if known is not None and 0 <= at < len(values):
            there = extremes[at // size]
            extremes[at // size] = known if there is None else choose(there, known)
    step = [(begin + start + len(part) - 1) * stride for start, part in zip(starts, parts, strict=True)]
    return step, [part[-1] for part in parts], least, most


def special_of(found: Curve) -> list[dict[str, Any]]:
    """The values that are not numbers, as the page gets them."""
    return [{"step": step, "value": NOT_FINITE} for step in found.special]


def main_metric(status: JSON) -> dict[str, Any] | None:
    """The metric that a row shows: the first of the usual names, else the first list, else the first there is."""
    metrics = mapping(status.get("metrics"))
    if not metrics:
        return None
    lists = [name for name, value in metrics.items() if isinstance(value, list)]
    name = next((one for one in FIRST_CHOICE if one in metrics), next(iter(lists), next(iter(metrics))))
    found = metrics[name]
    values = found if isinstance(found, list) else [found]
    return {"name": name, "last": figures(status, name).last, "spark": spark(values)}


def spark(values: Sequence[Any], most: int = SPARK) -> list[Value]:
    """At most so many numbers: lowest and highest of each part, in the order in which they came."""
    if len(values) <= most:
        return [_value(one) for one in values]
    parts = most // 2
    found: list[Value] = []
    for at in range(parts):
        part = values[at * len(values) // parts : (at + 1) * len(values) // parts]
        finite = [one for one in part if isinstance(one, float | int)]
        if not finite:
            found += [None, None]
            continue
        low, high = min(finite), max(finite)
        found += [low, high] if part.index(low) <= part.index(high) else [high, low]
    return found


def _value(found: Any) -> Value:
    """A finite number, or None. Booleans are none."""
    return found if type(found) in (float, int) else None
