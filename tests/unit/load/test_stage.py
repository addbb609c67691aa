"""What a bench has put up it takes down, however it is ended."""

from __future__ import annotations

import signal
import subprocess
import sys
import textwrap

import pytest

from tests.load import stage
from tests.support.harness import REPOSITORY

PROGRAM = """
    import asyncio, time
    from tests.load.stage import perform

    def main():
        try:
            print("up", flush=True)
            {waits}
        finally:
            print("on the way down", flush=True)
            input()
            print("down", flush=True)

    perform(main)
"""


@pytest.mark.parametrize("waits", ["time.sleep(60)", "asyncio.run(asyncio.sleep(60))"])
def test_a_bench_that_is_terminated_unwinds_and_a_second_signal_does_not_stop_that(waits):
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(PROGRAM).format(waits=waits)],
        cwd=REPOSITORY,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as bench:
        try:
            assert bench.stdout is not None
            assert bench.stdout.readline() == "up\n"
            bench.terminate()
            assert bench.stdout.readline() == "on the way down\n"
            bench.terminate()
            rest, _ = bench.communicate("\n", timeout=60)
        finally:
            bench.kill()
    assert (rest, bench.returncode) == ("down\n", 128 + signal.SIGTERM)


def test_a_control_plane_that_did_not_come_up_is_taken_down(monkeypatch):
    def up(*_: str) -> None:
        raise KeyboardInterrupt

    down: list[str] = []
    monkeypatch.setattr(stage, "cluster_up", up)
    monkeypatch.setattr(stage, "cluster_down", down.append)
    with pytest.raises(KeyboardInterrupt), stage.control_plane("some"):
        pass
    assert down == ["some"]
