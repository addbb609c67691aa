"""`log_metric` of the `Run` object: checked as the original checks it, then sent the one way there is from here."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from importlib import import_module
from typing import Any, Final
from urllib.parse import urlsplit

from run_operator.api.pod_contract import ENV_URL, path
from run_operator.client import metric_write
from run_operator.client.cluster import Cluster

INVALID: Final = "Invalid metric value. Must be a list of floats or ints or a float or an int."
"""The original's words."""
INVALID_METRICS: Final = "Invalid metrics. Must be a mapping of names to values, such as {'loss': 0.4}."
NO_STEP: Final = (
    "step= is not known: a metric is a list of values in the order in which they are logged. Leave step out; to keep "
    "the step of each value, log it as a metric of its own, such as log_metric('step', 3)."
)
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


def all_checked(metrics: object) -> dict[str, Metric]:
    """The checked values of `log_metrics`, by name. Raises ValueError."""
    if not isinstance(metrics, Mapping):
        raise ValueError(INVALID_METRICS)  # noqa: TRY004 - wrong values are one class of error
    return {key: checked(key, value) for key, value in metrics.items()}


def check_flags(step: object, **flags: object) -> None:
    """Check that flags are flags. Raises ValueError for a number, because other libraries take a step there."""
    if step is not None:
        raise ValueError(NO_STEP)
    for name, flag in flags.items():
        if not isinstance(flag, bool):
            raise ValueError(f"Invalid {name}. Must be True or False. {NO_STEP}")  # noqa: TRY004 - as above


def inside(namespace: str, name: str) -> bool:
    """Whether this program is one of the Run's own, in its pod."""
    return urlsplit(os.environ.get(ENV_URL, "")).path.endswith(path(namespace, name))


def log(
    cluster: Cluster, name: str, uid: str, key: str, value: Metric, *, overwrite: bool, single_value: bool
) -> None:
    """Log one metric. In the Run's own pod the in-pod sender does it, which never fails for the network."""
    if inside(cluster.namespace, name):
        _sender().log_metric(key, value, overwrite=overwrite, single_value=single_value)
    else:
        metric_write.log(cluster, name, [op(key, value, overwrite, single_value)], uid)


def log_all(cluster: Cluster, name: str, uid: str, values: Mapping[str, Metric], *, overwrite: bool) -> None:
    """Log several metrics in one write, as `log` does."""
    if inside(cluster.namespace, name):
        _sender().log_metrics(values, overwrite=overwrite)
    else:
        metric_write.log(
            cluster, name, [op_of_many(key, value, overwrite) for key, value in values.items()], uid
        )


def op(key: str, value: Metric, overwrite: bool, single_value: bool) -> dict[str, Any]:
    """A call of `log_metric` as an operation of the ingest."""
    if single_value and not isinstance(value, list):
        return {"k": key, "set": value, "overwrite": overwrite}
    return {"k": key, "replace" if overwrite else "append": value if isinstance(value, list) else [value]}


def op_of_many(key: str, value: Metric, overwrite: bool) -> dict[str, Any]:
    """One value of `log_metrics` as an operation of the ingest."""
    if isinstance(value, list):
        return op(key, value, overwrite, False)
    return {"k": key, "set": value, "overwrite": True} if overwrite else {"k": key, "put": value}


def _sender() -> Any:
    """The module that is mounted into the pod, which the program may use as well; else our own copy of it."""
    try:
        return import_module("runmetrics")
    except ImportError:
        return import_module("run_operator.client.pod.runmetrics")


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
