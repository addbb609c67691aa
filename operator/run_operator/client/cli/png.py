"""Charts as a PNG, by matplotlib, which is installed only where somebody wants them."""

from __future__ import annotations

import io
import math
import sys
import warnings
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from run_operator.client.errors import UnsupportedError
from run_operator.client.terminal_text import short, visible

MAX_CHARTS: Final = 20
"""A picture with more could not be read."""
WIDTH: Final = 8.0
HEIGHT: Final = 2.4
"""Inches of one chart, at 100 dots each."""
LARGEST: Final = 10**150
"""Larger numbers are drawn in a power of ten, for the arithmetic of axes overflows."""


Logged = tuple[Mapping[str, Any], Mapping[str, int]]
"""Metrics of one Run, and of each list how many values were logged for one that is in it."""


def png(title: str, runs: Mapping[str, Logged]) -> bytes:
    """One chart for each metric that is a list, with a line for each Run, below each other; missing values leave gaps.

    Single values stand in the title. Raises UnsupportedError without matplotlib, and for more lists than can be shown.
    """
    keys = list(
        dict.fromkeys(
            key for found, _ in runs.values() for key, value in found.items() if isinstance(value, list)
        )
    )
    if len(keys) > MAX_CHARTS:
        raise UnsupportedError(
            f"{len(keys)} charts are too many for one picture: name {MAX_CHARTS} metrics at most"
        )
    singles = [
        f"{key} {short(value, 6)}"
        for found, _ in runs.values()
        for key, value in found.items()
        if isinstance(value, int | float)
    ]
    figure = _figure(max(1, len(keys)))
    figure.suptitle(visible("   ".join([title, *singles]))[:200], parse_math=False)
    for number, key in enumerate(keys, 1):
        axes = figure.add_subplot(len(keys), 1, number)
        lines = {run: found[key] for run, (found, _) in runs.items() if isinstance(found.get(key), list)}
        power = _power(lines.values())
        for run, values in lines.items():
            _line(axes, values, runs[run][1].get(key, 1), visible(run), power)
        if power:
            axes.set_ylabel(f"1e{power}")
        axes.set_title(visible(key)[:100], loc="left", parse_math=False)
        axes.grid(visible=True, alpha=0.3)
        if len(runs) > 1:
            axes.legend(fontsize="small")
    made = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a letter that the font does not have is drawn as a box
        figure.savefig(made, format="png")
    return made.getvalue()


def _figure(charts: int) -> Any:
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise UnsupportedError(
            "a PNG needs matplotlib, which is not installed: pip install 'run-operator[plot]'; "
            "--plot draws in the terminal without it"
        ) from error
    return Figure(figsize=(WIDTH, HEIGHT * charts), dpi=100, layout="constrained")


def _power(lines: Iterable[Sequence[float | None]]) -> int:
    """The power of ten that the numbers are drawn in: 0, unless the arithmetic of axes would overflow."""
    largest = max((abs(value) for values in lines for value in values if value is not None), default=0)
    return int(math.log10(largest)) if largest > LARGEST else 0


def _line(axes: Any, values: Sequence[float | None], stride: int, label: str, power: int) -> None:
    places = range(0, len(values) * stride, stride)
    numbers = [math.nan if value is None else _in_power(value, power) for value in values]
    axes.plot(places, numbers, marker=".", markersize=3, label=label)


def _in_power(value: float, power: int) -> float:
    return (
        value / 10**power if isinstance(value, int) else value / 10.0 ** min(power, sys.float_info.max_10_exp)
    )
