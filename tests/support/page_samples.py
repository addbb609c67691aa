"""Runs as the page's server describes them, made up: for its tests in a browser, its pictures and its development."""

from __future__ import annotations

import math
import random
from datetime import UTC, datetime, timedelta
from typing import Any

Json = dict[str, Any]
NOW = datetime(2026, 11, 3, 14, 0, 0, tzinfo=UTC)
FUNCTIONS = ("train-forecast", "train-churn", "clean-events", "score-daily", "embed-catalog")
KINDS = ("python+job:run", "container+job:run", "python+job:run", "container+job:run", "python+serve:run")
STATES = (
    "RUNNING",
    "COMPLETED",
    "COMPLETED",
    "COMPLETED",
    "STOPPED",
    "ERROR",
    "PENDING",
    "STOP",
    "COMPLETED",
    "RUNNING",
)
REASONS: dict[str, tuple[str | None, str | None]] = {
    "ERROR": ("OOMKilled", "The program was ended: it used more than its memory limit of 4Gi."),
    "PENDING": (
        "Unschedulable",
        "No node has the 8 CPUs that the pod asks for; the largest free amount is 6.",
    ),
    "STOPPED": (None, "Stopped by ada after 12 min."),
    "STOP": (None, "The pod has 30 s to write its last checkpoint."),
    "RUNNING": (None, None),
    "COMPLETED": (None, None),
}


def time(seconds: float, base: datetime | None = None) -> str:
    """So many seconds after the base, as Kubernetes writes times."""
    return ((base or NOW) + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


def row(at: int, now: datetime, **changes: Any) -> Json:
    """One Run of the list; `at` chooses what it is."""
    rng = random.Random(at)
    state = STATES[at % len(STATES)]
    which = rng.randrange(len(FUNCTIONS))
    started = -(at * 137 + 60 + rng.randrange(600))
    ended = None if state in ("RUNNING", "PENDING", "STOP") else started + 300 + rng.randrange(5000)
    reason, message = REASONS[state]
    spark = [round(2.2 * math.exp(-i / (8 + at % 7)) + 0.2 + rng.random() * 0.15, 4) for i in range(40)]
    return {
        "uid": f"uid-{at}",
        "namespace": "research",
        "name": f"{FUNCTIONS[which]}-{rng.randrange(16**6):06x}",
        "title": f"{FUNCTIONS[which]}-{at:04d}",
        "project": ("churn", "forecast", "catalog")[at % 3],
        "kind": KINDS[which],
        "function": FUNCTIONS[which],
        "state": state,
        "reason": reason,
        "message": message,
        "created": time(started - 4, now),
        "started": time(started, now) if state != "PENDING" else None,
        "ended": time(min(ended, 0), now) if ended is not None else None,
        "attempt": 1 + (at % 10 == 4) + (at % 10 == 0),
        "suspended": state in ("STOP", "STOPPED"),
        "labels": {"team": ("a", "b")[at % 2]},
        "metric": {"name": "loss", "last": spark[-1], "spark": spark} if state != "PENDING" else None,
        "url": None,
        "user": "ada",
        **changes,
    }


def _shape(name: str, part: float, speed: float) -> tuple[float, float]:
    """Where the curve is after this part of it, and how much it jumps about there."""
    if "learning_rate" in name:
        return 0.0003 * (1 - part), 0
    if "loss" in name:
        return 2.1 * math.exp(-4 * speed * part) + 0.25, 1.4 - part
    return 0.93 - 0.55 * math.exp(-5 * speed * part), 1.4 - part


def series(
    name: str,
    count: int,
    *,
    seed: int,
    attempts: list[Json],
    buckets: bool,
    gap: bool = False,
    speed: float = 1,
) -> Json:
    """A curve over all attempts: a loss that falls, an accuracy that rises, a learning rate."""
    rng = random.Random(f"{name} {seed}")
    each = count // len(attempts)
    step, wall, active, low, high, special, spans = [], [], [], [], [], [], []
    value: list[float | None] = []
    done = 0.0
    for place, attempt in enumerate(attempts):
        spans.append(
            {
                "number": attempt["number"],
                "fromStep": place * each,
                "toStep": place * each + each - 1,
                "fromWall": attempt["from"],
                "toWall": attempt["to"],
            }
        )
        length = attempt["to"] - attempt["from"]
        for i in range(each):
            at = place * each + i
            part = at / max(1, count)
            base, jump = _shape(name, part, speed)
            noise = rng.gauss(0, 0.05) * jump
            step.append(at)
            wall.append(attempt["from"] + length * i / each)
            active.append(done + length * i / each)
            here = float(f"{base + noise:.5g}")
            if gap and count // 3 <= at < count // 3 + max(1, count // 60):
                special.append({"step": at, "value": "NaN"})
                value.append(None)
            else:
                value.append(here)
            low.append(round(here - abs(rng.gauss(0, 0.05)) * min(1, jump), 7))
            high.append(round(here + abs(rng.gauss(0, 0.08)) * min(1, jump), 7))
        done += length
    points: Json = {"step": step, "wall": wall, "active": active, "value": value}
    if buckets:
        points |= {"min": low, "max": high}
    return {"name": name, "points": points, "buckets": buckets, "attempts": spans, "special": special}


def attempts_of(seconds: list[tuple[str, float, float]]) -> list[Json]:
    return [{"phase": phase, "from": time(start), "to": time(end)} for phase, start, end in seconds]


def detail(one: Json, metric_names: list[str], now: datetime) -> Json:
    """A Run that was stopped, resumed and runs again, or how its row says it stands."""

    def phase(name: str, start: float, end: float | None) -> Json:
        return {"phase": name, "from": time(start, now), "to": None if end is None else time(end, now)}

    live = one["state"] in ("RUNNING", "STOP", "PENDING")
    attempts = [
        {
            "number": 1,
            "state": "stopped",
            "started": time(-9000, now),
            "running": time(-8700, now),
            "ended": time(-6800, now),
            "exitCode": 143,
            "reason": None,
            "message": "The program wrote its checkpoint and ended.",
            "pod": f"{one['name']}-1-x7k2p",
            "interruptedBy": None,
            "phases": [
                phase("queued", -9000, -8880),
                phase("pending", -8880, -8700),
                phase("running", -8700, -6820),
                phase("stopping", -6820, -6800),
                phase("stopped", -6800, -3400),
            ],
        },
        {
            "number": 2,
            "state": {"RUNNING": "running", "ERROR": "failed", "COMPLETED": "completed"}.get(
                one["state"], "stopped"
            ),
            "started": time(-3400, now),
            "running": time(-3360, now),
            "ended": None if live else time(-60, now),
            "exitCode": {"ERROR": 137, "COMPLETED": 0}.get(one["state"]),
            "reason": one["reason"],
            "message": one["message"],
            "pod": f"{one['name']}-2-q9d4m",
            "interruptedBy": None,
            "phases": [
                phase("pending", -3400, -3360),
                phase("running", -3360, None if live else -60),
            ],
        },
    ]
    shown = f"kubectl -n {one['namespace']} "
    return {
        "row": one | {"attempt": 2},
        "attempts": attempts,
        "conditions": [
            {
                "type": "Running",
                "status": "True",
                "reason": "ProgramRuns",
                "message": "Attempt 2 runs.",
                "time": time(-3360, now),
            },
            {
                "type": "Suspended",
                "status": "False",
                "reason": "Resumed",
                "message": "",
                "time": time(-3400, now),
            },
            {
                "type": "Finished",
                "status": "False",
                "reason": "NotYet",
                "message": "",
                "time": time(-9000, now),
            },
        ],
        "events": [
            {
                "time": time(-3360, now),
                "type": "Normal",
                "reason": "Started",
                "message": "Attempt 2 runs in pod q9d4m.",
                "count": 1,
            },
            {
                "time": time(-3400, now),
                "type": "Normal",
                "reason": "Resumed",
                "message": "ada resumed the Run: attempt 2 begins.",
                "count": 1,
            },
            {
                "time": time(-8800, now),
                "type": "Warning",
                "reason": "ImagePull",
                "message": "The image was pulled at the third try.",
                "count": 3,
            },
            {
                "time": time(-6800, now),
                "type": "Normal",
                "reason": "Stopped",
                "message": "No pod of the Run can write any more.",
                "count": 1,
            },
        ],
        "document": "kind: python+job:run\nmetadata:\n  project: forecast\nspec:\n  parameters:\n    epochs: 40\n    learning_rate: 0.0003\n",
        "resolved": "image: docker.io/library/python:3.12\nresources:\n  cpu: 2\n  memory: 4Gi\n",
        "results": {"best_epoch": 31},
        "outputs": {"model": f"store://{one['project']}/model/{one['title']}"},
        "inputs": {"events": f"store://{one['project']}/dataitem/events:v12"},
        "parameters": {"epochs": 40, "learning_rate": 0.0003, "optimizer": "adamw"},
        "metrics": [
            {
                "name": name,
                "type": "series",
                "count": 240,
                "last": 0.3,
                "min": 0.2,
                "max": 2.3,
                "attempts": [1, 2],
            }
            for name in metric_names
        ],
        "service": None,
        "rights": {"stop": None, "resume": None, "delete": None, "logs": None},
        "commands": {
            "kubectl": {
                "stop": shown + f'patch run {one["name"]} --type merge -p \'{{"spec":{{"suspend":true}}}}\'',
                "get": shown + f"get run {one['name']} -o yaml",
            },
            "runctl": {"stop": f"runctl stop {one['name']}", "logs": f"runctl logs -f {one['name']}"},
            "python": {"stop": f'get_run("{one["name"]}").stop(wait=True)'},
        },
    }
