"""Pacing: in a burst, writes that somebody waits for go first. Only this module holds back writes.

* Many new Runs: a status that can wait (`Plan.can_wait`) is written a little later. By then the Run is often RUNNING, and one
  write shows both.
* Many stops: each Run says STOP at once, and its pods are ended a little later, for their end makes work.
* A Job that somebody deletes each time it is made: it is made again ever later.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable
from typing import Any, Final, NamedTuple

from run_operator.api.constants import ANNOTATION_ATTEMPT
from run_operator.api.raw import mapping, mappings
from run_operator.api.run import Key
from run_operator.lifecycle.model import CreateWorkload, Plan, ScaleChild, SuspendChild

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
AT_ONCE: Final = 3
"""Times that the child of one attempt is made without a pause: the one before may still be going."""
LONGEST_PAUSE: Final = 300.0
"""Seconds between two later ones; the first pause is one second, each further one twice as long."""
MAX_MADE: Final = 10_000
"""Runs whose last child is remembered."""


class _Made(NamedTuple):
    """The child of an attempt."""

    attempt: str
    times: int
    again_at: float
    """When it may be made again."""


class Pacing:
    """Seconds that a write has to wait; 0: none. `clock` is monotonic seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._next: OrderedDict[str, float] = OrderedDict()
        self._promised: dict[Key, float] = {}
        self._changes: OrderedDict[str, deque[float]] = OrderedDict()
        self._made: OrderedDict[Key, _Made] = OrderedDict()

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
        if (attempt := _made_by(plan)) and (made := self._made.get(key)) and made.attempt == attempt:
            return max(0.0, made.again_at - self._clock())
        answers = plan.status is not None and _ends_only(plan)
        return ANSWERS_FIRST if answers and self.is_burst(key.namespace) else 0.0

    def carried_out(self, key: Key, plan: Plan) -> None:
        """Note that the plan's actions were carried out."""
        if not (attempt := _made_by(plan)):
            return
        known = self._made.get(key)
        times = known.times + 1 if known and known.attempt == attempt else 1
        pause = min(LONGEST_PAUSE, 2.0 ** min(times - AT_ONCE, 16)) if times >= AT_ONCE else 0.0
        self._made[key] = _Made(attempt, times, self._clock() + pause)
        self._made.move_to_end(key)
        if len(self._made) > MAX_MADE:
            self._made.popitem(last=False)

    def forget(self, key: Key) -> None:
        """Drop the Run's turn: it has another status to write, or is deleted."""
        self._promised.pop(key, None)


def makes_child(plan: Plan) -> bool:
    """Whether it makes the child of an attempt."""
    return bool(_made_by(plan))


def _made_by(plan: Plan) -> str:
    """The uid of the Run and the attempt whose child the plan makes; empty for none."""
    for action in plan.actions:
        if isinstance(action, CreateWorkload):
            metadata = action.workload.child["metadata"]
            owner = next(iter(mappings(metadata.get("ownerReferences"))), {})
            return f"{owner.get('uid')}/{mapping(metadata.get('annotations')).get(ANNOTATION_ATTEMPT)}"
    return ""


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
