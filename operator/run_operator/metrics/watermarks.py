"""`status.metricsIngest`: what is in the cluster of which writer, and which commit brought it there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from run_operator.api.raw import JSON
from run_operator.metrics.protocol import CrowdedError

MAX_WRITERS: Final = 256


@dataclass(slots=True)
class Watermarks:
    """Changed in place with every batch; written with every commit.

    A writer is named by the uid of its pod and the name it gave itself, so that no pod can speak for another's.
    """

    writers: dict[str, int] = field(default_factory=dict)
    """Writer to the number of its last batch that is in `status.metrics`."""
    ended: dict[str, None] = field(default_factory=dict)
    """Writers that said goodbye, the first to do so first."""
    attempt: int = 0
    """The attempt the writers belong to."""
    lost: int = 0
    """Writers of which nothing will come any more although they never said goodbye."""
    refused: int = 0
    """As in the book."""
    commit_id: str | None = None
    """Names the last commit. Each commit tests that it follows the one it was made from."""

    @classmethod
    def restored(cls, raw: JSON) -> Watermarks:
        """Read `status.metricsIngest`, never fails."""
        writers, ended = raw.get("writers"), raw.get("ended")
        named = writers if isinstance(writers, Mapping) else {}
        commit = raw.get("commitId")
        return cls(
            writers={name: seq for name, seq in named.items() if type(seq) is int},
            ended=dict.fromkeys(name for name in ended if name in named) if isinstance(ended, list) else {},
            attempt=_count(raw, "attempt"),
            lost=_count(raw, "lostWriters"),
            refused=_count(raw, "refused"),
            commit_id=commit if isinstance(commit, str) else None,
        )

    def told(self) -> dict[str, Any]:
        """The inverse; the ledger adds sizes and times."""
        told: dict[str, Any] = {"writers": dict(self.writers), "attempt": self.attempt}
        rare = {"ended": list(self.ended), "lostWriters": self.lost, "refused": self.refused}
        return told | {name: value for name, value in rare.items() if value}

    @property
    def open_writers(self) -> int:
        """Writers that have not said goodbye."""
        return len(self.writers) - len(self.ended)

    def begin(self, attempt: int) -> bool:
        """A pod of a later attempt writes: those of the earlier one are done, and can never come back."""
        if attempt <= self.attempt:
            return False
        self.lost += self.open_writers if self.attempt else 0
        self.writers, self.ended, self.attempt = {}, {}, attempt
        return True

    def leaver(self, settled: Callable[[str], bool], gone: Callable[[str], bool]) -> str | None:
        """Who has to go for one more writer; None when there is room. Both questions are about a writer's name.

        One that said goodbye and knows that all of it is in the cluster, else one whose pod is no more. Raises
        CrowdedError when there is none.
        """
        if len(self.writers) < MAX_WRITERS:
            return None
        found = next(filter(settled, self.ended), None) or next(filter(gone, self.writers), None)
        if found is None:
            raise CrowdedError(
                f"{MAX_WRITERS} processes of this Run write metrics already: end some, or let one write for all"
            )
        return found

    def release(self, writer: str) -> None:
        """Forget a writer."""
        if writer not in self.ended:
            self.lost += 1
        self.ended.pop(writer, None)
        self.writers.pop(writer, None)


def _count(raw: JSON, name: str) -> int:
    value = raw.get(name)
    return value if type(value) is int and value >= 0 else 0
