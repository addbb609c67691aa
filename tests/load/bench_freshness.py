"""`make bench-freshness`: how long a value takes from `log_metric` into the status, with ten Runs that log once a second.

Real API server and operator with its usual settings; the programs use the module that pods get, with tokens of their
fake pods. Each value is the moment it was logged, so that who sees it in the Run knows its age.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import threading
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from run_operator.api import pod_contract as names
from tests.load.stage import perform, stage
from tests.load.watching import Watch
from tests.support.harness import REPOSITORY, OperatorProcess, Person, wait_for
from tests.support.metrics_pod import running_pod, token

MODULE = REPOSITORY / "operator" / "run_operator" / "client" / "pod"
PROGRAM = """
import sys, time
from runmetrics import log_metric
for _ in range(int(sys.argv[1])):
    log_metric("at", time.time())
    time.sleep(1)
"""


class Ages:
    """How old each value was when it was first seen in its Run, in seconds."""

    def __init__(self) -> None:
        self.seen: dict[str, list[float]] = {}
        self._lock = threading.Lock()

    def hear(self, event: dict[str, Any]) -> None:
        """One event about a Run."""
        now, item = time.time(), event["object"]
        values = item.get("status", {}).get("metrics", {}).get("at", [])
        with self._lock:
            known = self.seen.setdefault(item["metadata"]["name"], [])
            known += [now - value for value in values[len(known) :]]

    def count(self) -> int:
        """Values seen so far."""
        with self._lock:
            return sum(map(len, self.seen.values()))


def program(
    person: Person, operator: OperatorProcess, run: str, scratch: Path, count: int
) -> subprocess.Popen[bytes]:
    """Logs in the place of the Run's fake pod."""
    folder = scratch / run
    folder.mkdir()
    uid = person.get("run", run)["metadata"]["uid"]
    (folder / "token").write_text(token(person, running_pod(person, run), names.audience(uid)))
    authority = wait_for("the ConfigMap", lambda: person.get("configmap", names.CONFIG_MAP))
    (folder / "ca.crt").write_text(authority["data"][names.AUTHORITY_KEY])
    environment = {
        names.ENV_URL: operator.ingest_url + names.path(person.namespace, run),
        names.ENV_TOKEN_FILE: str(folder / "token"),
        names.ENV_AUTHORITY_FILE: str(folder / "ca.crt"),
        names.ENV_SPOOL_FOLDER: str(folder),
        "PYTHONPATH": str(MODULE),
    }
    return subprocess.Popen([sys.executable, "-c", PROGRAM, str(count)], env=os.environ | environment)


def main() -> None:
    """See the module's docstring."""
    parser = argparse.ArgumentParser(prog="make bench-freshness")
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--values", type=int, default=30, help="of each Run, one a second")
    chosen = parser.parse_args()
    ages, runs = Ages(), [f"run-{number}" for number in range(chosen.runs)]
    with stage("bench-fresh") as (person, operator, scratch), ExitStack() as parts:
        for run in runs:
            person.apply_run(run)
        parts.enter_context(Watch(person, "runs", ages.hear))
        for run in runs:
            one = program(person, operator, run, scratch, chosen.values)
            parts.callback(one.wait)
            parts.callback(one.terminate)
        wanted = chosen.runs * chosen.values
        wait_for("every value in its Run", lambda: ages.count() == wanted, chosen.values + 60.0)
    found = sorted(age for seen in ages.seen.values() for age in seen)
    median, late, last = (found[min(len(found) - 1, int(share * len(found)))] for share in (0.5, 0.99, 1))
    print(f"{chosen.runs} Runs, {len(found)} values, seconds from log_metric to the status:")
    print(f"  median {median:.1f}, p99 {late:.1f}, longest {last:.1f}")


if __name__ == "__main__":
    perform(main)
