"""The file with every value: what is in it, how it stays bounded, and what happens where it cannot be written."""

from __future__ import annotations

import pytest

from tests.pod.programs import Program
from tests.pod.standin import Server
from tests.support.harness import wait_for


def test_outside_a_run_there_is_only_the_file_and_no_word(lonely: Program):
    lonely.run('log_metric("loss", 1); log_metrics({"acc": 0.5}); assert flush()')
    assert [(line["key"], line["value"]) for line in lonely.lines()] == [("loss", 1), ("acc", 0.5)]
    assert "attempt" not in lonely.lines()[0]


def test_outside_a_run_the_file_is_where_the_program_runs(lonely: Program):
    lonely.environment.pop("RUN_METRICS_FOLDER")
    lonely.run('log_metric("loss", 1)')
    assert [path.suffix for path in (lonely.folder.parent / "run-metrics").iterdir()] == [".jsonl"]


def test_in_a_run_the_file_is_where_the_operator_puts_its_volume(program: Program):
    program.environment.pop("RUN_METRICS_FOLDER")
    out = program.run("print(runmetrics.Settings.from_environment().folder)")
    assert out == "/var/run/run-metrics\n"


def test_a_call_is_in_the_file_within_the_interval_without_a_flush(lonely: Program):
    process = lonely.start('log_metric("loss", 1); sys.stdin.readline()')
    wait_for("the value is in the file", lambda: lonely.values("loss") == [1], deadline=20)
    process.communicate("\n", timeout=30)


@pytest.mark.parametrize(("calls", "value"), [(2000, "i"), (3, "[i] * 900")], ids=["numbers", "lists"])
def test_many_values_are_written_without_waiting_for_the_interval(lonely: Program, calls: int, value: str):
    process = lonely.start(f"""
        runmetrics.INTERVAL = 3600
        for i in range({calls}):
            log_metric("loss", {value})
        sys.stdin.readline()
    """)
    wait_for("the first values are in the file", lambda: len(lonely.values("loss")) >= 1000, deadline=20)
    process.communicate("\n", timeout=30)


def test_a_program_that_never_stops_logging_is_sent_all_the_time(program: Program, server: Server):
    """Whenever something was written, more is waiting."""
    process = program.start("""
        runmetrics.LONGEST_PAUSE = 3600
        log_metric("loss", 0)
        spool = runmetrics._recorder.spool
        write, busy = spool.write, [True]
        spool.write = lambda data: (write(data), busy and log_metric("loss", 1))
        sys.stdin.readline()
        busy.clear()
    """)
    wait_for("batches arrive while it logs", lambda: len(server.ingest.committed) >= 3, deadline=30)
    process.communicate("\n", timeout=60)


def test_files_are_rotated_and_the_oldest_given_up_at_the_limit(program: Program, server: Server):
    """Everything was sent before; files of other pods in the same folder are theirs."""
    program.folder.mkdir(parents=True)
    (program.folder / "another-pod-1-abc.001.jsonl").write_text("x" * 50_000)
    errors = program.run("""
        runmetrics.PART_BYTES, runmetrics.WAKE_AT = 10_000, 100
        for i in range(5000):
            log_metric("loss", i)
            if i % 500 == 0:
                flush()
    """, quiet=False, RUN_METRICS_FOLDER_LIMIT="100000")  # fmt: skip
    assert errors.count("\n") == 1
    assert "more than 100000 bytes in " in errors
    assert server.ingest.metrics() == {"loss": list(range(5000))}
    (program.folder / "another-pod-1-abc.001.jsonl").unlink()
    kept = program.values("loss")
    assert kept == list(range(5000 - len(kept), 5000))
    assert 80_000 < sum(file.stat().st_size for file in program.folder.iterdir()) < 120_000


def test_what_is_given_up_before_it_was_sent_is_reported(program: Program, server: Server):
    server.down()
    process = program.start("""
        runmetrics.PART_BYTES = 20_000
        for i in range(5000):
            log_metric("loss", i)
            if i % 100 == 99:
                flush(0.001)
        flush(0.1)
        print("logged", flush=True); sys.stdin.readline()
        assert not flush()
    """, RUN_METRICS_FOLDER_LIMIT="100000")  # fmt: skip
    assert process.stdout.readline() == "logged\n"
    server.up()
    _, errors = process.communicate("go on\n", timeout=30)
    assert process.returncode == 0, errors
    assert "before they could be sent" in errors or "before the cluster stored them" in errors
    got = server.ingest.metrics()["loss"]
    assert got[-1] == 4999
    assert got == sorted(set(got)), "what arrives is in order and arrives once"


def test_where_no_file_can_be_written_values_go_through_memory(program: Program, server: Server):
    program.folder.parent.mkdir()
    program.folder.write_text("a file, not a folder")
    errors = program.run("""
        for i in range(50000):
            log_metric("loss", i)
            if i % 10000 == 0:
                flush()
    """, quiet=False)  # fmt: skip
    assert (
        errors
        == f"runmetrics: cannot write to {program.folder} (File exists); values are kept in memory only\n"
    )
    assert server.ingest.metrics() == {"loss": list(range(50000))}


def test_memory_in_place_of_the_file_is_bounded(program: Program, server: Server):
    server.down()
    program.folder.parent.mkdir()
    program.folder.write_text("a file, not a folder")
    out, errors = program.start("""
        for i in range(400_000):
            log_metric("loss", i)
        assert not flush(1)
        print(sum(len(part.data) for part in runmetrics._recorder.spool._parts))
    """, RUN_METRICS_FLUSH_TIMEOUT="1").communicate(timeout=60)  # fmt: skip
    assert "values are kept in memory only" in errors
    assert 4 << 20 < int(out) <= 9 << 20


def test_a_full_disk_leaves_no_half_line_and_loses_nothing(program: Program, server: Server):
    """The file takes a part of a write and no more; later there is room again."""
    errors = program.run("""
        class Full:
            def __init__(self, file, room): self.file, self.room = file, room
            def write(self, data):
                if not self.room: raise OSError(28, "No space left on device")
                data, self.room = data[:self.room], self.room - len(data[:self.room])
                return self.file.write(data)
            def __getattr__(self, name): return getattr(self.file, name)
        log_metric("loss", 0); flush()
        spool = runmetrics._recorder.spool
        spool._file = Full(spool._file, 100)
        runmetrics.MEMORY_PART_BYTES = 100
        for i in range(1, 10):
            log_metric("loss", i); assert flush() or i
    """, quiet=False)  # fmt: skip
    assert "(No space left on device); values are kept in memory only" in errors
    assert server.ingest.metrics() == {"loss": list(range(10))}
    assert program.values("loss")[0] == 0
    assert program.values("loss")[-1] == 9


def test_lists_take_up_room_only_while_they_wait(lonely: Program):
    lonely.run("""
        for i in range(300):
            log_metric("loss", [i] * 1000)
            assert flush()
    """)
    assert len(lonely.values("loss")) == 300_000  # more than may wait at once


def test_values_beyond_all_bounds_are_dropped_counted_and_reported(lonely: Program):
    """The disk does not answer: nothing waits for it, and memory stays bounded."""
    errors = lonely.run("""
        runmetrics.STUCK_AFTER = 0.2
        log_metric("loss", 0); flush()
        spool, released = runmetrics._recorder.spool, threading.Event()
        write = spool.write
        spool.write = lambda data: (released.wait(), write(data))
        for i in range(runmetrics.FULL_AT + 3000):
            log_metric("loss", i)
        assert len(runmetrics._recorder._queue) <= runmetrics.FULL_AT
        released.set()
        assert not flush()
    """, quiet=False)  # fmt: skip
    assert "values are logged faster than they can be written" in errors
    lost = sum(line["count"] for line in lonely.lines() if line.get("op") == "lost")
    assert lost > 0
    assert len([line for line in lonely.lines() if line.get("op") != "lost"]) + lost == 250_000 + 3000 + 1


@pytest.mark.parametrize(("state", "count"), [("up", 200_000), ("hanging", 1_000_000)])
def test_a_million_values_need_little_memory(program: Program, server: Server, state: str, count: int):
    if state == "hanging":
        server.hanging.set()
    out, errors = program.start(f"""
        def used():
            return int(open("/proc/self/statm").read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
        log_metric("loss", 0); flush(0.1)
        before, most = used(), 0
        for i in range({count}):
            log_metric("loss", 0.5 * i)
            if i % 10_000 == 0:
                most = max(most, used())
        print(max(most, used()) - before)
    """, RUN_METRICS_FLUSH_TIMEOUT="30" if state == "up" else "1").communicate(timeout=90)  # fmt: skip
    assert int(out) < 50 << 20, errors
    assert program.values("loss") == [0, *(0.5 * i for i in range(count))]
    if state == "up":
        assert server.ingest.metrics()["loss"] == program.values("loss")
