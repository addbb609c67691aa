"""The pages below /debug/ of the operator's own port: `runs/<namespace>/<name>`."""

from __future__ import annotations

from typing import Final

from run_operator.api.run import Key
from run_operator.engine.leadership import Leadership
from run_operator.engine.queue import WorkQueue
from run_operator.engine.reconciler import Reconciler
from run_operator.kube.errors import KubeError

RUNS: Final = "runs"


class DebugPages:
    """The pages. They write nothing; the page of a Run reads what a decision about it reads."""

    def __init__(self, reconciler: Reconciler, leadership: Leadership, queue: WorkQueue) -> None:
        self._reconciler = reconciler
        self._leadership = leadership
        self._queue = queue

    async def lines(self, path: str) -> list[str] | None:
        """The lines of one page; None: there is no such page."""
        match path.split("/"):
            case [kind, namespace, name] if kind == RUNS:
                return await self._run(Key(namespace, name))
        return None

    async def _run(self, key: Key) -> list[str] | None:
        try:
            lines = await self._reconciler.explain(key)
        except KubeError as error:
            return [f"the API server does not answer a request that the decision needs: {error}"]
        if lines is None:
            return None
        who = "waits: another replica leads" if self._leadership.standby else "leads"
        return [*lines, f"replica: {who}; {len(self._queue)} Runs are in its queue"]
