"""When the values of a metric were logged, by the time of day and by the time in which the program ran."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import Any

from run_operator.api.conditions import State, state_of
from run_operator.api.raw import JSON, mapping, mappings, number, parse
from run_operator.metrics.arrivals import Arrivals
from run_operator.web.view.timeline import phases


class RunTimes:
    """The time in which the program of a Run ran: spans of seconds since the epoch, without pauses."""

    def __init__(self, status: JSON, created: float | None, now: float) -> None:
        ingest = mapping(status.get("metricsIngest"))
        self._info = mapping(status.get("metricsInfo"))
        self._end = parse(ingest.get("lastCommitTime")) or parse(status.get("completionTime")) or now
        ran = [one for one in phases(status, created) if one.name == "running"]
        spans = [(one.since, now if one.until is None else one.until) for one in ran]
        self.spans = [(since, until) for since, until in spans if until > since]
        self.attempts = [
            (number(one.get("attempt")), parse(one.get("startTime")) or 0.0)
            for one in mappings(status.get("attempts"))
        ]
        self.goes_on = state_of(status.get("state")) == State.RUNNING
        self._offsets = [0.0]
        for since, until in self.spans:
            self._offsets.append(self._offsets[-1] + until - since)

    def of(self, metric: str, count: int) -> LoggedTimes:
        """The times of the values of one metric, of which so many were logged."""
        arrivals = Arrivals.restored(mapping(self._info.get(metric)).get("arrivals"))
        return LoggedTimes(self, arrivals, count, arrivals.times[0] if arrivals.times else self._end)

    def active(self, moment: float) -> float:
        """Seconds in which the program had run by then."""
        place = bisect_right(self.spans, moment, key=lambda span: span[0]) - 1
        if place < 0:
            return 0.0
        since, until = self.spans[place]
        return self._offsets[place] + min(moment, until) - since

    def moment(self, active: float) -> float | None:
        """The inverse; None: the program did not run."""
        if not self.spans:
            return None
        place = min(len(self.spans) - 1, max(0, bisect_right(self._offsets, active - 1e-6) - 1))
        since, until = self.spans[place]
        return min(until, since + active - self._offsets[place])


class LoggedTimes:
    """The times of one metric.

    The status has some times at which values came in, see `metrics.arrivals`. Values from before the first of them, and
    all of a Run that has none, are spread evenly over the time in which the program ran until then: `estimated` is
    their number.
    """

    def __init__(self, run: RunTimes, arrivals: Arrivals, count: int, until: float) -> None:
        self._run = run
        self._arrivals = arrivals
        self._count = count
        self.estimated = min(count, arrivals.counts[0]) if arrivals.counts else count
        self._each = run.active(until) / max(1, self.estimated)

    def wall(self, steps: Sequence[int]) -> list[float | None]:
        """Seconds since the epoch; None: not known."""
        return [None if (at := self._wall(step)) is None else round(at, 3) for step in steps]

    def active(self, steps: Sequence[int]) -> list[float]:
        """Seconds in which the program had run."""
        found = []
        for step in steps:
            at = self._arrivals.time(step)
            found.append(round((step + 1) * self._each if at is None else self._run.active(at), 3))
        return found

    def of_attempts(self) -> list[dict[str, Any]]:
        """For each attempt that ran, the range of its values among all logged ones; no range: it logged none."""
        found = []
        starts = [began for _, began in self._run.attempts]
        for place, (attempt, began) in enumerate(self._run.attempts):
            first = float("-inf") if place == 0 else began - 0.5
            ended = starts[place + 1] - 0.5 if place + 1 < len(starts) else float("inf")
            own = [span for span in self._run.spans if first <= span[0] < ended]
            if not own:
                continue
            low, high = self._before(first), self._before(ended)
            goes_on = self._run.goes_on and own[-1] == self._run.spans[-1]
            found.append(
                {
                    "number": attempt,
                    "fromStep": low if high > low else None,
                    "toStep": high - 1 if high > low else None,
                    "fromWall": round(own[0][0], 3),
                    "toWall": None if goes_on else round(own[-1][1], 3),
                    "fromActive": round(self._run.active(own[0][0]), 3),
                    "toActive": round(self._run.active(own[-1][1]), 3),
                }
            )
        return found

    def _wall(self, step: int) -> float | None:
        at = self._arrivals.time(step)
        return self._run.moment((step + 1) * self._each) if at is None else at

    def _before(self, moment: float) -> int:
        """How many values had been logged by then."""
        low, high = 0, self._count
        if moment == float("inf"):
            return high
        while low < high:
            middle = (low + high) // 2
            at = self._wall(middle)
            low, high = (middle + 1, high) if at is not None and at <= moment else (low, middle)
        return low
