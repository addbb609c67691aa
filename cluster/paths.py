"""Where things are kept: binaries and images are shared by all clusters, state belongs to one."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

SOURCE = Path(__file__).resolve().parent
REPOSITORY = SOURCE.parent


def cache() -> Path:
    """`$RUN_OPERATOR_CACHE`, or `run-operator` in the user's cache folder."""
    chosen = os.environ.get("RUN_OPERATOR_CACHE")
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(chosen).expanduser() if chosen else Path(base).expanduser() / "run-operator"


@dataclass(frozen=True)
class Home:
    """The folder of one cluster."""

    name: str

    @property
    def folder(self) -> Path:
        """Everything of this cluster is below it."""
        return cache() / "clusters" / self.name

    @property
    def kubeconfig(self) -> Path:
        """The administrator's kubeconfig, for use from this host."""
        return self.folder / "kubeconfig"

    @property
    def pki(self) -> Path:
        """Keys and certificates."""
        return self.folder / "pki"

    @property
    def logs(self) -> Path:
        """One file a component."""
        return self.folder / "log"

    @property
    def state(self) -> Path:
        """What is running: see `state.py`."""
        return self.folder / "state.json"

    @property
    def lock(self) -> Path:
        """Held while the cluster is started or removed; outside its folder, which is removed with it."""
        return cache() / "locks" / f"{self.name}.lock"

    @property
    def plan(self) -> Path:
        """What the supervisor is to start: see `supervise.py`."""
        return self.folder / "supervise.json"
