"""`make bench-memory`: how much memory the operator needs to start beside many small Runs and many large Functions.

The Runs are suspended, so that nothing is started for them. What is measured is the operator's own process: the most it
ever had, and what it has when it is ready. Then the same of a gateway that is asked for eight lists of them at once.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from run_operator.kube.errors import AlreadyExistsError, TransientError
from run_operator.kube.resource import FUNCTIONS, RUNS
from tests.load.stage import connected, perform, stage
from tests.support.gateway_process import GatewayProcess, account, most_memory
from tests.support.harness import REPOSITORY, Person, run_object

API = "run-operator.io/v1alpha1"


def function(number: int, size: int) -> dict[str, object]:
    """A version of a Function of so many characters."""
    name = f"function-{number}"
    inner = {"image": "busybox:1.36", "source": {"base64": "A" * size}}
    spec = {"kind": "container", "project": "demo", "name": "large", "id": name, "spec": inner}
    return {"apiVersion": API, "kind": "Function", "metadata": {"name": name}, "spec": spec}


def memory(pid: int, line: str) -> float:
    """MiB: `VmRSS`, or another line of its status."""
    found = Path(f"/proc/{pid}/status").read_text().partition(f"{line}:")[2].split()
    return int(found[0]) / 1024


async def fill(person: Person, runs: int, functions: int, size: int) -> None:
    """Create them all."""
    async with connected(person, 16, "bench") as api:
        gate = asyncio.Semaphore(16)

        async def create(resource: object, body: object) -> None:
            async with gate:
                while True:
                    try:
                        await api.create(resource, person.namespace, body)  # type: ignore[arg-type]
                    except AlreadyExistsError:
                        return  # by a request without an answer
                    except TransientError:
                        continue  # a slow API server
                    return

        bodies = ((FUNCTIONS, function(number, size)) for number in range(functions))
        await asyncio.gather(*(create(*one) for one in bodies))
        notes = {"envs": [{"name": "NOTE", "value": "x" * 600}]}
        made = (
            (RUNS, run_object(f"run-{number}", "sleep", suspend=True, spec=notes)) for number in range(runs)
        )
        await asyncio.gather(*(create(*one) for one in made))


def lists(person: Person, at_once: int) -> None:
    """Ask a gateway for so many lists of the Functions at once, and say how much memory it had at most."""
    person.kubectl("apply", "-f", str(REPOSITORY / "manifests" / "base" / "user-roles.yaml"))
    tokens = [account(person, name, "view") for name in ("ann", "bob")]
    with tempfile.TemporaryDirectory() as folder:
        gateway = GatewayProcess(person.kubeconfig, Path(folder))
        gateway.start()
        url = f"{gateway.endpoint}/api/v1/-/{person.namespace}/functions?size=1"

        def ask(number: int) -> int:
            headers = {"Authorization": f"Bearer {tokens[number % len(tokens)]}"}
            request = urllib.request.Request(url, headers=headers)  # noqa: S310 - of this bench
            try:
                with urllib.request.urlopen(request, timeout=300) as answer:  # noqa: S310
                    return int(answer.status)
            except urllib.error.HTTPError as error:
                return error.code

        began = time.monotonic()
        with ThreadPoolExecutor(at_once) as pool:
            codes = list(pool.map(ask, range(at_once)))
        took = time.monotonic() - began
        most = gateway.most_memory() / 1024**2
        print(
            f"  {at_once} lists at once: {codes} after {took:.1f} s; the gateway had at most {most:.0f} MiB"
        )
        gateway.stop()


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
            f"  at most {most_memory(operator.pid) / 1024**2:.0f} MiB, then {memory(operator.pid, 'VmRSS'):.0f} MiB"
        )
        lists(person, 8)


if __name__ == "__main__":
    perform(main)
