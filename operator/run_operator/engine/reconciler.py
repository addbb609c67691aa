"""Reconcile one Run: read the store, plan, execute. It is the same for every event."""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Final

from run_operator.api.conditions import FINAL, State, state_of
from run_operator.api.policy import PolicyDefaults
from run_operator.api.raw import JSON
from run_operator.api.run import NO_DEFAULTS, Key, Run
from run_operator.engine import control_loop
from run_operator.engine.event_recorder import EventRecorder
from run_operator.engine.executor import Executor
from run_operator.engine.pacing import Pacing, makes_child
from run_operator.engine.refusals import RefusedError
from run_operator.engine.store import Store
from run_operator.kube.errors import ForbiddenError, InvalidError, NotFoundError, TooLargeError
from run_operator.lifecycle.explanation import explain
from run_operator.lifecycle.model import Observed, Plan, Refusal, RunEvent
from run_operator.lifecycle.start import CHILD_DELETED
from run_operator.workloads.types import Options

REFUSED_AGAIN: Final = 15.0
"""Seconds until an object that was refused for now (quota, policy) is tried again."""
MOST_LOADED: Final = 6
"""Documents read for one decision; they may change meanwhile."""
MOST_ASKED: Final = 2
"""Questions to Events for one decision: how the Job ended, and then whether its pod was asked to end."""
LONGEST_WAIT: Final = 3600.0
"""Seconds until a Run is looked at, at most: timers do not notice that the clock was set."""

DELETED_EACH_TIME: Final = (
    "another client deletes its Job or Deployment each time the operator creates it: the operator creates it again after "
    "increasing pauses of at most five minutes"
)

log = logging.getLogger(__name__)


async def _no_defaults(_: str) -> PolicyDefaults:
    return NO_DEFAULTS


class Reconciler:
    """`reconcile(key)` is the only way anything in the cluster changes. `wall` is the clock, epoch seconds.

    `uncommitted` tells whether metrics of a Run are on their way into its status. `defaults` are those of a namespace
    for new Runs. The caller tells `pacing` where people change Runs. `spent` is called with a namespace and the CPU of a
    decision.
    """

    def __init__(
        self,
        store: Store,
        executor: Executor,
        recorder: EventRecorder,
        wall: Callable[[], float],
        options: Options,
        uncommitted: Callable[[Run], bool] = lambda _: False,
        pacing: Pacing | None = None,
        defaults: Callable[[str], Awaitable[PolicyDefaults]] = _no_defaults,
        spent: Callable[[str, float], None] = lambda *_: None,
    ) -> None:
        self._store = store
        self._executor = executor
        self._recorder = recorder
        self._wall = wall
        self._options = options
        self._uncommitted = uncommitted
        self._pacing = pacing or Pacing(time.monotonic)
        self._defaults = defaults
        self._spent = spent

    async def reconcile(self, key: Key) -> float | None:
        """Carry out the next step of one Run; returns the seconds until the next look, or None.

        Raises the errors of `kube.errors`; the caller tries again later.
        """
        run = self._store.run(key)
        if run is None:
            self._pacing.forget(key)
            return None
        if _needs_document(run) and (run := await self._executor.whole(run)) is None:
            return None  # its DELETED event is on the way
        run = await self._with_defaults(run)
        observed = self._store.observed(run)
        decision = await self._decide(run, observed)
        if decision.reread:
            observed = await self._executor.reread(run)
            decision = await self._decide(run, observed)
        decision = await self._explained(run, observed, decision)
        self._store.follow(key, decision.wants)
        if wait := self._pacing.before_status(key, decision):
            return wait
        try:
            return await self._carry_out(run, decision)
        except NotFoundError as error:
            log.debug("%s is gone: %s", key, error)  # its DELETED event is on the way
            return None
        except TooLargeError as error:
            text = f"{error}: the status of this Run cannot be updated any more; delete the Run and apply it with a smaller document"
            log.warning(text, extra={"run": str(key)})
            self._recorder.record(run, RunEvent("Warning", "TooLarge", text))
            return LONGEST_WAIT
        except (InvalidError, ForbiddenError) as error:
            # The status says what was to be done, or is itself what is refused: an Event can say that it is not.
            text = f"{error}; the operator tries again until it is allowed"
            self._recorder.record(run, RunEvent("Warning", "WriteRefused", text))
            raise

    async def _explained(self, run: Run, observed: Observed, decision: Plan) -> Plan:
        """The plan, with the Events that it asks for, if they can be read."""
        for _ in range(MOST_ASKED):
            question = decision.ask
            if question is None or question in observed.asked:
                break
            if (said := await self._executor.why(run, question)) is None:
                break
            asked = (*observed.asked, question)
            observed = replace(observed, said=(*observed.said, *said), asked=asked)
            decision = await self._decide(run, observed)
        return decision

    async def explain(self, key: Key) -> list[str] | None:
        """An explanation of the next step, for people; None: there is no such Run. Changes nothing."""
        run = self._store.run(key)
        if run is None or (not run.is_whole and (run := await self._executor.whole(run)) is None):
            return None
        run = await self._with_defaults(run)
        observed = self._store.observed(run)
        return explain(run, observed, await self._decide(run, observed))

    async def _carry_out(self, run: Run, decision: Plan) -> float | None:
        """Execute the plan, or report that the API server refused it; returns the seconds until the next look."""
        try:
            wait = await self._execute(run, decision)
        except RefusedError as error:
            return await self._refused(run.key, error.refusal)
        return wait or self._delay(decision)

    async def _with_defaults(self, run: Run) -> Run:
        """A Run that was not started gets the present defaults. They are stored with its first status, and stay."""
        if run.status.get("attempt") or state_of(run.status.get("state")) in FINAL:
            return run
        return run.with_defaults(await self._defaults(run.namespace))

    def _delay(self, decision: Plan) -> float | None:
        if decision.wake_at is None:
            return None
        return min(LONGEST_WAIT, max(0.0, decision.wake_at - self._wall()))

    async def _decide(self, run: Run, observed: Observed) -> Plan:
        """The plan, with the documents it asks for: a Function, a Task, a profile."""
        decision = self._plan(run, observed)
        for _ in range(MOST_LOADED):
            if decision.look is not None:
                observed = replace(observed, custom=await self._executor.look(run, decision.look))
                decision = self._plan(run, observed)
                continue
            if decision.returned:
                found = await self._executor.steps.returned(run, decision.returned)
                observed = replace(observed, returned={**observed.returned, **found})
                decision = self._plan(run, observed)
                continue
            if decision.load is None:
                return decision
            view = await self._executor.load(decision.load)
            catalog = observed.catalog if view is None else observed.catalog.loaded(view)
            observed = replace(observed, catalog=catalog)
            decision = self._plan(run, observed)
        return decision

    def _plan(self, run: Run, observed: Observed) -> Plan:
        observed = replace(observed, uncommitted=self._uncommitted(run))
        began = time.thread_time()
        try:
            return control_loop.decide(run, observed, self._wall(), self._options)
        finally:
            self._spent(run.namespace, time.thread_time() - began)

    async def _execute(self, run: Run, decision: Plan) -> float:
        """Status first: an attempt is stored before its pods can exist. Returns the seconds that the actions wait."""
        if decision.status is not None:
            await self._executor.write_status(run, decision.status)
            _log_change(run, decision.status)
        for event in decision.events:
            self._recorder.record(run, event)
        if wait := self._pacing.before_actions(run.key, decision):
            if makes_child(decision):
                self._recorder.record(run, RunEvent("Warning", CHILD_DELETED, DELETED_EACH_TIME))
            return wait
        for action in decision.actions:
            for note in await self._executor.carry_out(run, action):
                self._recorder.record(run, RunEvent("Warning", "NotApplied", note))
        self._pacing.carried_out(run.key, decision)
        return 0.0

    async def _refused(self, key: Key, refusal: Refusal) -> float | None:
        """Write into the Run's status that the API server refused an object."""
        run = self._store.run(key)
        if run is None or (_needs_document(run) and (run := await self._executor.whole(run)) is None):
            return None
        run = await self._with_defaults(run)
        decision = await self._decide(run, self._store.observed(run, refusal))
        if wait := await self._execute(run, decision):
            return wait
        if state_of((decision.status or run.status).get("state")) in FINAL:
            return self._delay(decision)
        return min(REFUSED_AGAIN, self._delay(decision) or REFUSED_AGAIN)


def _log_change(run: Run, status: JSON) -> None:
    """One line for each state that a Run enters."""
    before, after = run.status.get("state") or State.CREATED, status.get("state")
    if before != after:
        message = f"{before} -> {after}" + (f": {status['message']}" if status.get("message") else "")
        log.info(message, extra={"run": str(run.key), "uid": run.uid})


def _needs_document(run: Run) -> bool:
    """Whether a decision needs the whole document. A Run that has ended needs it only after an edit."""
    over = state_of(run.status.get("state")) in FINAL and run.generation == run.status.get(
        "observedGeneration"
    )
    return not run.is_whole and not over
