"""The end of a Run waits for its metrics, within bounds, and says how complete they are.

A program that ends in order waits itself until its values are in the cluster, and says goodbye: then nothing is
waited for here. A Run that never logged anything is not concerned at all.
"""

from __future__ import annotations

from typing import Final

from run_operator.lifecycle.situation import Situation
from run_operator.resources import conditions
from run_operator.resources.times import parse

UNCOMMITTED: Final = 30.0
"""Seconds after the program's end that values which were taken may need to come into the status."""
LAST_WORDS: Final = 5.0
"""Seconds after the program's end that a batch may be under way of which nobody knows here: another replica took it."""


def until(here: Situation, ended: float | None = None) -> float | None:
    """When the end is to be told whatever becomes of the metrics; None: nothing is waited for.

    `ended`: seconds since the epoch; None: the end of the last program that was seen to end.
    """
    if ended is None:
        ended = _last_end(here)
    if ended is None:
        return None
    patience = UNCOMMITTED if here.observed.uncommitted else 0.0
    if here.run.metrics.open_writers:
        patience = max(patience, LAST_WORDS)
    return ended + patience if here.now < ended + patience else None


def told(here: Situation) -> None:
    """With the end: the condition MetricsComplete. The writers are forgotten, for none can come back."""
    logged = here.run.metrics
    if not logged.commit_id and not here.observed.uncommitted:
        return
    reason, message = _verdict(here)
    complete = reason == conditions.ALL_POINTS
    here.draft.condition(conditions.METRICS_COMPLETE, status=complete, reason=reason, message=message)
    if not complete:
        here.draft.event(reason, message, warning=reason != conditions.DECIMATED)
    if logged.commit_id:
        here.draft.forget_writers()


def _verdict(here: Situation) -> tuple[str, str]:
    """The gravest first: values that may be lost, values refused, values that are not in the list."""
    logged = here.run.metrics
    silent = logged.open_writers + logged.lost_writers
    if here.observed.uncommitted:
        return conditions.WRITER_LOST, f"the last values could not be written within {UNCOMMITTED:g} s"
    if silent:
        return (
            conditions.WRITER_LOST,
            f"{silent} of the processes that logged ended without saying so: their last values may be missing",
        )
    if logged.refused:
        return (
            conditions.LIMIT_REACHED,
            f"{logged.refused} values were refused: the budget, or the number of metrics a Run may have, is used up",
        )
    if logged.thinned:
        return (
            conditions.DECIMATED,
            "not every value is in the lists; count, min, max, sum and last in metricsInfo are of all of them",
        )
    return conditions.ALL_POINTS, "every value that was logged is in status.metrics"


def _last_end(here: Situation) -> float | None:
    moments = (parse(c.finished_at) for pod in here.witnesses for c in pod.facts.containers)
    return max((at for at in moments if at is not None), default=None)
