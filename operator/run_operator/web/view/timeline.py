"""The attempts of a Run over time: when it waited, ran, was stopped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from run_operator.api.conditions import FINAL, QUEUED, State, find, state_of
from run_operator.api.raw import JSON, mappings, number, parse, precise_stamp, text

PHASES: Final[Mapping[State, str]] = {
    State.CREATED: "pending",
    State.PENDING: "pending",
    State.RUNNING: "running",
    State.STOP: "stopping",
    State.STOPPED: "stopped",
}
QUEUE: Final = "queued"
COMPLETIONS: Final = frozenset({"CompletionsReached", "Completed"})


@dataclass(frozen=True, slots=True)
class Phase:
    """A phase; times are seconds since the epoch, `until` None: it goes on."""

    name: str
    since: float
    until: float | None


def phases(status: JSON, created: float | None) -> list[Phase]:
    """Phases from the transitions in the status, which keeps the last fifty; the oldest first."""
    moves = [
        (at, state_of(one.get("status")))
        for one in reversed(mappings(status.get("transitions")))
        if (at := parse(one.get("time"))) is not None
    ]
    if created is not None and (not moves or moves[0][0] > created) and len(moves) < _KEPT:
        moves.insert(0, (created, State.CREATED))
    found: list[Phase] = []
    for number_, (at, state) in enumerate(moves):
        until = moves[number_ + 1][0] if number_ + 1 < len(moves) else None
        name = PHASES.get(state)
        if name is None:
            continue
        if found and found[-1].name == name and found[-1].until == at:
            found[-1] = Phase(name, found[-1].since, until)
        else:
            found.append(Phase(name, at, until))
    return [*_forgotten(status, moves), *_with_queue(found, status)]


def _forgotten(status: JSON, moves: Sequence[tuple[float, State]]) -> list[Phase]:
    """Attempts from before the first kept transition: they count as running from their start to their end."""
    if len(moves) < _KEPT:
        return []
    spans = (
        (parse(one.get("startTime")), parse(one.get("endTime"))) for one in mappings(status.get("attempts"))
    )
    return [
        Phase("running", since, until)
        for since, until in spans
        if since is not None and until is not None and since < until <= moves[0][0]
    ]


_KEPT: Final = 50


def _with_queue(found: list[Phase], status: JSON) -> list[Phase]:
    """The phases with the last wait shown as one in a queue, if the condition Queued says so."""
    held = find(mappings(status.get("conditions")), QUEUED)
    at = parse(held.get("lastTransitionTime")) if held is not None else None
    if held is None or at is None:
        return found
    last = next((one for one in reversed(found) if one.name == "pending"), None)
    if last is None or (last.until is not None and at > last.until + 1):
        return found
    place = found.index(last)
    if held.get("status") == "True":
        parts = [Phase("pending", last.since, at), Phase(QUEUE, max(at, last.since), last.until)]
    elif at > last.since:
        parts = [Phase(QUEUE, last.since, at), Phase("pending", at, last.until)]
    else:
        return found
    kept = [one for one in parts if one.until is None or one.until > one.since]
    return [*found[:place], *kept, *found[place + 1 :]]


def attempts(status: JSON, created: float | None) -> list[dict[str, Any]]:
    """The outcome of each attempt with its phases, the oldest first."""
    entries = mappings(status.get("attempts"))
    every = phases(status, created)
    begins = _begins(every, entries)
    pods = mappings(status.get("pods"))
    found = []
    for place, entry in enumerate(entries):
        own = every[begins[place] : begins[place + 1]]
        is_last = place + 1 == len(entries)
        pod = text(entry.get("podName")) or (text(pods[0].get("name")) if is_last and pods else "")
        running = next((one.since for one in own if one.name == "running"), None)
        found.append(
            {
                "number": number(entry.get("attempt")),
                "state": _outcome(entry, status, is_last),
                "started": entry.get("startTime"),
                "running": None if running is None else precise_stamp(running),
                "ended": entry.get("endTime"),
                "exitCode": entry.get("exitCode"),
                "reason": text(entry.get("reason")),
                "message": text(entry.get("message")),
                "pod": pod or None,
                "interruptedBy": text(entry.get("interruptedBy")) or None,
                "phases": [
                    {
                        "phase": one.name,
                        "from": precise_stamp(one.since),
                        "to": None if one.until is None else precise_stamp(one.until),
                    }
                    for one in own
                ],
            }
        )
    return found


def _begins(every: Sequence[Phase], entries: Sequence[JSON]) -> list[int]:
    """The index of the first phase of each attempt, and the number of phases."""
    found = [0]
    for entry in entries[1:]:
        since = parse(entry.get("startTime")) or 0.0
        # Starts are whole seconds, transitions are not: half a second of tolerance keeps them together. No attempt begins with
        # a stop: that of a quick resume is the end of the attempt before.
        own = (
            at
            for at, one in enumerate(every)
            if one.since >= since - 0.5 and one.name not in ("stopping", "stopped")
        )
        found.append(max(found[-1], next(own, len(every))))
    return [*found, len(every)]


def _outcome(entry: JSON, status: JSON, is_last: bool) -> str:
    """One word: how the attempt ended, or its present phase."""
    state = state_of(status.get("state"))
    if not entry.get("endTime"):
        return (
            PHASES.get(state, "completed" if state == State.COMPLETED else "failed") if is_last else "ended"
        )
    if is_last and state in FINAL:
        return "completed" if state == State.COMPLETED else "failed"
    if entry.get("interruptedBy"):
        return "interrupted"
    if text(entry.get("reason")) == "Suspended":
        return "stopped"
    return "completed" if text(entry.get("reason")) in COMPLETIONS else "failed"
