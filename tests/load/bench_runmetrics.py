"""`make bench-runmetrics`: what `log_metric` costs the program, with the ingest up, down and hanging.

Each call is timed alone, in a loop that does nothing else: the worst case, for the threads behind it want the
interpreter as well. The ingest is a stand-in over HTTPS on this machine.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

from tests.load.stage import perform
from tests.pod.programs import Program
from tests.pod.standin import Server

LOOP = """
    import json
    from array import array

    def used():
        return int(open("/proc/self/statm").read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    count = int(sys.argv[1])
    took, clock, most = array("q", bytes(8 * count)), time.perf_counter_ns, 0
    log_metric("loss", 0)
    flush(0.5)
    before, began = used(), time.perf_counter()
    for i in range(count):
        start = clock()
        log_metric("loss", 0.1 * i)
        took[i] = clock() - start
        if i % 10_000 == 0:
            most = max(most, used())
    loop = time.perf_counter() - began
    most, began = max(most, used()) - before, time.perf_counter()
    stored = flush(120 if sys.argv[2] == "up" else 1)
    flushed, took = time.perf_counter() - began, sorted(took)
    part = lambda share: took[min(count - 1, int(count * share))] / 1000
    print(json.dumps([part(0.5), part(0.99), part(0.999), part(1), most / 2**20, loop, flushed, stored]))
"""


def measure(state: str, count: int) -> list[float]:
    """Microseconds: median, p99, p99.9, largest; MiB; seconds: loop, flush; whether all is stored."""
    with tempfile.TemporaryDirectory() as scratch:
        server = Server(Path(scratch) / "server")
        program = Program(Path(scratch) / "pod" / "spool", server.environment)
        program.impatient = False
        if state == "down":
            server.down()
        elif state == "hanging":
            server.hanging.set()
        process = program.start(LOOP, str(count), state, RUN_METRICS_FLUSH_TIMEOUT="1")
        out, errors = process.communicate(timeout=600)
        if process.returncode:
            sys.exit(errors)
        server.close()
        found: list[float] = json.loads(out)
        return found


def main() -> None:
    """See the module's docstring."""
    parser = argparse.ArgumentParser(prog="make bench-runmetrics")
    parser.add_argument("--count", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    chosen = parser.parse_args()
    print(f"{chosen.count:,} calls each")
    head = ("ingest", "median us", "p99 us", "p99.9 us", "max ms", "MiB more", "loop s", "flush s", "stored")
    print("".join(f"{name:>10}" for name in head))
    for _ in range(chosen.rounds):
        for state in ("up", "down", "hanging"):
            median, p99, p999, most, memory, loop, flushed, stored = measure(state, chosen.count)
            figures = (median, p99, p999, most / 1000, memory, loop, flushed)
            print(
                f"{state:>10}" + "".join(f"{f:>10.2f}" for f in figures) + f"{bool(stored)!s:>10}", flush=True
            )


if __name__ == "__main__":
    perform(main)
