"""Commits: whatever the API server answers, or does not, each batch is in the status once."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from run_operator.api.run import Key, Run
from run_operator.http.rate_limit import Bucket
from run_operator.ingest.committer import Committer
from run_operator.ingest.limits import IngestLimits, Pace
from run_operator.ingest.sessions import Session
from run_operator.ingest.telemetry import IngestTelemetry
from run_operator.kube.errors import ForbiddenError, ThrottledError, TooLargeError, TransientError
from run_operator.kube.resource import RUNS
from run_operator.metrics.run_ledger import RunLedger
from tests.support.ingest_world import NAME, NAMESPACE, POLL, UID, World, batch

KEY = Key(NAMESPACE, NAME)


def answer_lost(apply):
    apply()
    raise TransientError("patch", 0, "no answer within 5 s")


def gateway_timeout_that_landed(apply):
    apply()
    raise TransientError("patch", 504, "Timeout: request did not complete")


def never_arrived(_):
    raise TransientError("patch", 0, "connection refused")


def unavailable(_):
    raise TransientError("patch", 503, "etcd has no leader")


def throttled(_):
    raise ThrottledError("patch", "too many requests", 0.05)


def forbidden(_):
    raise ForbiddenError("patch", 403, "no")


def too_large(_):
    raise TooLargeError("patch", 500, "etcdserver: request is too large")


@pytest.mark.parametrize(
    "fault", [answer_lost, gateway_timeout_that_landed, never_arrived, unavailable, throttled, forbidden]
)
async def test_no_answer_but_success_is_believed(fault):
    async with World() as world:
        token = world.token()
        world.api.faults = [fault, fault]
        await world.post(token, batch(1, 1))
        await world.until(lambda: world.status.get("metrics"))
        await world.post(token, batch(2, 2))
        await world.until(lambda: world.status.get("metrics") == {"loss": [1, 2]})
        await world.until(lambda: world.ingest._committer.freshness() == 0)
        assert (await world.post(token, POLL))[1]["committed"] == 2


async def test_a_patch_that_was_given_up_and_lands_later_is_recognised():
    async with World() as world:
        late = []

        def hangs(apply):
            late.append(apply)
            raise TransientError("patch", 0, "no answer within 5 s")

        def first_the_late_one(apply):
            late[0]()
            return apply()

        world.api.faults = [hangs, first_the_late_one]
        token = world.token()
        await world.post(token, batch(1, 1))
        await world.until(lambda: world.status.get("metrics") == {"loss": [1]})
        await world.until(lambda: world.ingest._committer.freshness() == 0)
        assert (await world.post(token, POLL))[1] == {"committed": 1, "accepted": 1, "notes": []}


async def test_a_status_written_by_others_meanwhile_is_kept():
    async with World() as world:

        def raced(apply):
            raw = world.api.objects["runs", NAMESPACE, NAME]
            world.api.on_change = lambda *_: None  # the event is late
            world.api.put(RUNS, raw | {"status": raw["status"] | {"message": "by the lifecycle"}})
            world.api.on_change = world._changed
            return apply()

        world.api.faults = [raced]
        await world.post(world.token(), batch(1, 1))
        await world.until(lambda: world.status.get("metrics") == {"loss": [1]})
        assert world.status["message"] == "by the lifecycle"
        assert world.store.run(KEY).status["message"] == "by the lifecycle"


async def test_after_a_commit_the_store_has_the_new_version_and_nobody_is_woken():
    async with World() as world:
        world.api.on_change = lambda *_: None  # no event comes
        world.woken.clear()
        await world.post(world.token(), batch(1, 1))
        await world.until(lambda: world.ingest._committer.freshness() == 0 and world.status.get("metrics"))
        held = world.store.run(KEY)
        assert (
            held.resource_version == world.api.objects["runs", NAMESPACE, NAME]["metadata"]["resourceVersion"]
        )
        assert held.metrics.open_writers == 1
        assert world.woken == []


async def test_what_another_replica_wrote_is_taken_over_and_the_writer_sends_the_rest_again():
    async with World() as world, World() as other:
        other.api.objects = world.api.objects
        one, two = world.token(), other.token()
        await world.post(one, batch(1, 1))
        await world.until(lambda: world.status.get("metrics") == {"loss": [1]})
        assert (await other.post(two, batch(2, 2)))[0] == 202
        await other.until(lambda: world.status["metrics"] == {"loss": [1, 2]})
        assert (await world.post(one, batch(2, 2)))[1]["accepted"] == 2  # it does not know of the other's
        await world.until(lambda: world.ingest._committer.freshness() == 0)
        assert (await world.post(one, POLL))[1]["committed"] == 2
        assert world.status["metrics"] == {"loss": [1, 2]}


async def test_a_run_too_large_for_the_cluster_makes_do_with_less():
    async with World() as world:
        world.api.faults = [too_large, too_large]
        await world.post(world.token(), batch(1, *[0.123456789] * 3000))
        await world.until(lambda: world.status.get("metrics"))
        assert world.status["metricsIngest"]["budgetBytes"] == 65536 // 4
        assert world.status["metricsInfo"]["loss"]["count"] == 3000


async def test_a_run_that_is_gone_or_another_is_forgotten():
    async with World() as world:
        await world.post(world.token(), batch(1, 1))
        await world.until(lambda: world.status.get("metrics"))
        world.api.faults = [lambda _: world.add_run(uid="run-uid-2") or never_arrived(None)]
        await world.post(world.token(), batch(2, 2))
        await world.until(lambda: len(world.ingest._ledgers) == 0)
        assert "metrics" not in world.status


async def test_the_end_is_reported_when_everything_is_in():
    async with World() as world:
        token = world.token()
        await world.post(token, batch(1, 1))
        await world.until(lambda: world.status.get("metrics"))
        assert world.settled == []
        await world.post(token, batch(2, 2, end=True))
        assert world.ingest.uncommitted(world.run)
        await world.until(lambda: world.settled == [KEY])
        assert not world.ingest.uncommitted(world.run)
        assert world.status["metricsIngest"]["ended"] == ["uid-of-pod-1/w"]


async def test_stopping_the_operator_brings_in_what_was_taken():
    world = World(pace=Pace(interval=3600))
    async with world:
        token = world.token()
        await world.post(token, batch(1, 1))
        await world.until(lambda: world.status.get("metrics"))
        await world.post(token, batch(2, 2))
        assert world.status["metrics"] == {"loss": [1]}
    assert world.status["metrics"] == {"loss": [1, 2]}


class TestPace:
    """Who is next, and how fast. Nothing is committed here: the order of the queue is looked at."""

    def entry(self, world: World, name: str):
        world.store.put_run(_run(name))
        entry = Session(Key(NAMESPACE, name), RunLedger(f"uid-{name}", {}), 1000, 0.0)
        entry.ledger._touch(0.0)
        return entry

    def committer(self, world: World, now: list[float], **pace):
        counters = IngestTelemetry(CollectorRegistry())
        clock = lambda: now[0]  # noqa: E731
        api: Any = world.api
        return Committer(
            api, world.store, world.ingest._ledgers, counters, Pace(**pace), clock, clock, "me",
            lambda _: None, lambda _: "",
        )  # fmt: skip

    async def test_a_first_commit_is_due_at_once_and_the_next_after_the_interval(self):
        now = [100.0]
        world = World()
        committer = self.committer(world, now)
        entry = self.entry(world, "a")
        committer.changed(entry)
        assert committer._turns.next() == (entry, None)
        entry.committed_at = 100.0
        committer._turns.begun(entry)
        committer.changed(entry)
        assert committer._turns.next() == (None, 4.0)
        now[0] = 104.0
        assert committer._turns.next() == (entry, None)

    async def test_runs_that_end_go_first(self):
        now = [100.0]
        world = World()
        committer = self.committer(world, now)
        old, ending = self.entry(world, "old"), self.entry(world, "ending")
        ending.ledger._watermarks.ended["w"] = None
        ending.ledger._watermarks.writers["w"] = 1
        ending.committed_at = 99.5
        for entry in (old, ending):
            committer.changed(entry)
        assert committer._turns.next()[0] is ending
        assert committer._turns.next()[0] is old

    async def test_a_run_that_turns_to_its_end_while_it_waits_need_not_wait_longer(self):
        now = [100.0]
        world = World()
        committer = self.committer(world, now)
        entry = self.entry(world, "a")
        entry.committed_at = 99.0
        committer.changed(entry)
        assert committer._turns.next() == (None, 3.0)
        world.store.put_run(_run("a", state="STOP", version="9"))
        committer.changed(entry)
        assert committer._turns.next()[0] is entry

    async def test_the_bytes_of_a_second_are_not_exceeded(self):
        now = [100.0]
        world = World()
        committer = self.committer(world, now, bytes_per_second=1000.0)
        committer._bytes.take(3000)
        committer.changed(self.entry(world, "a"))
        assert committer._begin_due() == pytest.approx(2.001)
        assert not committer._under_way

    def test_a_bucket_may_go_into_debt_and_then_waits(self):
        now = [0.0]
        bucket = Bucket(10.0, 10.0, lambda: now[0])
        assert bucket.wait(10) == 0
        bucket.take(30)
        assert bucket.wait(1) == pytest.approx(2.1)
        now[0] = 3.0
        assert bucket.wait(10) == 0


async def test_a_ledger_that_is_all_in_the_cluster_is_forgotten_after_a_while_and_read_again():
    async with World(IngestLimits(forgotten_after=-1.0)) as world:
        token = world.token()
        await world.post(token, batch(1, 1))
        await world.until(lambda: world.ingest._committer.freshness() == 0 and world.status.get("metrics"))
        await world.until(lambda: not world.ingest._committer._under_way)
        world.ingest._ledgers.tidy()
        assert len(world.ingest._ledgers) == 0
        await world.post(token, batch(2, 2))
        await world.until(lambda: world.status["metrics"] == {"loss": [1, 2]})


async def test_many_writers_under_every_fault_lose_and_double_nothing():
    """Four writers, forty batches each, every kind of fault, resends: the lists are exactly what was sent."""
    faults = [answer_lost, never_arrived, gateway_timeout_that_landed, unavailable, throttled]
    async with World() as world:
        world.api.faults = [faults[i % len(faults)] for i in range(40)]

        async def writes(number: int) -> None:
            world.add_pod(f"p{number}")
            token = world.token(f"p{number}")
            seq = 1
            while seq <= 40:
                ops = [{"k": f"k{number}", "append": [seq]}]
                code, reply, _ = await world.post(token, {"writer": "w", "seq": seq, "ops": ops})
                if code == 409:
                    seq = reply["expected"]
                    continue
                assert code in (200, 202)
                seq = reply["accepted"] + 1
                await asyncio.sleep(0.002)

        await asyncio.gather(*(writes(number) for number in range(4)))
        await world.until(lambda: world.ingest._committer.freshness() == 0)
        assert world.status["metrics"] == {f"k{n}": list(range(1, 41)) for n in range(4)}
        assert world.store.run(KEY).uid == UID


def _run(name: str, state: str = "RUNNING", version: str = "1"):
    metadata = {"namespace": NAMESPACE, "name": name, "uid": f"uid-{name}", "resourceVersion": version}
    return Run.from_object({"metadata": metadata, "spec": {}, "status": {"state": state}})
