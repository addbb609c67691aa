"""Pacing: in a burst, writes that somebody waits for go first. Only this module holds back writes.

* Many new Runs: a status that can wait (`Plan.can_wait`) is written a little later. By then the Run is often RUNNING, and one
  write shows both.
* Many stops: each Run says STOP at once, and its pods are ended a little later, for their end makes work.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable
from typing import Any, Final

from run_operator.api.run import Key
from run_operator.lifecycle.model import Plan, ScaleChild, SuspendChild

RATE: Final = 20.0
"""Statuses that can wait a second, in one namespace: a burst in another is not waited for."""
LONGEST: Final = 5.0
"""Seconds one of them waits at most."""
BURST: Final = 20
"""So many people's changes within a second, in one namespace, are a burst."""
ANSWERS_FIRST: Final = 1.5
"""Seconds from STOP in the status to the end of the pods, in a burst."""
MAX_REMEMBERED: Final = 1024
"""Namespaces."""


class Pacing:
    """Seconds that a write has to wait; 0: none. `clock` is monotonic seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._next: OrderedDict[str, float] = OrderedDict()
        self._promised: dict[Key, float] = {}
        self._changes: OrderedDict[str, deque[float]] = OrderedDict()

    def changed(self, namespace: str) -> None:
        """Count a change that a person made to a Run of this namespace."""
        changes = self._changes.setdefault(namespace, deque(maxlen=BURST))
        changes.append(self._clock())
        _bound(self._changes, namespace)

    def is_burst(self, namespace: str) -> bool:
        """Whether people make more than BURST changes a second in this namespace."""
        changes = self._changes.get(namespace)
        return changes is not None and len(changes) == BURST and self._clock() - changes[0] < 1.0

    def before_status(self, key: Key, plan: Plan) -> float:
        """Seconds until this plan is to be carried out. A Run keeps its turn when it is asked about again."""
        if not plan.can_wait:
            self.forget(key)
            return 0.0
        now = self._clock()
        turn = self._promised.get(key)
        if turn is None:
            turn = min(max(self._next.get(key.namespace, now), now), now + LONGEST)
            self._promised[key], self._next[key.namespace] = turn, turn + 1 / RATE
            _bound(self._next, key.namespace)
        if turn > now:
            return turn - now
        self.forget(key)
        return 0.0

    def before_actions(self, key: Key, plan: Plan) -> float:
        """Seconds from the status of this plan to its actions: they come with the next look, which plans nothing else."""
        answers = plan.status is not None and _ends_only(plan)
        return ANSWERS_FIRST if answers and self.is_burst(key.namespace) else 0.0

    def forget(self, key: Key) -> None:
        """Drop the Run's turn: it has another status to write, or is deleted."""
        self._promised.pop(key, None)


def _ends_only(plan: Plan) -> bool:
    """Whether the plan only ends pods."""
    return bool(plan.actions) and all(
        isinstance(action, SuspendChild) or (isinstance(action, ScaleChild) and not action.replicas)
        for action in plan.actions
    )


def _bound(namespaces: OrderedDict[str, Any], newest: str) -> None:
    namespaces.move_to_end(newest)
    if len(namespaces) > MAX_REMEMBERED:
        namespaces.popitem(last=False)
