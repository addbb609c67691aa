"""What is running: one small file a cluster."""

from __future__ import annotations

import json
from dataclasses import dataclass
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
    """What `down` has to put back: sysctls, cgroups, the link on the host's side."""

    @property
    def running(self) -> bool:
        """Whether its supervisor is alive."""
        return self.supervisor.alive

    def save(self, home: Home) -> None:
        """Write it."""
        raw = self.__dict__ | {"supervisor": self.supervisor.to_json()}
        home.state.write_text(json.dumps(raw, indent=1))

    @classmethod
    def load(cls, home: Home) -> State | None:
        """None when the cluster was never started, or its file cannot be read."""
        try:
            raw = json.loads(home.state.read_text())
            return cls(**(raw | {"supervisor": Process.from_json(raw["supervisor"])}))
        except (OSError, ValueError, TypeError, KeyError):
            return None


def known() -> list[Home]:
    """Every cluster that has a folder."""
    folder = cache() / "clusters"
    return [Home(path.name) for path in sorted(folder.iterdir())] if folder.is_dir() else []
