"""`log_metric` of the `Run` object: checked as the original checks it, then sent the one way there is from here."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from run_operator.client.errors import UnsupportedError
from run_operator.resources.reporting import ENV_URL, path

INVALID: Final = "Invalid metric value. Must be a list of floats or ints or a float or an int."
"""The original's words."""
MAX_KEY: Final = 128
"""Characters; the ingest's bound."""

Number = float | int
Metric = Number | list[Number]


def checked(key: object, value: object) -> Metric:
    """The value as plain numbers. Raises ValueError.

    Stricter than the original where that stored what cannot be read back: texts, booleans, NaN and infinity.
    """
    if not isinstance(key, str) or not 0 < len(key) <= MAX_KEY or not key.isprintable():
        raise ValueError(
            f"Invalid metric key. Must be a text of 1 to {MAX_KEY} characters without control characters."
        )
    return [_number(one) for one in value] if isinstance(value, list | tuple) else _number(value)


def inside(namespace: str, name: str) -> bool:
    """Whether this program is one of the Run's own, in its pod."""
    return urlsplit(os.environ.get(ENV_URL, "")).path.endswith(path(namespace, name))


def log(namespace: str, name: str, values: Mapping[str, Metric], overwrite: bool, single_value: bool) -> None:
    """`log_metric` of one key; in the Run's own pod by the in-pod sender, which never fails for the network."""
    _check_inside(namespace, name)
    from run_operator.client.pod import runmetrics  # noqa: PLC0415 - it starts threads at its first call

    for key, value in values.items():
        runmetrics.log_metric(key, value, overwrite=overwrite, single_value=single_value)


def log_all(namespace: str, name: str, values: Mapping[str, Metric], overwrite: bool) -> None:
    """`log_metrics`, as above."""
    _check_inside(namespace, name)
    from run_operator.client.pod import runmetrics  # noqa: PLC0415 - it starts threads at its first call

    runmetrics.log_metrics(values, overwrite=overwrite)


def _check_inside(namespace: str, name: str) -> None:
    if not inside(namespace, name):
        raise UnsupportedError(
            f"metrics of run {name} can be logged from its own pods only: call log_metric of runmetrics there "
            "(from runmetrics import log_metric; docs/runmetrics.md)"
        )


def _number(value: object) -> Number:
    """Also numpy's and torch's scalars, which say that they are numbers."""
    if isinstance(value, bool | str | bytes) or value is None:
        raise ValueError(INVALID)
    found: Any = value
    if not isinstance(value, int | float):
        try:
            found = value.item()  # type: ignore[attr-defined]
        except (AttributeError, ValueError, RuntimeError):
            raise ValueError(INVALID) from None
        if isinstance(found, bool) or not isinstance(found, int | float):
            raise ValueError(INVALID)  # noqa: TRY004 - the original's class
    if isinstance(found, float) and not math.isfinite(found):
        raise ValueError(f"{INVALID[:-1]}, and not NaN or infinite.")
    return found  # type: ignore[no-any-return]
