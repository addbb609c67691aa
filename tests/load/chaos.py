"""`make chaos`: random stops, resumes and kills of the operator on a real API server with fake nodes.

Each sequence is one Run, a few changes of its `suspend` and a few troubles (`troubles.py`: evictions, deleted and refused pods,
injected containers that go on, orphaned pods, a dead node) at random moments; meanwhile the operator is killed (SIGKILL) again
and again, and sometimes the API server. The history is then held against the truth rules (`history.py`), and every Run must
have come to the state that was asked for last.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

from run_operator.api.raw import JSON
from run_operator.kube.client import Api
from run_operator.kube.errors import AlreadyExistsError, TransientError
from run_operator.kube.resource import RUNS
from tests.load.history import Judge, Recording
from tests.load.stage import connected, perform, stage
from tests.load.troubles import ON_DEAD_NODE, POLICY, Troubles, prepare
from tests.support.harness import (
    OperatorProcess,
    Person,
    cluster_name,
    install_policies,
    kill_api_server,
    run_object,
)

ABREAST = 12
"""Sequences under way at once."""
TIMEOUT = 300.0
"""Seconds to come to rest: a Job that its controller has forgotten is made again after two minutes."""
LOOK = 0.5
TROUBLED = 0.4
"""How many moves of a sequence are troubles."""
DEAD_SHARE = 0.1
"""How many Runs of jobs are put on the dead node."""
PROGRAMS = ((), (), (), ("kwok-complete",), ("kwok-fail",))
SERVICE = {"kind": "container+serve", "spec": {"service_ports": [{"port": 80}], "replicas": 2}}
T = TypeVar("T")


class Chaos:
    """One campaign; everything random comes from `dice`."""

    def __init__(self, api: Api, operator: OperatorProcess, person: Person, dice: random.Random) -> None:
        self._api = api
        self._operator = operator
        self._person = person
        self._namespace = person.namespace
        self._dice = dice
        self.troubles = Troubles(api, person, dice, time.time)
        self._gate = asyncio.Semaphore(ABREAST)
        self.kills = 0
        self.restarts = 0
        self.suspended: dict[str, bool] = {}
        self.stuck: list[str] = []

    async def sequence(self, name: str) -> None:
        """One Run and what is wished of it."""
        async with self._gate:
            suspend = self._dice.random() < 0.2
            what = SERVICE if self._dice.random() < 0.2 else {}
            program = () if what else self._dice.choice(PROGRAMS)
            dead = not what and self._dice.random() < DEAD_SHARE
            more = {"spec": ON_DEAD_NODE, "policy": POLICY} if dead else {}
            body = run_object(name, *program, suspend=suspend, **(what or more))
            await self._surely(lambda: self._api.create(RUNS, self._namespace, body))
            self.suspended[name] = suspend
            for _ in range(self._dice.randint(1, 6)):
                await asyncio.sleep(self._dice.choice((0.0, 0.02, 0.1, 0.3, 1.0, 3.0, 6.0)))
                if dead:
                    await self.troubles.suffer(self.troubles.runs_on_dead_node, name)
                if self._dice.random() < TROUBLED:
                    await self.troubles.strike(name)
                    continue
                suspend = self._dice.random() < 0.5
                await self._suspend(name, suspend)
            if dead:  # nobody confirms an end there: what is asked for last is a stop
                await self._suspend(name, True)

    async def _suspend(self, name: str, suspend: bool) -> None:
        body = {"spec": {"suspend": suspend}}
        await self._surely(lambda: self._api.patch(RUNS, self._namespace, name, body))
        self.suspended[name] = suspend

    async def _surely(self, ask: Callable[[], Awaitable[T]]) -> T | None:
        """Through restarts of the API server; None: it was written before."""
        while True:
            try:
                return await ask()
            except AlreadyExistsError:
                return None
            except TransientError:
                await asyncio.sleep(LOOK)

    async def _runs(self) -> list[JSON]:
        return [run async for run in self._api.list_objects(RUNS, namespace=self._namespace)]

    async def kill_again_and_again(self) -> None:
        """Until cancelled."""
        while True:
            await asyncio.sleep(self._dice.uniform(0.3, 8.0))
            await asyncio.to_thread(self._operator.kill)
            self.kills += 1
            await asyncio.sleep(self._dice.choice((0.0, 0.0, 1.0)))
            await asyncio.to_thread(self._operator.start)

    async def kill_the_api_server(self) -> None:
        """Until cancelled; it is started again at once."""
        while True:
            await asyncio.sleep(self._dice.uniform(15.0, 30.0))
            await asyncio.to_thread(kill_api_server, cluster_name("chaos"), self._person)
            self.restarts += 1

    async def astray(self) -> list[str]:
        """Runs that are not where they were wished to be."""
        found = []
        for item in await self._surely(self._runs) or ():
            name, status = item["metadata"]["name"], item["status"]
            state = status.get("state")
            expected = ("STOPPED",) if self.suspended[name] else ("RUNNING",)
            if state not in (*expected, "COMPLETED", "ERROR"):
                found.append(f"{name} is {state}, suspend is {self.suspended[name]}: {status.get('message')}")
        return found


async def campaign(person: Person, operator: OperatorProcess, count: int, seed: int) -> Chaos:
    """All sequences, then time to come to rest."""
    async with connected(person, ABREAST, "chaos") as api:
        chaos = Chaos(api, operator, person, random.Random(seed))
        killers = [
            asyncio.create_task(chaos.kill_again_and_again()),
            asyncio.create_task(chaos.kill_the_api_server()),
        ]
        await asyncio.gather(*(chaos.sequence(f"s{number}") for number in range(count)))
        for killer in killers:
            killer.cancel()
        await asyncio.gather(*killers, return_exceptions=True)
        if not operator.running:
            await asyncio.to_thread(operator.start)
        until = time.monotonic() + TIMEOUT
        astray = await chaos.astray()
        while astray and time.monotonic() < until:
            await asyncio.sleep(LOOK)
            await chaos.troubles.suffer(chaos.troubles.node_is_heard_again, "")
            astray = await chaos.astray()
        chaos.stuck = astray
    return chaos


def main() -> None:
    """See the module's docstring."""
    parser = argparse.ArgumentParser(prog="make chaos")
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--keep", type=Path, help="A file for the history, an event a line.")
    chosen = parser.parse_args()
    print(f"chaos: {chosen.count} sequences, seed {chosen.seed}", flush=True)
    with stage("chaos", "chaos", "--restarts") as (person, operator, _):
        install_policies(person)
        prepare(person)
        recording = Recording(person)
        began = time.monotonic()
        try:
            chaos = asyncio.run(campaign(person, operator, chosen.count, chosen.seed))
        finally:
            events = recording.stop()
        if chosen.keep:
            chosen.keep.write_text("".join(f"{json.dumps(event)}\n" for event in events))
        judge = judged(events)
        tell(chosen, chaos, judge, time.monotonic() - began)


def judged(events: list[dict[str, Any]]) -> Judge:
    """The history held against the rules."""
    judge = Judge()
    for event in events:
        judge.hear(event)
    return judge


def tell(chosen: argparse.Namespace, chaos: Chaos, judge: Judge, seconds: float) -> None:
    """The figures; exits with 1 when a rule was broken."""
    entered = ", ".join(f"{state} {number}" for state, number in sorted(judge.states.items()))
    print(
        f"{chosen.count} Runs, {chaos.kills} kills of the operator, {seconds:.0f} s; states entered: {entered}"
    )
    troubles = ", ".join(f"{name} {number}" for name, number in sorted(chaos.troubles.done.items()))
    print(f"{chaos.restarts} restarts of the API server; troubles: {troubles}")
    print(f"{len(judge.broken)} broken rules")
    stuck = [f"stuck after {TIMEOUT:g} s: {one}" for one in chaos.stuck]
    if wrong := judge.broken + stuck:
        sys.exit(f"chaos: seed {chosen.seed}:\n" + "\n".join(wrong[:20]))


if __name__ == "__main__":
    perform(main)
