"""Every value arrives exactly once and in order, whatever happens between the program and the ingest."""

from __future__ import annotations

from typing import Any

import pytest

from tests.pod.programs import Program
from tests.pod.standin import Ingest, Reply, Server, answers, crash_after, cut_after, cut_before, refuses
from tests.support.harness import wait_for

ROUNDS = """
    for i in range(100):
        log_metric("loss", i)
        if i % 10 == 9:
            assert flush(), i
"""
LOSS = list(range(100))


def test_values_arrive_and_the_file_has_them_all(program: Program, server: Server):
    program.run("""
        for i in range(1000):
            log_metric("loss", i / 8)
            log_metric("lr", [0.1, 0.2])
        log_metric("accuracy", 0.9, single_value=True)
        log_metrics({"epoch": 1, "best": [7]})
        log_metrics({"epoch": 2})
    """)
    loss = [i / 8 for i in range(1000)]
    assert server.ingest.metrics() == {
        "loss": loss, "lr": [0.1, 0.2] * 1000, "accuracy": 0.9, "epoch": [1, 2], "best": [7]
    }  # fmt: skip
    assert program.values("loss") == loss
    assert program.values("lr") == [0.1, 0.2] * 1000
    assert {line["attempt"] for line in program.lines()} == {2}


def test_what_goes_over_the_wire(program: Program, server: Server):
    program.run('log_metric("loss", 0.5); flush(); log_metric("loss", float("nan")); log_metric("loss", 2)')
    first, second, *polls = server.ingest.messages
    writer = first["writer"]
    assert 1 <= len(writer) <= 200
    assert writer.isascii()
    assert writer.isprintable()
    assert first == {"writer": writer, "attempt": 2, "seq": 1, "ops": [{"k": "loss", "append": [0.5]}]}
    assert second == {
        "writer": writer, "attempt": 2, "seq": 2, "ops": [{"k": "loss", "append": [None, 2]}], "end": True
    }  # fmt: skip
    assert polls == []
    assert server.ingest.tokens == ["Bearer token-1"] * 2
    assert server.ingest.connections == 1, "the connection is kept"


def test_the_goodbye_comes_alone_if_everything_was_sent_before(program: Program, server: Server):
    program.run('log_metric("loss", 1); flush()')
    assert [(m["seq"], len(m["ops"]), m.get("end")) for m in server.ingest.messages] == [
        (1, 1, None),
        (2, 0, True),
    ]


def test_a_program_that_logs_nothing_says_nothing(program: Program, server: Server):
    program.run("assert flush()")
    assert server.ingest.messages == []
    assert not program.folder.exists()


@pytest.mark.parametrize(
    "faults",
    [
        [cut_before],
        [cut_after],
        [cut_after, cut_after, cut_before],
        [crash_after],
        [cut_after, crash_after, crash_after],
        [answers(500), answers(301), answers(200)],
        [answers(401), answers(503)],
        [answers(403), answers(404)],
        [answers(409, expected=1)],
        [answers(409)],
    ],
    ids=lambda faults: "-".join(fault.__name__ for fault in faults),
)
@pytest.mark.parametrize("commits", [True, False], ids=["at-once", "later"])
def test_no_fault_loses_or_doubles_a_value(
    program: Program, server: Server, faults: list[Any], commits: bool
):
    """Each fault strikes three times; with `later`, batches are taken first (202) and stored some time after."""
    passes = [lambda *_: None]
    server.ingest.faults.extend((passes + faults) * 3)
    server.ingest.commits = commits
    program.run(ROUNDS, RUN_METRICS_FLUSH_TIMEOUT="30")
    assert server.ingest.metrics() == {"loss": LOSS}
    assert program.values("loss") == LOSS
    assert not server.ingest.faults


@pytest.mark.parametrize("status", [429, 503])
def test_a_server_that_asks_for_time_gets_it(program: Program, server: Server, status: int):
    server.ingest.faults.append(answers(status, retry_after=1))
    program.run('log_metric("loss", 1); assert flush()')
    assert server.ingest.metrics() == {"loss": [1]}
    assert server.ingest.times[1] - server.ingest.times[0] >= 1


def test_what_was_taken_and_lost_again_is_read_back_from_the_file(program: Program, server: Server):
    """Ten batches are taken, none is stored, the ingest is started again: it asks for the first one (409)."""
    server.ingest.commits = False
    process = program.start("""
        runmetrics.INTERVAL = 0.01
        for i in range(10):
            log_metric("loss", i)
            while not any(open(f).read().count("loss") > i for f in __import__("glob").glob(sys.argv[1] + "/*")):
                time.sleep(0.01)
        print("logged", flush=True)
        sys.stdin.readline()
    """, str(program.folder))  # fmt: skip
    assert process.stdout.readline() == "logged\n"
    taken = server.ingest.writers
    wait_for(
        "all values are taken",
        lambda: _values(next(iter(taken.values())).taken) == list(range(10)) if taken else 0,
    )
    server.ingest.crash()
    process.communicate("go on\n", timeout=30)
    assert server.ingest.metrics() == {"loss": list(range(10))}
    asked = server.ingest.statuses.index(409)
    assert server.ingest.messages[asked + 1]["seq"] == 1


def test_replicas_that_disagree_are_not_asked_without_end(program: Program, server: Server):
    def disagree(ingest: Any, message: dict[str, Any]) -> Any:
        return answers(409, expected=1)(ingest, message) if message.get("seq") == 2 else None

    server.ingest.always, server.ingest.commits = disagree, False
    program.run("""
        runmetrics.FLUSH_POLLS = 3600, 3600
        log_metric("loss", 1); assert not flush(0.3)
        log_metric("loss", 2); assert not flush(1)
    """, quiet=False, RUN_METRICS_FLUSH_TIMEOUT="0.1")  # fmt: skip
    assert 4 <= len(server.ingest.messages) < 60


def _values(messages: list[dict[str, Any]]) -> list[float]:
    return [value for message in messages for op in message["ops"] for value in op.get("append", ())]


def test_a_kept_connection_that_was_closed_is_opened_again_at_once(program: Program, server: Server):
    process = program.start("""
        runmetrics.FIRST_PAUSE = runmetrics.LONGEST_PAUSE_IN_FLUSH = 3600
        log_metric("loss", 1); assert flush()
        print("stored", flush=True); sys.stdin.readline()
        log_metric("loss", 2); assert flush()
    """)
    assert process.stdout.readline() == "stored\n"
    server.cut()
    _, errors = process.communicate("go on\n", timeout=30)
    assert (process.returncode, errors) == (0, "")
    assert server.ingest.metrics() == {"loss": [1, 2]}


def test_something_else_that_says_200_is_no_ingest(program: Program, server: Server):
    server.ingest.always = answers(200)
    errors = program.run(
        'log_metric("loss", 1); assert not flush(3)', quiet=False, RUN_METRICS_FLUSH_TIMEOUT="1"
    )
    assert (
        "the operator does not accept metrics (it answers 200: a test says so); they are sent later" in errors
    )


def test_an_ingest_that_is_down_is_waited_for(program: Program, server: Server):
    server.down()
    process = program.start("""
        for i in range(30000):
            log_metric("loss", i)
        assert not flush(0.5)
        print("logged", flush=True)
        assert flush(40)
    """)
    assert process.stdout.readline() == "logged\n"
    server.up()
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    assert server.ingest.metrics() == {"loss": list(range(30000))}


@pytest.mark.parametrize("state", ["down", "hanging"])
def test_a_program_ends_in_time_without_an_ingest_and_the_file_has_everything(program, server, state):
    server.down() if state == "down" else server.hanging.set()
    errors = program.run(
        'log_metric("loss", [1, 2]); log_metric("loss", 3)', quiet=False, RUN_METRICS_FLUSH_TIMEOUT="1"
    )
    assert "not all metrics are confirmed as stored after 1 s; every value is in " in errors
    assert program.values("loss") == [1, 2, 3]


@pytest.mark.parametrize(
    ("status", "asked"), [(410, 1), (403, 3), (404, 3)], ids=["over", "not-ours", "no-such-run"]
)
def test_a_run_that_wants_no_more_gets_no_more(program: Program, server: Server, status: int, asked: int):
    """One line on stderr, and the file goes on. A 403 or 404 may only mean that the operator has not seen us yet."""
    server.ingest.always = answers(status, error="the Run is over")
    errors = program.run(
        'log_metric("loss", 1); assert not flush(30); log_metric("loss", 2); flush()', quiet=False
    )
    assert len(server.ingest.messages) == asked
    assert errors.count("\n") == 1
    assert (
        f"the operator answers {status}: the Run is over; metrics are no longer sent, and kept in" in errors
    )
    assert program.values("loss") == [1, 2]


def test_a_batch_that_is_too_large_is_split(program: Program, server: Server):
    server.ingest.largest = 600
    program.run("""
        for i in range(3000):
            log_metric("loss", i)
    """)
    assert server.ingest.metrics() == {"loss": list(range(3000))}
    assert server.ingest.statuses.count(413) < 12, "what is too large is remembered"


def test_a_bad_value_is_dropped_alone(program: Program, server: Server):
    """The good ones around it arrive, once and in order, and a metric that is never accepted is no longer tried."""
    server.ingest.always = refuses("bad")
    errors = program.run("""
        for i in range(200):
            log_metric("loss", i)
            if i % 7 == 3:
                log_metric("bad", i)
        assert not flush()
    """, quiet=False)  # fmt: skip
    assert server.ingest.metrics() == {"loss": list(range(200))}
    assert "the operator refuses a value of 'bad': the metric 'bad' is not acceptable" in errors
    assert "'bad' is no longer sent; its values are kept in" in errors
    assert errors.count("\n") == 2
    assert program.values("bad") == [i for i in range(200) if i % 7 == 3]
    alone = [message for message in server.ingest.messages if [op["k"] for op in message["ops"]] == ["bad"]]
    assert len(alone) == 3
    assert len(server.ingest.messages) < 100, "batches grow again"


def test_metrics_that_the_ingest_names_as_having_no_place_are_passed_over_at_once(
    program: Program, server: Server
):
    """Ten thousand names: the first have a place, and their values go on arriving."""

    def crowded(ingest: Ingest, message: dict[str, Any]) -> Reply | None:
        rejected = [op["k"] for op in message["ops"] if not op["k"].startswith("good")]
        return Reply(422, {"error": "one too many", "keys": rejected}) if rejected else None

    server.ingest.always = crowded
    errors = program.run("""
        for i in range(10_000):
            log_metric(f"bad-{i}", i)
            log_metric(f"good-{i % 9}", i)
        assert not flush(50)
        log_metric("good-0", -1)
        log_metric("bad-0", -1)
        assert not flush(50)
    """, quiet=False)  # fmt: skip
    assert server.ingest.metrics()["good-0"] == [*range(0, 10_000, 9), -1]
    assert "one too many; 'bad-0' and " in errors
    assert "not all metrics are confirmed" not in errors
    assert len(server.ingest.messages) < 100


def test_an_ingest_that_refuses_everything_is_left_alone(program: Program, server: Server):
    server.ingest.always = answers(400, error="not our protocol")
    errors = program.run('for i in range(500): log_metric(f"m{i}", i)', quiet=False)
    assert "the operator refuses too many values: not our protocol; metrics are no longer sent" in errors
    assert len(server.ingest.messages) < 1000


def test_a_writer_that_was_forgotten_goes_on_under_a_new_name(program: Program, server: Server):
    """What was stored under the old name is not sent again."""
    process = program.start("""
        log_metric("loss", 1); assert flush()
        print("stored", flush=True); sys.stdin.readline()
        log_metric("loss", 2); assert flush(); log_metric("loss", 3)
    """)
    assert process.stdout.readline() == "stored\n"
    server.ingest.writers.clear()
    process.communicate("go on\n", timeout=30)
    assert server.ingest.metrics() == {"loss": [1, 2, 3]}
    assert len({message["writer"] for message in server.ingest.committed}) == 2


def test_each_note_is_reported_once(program: Program, server: Server):
    server.ingest.notes = ["'acc' has a value already; it was kept", "\x1b[31mred\nlines"]
    errors = program.run('for i in range(3): log_metric("acc", i, single_value=True); flush()', quiet=False)
    assert errors.splitlines() == [
        "runmetrics: the operator reports: 'acc' has a value already; it was kept",
        "runmetrics: the operator reports: ?[31mred?lines",
    ]


def test_the_token_is_read_without_endy_request(program: Program, server: Server):
    process = program.start(
        'log_metric("a", 1); flush(); print("sent", flush=True); input(); log_metric("a", 2)'
    )
    assert process.stdout.readline() == "sent\n"
    (server.folder / "token").write_text("token-2\n")
    process.communicate("\n", timeout=30)
    assert server.ingest.tokens == ["Bearer token-1", "Bearer token-2"]


@pytest.mark.parametrize("file", ["RUN_METRICS_TOKEN_FILE", "RUN_METRICS_CA_FILE"])
def test_nothing_is_sent_to_a_stranger_or_without_a_token(
    program: Program, server: Server, file: str, tmp_path
):
    """A server whose certificate another authority signed does not get the token; without a token nothing is asked."""
    other = Server(tmp_path / "other")
    other.close()
    path = other.folder / ("ca.crt" if file == "RUN_METRICS_CA_FILE" else "missing")
    program.run('log_metric("a", 1)', quiet=False, RUN_METRICS_FLUSH_TIMEOUT="1", **{file: str(path)})
    assert server.ingest.messages == []
    assert program.values("a") == [1]


def test_proxies_of_the_environment_are_not_for_us(program: Program, server: Server):
    proxies = dict.fromkeys(("HTTPS_PROXY", "https_proxy", "ALL_PROXY"), "http://127.0.0.1:1")
    program.run('log_metric("a", 1); assert flush()', **proxies)
    assert server.ingest.metrics() == {"a": [1]}


def test_the_programs_random_numbers_stay_its_own(program: Program, server: Server):
    server.ingest.always = answers(503)
    program.run("""
        import random
        random.seed(1); log_metric("a", 1); assert not flush(1); drawn = random.random()
        random.seed(1); assert random.random() == drawn
    """, quiet=False, RUN_METRICS_FLUSH_TIMEOUT="1")  # fmt: skip
