"""`make bench-memory`: how much memory the operator needs to start beside many small Runs and many large Functions.

The Runs are suspended, so that nothing is started for them. What is measured is the operator's own process: the most it
ever had, and what it has when it is ready.
"""

from __future__ import annotations

import argparse
import asyncio
import time
from pathlib import Path

from run_operator.kube.resource import FUNCTIONS, RUNS
from tests.load.stage import connected, perform, stage
from tests.support.harness import Person, run_object

API = "run-operator.io/v1alpha1"


def function(number: int, size: int) -> dict[str, object]:
    """A version of a Function of so many characters."""
    name = f"function-{number}"
    inner = {"image": "busybox:1.36", "source": {"base64": "A" * size}}
    spec = {"kind": "container", "project": "demo", "name": "large", "id": name, "spec": inner}
    return {"apiVersion": API, "kind": "Function", "metadata": {"name": name}, "spec": spec}


def memory(pid: int, line: str) -> float:
    """MiB: `VmHWM`, the most there was, or `VmRSS`."""
    found = Path(f"/proc/{pid}/status").read_text().partition(f"{line}:")[2].split()
    return int(found[0]) / 1024


async def fill(person: Person, runs: int, functions: int, size: int) -> None:
    """Create them all."""
    async with connected(person, 16, "bench") as api:
        gate = asyncio.Semaphore(16)

        async def create(resource: object, body: object) -> None:
            async with gate:
                await api.create(resource, person.namespace, body)  # type: ignore[arg-type]

        bodies = ((FUNCTIONS, function(number, size)) for number in range(functions))
        await asyncio.gather(*(create(*one) for one in bodies))
        notes = {"envs": [{"name": "NOTE", "value": "x" * 600}]}
        made = (
            (RUNS, run_object(f"run-{number}", "sleep", suspend=True, spec=notes)) for number in range(runs)
        )
        await asyncio.gather(*(create(*one) for one in made))


def main() -> None:
    """See the module's docstring."""
    parser = argparse.ArgumentParser(prog="make bench-memory")
    parser.add_argument("--runs", type=int, default=10_000, help="of 1 KB each")
    parser.add_argument("--functions", type=int, default=500)
    parser.add_argument("--size", type=int, default=1_000_000, help="characters of each Function")
    chosen = parser.parse_args()
    with stage("bench-memory") as (person, operator, _):
        print(f"empty: {memory(operator.pid, 'VmRSS'):.0f} MiB")
        operator.kill()
        asyncio.run(fill(person, chosen.runs, chosen.functions, chosen.size))
        began = time.monotonic()
        operator.start()
        took = time.monotonic() - began
        print(
            f"{chosen.runs} Runs, {chosen.functions} Functions of {chosen.size} characters: ready after {took:.1f} s"
        )
        print(
            f"  at most {memory(operator.pid, 'VmHWM'):.0f} MiB, then {memory(operator.pid, 'VmRSS'):.0f} MiB"
        )


if __name__ == "__main__":
    perform(main)
