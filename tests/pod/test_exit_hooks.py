"""Values that are logged while Python ends, and by programs that replace themselves: kept, or reported."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.pod.programs import Program
from tests.pod.standin import Server

HOOKS = {
    "registered-before-the-first-call": """
import atexit
atexit.register(log_metric, "final", 0.97)
log_metric("loss", 1)
""",
    "registered-before-the-import": """
import atexit
@atexit.register
def last():
    log_metric("final", 0.5)
    log_metric("final", 0.97, overwrite=True)
log_metric("loss", 1)
""",
    "two-functions": """
import atexit
atexit.register(lambda: log_metric("final", 0.97))
atexit.register(lambda: log_metrics({"loss": 1}))
log_metric("other", 1)
""",
    "the-last-reference": """
class Tracker:
    def __del__(self, log=log_metric):
        log("final", 0.97)
tracker = Tracker()
log_metric("loss", 1)
""",
    "a-cycle": """
class Tracker:
    def __init__(self):
        self.me = self
    def __del__(self):
        log_metric("final", 0.97)
tracker = Tracker()
log_metric("loss", 1)
""",
    "a-finalizer": """
import weakref
class Tracker:
    pass
tracker = Tracker()
weakref.finalize(tracker, log_metric, "final", 0.97)
log_metric("loss", 1)
""",
    "the-first-call-of-all": """
import atexit
atexit.register(log_metric, "final", 0.97)
""",
    "a-thread-that-outlives-the-main-one": """
def work():
    threading.main_thread().join()
    log_metric("final", 0.97)
threading.Thread(target=work).start()
""",
    "a-generator": """
def steps():
    try:
        yield
    finally:
        log_metric("final", 0.97)
running = steps()
next(running)
log_metric("loss", 1)
""",
    "a-handler-of-the-log": """
import logging
class Last(logging.Handler):
    def close(self):
        log_metric("final", 0.97)
        super().close()
logging.getLogger().addHandler(Last())
log_metric("loss", 1)
""",
    "after-a-flush": """
import atexit
atexit.register(lambda: (log_metric("final", 0.97), flush()))
log_metric("loss", 1)
flush()
""",
}


@pytest.mark.parametrize("hook", HOOKS.values(), ids=HOOKS)
def test_a_value_that_is_logged_while_python_ends_is_kept(program: Program, server: Server, hook: str):
    program.run(hook)
    final = server.ingest.metrics()["final"]
    assert (final if isinstance(final, list) else [final]) == [0.97]
    assert all(writer.ended for writer in server.ingest.writers.values())


def test_late_values_keep_their_order_and_are_not_bounded_by_one_request(program: Program, server: Server):
    program.run("""
        import atexit
        @atexit.register
        def late():
            for i in range(50):
                log_metric("late", i)
            log_metric("late", list(range(50, 2500)))
        log_metric("loss", 1)
    """)
    assert server.ingest.metrics() == {"loss": [1], "late": list(range(2500))}
    assert program.values("late") == list(range(2500))


def test_a_thread_of_a_worker_that_logs_after_its_function_is_waited_for(program: Program, server: Server):
    program.run("""
        import multiprocessing
        def work():
            log_metric("a", 1)
            def later():
                time.sleep(0.3)
                log_metric("a", 2)
            threading.Thread(target=later).start()
        if __name__ == "__main__":
            worker = multiprocessing.get_context("fork").Process(target=work)
            worker.start(); worker.join()
            assert worker.exitcode == 0
    """)
    assert server.ingest.metrics() == {"a": [1, 2]}
    assert len(server.ingest.writers) == 1


def test_a_late_value_that_cannot_be_sent_is_reported_and_in_the_file(program: Program, server: Server):
    server.down()
    errors = program.run(
        """
        import atexit
        atexit.register(log_metric, "final", 0.97)
        log_metric("loss", 1)
        """,
        quiet=False,
        RUN_METRICS_FLUSH_TIMEOUT="0.3",
    )
    assert "values that were logged while Python was shutting down are not confirmed as stored" in errors
    assert program.values("final") == [0.97]


def test_outside_a_run_a_late_value_is_in_the_file(lonely: Program):
    lonely.run("""
        import atexit
        atexit.register(log_metric, "final", 0.97)
        log_metric("loss", 1)
    """)
    assert lonely.values("final") == [0.97]


EXECS = {
    "execv": "os.execv(sys.executable, [sys.executable, *again])",
    "execve": "os.execve(sys.executable, [sys.executable, *again], dict(os.environ))",
    "execvp": "os.execvp(sys.executable, [sys.executable, *again])",
    "execlpe": "os.execlpe(sys.executable, sys.executable, *again, dict(os.environ))",
    "through-a-shell": "os.execvp('sh', ['sh', '-c', f'exec {sys.executable} {again[0]}'])",
    "by-an-open-file": "os.execve(os.open(sys.executable, os.O_RDONLY), [sys.executable, *again], dict(os.environ))",
    "below-the-library": "import posix; posix.execve(sys.executable, [sys.executable, *again], dict(os.environ))",
    "by-a-name-of-its-own": "execv(sys.executable, [sys.executable, *again])",
    "in-a-thread": "threading.Thread(target=os.execv, args=(sys.executable, [sys.executable, *again])).start(); time.sleep(60)",
}


@pytest.mark.parametrize("replaces", EXECS.values(), ids=EXECS)
def test_a_program_that_replaces_itself_loses_nothing(program: Program, server: Server, replaces: str):
    program.run(f"""
        from os import execv
        done = int(os.environ.get("ROUND", "0"))
        for i in range(5):
            log_metric("a", 5 * done + i)
        if done < 2:
            os.environ["ROUND"] = str(done + 1)
            again = [os.path.abspath(sys.argv[0])]
            {replaces}
    """)
    assert server.ingest.metrics() == {"a": list(range(15))}
    assert [writer.ended for writer in server.ingest.writers.values()] == [True] * 3


def test_a_program_that_cannot_replace_itself_goes_on(program: Program, server: Server, tmp_path: Path):
    program.run(f"""
        log_metric("a", 1)
        try:
            os.execv({str(tmp_path / "nowhere")!r}, ["nowhere"])
        except OSError:
            log_metric("a", 2)
        for i in range(3):
            log_metric("a", 3 + i)
    """)
    assert server.ingest.metrics() == {"a": [1, 2, 3, 4, 5]}
