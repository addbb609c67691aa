"""A draft of the new status, made from the old one step by step, with the Events that belong to the changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from run_operator.api import conditions
from run_operator.api.conditions import State, state_of
from run_operator.api.raw import parse, precise_stamp, printable, stamp
from run_operator.api.run import Run
from run_operator.lifecycle.model import RunEvent

MAX_TRANSITIONS: Final = 50
MAX_ATTEMPTS: Final = 20
EXPLAINED: Final = frozenset({State.CREATED, State.PENDING, State.STOP, State.STOPPED, State.ERROR})
STOPPED_AS_ASKED: Final = "Suspended"
MAX_MESSAGE: Final = 4096
"""Characters, as in the CRD: the API server refuses a status with a longer message."""


class StatusBuilder:
    """The draft of one Run's status at one moment (`now`, seconds since the epoch)."""

    def __init__(self, run: Run, now: float) -> None:
        self._run = run
        self._now = now
        self._status: dict[str, Any] = dict(run.status)
        self._status["observedGeneration"] = run.generation
        if defaults := run.defaults.to_object():
            self._status["policyDefaults"] = defaults
        else:
            self._status.pop("policyDefaults", None)
        self.events: list[RunEvent] = []

    @property
    def state(self) -> State:
        """The state of the draft."""
        return state_of(self._status.get("state"))

    @property
    def attempt(self) -> int:
        """The number of the current attempt; 0 before the first."""
        return int(self._status.get("attempt") or 0)

    def become(self, state: State, message: str, at: float | None = None) -> None:
        """Set state and message; a new state is a new transition."""
        message = printable(message[:MAX_MESSAGE])
        if self._status.get("state") != state:
            entry = {"status": str(state), "time": precise_stamp(self._now if at is None else at)}
            if message:
                entry["message"] = message
            self._status["transitions"] = [entry, *self._status.get("transitions", ())][:MAX_TRANSITIONS]
        self._status["state"] = str(state)
        self._status["message"] = message
        self._explain()

    def condition(self, kind: str, *, status: bool, reason: str, message: str) -> None:
        """Set one condition."""
        self._status["conditions"] = conditions.with_condition(
            self._status.get("conditions", ()),
            kind,
            status=status,
            reason=reason,
            message=message,
            now=self._now,
            generation=self._run.generation,
        )
        self._explain()

    def _explain(self) -> None:
        """Set `reason` from the conditions; none where the state alone is enough."""
        found = {c.get("type"): str(c.get("reason") or "") for c in self._status.get("conditions", ())}
        reason = found.get(conditions.FAILED if self.state == State.ERROR else conditions.RUNNING, "")
        if self.state == State.STOPPED and reason in ("", STOPPED_AS_ASKED):
            reason = found.get(conditions.SUSPENDED, "").replace("JobSuspended", "")
        if reason and self.state in EXPLAINED:
            self._status["reason"] = reason
        else:
            self._status.pop("reason", None)
        self._show_progress(found.get(conditions.RUNNING, ""))

    def _show_progress(self, running_reason: str) -> None:
        """Set one of the conditions that are there only while they are True, and remove the other one."""
        true = conditions.progress(self.state, running_reason)
        kept: Sequence[conditions.Condition] = self._status.get("conditions", ())
        for kind in (conditions.RECONCILING, conditions.STALLED):
            if kind != true and conditions.find(kept, kind):
                kept = conditions.without(kept, kind)
        if true:
            kept = conditions.with_condition(
                kept,
                true,
                status=True,
                reason=self._status.get("reason") or self.state.capitalize(),
                message=str(self._status.get("message") or ""),
                now=self._now,
                generation=self._run.generation,
            )
        if kept:
            self._status["conditions"] = list(kept)

    def resolved(self, record: dict[str, Any] | None) -> None:
        """Set the record of Function, Task, profile and Runtime for all later attempts; None: remove it and its condition."""
        if record:
            self._status["resolved"] = record
            return
        self._status.pop("resolved", None)
        kept = conditions.without(self._status.get("conditions", ()), conditions.RESOLVED)
        if len(kept) < len(self._status.get("conditions", ())):
            self._status["conditions"] = kept

    def nodes(self, steps: list[dict[str, Any]]) -> None:
        """The steps of a pipeline."""
        self._status["nodes"] = steps

    def pods(self, summaries: list[dict[str, Any]]) -> None:
        """Set the short pod summary."""
        self._status["pods"] = summaries

    def service(self, address: dict[str, Any] | None) -> None:
        """Set the address of the Run, which stays while it is stopped; None: it has none."""
        if address:
            self._status["service"] = address
        else:
            self._status.pop("service", None)

    @property
    def has_service(self) -> bool:
        """Whether the status shows an address."""
        return bool(self._status.get("service"))

    def suspended_by(self, name: str) -> None:
        """Set what suspends the Run: `User`, `Queue`, `Other`; empty: nothing."""
        if name:
            self._status["suspendedBy"] = name
        else:
            self._status.pop("suspendedBy", None)

    @property
    def ran(self) -> bool:
        """Whether the program of the current attempt ever ran."""
        return self._ran_after(0)

    @property
    def surely_ran(self) -> bool:
        """Whether it certainly ran: times are whole seconds, and in the first second the attempt before may have run."""
        return self._ran_after(0 if self.attempt == 1 else 1)

    def _ran_after(self, seconds: float) -> bool:
        began = parse(self._status.get("startTime"))
        times = (
            parse(t.get("time")) for t in self._status.get("transitions", ()) if t.get("status") == "RUNNING"
        )
        return began is not None and any(at is not None and at >= began + seconds for at in times)

    @property
    def ended(self) -> bool:
        """Whether the end of the current attempt is recorded."""
        attempts = self._status.get("attempts", ())
        return bool(attempts) and bool(attempts[-1].get("endTime"))

    @property
    def active(self) -> int:
        """Active seconds of the ended attempts, and of the current one up to its last interruption by a queue."""
        return int(self._status.get("activeSeconds") or 0)

    @property
    def current(self) -> dict[str, Any]:
        """The status as built so far."""
        return self._status

    @property
    def last_attempt(self) -> Mapping[str, Any]:
        """The entry of the newest attempt; empty before the first."""
        attempts = self._status.get("attempts", ())
        return attempts[-1] if attempts else {}

    @property
    def interruptions(self) -> int:
        """How often the Run was interrupted since it was started or resumed."""
        return int(self._status.get("interruptions") or 0)

    def interrupted(self, by: str, retries: int, *, counts: bool) -> None:
        """Record that the current attempt was terminated from outside; `retries`: how many are used up, this attempt included."""
        attempts = list(self._status.get("attempts", ()))
        if not attempts or attempts[-1].get("interruptedBy") or attempts[-1].get("endTime"):
            return
        attempts[-1] = {**attempts[-1], "interruptedBy": by, **({"retries": retries} if retries else {})}
        self._status["attempts"] = attempts
        if counts:
            self._status["interruptions"] = self.interruptions + 1

    def retried(self, retries: int) -> None:
        """Record how many retries are used up, the one included that the next attempt is."""
        attempts = list(self._status.get("attempts", ()))
        if attempts and not attempts[-1].get("endTime"):
            attempts[-1] = {**attempts[-1], "retries": retries}
            self._status["attempts"] = attempts

    def of_job(self, uid: str) -> None:
        """The Job of the current attempt is there: should it be gone one day, its Events are known by its uid."""
        attempts = list(self._status.get("attempts", ()))
        if attempts and not attempts[-1].get("endTime") and attempts[-1].get("jobUid") != uid:
            attempts[-1] = {**attempts[-1], "jobUid": uid}
            self._status["attempts"] = attempts

    def forget_interruptions(self) -> None:
        """Set the count to 0, because the Run is resumed."""
        self._status.pop("interruptions", None)

    def begin_attempt(self, *, retries: int = 0) -> int:
        """Count the next attempt; to be stored before its pods exist. Returns its number.

        `retries`: used up by the attempt that it continues.
        """
        number = self.attempt + 1
        moment = stamp(self._now)
        self._status["attempt"] = number
        self._status["startTime"] = moment
        self._status.setdefault("firstStartTime", moment)
        entry = {"attempt": number, "startTime": moment, **({"retries": retries} if retries else {})}
        self._status["attempts"] = [*self._status.get("attempts", ()), entry][-MAX_ATTEMPTS:]
        return number

    def forget_attempts(self) -> None:
        """Remove all attempts: none was started, and the next attempt is number 1."""
        for key in ("attempt", "attempts", "startTime", "firstStartTime", "activeSeconds"):
            self._status.pop(key, None)

    def reopen(self) -> None:
        """Take back the end: the draft is that of a new Run, except for its transitions."""
        self._status.pop("completionTime", None)
        ended = (conditions.COMPLETE, conditions.FAILED, conditions.FINISHED, conditions.RUNNING)
        self._status["conditions"] = [
            c for c in self._status.get("conditions", ()) if c.get("type") not in ended
        ]
        self.become(State.CREATED, "the document was edited after an ERROR; the operator checks it again")

    def adopt(self, number: int, began: float | None = None) -> None:
        """Add an attempt that the status does not have: its child was created first, or the status was lost."""
        moment = stamp(self._now if began is None else began)
        self._status.update({"attempt": number, "startTime": moment})
        self._status.setdefault("firstStartTime", moment)
        self._status["attempts"] = [{"attempt": number, "startTime": moment}]

    def pause(self) -> None:
        """Record that the Run has no active pod: its deadline does not count until it begins or goes on."""
        attempts = self._status.get("attempts", ())
        if attempts and not attempts[-1].get("endTime"):
            self._add_active(self._now)
        self._status.pop("startTime", None)

    def unpause(self) -> None:
        """Record that the queue let the attempt go on."""
        if self.attempt and "startTime" not in self._status:
            self._status["startTime"] = stamp(self._now)

    def restored(self, attempt: int) -> None:
        """Set the number of attempts that a restored Run had; nothing else about them is known."""
        self._status["attempt"] = attempt

    def replicas(self, count: int, selector: str) -> None:
        """Set the number of pods and their selector, for `kubectl scale` and autoscalers."""
        self._status |= {"replicas": count, "selector": selector}

    def end_attempt(
        self, reason: str, message: str, exit_code: int | None, pod: str | None, ended: float
    ) -> None:
        """Record how the current attempt ended; the record of an ended attempt is not changed."""
        attempts = list(self._status.get("attempts", ()))
        if not attempts or attempts[-1].get("endTime"):
            return
        end: dict[str, Any] = {
            "endTime": stamp(ended),
            "reason": reason,
            "message": printable(message[:MAX_MESSAGE]),
        }
        if exit_code is not None:
            end["exitCode"] = exit_code
        if pod:
            end["podName"] = pod
        attempts[-1] = {**attempts[-1], **end}
        self._status["attempts"] = attempts
        self._add_active(ended)

    def _add_active(self, until: float) -> None:
        began = parse(self._status.get("startTime"))
        active = max(0, round(until - began)) if began is not None else 0
        self._status["activeSeconds"] = self.active + active

    def completed_at(self, moment: float) -> None:
        """Set the time of the final state."""
        self._status["completionTime"] = stamp(moment)

    def forget_writers(self) -> None:
        """Remove the writers of metrics; None is how a merge patch removes a field."""
        self._status["metricsIngest"] = {"writers": None, "ended": None}

    def adopt_results(self, fields: Mapping[str, Any]) -> None:
        """Set the results of a function that ran elsewhere."""
        self._status.update(fields)

    def event(self, reason: str, message: str, *, warning: bool = False) -> None:
        """Add an Event."""
        self.events.append(
            RunEvent("Warning" if warning else "Normal", reason, printable(message[:MAX_MESSAGE]))
        )

    def status(self) -> dict[str, Any] | None:
        """The whole new status, or None when nothing that matters differs from the old one.

        Neither the pod summary, which changes with every probe, nor the Job's uid is worth a write alone: they ride along
        with the next change that matters.
        """
        return None if _what_matters(self._run.status) == _what_matters(self._status) else self._status


def _what_matters(status: Mapping[str, Any]) -> dict[str, Any]:
    attempts = [{**entry, "jobUid": None} for entry in status.get("attempts", ())]
    return {**status, "pods": None, "attempts": attempts}
