"""Charts as a PNG, by matplotlib, which is installed only where somebody wants them."""

from __future__ import annotations

import io
import warnings
from collections.abc import Mapping, Sequence
from typing import Any, Final

from run_operator.client.errors import UnsupportedError
from run_operator.client.text import visible

MAX_CHARTS: Final = 20
"""A picture with more could not be read."""
WIDTH: Final = 8.0
HEIGHT: Final = 2.4
"""Inches of one chart, at 100 dots each."""


def png(title: str, metrics: Mapping[str, Any], strides: Mapping[str, int]) -> bytes:
    """One chart for each list, below each other; single values stand in the title. Missing values leave gaps.

    `strides`: that many values were logged for each one in the list. Raises UnsupportedError without matplotlib, and
    for more lists than can be shown.
    """
    lists = {key: value for key, value in metrics.items() if isinstance(value, list)}
    if len(lists) > MAX_CHARTS:
        raise UnsupportedError(
            f"{len(lists)} charts are too many for one picture: name {MAX_CHARTS} metrics at most"
        )
    singles = [f"{key} {value:.6g}" for key, value in metrics.items() if isinstance(value, int | float)]
    figure = _figure(max(1, len(lists)))
    figure.suptitle(visible("   ".join([title, *singles]))[:200], parse_math=False)
    for number, (key, values) in enumerate(lists.items(), 1):
        _chart(figure.add_subplot(len(lists), 1, number), key, values, strides.get(key, 1))
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


def _chart(axes: Any, key: str, values: Sequence[float | None], stride: int) -> None:
    places = range(0, len(values) * stride, stride)
    axes.plot(
        places, [float("nan") if value is None else value for value in values], marker=".", markersize=3
    )
    axes.set_title(visible(key)[:100], loc="left", parse_math=False)
    axes.grid(visible=True, alpha=0.3)
