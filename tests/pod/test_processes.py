"""Forks, threads, signals and ends of all kinds: nothing is lost that need not be, and nothing of the program's changes."""

from __future__ import annotations

import signal
from collections import Counter

import pytest

from tests.pod.programs import Program
from tests.pod.standin import Server

INTERRUPTIBLE = "signal.signal(signal.SIGINT, signal.default_int_handler)"
"""Also where the tests themselves run in the background, and so ignore SIGINT."""


def test_threads_log_side_by_side(program: Program, server: Server):
    program.run("""
        def log(which):
            for i in range(5000):
                log_metric(f"m{which}", i)
                log_metric("all", which)
        threads = [threading.Thread(target=log, args=(which,)) for which in range(4)]
        [t.start() for t in threads]; [t.join() for t in threads]
    """)
    found = server.ingest.metrics()
    assert [found[f"m{which}"] for which in range(4)] == [list(range(5000))] * 4
    assert Counter(found["all"]) == dict.fromkeys(range(4), 5000)


def test_a_forked_child_is_a_writer_of_its_own(program: Program, server: Server):
    """The parent is in the middle of a request and has values waiting when it forks: neither is the child's."""
    program.run("""
        log_metric("parent", 1)
        assert flush()
        for i in range(20):
            log_metric("parent", i)
            child = os.fork()
            if child == 0:
                for k in range(10):
                    log_metric(f"child{i}", k)
                assert flush() and not runmetrics._recorder.sender._renewed
                sys.exit(3)
            assert os.waitpid(child, 0)[1] >> 8 == 3
    """)
    found = server.ingest.metrics()
    assert found.pop("parent") == [1, *range(20)]
    assert found == {f"child{i}": list(range(10)) for i in range(20)}
    assert len(server.ingest.writers) == 21
    assert len({file.name.split(".")[0] for file in program.folder.glob("*.jsonl")}) == 21


def test_a_child_forked_during_a_request_leaves_the_parents_connection_alone(
    program: Program, server: Server
):
    server.hanging.set()
    process = program.start("""
        log_metric("parent", 1)
        flush(0.3)
        def ours():
            paths = [f"/proc/self/fd/{fd}" for fd in os.listdir("/proc/self/fd")]
            files = [os.readlink(path) for path in paths if os.path.lexists(path)]
            return [file for file in files if "jsonl" in file or "socket:" in file]
        assert len(ours()) == 2
        if os.fork() == 0:
            assert ours() == []
            os._exit(0)
        assert os.wait()[1] == 0
        print("forked", flush=True)
        assert flush()
    """)
    assert process.stdout.readline() == "forked\n"
    server.release()
    _, errors = process.communicate(timeout=30)
    assert (process.returncode, errors) == (0, "")
    assert server.ingest.metrics() == {"parent": [1]}
    assert server.ingest.connections == 1


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_children_of_multiprocessing_say_goodbye(program: Program, server: Server, method: str):
    """They end by os._exit, without atexit; several ranks in one pod log to one metric of their own each."""
    program.run("""
        import multiprocessing
        def rank(number):
            for i in range(100):
                log_metric(f"rank{number}", i)
        if __name__ == "__main__":
            context = multiprocessing.get_context(sys.argv[1])
            log_metric("main", 1)
            ranks = [context.Process(target=rank, args=(i,)) for i in range(3)]
            [r.start() for r in ranks]; [r.join() for r in ranks]
            assert [r.exitcode for r in ranks] == [0] * 3
    """, method)  # fmt: skip
    assert server.ingest.metrics() == {"main": [1]} | {f"rank{i}": list(range(100)) for i in range(3)}
    assert all(writer.ended for writer in server.ingest.writers.values())


@pytest.mark.parametrize(
    ("ending", "code"),
    [
        ("", 0),
        ("sys.exit(7)", 7),
        ("raise RuntimeError('a mistake of the program')", 1),
        ("os.kill(os.getpid(), signal.SIGTERM); time.sleep(60)", -signal.SIGTERM),
        (
            "threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGTERM)).start(); time.sleep(60)",
            -signal.SIGTERM,
        ),
        (f"{INTERRUPTIBLE}; os.kill(os.getpid(), signal.SIGINT); time.sleep(60)", -signal.SIGINT),
    ],
    ids=["end", "exit", "exception", "SIGTERM", "SIGTERM-asleep", "SIGINT"],
)
def test_however_a_program_ends_its_last_values_arrive(
    program: Program, server: Server, ending: str, code: int
):
    process = program.start(f"""
        for i in range(3000):
            log_metric("loss", i)
        {ending}
    """)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == code, errors
    assert "runmetrics:" not in errors
    assert server.ingest.metrics() == {"loss": list(range(3000))}
    assert [writer.ended for writer in server.ingest.writers.values()] == [True]


def test_sigterm_in_the_middle_of_the_last_flush_does_not_cut_it_short(program: Program, server: Server):
    server.hanging.set()
    process = program.start("""
        import atexit
        log_metric("loss", 1)
        threading.Timer(0.2, lambda: (os.kill(os.getpid(), signal.SIGTERM), print("killed", flush=True))).start()
    """)
    assert process.stdout.readline() == "killed\n"
    server.release()
    _, errors = process.communicate(timeout=30)
    assert (process.returncode, errors) == (-signal.SIGTERM, "")
    assert server.ingest.metrics() == {"loss": [1]}


def test_the_first_process_of_a_container_ends_with_143(program: Program, server: Server):
    """The kernel spares process 1 the signals it has no handler for; here only its number is pretended."""
    process = program.start("""
        log_metric("a", 1)
        os.getpid = lambda: 1
        os.kill = lambda *_: os._exit(99)
        signal.raise_signal(signal.SIGTERM)
    """)
    process.communicate(timeout=30)
    assert process.returncode == 143
    assert server.ingest.metrics() == {"a": [1]}


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_programs_own_handler_is_left_alone(program: Program, server: Server, when: str):
    program.run(f"""
        seen = []
        def handler(number, frame):
            seen.append(number)
        if "{when}" == "after":
            log_metric("a", 1)
        signal.signal(signal.SIGTERM, handler)
        log_metric("a", 2)
        os.kill(os.getpid(), signal.SIGTERM)
        assert seen == [signal.SIGTERM]
        assert signal.getsignal(signal.SIGTERM) is handler
        log_metric("a", 3)
    """)
    assert server.ingest.metrics()["a"][-2:] == [2, 3]


@pytest.mark.parametrize("own", ["signal.SIG_IGN", "signal.default_int_handler"])
def test_a_signal_that_the_program_ignores_or_turns_into_an_exception_stays_so(program, server, own):
    program.run(f"""
        signal.signal(signal.SIGTERM, {own})
        log_metric("a", 1)
        try:
            os.kill(os.getpid(), signal.SIGTERM)
        except KeyboardInterrupt:
            pass
        log_metric("a", 2)
    """)
    assert server.ingest.metrics() == {"a": [1, 2]}


def test_a_first_call_outside_the_main_thread_is_no_problem(program: Program, server: Server):
    program.run("""
        thread = threading.Thread(target=log_metric, args=("a", 1)); thread.start(); thread.join()
        assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
    """)
    assert server.ingest.metrics() == {"a": [1]}


def test_os_exit_loses_at_most_what_was_not_sent_and_the_file_keeps_what_was_written(program, server):
    process = program.start("""
        runmetrics.INTERVAL = 0.01
        log_metric("a", 1); flush()
        log_metric("a", 2)
        while not any(b'"value":2' in open(runmetrics._recorder.spool._parts[0].path, "rb").read() for _ in "a"):
            time.sleep(0.01)
        log_metric("a", 3)
        os._exit(5)
    """)
    process.communicate(timeout=30)
    assert process.returncode == 5
    assert program.values("a")[:2] == [1, 2]
    assert server.ingest.metrics()["a"] in ([1], [1, 2], [1, 2, 3])


def test_values_logged_in_another_atexit_function_are_in_the_file(program: Program, server: Server):
    """Functions registered after the first call run before ours, so that their values are sent as well."""
    program.run("""
        import atexit
        log_metric("a", 1)
        atexit.register(log_metric, "a", 2)
    """)
    assert server.ingest.metrics() == {"a": [1, 2]}


def test_two_ends_have_one_deadline(program: Program, server: Server):
    """As in a spawned child of multiprocessing, whose finalizers and atexit functions both run."""
    server.hanging.set()
    errors = program.run("""
        log_metric("a", 1)
        runmetrics._end()
        deadline = runmetrics._recorder._close_by
        runmetrics._end()
        assert runmetrics._recorder._close_by == deadline
    """, quiet=False, RUN_METRICS_FLUSH_TIMEOUT="0.5")  # fmt: skip
    assert errors.count("not all metrics are confirmed as stored after 0.5 s") == 1


def test_without_threads_the_values_are_sent_at_the_flush(program: Program, server: Server):
    """As many processes and threads as the pod may have are there already."""
    program.run("""
        def no_more(self):
            raise RuntimeError("can't start new thread")
        threading.Thread.start = no_more
        for i in range(3000):
            log_metric("a", i)
    """)
    assert server.ingest.metrics() == {"a": list(range(3000))}


def test_a_pool_that_is_terminated_ends_at_once(program: Program, server: Server):
    """Forty times: a signal that comes just before a worker waits in C was noticed by nobody, once in a hundred."""
    program.run("""
        import multiprocessing
        def work(i):
            log_metric("a", i)
            return i
        if __name__ == "__main__":
            for _ in range(40):
                with multiprocessing.get_context("fork").Pool(2) as pool:
                    assert pool.map(work, range(10)) == list(range(10))
    """)
    assert sorted(server.ingest.metrics()["a"]) == sorted(list(range(10)) * 40)
