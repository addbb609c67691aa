"""What is running: one small file a cluster."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields, replace
from typing import Any

from cluster.paths import Home, cache
from cluster.processes import Process


@dataclass(frozen=True)
class State:
    """A cluster that was started. `supervisor` ends everything of it when it ends."""

    name: str
    shape: str
    server: str
    supervisor: Process
    since: float
    """Epoch seconds."""
    leftovers: dict[str, Any]
    """What belongs to the shape: of `full`, PID 1 of its namespaces."""
    ready: bool = True
    """Whether `up` came to its end."""

    @property
    def running(self) -> bool:
        """Whether its supervisor is alive."""
        return self.supervisor.alive

    @property
    def word(self) -> str:
        """For people."""
        if not self.running:
            return "dead"
        return "running" if self.ready else "unfinished"

    def finished(self, home: Home) -> State:
        """The same, and written: `up` came to its end."""
        done = replace(self, ready=True)
        done.save(home)
        return done

    def save(self, home: Home) -> None:
        """Write it."""
        raw = self.__dict__ | {"supervisor": self.supervisor.to_json()}
        draft = home.state.with_suffix(".new")
        draft.write_text(json.dumps(raw, indent=1))
        draft.replace(home.state)

    @classmethod
    def load(cls, home: Home) -> State | None:
        """None when the cluster was never started, or its file cannot be read."""
        try:
            raw = json.loads(home.state.read_text())
            known_here = {field.name: raw[field.name] for field in fields(cls) if field.name in raw}
            return cls(**(known_here | {"supervisor": Process.from_json(raw["supervisor"])}))
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            return None


def known() -> list[Home]:
    """Every cluster that has a folder."""
    folder = cache() / "clusters"
    return [Home(path.name) for path in sorted(folder.iterdir())] if folder.is_dir() else []
