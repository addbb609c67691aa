"""Settings of the whole machine that the kubelet changes: remembered before the first cluster, put back after the last."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from cluster.locks import alone
from cluster.paths import cache

SYSCTLS: Final = ("kernel/panic", "kernel/panic_on_oops", "vm/overcommit_memory", "vm/panic_on_oom")


def _saved() -> Path:
    return cache() / "sysctls.json"


def _with_saved(change: Callable[[dict[str, Any]], None]) -> None:
    """Change what is saved about the host, one cluster at a time."""
    path = _saved()
    with alone(path.with_suffix(".lock")):
        held: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {"users": [], "values": {}}
        change(held)
        path.write_text(json.dumps(held))


def save(name: str) -> None:
    """Remember the values from before the first cluster."""

    def change(held: dict[str, Any]) -> None:
        if not held["users"]:
            held["values"] = {key: (Path("/proc/sys") / key).read_text().strip() for key in SYSCTLS}
        held["users"] = sorted({*held["users"], name})

    _with_saved(change)


def restore(name: str) -> None:
    """Put them back when the last cluster is gone."""

    def change(held: dict[str, Any]) -> None:
        held["users"] = [user for user in held["users"] if user != name]
        if not held["users"]:
            for key, value in held["values"].items():
                (Path("/proc/sys") / key).write_text(value)
            held["values"] = {}

    if _saved().exists():
        _with_saved(change)
