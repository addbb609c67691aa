"""The status as it will be: the old one, changed step by step, and the events that go with the changes."""

from __future__ import annotations

from collections.abc import Mapping
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
"""Characters, as the CRD has it: a status with a longer one would be refused as a whole."""


class StatusBuilder:
    """A status in the making for one Run at one moment (`now`, seconds since the epoch)."""

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
        """The state as drafted so far."""
        return state_of(self._status.get("state"))

    @property
    def attempt(self) -> int:
        """The number of the current attempt; 0 before the first."""
        return int(self._status.get("attempt") or 0)

    def become(self, state: State, message: str, at: float | None = None) -> None:
        """Enter a state, or stay in it with another message."""
        message = printable(message)[:MAX_MESSAGE]
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
            message=printable(message),
            now=self._now,
            generation=self._run.generation,
        )
        self._explain()

    def _explain(self) -> None:
        """One word beside the state, from its conditions; none where the state says it all."""
        found = {c.get("type"): str(c.get("reason") or "") for c in self._status.get("conditions", ())}
        reason = found.get(conditions.FAILED if self.state == State.ERROR else conditions.RUNNING, "")
        if self.state == State.STOPPED and reason in ("", STOPPED_AS_ASKED):
            reason = found.get(conditions.SUSPENDED, "").replace("JobSuspended", "")
        if reason and self.state in EXPLAINED:
            self._status["reason"] = reason
        else:
            self._status.pop("reason", None)

    def resolved(self, record: dict[str, Any] | None) -> None:
        """What came from elsewhere, for all later attempts; None: nothing does, and nothing is said about it."""
        if record:
            self._status["resolved"] = record
            return
        self._status.pop("resolved", None)
        kept = [c for c in self._status.get("conditions", ()) if c.get("type") != conditions.RESOLVED]
        if len(kept) < len(self._status.get("conditions", ())):
            self._status["conditions"] = kept

    def pods(self, summaries: list[dict[str, Any]]) -> None:
        """The short pod summary."""
        self._status["pods"] = summaries

    def service(self, address: dict[str, Any] | None) -> None:
        """Where the Run can be reached; it stays while the Run is stopped. None: nowhere."""
        if address:
            self._status["service"] = address
        else:
            self._status.pop("service", None)

    @property
    def has_service(self) -> bool:
        """Whether the status shows an address."""
        return bool(self._status.get("service"))

    def suspended_by(self, whom: str) -> None:
        """What holds the Run back now: `User`, `Queue`, `Other`; empty: nobody's."""
        if whom:
            self._status["suspendedBy"] = whom
        else:
            self._status.pop("suspendedBy", None)

    @property
    def ran(self) -> bool:
        """Whether the program of the current attempt ever ran."""
        return self._ran_after(0)

    @property
    def surely_ran(self) -> bool:
        """The same without doubt: starts are whole seconds, and in the first one it may be the attempt before that ran."""
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
        """Seconds of the ended attempts, and of this one as far as a queue interrupted it."""
        return int(self._status.get("activeSeconds") or 0)

    @property
    def current(self) -> dict[str, Any]:
        """The status as drafted so far."""
        return self._status

    @property
    def last_attempt(self) -> Mapping[str, Any]:
        """The entry of the newest attempt; empty before the first."""
        attempts = self._status.get("attempts", ())
        return attempts[-1] if attempts else {}

    @property
    def interruptions(self) -> int:
        """How often the Run was interrupted since somebody started or resumed it."""
        return int(self._status.get("interruptions") or 0)

    def interrupted(self, by: str, retries: int, *, counts: bool) -> None:
        """The current attempt is ended from outside; `retries`: how many it and those before it have used up."""
        attempts = list(self._status.get("attempts", ()))
        if not attempts or attempts[-1].get("interruptedBy") or attempts[-1].get("endTime"):
            return
        attempts[-1] = {**attempts[-1], "interruptedBy": by, **({"retries": retries} if retries else {})}
        self._status["attempts"] = attempts
        if counts:
            self._status["interruptions"] = self.interruptions + 1

    def forget_interruptions(self) -> None:
        """Somebody resumes the Run: it is counted from the beginning, as its retries are."""
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
        """Nothing was started: the document alone was at fault, and the next attempt is the first one."""
        for key in ("attempt", "attempts", "startTime", "firstStartTime", "activeSeconds"):
            self._status.pop(key, None)

    def reopen(self) -> None:
        """The end is taken back: the Run is as one that was not looked at yet, apart from its transitions."""
        self._status.pop("completionTime", None)
        ended = (conditions.COMPLETE, conditions.FAILED, conditions.FINISHED, conditions.RUNNING)
        self._status["conditions"] = [
            c for c in self._status.get("conditions", ()) if c.get("type") not in ended
        ]
        self.become(State.CREATED, "the document was edited after an ERROR, and is looked at again")

    def adopt(self, number: int, began: float | None = None) -> None:
        """Take over an attempt that the status does not know: its child was there first, or the status was lost."""
        moment = stamp(self._now if began is None else began)
        self._status.update({"attempt": number, "startTime": moment})
        self._status.setdefault("firstStartTime", moment)
        self._status["attempts"] = [{"attempt": number, "startTime": moment}]

    def pause(self) -> None:
        """Nothing of the Run is active, and its clock stands still until it begins or goes on."""
        attempts = self._status.get("attempts", ())
        if attempts and not attempts[-1].get("endTime"):
            self._add_active(self._now)
        self._status.pop("startTime", None)

    def unpause(self) -> None:
        """The queue let the attempt go on."""
        if self.attempt and "startTime" not in self._status:
            self._status["startTime"] = stamp(self._now)

    def restored(self, attempt: int) -> None:
        """The Run had so many attempts before it was restored; nothing else of them is known."""
        self._status["attempt"] = attempt

    def replicas(self, count: int, selector: str) -> None:
        """What `kubectl scale` and autoscalers read: how many pods there are, and how to find them."""
        self._status |= {"replicas": count, "selector": selector}

    def end_attempt(
        self, reason: str, message: str, exit_code: int | None, pod: str | None, ended: float
    ) -> None:
        """Record how the current attempt ended; an attempt that has ended already stays as it was recorded."""
        attempts = list(self._status.get("attempts", ()))
        if not attempts or attempts[-1].get("endTime"):
            return
        end: dict[str, Any] = {
            "endTime": stamp(ended),
            "reason": reason,
            "message": printable(message)[:MAX_MESSAGE],
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
        """When the Run came to its final state."""
        self._status["completionTime"] = stamp(moment)

    def forget_writers(self) -> None:
        """Drop who wrote metrics, which this status does not show: None is how a merge patch says it."""
        self._status["metricsIngest"] = {"writers": None, "ended": None}

    def adopt_results(self, fields: Mapping[str, Any]) -> None:
        """What the function returned when it ran elsewhere."""
        self._status.update(fields)

    def event(self, reason: str, message: str, *, warning: bool = False) -> None:
        """Add a line to the story."""
        self.events.append(RunEvent("Warning" if warning else "Normal", reason, printable(message)))

    def status(self) -> dict[str, Any] | None:
        """The whole new status, or None when nothing that matters differs from the old one.

        The pod summary alone is not worth a write: it changes with every probe and rides along with the next
        change that matters.
        """
        old = dict(self._run.status)
        new = dict(self._status)
        old.pop("pods", None)
        new.pop("pods", None)
        return None if old == new else self._status
