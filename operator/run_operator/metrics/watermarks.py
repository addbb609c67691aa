"""`status.metricsIngest`: the last committed batch of each writer, and the id of the last commit."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from run_operator.api.raw import JSON
from run_operator.metrics.protocol import CrowdedError

MAX_WRITERS: Final = 256


@dataclass(slots=True)
class Watermarks:
    """The watermark of each writer. A batch changes it in place, and each commit stores it.

    A writer is named `<pod uid>/<name>`, so that no pod can write as another pod.
    """

    writers: dict[str, int] = field(default_factory=dict)
    """Writer to the number of its last batch in `status.metrics`."""
    ended: dict[str, None] = field(default_factory=dict)
    """Writers that sent their last batch, in the order in which they ended."""
    attempt: int = 0
    """The attempt the writers belong to."""
    lost: int = 0
    """Number of writers that are gone and never sent a last batch."""
    refused: int = 0
    """Number of values that were refused."""
    commit_id: str | None = None
    """Id of the last commit. Each commit tests that it follows the commit it was built on."""

    @classmethod
    def restored(cls, raw: JSON) -> Watermarks:
        """Read `status.metricsIngest`; never fails."""
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

    def to_status(self) -> dict[str, Any]:
        """The fields of `status.metricsIngest`; the ledger adds sizes and times."""
        fields: dict[str, Any] = {"writers": dict(self.writers), "attempt": self.attempt}
        rare = {"ended": list(self.ended), "lostWriters": self.lost, "refused": self.refused}
        return fields | {name: value for name, value in rare.items() if value}

    @property
    def open_writers(self) -> int:
        """Number of writers that have not ended."""
        return len(self.writers) - len(self.ended)

    def begin(self, attempt: int) -> bool:
        """Start the writers of a later attempt; the earlier writers can never return. Returns False for an old attempt."""
        if attempt <= self.attempt:
            return False
        self.lost += self.open_writers if self.attempt else 0
        self.writers, self.ended, self.attempt = {}, {}, attempt
        return True

    def leaver(self, settled: Callable[[str], bool], gone: Callable[[str], bool]) -> str | None:
        """The writer to release for one more; None if there is room. Both callables take a writer's name.

        Prefers an ended writer whose batches are all committed, then a writer whose pod is gone. Raises
        CrowdedError if there is neither.
        """
        if len(self.writers) < MAX_WRITERS:
            return None
        found = next(filter(settled, self.ended), None) or next(filter(gone, self.writers), None)
        if found is None:
            raise CrowdedError(
                f"{MAX_WRITERS} processes of this Run write metrics, which is the limit: let one process log for all"
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
