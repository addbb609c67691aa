"""The command line of the module: for programs in other languages."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.pod.programs import MODULE, Program
from tests.pod.standin import Server, answers
from tests.support.harness import wait_for


def command(program: Program, *arguments: str) -> subprocess.Popen[str]:
    program.folder.parent.mkdir(exist_ok=True)
    return subprocess.Popen(
        [sys.executable, str(MODULE), *arguments],
        env=program.environment,
        cwd=program.folder.parent,
        text=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def test_log_stores_values_and_waits_for_it(program: Program, server: Server):
    process = command(program, "log", "loss=0.5", "n=3", "acc=nan")
    assert process.communicate(timeout=30) == ("", "")
    assert process.returncode == 0
    assert server.ingest.metrics() == {"loss": [0.5], "n": [3], "acc": [None]}


def test_log_says_when_values_are_not_stored(program: Program, server: Server):
    server.ingest.always = answers(410, error="the Run is over")
    process = command(program, "log", "loss=0.5")
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 1
    assert "the Run is over" in errors


@pytest.mark.parametrize(
    "arguments", [[], ["log"], ["log", "loss"], ["log", "loss=x"], ["watch"], ["other", "x"]]
)
def test_a_mistake_in_the_command_shows_how_it_is_used(program: Program, arguments: list[str]):
    process = command(program, *arguments)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 2
    assert "NAME=NUMBER" in errors


def test_watch_ships_what_is_appended_until_sigterm(program: Program, server: Server):
    program.folder.parent.mkdir()
    file = program.folder.parent / "metrics.log"
    file.write_text("loss=99\n")  # of an earlier attempt
    process = command(program, "watch", str(file))
    wait_for("it catches SIGTERM, and so has begun", lambda: catches_sigterm(process.pid))
    with file.open("a") as out:
        for line in (
            "loss=0.5 acc=1\n",
            "epoch 3 begins\n",
            '{"odd": true, "loss": [1, NaN], "text": "x"}\n',
            "epoch 4\n",
            "loss=3",
        ):
            out.write(line)
            out.flush()
        wait_for("the first lines are sent", lambda: server.ingest.metrics().get("loss") == [0.5, 1, None])
        out.write(".5\nloss=4\nloss=5")
        out.flush()
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=30)
    assert process.returncode == 0
    assert server.ingest.metrics() == {"loss": [0.5, 1, None, 3.5, 4, 5], "acc": [1]}
    assert "lines without metrics are ignored, such as: epoch 3 begins" in errors
    assert "Invalid metric value" in errors


def catches_sigterm(pid: int) -> bool:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    caught = int(next(line.split()[1] for line in lines if line.startswith("SigCgt")), 16)
    return bool(caught & 1 << (signal.SIGTERM - 1))


def test_watch_reads_a_pipe_to_its_end(program: Program, server: Server):
    process = command(program, "watch", "-")
    assert process.communicate("loss=1\nloss=2\n", timeout=30) == ("", "")
    assert process.returncode == 0
    assert server.ingest.metrics() == {"loss": [1, 2]}
