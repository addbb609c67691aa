"""A program that ends while the operator is away waits for it; what ends the wait, and what bounds it."""

from __future__ import annotations

import signal
import subprocess
from textwrap import dedent

import pytest

from tests.pod.programs import Program
from tests.pod.standin import LATER, Ingest, Reply, Server, answers
from tests.pod.test_command import catches_sigterm, command
from tests.support.harness import wait_for

WAITS = "runmetrics: the program has ended: its last metrics wait for the operator ("
UNSTORED = "not all metrics are confirmed as stored"
LONG = "runmetrics.END_SECONDS = 300\n"
"""Longer than the deadline of any test: what ends, ends for another reason."""
BRIEF = f"{LONG}runmetrics.FLUSH_SECONDS, runmetrics.REPORTED_AFTER = 0.2, 3600\n"


def leaps(seconds: int) -> str:
    """The program's clock is so far ahead once it has said that it waits: no test does."""
    return f"""\
class Clock:
    ahead = 0
    def __getattr__(self, name): return getattr(time, name)
    def monotonic(self): return time.monotonic() + self.ahead
def tell_and_leap(self, *said, tell=runmetrics.Recorder._tell_wait):
    tell(self, *said)
    clock.ahead = {seconds}
runmetrics.time = clock = Clock()
runmetrics.REPORTED_AFTER, runmetrics.Recorder._tell_wait = 0.3, tell_and_leap
"""


A_MINUTE_LATER = LONG + leaps(60)
"""The ten seconds of a flush are over long ago, and ten others begin."""


def until_it_waits(process: subprocess.Popen[str]) -> str:
    """The lines on stderr up to the one that says so."""
    lines: list[str] = []
    while not any(line.startswith(WAITS) for line in lines):
        lines.append(process.stderr.readline())  # type: ignore[union-attr]
        assert lines[-1], lines
    return "".join(lines)


@pytest.mark.parametrize(
    ("ending", "code"),
    [("", 0), ("sys.exit(7)", 7), ("raise RuntimeError('a mistake of the program')", 1)],
    ids=["end", "exit", "exception"],
)
def test_a_program_that_ends_while_the_operator_is_away_loses_nothing(
    program: Program, server: Server, ending: str, code: int
):
    server.down()
    process = program.start(f"{A_MINUTE_LATER}for i in range(3000): log_metric('loss', i)\n{ending}")
    assert "), for at most 300 s; the program's exit code stays what it is\n" in until_it_waits(process)
    server.up()
    _, errors = process.communicate(timeout=60)
    assert (process.returncode, UNSTORED in errors, WAITS in errors) == (code, False, False)
    assert server.ingest.metrics() == {"loss": list(range(3000))}
    assert [writer.ended for writer in server.ingest.writers.values()] == [True]


@pytest.mark.parametrize("status", [408, 429, 500, 503])
def test_one_that_cannot_take_anything_now_is_waited_for(program: Program, server: Server, status: int):
    server.ingest.always = answers(status)
    process = program.start(f"{A_MINUTE_LATER}log_metric('loss', 1)")
    assert f"(it answers {status})" in until_it_waits(process)
    server.ingest.always = None
    process.communicate(timeout=60)
    assert (process.returncode, server.ingest.metrics()) == (0, {"loss": [1]})


def test_it_says_once_that_it_waits(program: Program, server: Server):
    """Whatever the reason becomes."""
    server.ingest.faults.extend(answers(status) for status in range(500, 508))
    errors = program.run(
        f"{A_MINUTE_LATER}runmetrics.LONGEST_PAUSE_IN_FLUSH = 0.3\nlog_metric('loss', 1)", quiet=False
    )
    assert errors.count(WAITS) == 1
    assert server.ingest.metrics() == {"loss": [1]}


def test_one_that_does_not_answer_is_waited_for(program: Program, server: Server):
    server.hanging.set()
    process = program.start(f"{A_MINUTE_LATER}runmetrics.NETWORK_SECONDS = 0.5\nlog_metric('loss', 1)")
    until_it_waits(process)
    server.release()
    process.communicate(timeout=60)
    assert (process.returncode, server.ingest.metrics()) == (0, {"loss": [1]})


def test_a_pause_that_the_operator_asks_for_does_not_end_the_wait(program: Program, server: Server):
    server.ingest.faults.append(answers(503, retry_after=1))
    errors = program.run(f"{A_MINUTE_LATER}log_metric('loss', 1)", quiet=False)
    assert "(it answers 503)" in errors
    assert server.ingest.metrics() == {"loss": [1]}


def test_what_was_taken_before_a_restart_is_sent_again_and_waited_for(program: Program, server: Server):
    server.ingest.commits = False
    code = "runmetrics.INTERVAL = 0.01; log_metric('loss', 1); sys.stdin.readline()"
    process = program.start(f"{A_MINUTE_LATER}{code}")
    wait_for("the value is taken", lambda: any(w.taken for w in [*server.ingest.writers.values()]))
    server.down()
    server.ingest.crash()
    process.stdin.write("end\n")  # type: ignore[union-attr]
    process.stdin.flush()  # type: ignore[union-attr]
    until_it_waits(process)
    server.up()
    process.communicate(timeout=60)
    assert (process.returncode, server.ingest.metrics()) == (0, {"loss": [1]})


def test_one_that_has_it_all_and_does_not_store_it_is_not_waited_for(program: Program, server: Server):
    """It is not away, and stores what it has taken when it can."""

    def takes(ingest: Ingest, message: dict[str, object]) -> Reply:
        return Reply(LATER, ingest.take(message).body | {"committed": 0})

    server.ingest.always = takes
    assert UNSTORED in program.run(f"{BRIEF}log_metric('loss', 1)", quiet=False)


def test_a_token_that_is_refused_is_not_waited_for(program: Program, server: Server):
    server.ingest.always = answers(401)
    assert UNSTORED in program.run(f"{BRIEF}log_metric('loss', 1)", quiet=False)


@pytest.mark.parametrize("status", [410, 403, 404])
def test_a_run_that_is_over_is_not_waited_for(program: Program, server: Server, status: int):
    """Also if it was away before."""
    server.ingest.faults.append(answers(503))
    server.ingest.always = answers(status)
    errors = program.run(f"{LONG}runmetrics.REPORTED_AFTER = 3600\nlog_metric('loss', 1)", quiet=False)
    assert f"the operator answers {status}" in errors
    assert errors.count("\n") == 1


def test_the_wait_has_an_end(program: Program, server: Server):
    server.down()
    errors = program.run(f"{leaps(200)}log_metric('loss', 1)\nsys.exit(7)", exit_code=7, quiet=False)
    assert "for at most 120 s" in errors
    assert f"{UNSTORED} after 120 s; every value is in " in errors
    assert program.values("loss") == [1]


def test_a_persons_own_time_bounds_it(program: Program, server: Server):
    server.down()
    code = f"{LONG}runmetrics.REPORTED_AFTER = 0\nlog_metric('loss', 1)"
    errors = program.run(code, quiet=False, RUN_METRICS_FLUSH_TIMEOUT="0.4")
    assert f"{UNSTORED} after 0.4 s" in errors
    assert WAITS not in errors


@pytest.mark.parametrize("default", [False, True], ids=["ours", "default"])
def test_sigterm_during_the_wait_leaves_what_it_leaves_else(program: Program, server: Server, default: bool):
    """The first process of a container ignores a SIGTERM that has no handler, and would wait until it is killed."""
    server.down()
    own = "signal.signal(signal.SIGTERM, signal.SIG_DFL)" if default else ""
    code = f"{A_MINUTE_LATER}runmetrics.FLUSH_SECONDS = 250\nlog_metric('loss', 1)\n{own}"
    process = program.start(code, RUN_METRICS_SIGTERM_TIMEOUT="0.1")
    until_it_waits(process)
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == -signal.SIGTERM
    assert UNSTORED in errors


def test_an_end_by_sigterm_does_not_wait(program: Program, server: Server):
    server.down()
    code = f"{A_MINUTE_LATER}log_metric('loss', 1); os.kill(os.getpid(), signal.SIGTERM); time.sleep(60)"
    errors = program.run(code, exit_code=-signal.SIGTERM, quiet=False, RUN_METRICS_SIGTERM_TIMEOUT="0.1")
    assert f"{UNSTORED} after 0.1 s" in errors


@pytest.mark.parametrize(
    ("ending", "code"),
    [
        ("signal.signal(signal.SIGTERM, lambda *_: sys.exit(5)); os.kill(os.getpid(), signal.SIGTERM)", 5),
        ("signal.signal(signal.SIGINT, signal.default_int_handler); signal.raise_signal(signal.SIGINT)", -2),
    ],
    ids=["own-handler", "SIGINT"],
)
def test_where_somebody_may_wait_for_the_end_it_takes_no_longer(
    program: Program, server: Server, ending: str, code: int
):
    server.down()
    errors = program.run(f"{BRIEF}log_metric('loss', 1)\n{ending}", exit_code=code, quiet=False)
    assert f"{UNSTORED} after 0.2 s" in errors


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_children_wait_as_well(program: Program, server: Server, method: str):
    server.down()
    code = dedent("""
        import multiprocessing
        def rank(number):
            log_metric(f"rank{number}", 1)
        if __name__ == "__main__":
            context = multiprocessing.get_context(sys.argv[1])
            ranks = [context.Process(target=rank, args=(i,)) for i in range(3)]
            [r.start() for r in ranks]; [r.join() for r in ranks]
            assert [r.exitcode for r in ranks] == [0] * 3
    """)
    process = program.start(A_MINUTE_LATER + code, method)
    until_it_waits(process)
    server.up()
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    assert server.ingest.metrics() == {f"rank{i}": [1] for i in range(3)}


def test_after_one_wait_in_vain_no_other_process_of_the_pod_waits_so_long(program: Program, server: Server):
    """A parent that has a thousand children, one after the other, would stand still for a day."""
    server.down()
    code = dedent("""
        runmetrics.FLUSH_SECONDS = 0.2
        for i in range(2):
            child = os.fork()
            if child == 0:
                log_metric("loss", i)
                sys.exit(0)
            os.waitpid(child, 0)
    """)
    errors = program.run(leaps(200) + code, quiet=False)
    reported = [line for line in errors.splitlines() if UNSTORED in line]
    assert [line.split(" s; every")[0].split()[-1] for line in reported] == ["120", "0.2"]
    assert program.values("loss") == [0, 1]
    later = f"runmetrics.IN_VAIN_SECONDS = 0\n{A_MINUTE_LATER}log_metric('loss', 2)"
    process = program.start(later)
    until_it_waits(process)
    server.up()
    process.communicate(timeout=60)
    assert server.ingest.metrics() == {"loss": [2]}


def test_the_command_log_waits_too(program: Program, server: Server):
    """Nothing about its exit code: only about the values."""
    server.down()
    process = command(program, "log", "loss=1")
    assert until_it_waits(process).endswith("for at most 120 s\n")
    server.up()
    process.communicate(timeout=60)
    assert (process.returncode, server.ingest.metrics()) == (0, {"loss": [1]})


def test_the_command_log_that_waits_in_vain_fails(program: Program, server: Server):
    server.down()
    program.environment["RUN_METRICS_FLUSH_TIMEOUT"] = "0.3"
    process = command(program, "log", "loss=1")
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 1
    assert errors.count(UNSTORED) == 1


@pytest.mark.parametrize("again", [False, True], ids=["comes-back", "SIGTERM-again"])
def test_the_command_watch_waits_after_the_sigterm_that_ends_its_file(
    program: Program, server: Server, again: bool
):
    """That is how a shell ends it. The next one is for the wait."""
    server.down()
    program.folder.parent.mkdir()
    file = program.folder.parent / "metrics.log"
    file.touch()
    program.environment["RUN_METRICS_SIGTERM_TIMEOUT"] = "0.1"
    process = command(program, "watch", str(file))
    wait_for("it catches SIGTERM, and so has begun", lambda: catches_sigterm(process.pid))
    file.write_text("loss=1\n")
    process.send_signal(signal.SIGTERM)
    until_it_waits(process)
    process.send_signal(signal.SIGTERM) if again else server.up()
    process.communicate(timeout=60)
    assert process.returncode == (-signal.SIGTERM if again else 0)
    assert server.ingest.metrics() == ({} if again else {"loss": [1]})
