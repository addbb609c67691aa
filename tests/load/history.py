"""What happened in a namespace, event by event in the API server's own order, held against the truth rules.

resourceVersions of one etcd are one sequence over all kinds, so that events of Runs and pods can be put in order
after the fact, exactly.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.support.harness import Person

OVER = ("COMPLETED", "ERROR")
LABEL_RUN = "run-operator.io/run"
LABEL_ATTEMPT = "run-operator.io/attempt"


class Recording:
    """Two watches of one namespace, into files."""

    def __init__(self, person: Person, folder: Path) -> None:
        self._files = {kind: folder / f"{kind}.json" for kind in ("runs", "pods")}
        self._watches = [self._watch(person, kind, path) for kind, path in self._files.items()]

    def _watch(self, person: Person, kind: str, path: Path) -> subprocess.Popen[bytes]:
        flags = ["get", kind, "--watch", "--output-watch-events", "-o", "json"]
        command = [person.program, "--kubeconfig", str(person.kubeconfig), "-n", person.namespace, *flags]
        with path.open("wb") as out:
            return subprocess.Popen(command, stdout=out, stderr=subprocess.PIPE)

    def stop(self) -> list[dict[str, Any]]:
        """End the watches; all events, in order."""
        for watch in self._watches:
            assert watch.poll() is None, f"a watch ended early: {watch.stderr and watch.stderr.read()!r}"
            watch.terminate()
            watch.communicate()
        found = [event for path in self._files.values() for event in _values(path.read_text())]
        return sorted(found, key=lambda event: int(event["object"]["metadata"]["resourceVersion"]))


def _values(text: str) -> Iterator[dict[str, Any]]:
    """The complete JSON values at the beginning of a text."""
    decoder, at = json.JSONDecoder(), 0
    while at < len(text):
        try:
            value, at = decoder.raw_decode(text, at)
        except ValueError:
            return
        yield value
        while at < len(text) and text[at].isspace():
            at += 1


@dataclass
class Judge:
    """Goes through a history; `broken` says which rule was broken when."""

    runs: dict[str, dict[str, Any]] = field(default_factory=dict)
    live: dict[str, dict[str, int]] = field(default_factory=dict)
    """Run -> pod -> attempt, of pods that can write."""
    broken: list[str] = field(default_factory=list)
    states: dict[str, int] = field(default_factory=dict)
    """How often each state was entered."""

    def hear(self, event: dict[str, Any]) -> None:
        """One event."""
        item = event["object"]
        if item["kind"] == "Pod":
            self._pod(event["type"], item)
        elif event["type"] != "DELETED":
            self._run(item)

    def _pod(self, what: str, pod: dict[str, Any]) -> None:
        labels, name = pod["metadata"].get("labels", {}), pod["metadata"]["name"]
        run, attempt = labels.get(LABEL_RUN), int(labels.get(LABEL_ATTEMPT, 0))
        pods = self.live.setdefault(str(run), {})
        ended = what == "DELETED" or pod.get("status", {}).get("phase") in ("Succeeded", "Failed")
        if ended:
            pods.pop(name, None)
            return
        status = self.runs.get(str(run), {})
        if name not in pods:
            first = (
                attempt == 1 and status.get("state", "CREATED") == "CREATED"
            )  # its Job comes before its status
            recorded = first or status.get("attempt", 0) >= attempt
            self._rule(run, recorded, f"pod {name} of attempt {attempt} is not recorded")
            self._rule(
                run,
                status.get("state") not in (*OVER, "STOPPED"),
                f"pod {name} is made while {status.get('state')}",
            )
        pods[name] = attempt
        self._rule(run, len(set(pods.values())) == 1, f"pods of two attempts can write: {pods}")

    def _run(self, item: dict[str, Any]) -> None:
        name, status = item["metadata"]["name"], item.get("status", {})
        old = self.runs.get(name, {})
        state, before = status.get("state"), old.get("state")
        if state != before:
            self.states[str(state)] = self.states.get(str(state), 0) + 1
            if state in (*OVER, "STOPPED"):
                self._rule(name, not self.live.get(name), f"{state} while {self.live.get(name)} can write")
        self._rule(name, before not in OVER or state == before, f"{before} became {state}")
        step = status.get("attempt", 0) - old.get("attempt", 0)
        self._rule(name, step in (0, 1), f"the attempt number moved by {step}")
        self.runs[name] = status

    def _rule(self, run: Any, holds: bool, text: str) -> None:
        if not holds:
            self.broken.append(f"{run}: {text}")
