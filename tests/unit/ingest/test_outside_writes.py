"""What people log from outside of pods: in the cluster once and then gone, or refused with the reason."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from run_operator.ingest import outside_writes
from run_operator.ingest.batch_queue import BatchQueue, Place
from run_operator.kube.errors import TransientError
from run_operator.kube.resource import METRIC_BATCHES, RUNS, Resource
from tests.support.ingest_world import NAMESPACE, UID, World, batch


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with World() as one:
        yield one


async def test_it_is_in_the_cluster_when_it_is_gone(world):
    world.log_outside("a", 1, 2)
    await world.until(lambda: world.batch_of("a") is None)
    assert world.status["metrics"] == {"loss": [1, 2]}
    assert world.status["metricsIngest"]["writers"] == {"outside/a": 1}


async def test_pods_and_people_write_the_same_metric(world):
    token = world.token()
    for number in range(5):
        world.log_outside(f"b{number}", 100 + number)
        await world.post(token, batch(number + 1, number))
    await world.until(
        lambda: sorted(world.status.get("metrics", {}).get("loss", ())) == [*range(5), *range(100, 105)]
    )


async def test_the_same_name_counts_once(world):
    """A client whose answer was lost creates it again."""
    for _ in range(2):
        world.log_outside("a", 1)
        await world.until(lambda: world.batch_of("a") is None)
    assert world.status["metrics"] == {"loss": [1]}


async def test_a_lost_answer_of_the_api_server_counts_once(world):
    def lost(apply):
        apply()
        raise TransientError("patch", 0, "lost")

    world.api.faults.append(lost)
    world.log_outside("a", 1)
    await world.until(lambda: world.batch_of("a") is None)
    assert world.status["metrics"] == {"loss": [1]}


async def test_a_run_that_is_over_takes_them_and_stays_as_it_is(world):
    world.status.update(state="COMPLETED", conditions=[])
    world.api.put(RUNS, world.api.objects["runs", NAMESPACE, "train"])
    world.log_outside("a", 1)
    await world.until(lambda: world.batch_of("a") is None)
    assert (world.status["metrics"], world.status["conditions"]) == ({"loss": [1]}, [])


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ({"run": "nobody"}, "there is no Run nobody"),
        ({"run": "../../other/runs/x"}, "is not a valid name of a Run"),
        ({"runUID": "another"}, "another Run has its name"),
        ({"ops": [{"k": "\x1b[2J", "set": 1}]}, "cannot name a metric"),
        ({"ops": [{"k": "loss", "append": [1e400]}]}, ""),
        ({"ops": [{"k": "loss", "append": ["1"]}]}, "ops[0]"),
        ({"ops": [{"k": "loss"}]}, "exactly one of"),
        ({"ops": 1}, None),
    ],
)
async def test_what_cannot_be_stored_is_refused_with_the_reason(world, spec, said):
    world.log_outside("a", **spec)
    if said is None:  # nothing to do
        await world.until(lambda: world.batch_of("a") is None)
        return
    await world.until(lambda: (world.batch_of("a") or {}).get("status"))
    status = world.batch_of("a")["status"]
    assert status["state"] == "Refused"
    assert said in status["message"]
    assert status["message"].isprintable()
    assert "metrics" not in world.status


async def test_notes_are_kept_and_answers_go_after_a_while(world, monkeypatch):
    monkeypatch.setattr(outside_writes, "KEPT", 0.05)
    world.log_outside("a", ops=[{"k": "acc", "set": 1}])
    await world.until(lambda: world.batch_of("a") is None)
    seen = []
    world.api.on_change = lambda resource, raw: (
        seen.append(raw.get("status")),
        world._changed(resource, raw),
    )
    world.log_outside("b", ops=[{"k": "acc", "set": 2}])
    await world.until(lambda: world.batch_of("b") is None)
    assert [(one["state"], one["notes"]) for one in seen if one and "notes" in one] == [
        ("Stored", ["'acc' already has a value; set overwrite to replace it"])
    ]


async def test_where_a_later_attempt_writes_nobody_can_know(world):
    """The watermarks of an attempt end with it: a batch that says it is of an earlier one may have been stored."""
    world.add_run(attempt=2)
    world.add_pod("pod-2", attempt=2)
    assert (await world.post(world.token("pod-2"), batch(1, 7)))[0] == 202
    world.log_outside("a", 1, runUID=UID, attempt=1)
    await world.until(lambda: (world.batch_of("a") or {}).get("status"))
    assert "may or may not be stored" in world.batch_of("a")["status"]["message"]
    world.log_outside("b", 8, attempt=10**9)
    await world.until(lambda: world.batch_of("b") is None)
    assert (await world.post(world.token("pod-2"), batch(2, 9)))[0] == 202, "a batch ends no attempt"
    await world.until(lambda: world.status["metrics"] == {"loss": [7, 8, 9]})


async def test_it_is_tried_again_and_not_for_ever(world, monkeypatch):
    monkeypatch.setattr(outside_writes, "FIRST_PAUSE", 0.001)
    monkeypatch.setattr(outside_writes, "LONGEST_PAUSE", 0.001)
    world.store.drop_run(world.store.run_of(UID).key, UID)  # its stream is behind
    world.log_outside("a", 1)
    await world.until(lambda: (world.batch_of("a") or {}).get("status"))
    assert "gave up after 30 tries" in world.batch_of("a")["status"]["message"]
    assert world.api.calls.count("get runs") == 31


async def test_a_namespace_that_floods_leaves_workers_to_others(world):
    """Many batches that wait do not keep one of another namespace waiting: it is refused at once, there is no such Run."""
    world.store.drop_run(world.store.run_of(UID).key, UID)
    for number in range(200):
        world.log_outside(f"a{number}", 1)
    taken: list[int] = []

    def changed(resource: Resource, raw: dict[str, Any]) -> None:
        if raw["metadata"]["namespace"] == "other" and "status" in raw:
            taken.append(world.api.calls.count(f"get {METRIC_BATCHES.plural}"))
        world._changed(resource, raw)

    world.api.on_change = changed
    metadata = {"namespace": "other", "name": "o", "uid": "uid-of-o"}
    world.api.put(METRIC_BATCHES, {"metadata": metadata, "spec": {"run": "none", "ops": []}})
    await world.until(lambda: taken)
    assert taken[0] < 40


async def test_a_namespace_with_any_number_of_batches_costs_a_bounded_memory_and_loses_none(
    world, monkeypatch
):
    monkeypatch.setattr(outside_writes, "LOOK", 0.01)
    monkeypatch.setattr(outside_writes, "PAGE", 7)
    world.ingest.outside._queue._each = 10
    most = 0
    for number in range(200):
        world.log_outside(f"b{number}", number)
        most = max(most, world.ingest.outside.held)
    assert most == 10
    await world.until(lambda: not any(plural == METRIC_BATCHES.plural for plural, *_ in world.api.objects))
    assert sorted(world.status["metrics"]["loss"]) == list(range(200))
    assert world.ingest.outside.held == 0


async def test_an_answered_batch_that_is_edited_without_end_is_looked_at_once(world, monkeypatch):
    monkeypatch.setattr(outside_writes, "KEPT", 0.3)
    world.log_outside("a", run="nobody")
    await world.until(lambda: (world.batch_of("a") or {}).get("status"))
    asked = world.api.calls.count("get metricbatches")
    for _ in range(500):
        if (raw := world.batch_of("a")) is not None:
            world.api.put(METRIC_BATCHES, raw)
        await asyncio.sleep(0)
    assert world.ingest.outside.held == 1
    await world.until(lambda: world.batch_of("a") is None)
    world.log_outside("b", run="nobody")  # whose time comes after that of every edit
    await world.until(lambda: world.batch_of("b") is None and not world.ingest.outside.held)
    assert world.api.calls.count("get metricbatches") == asked + 1 + 3, "a patch of this API server reads too"


async def test_who_edits_a_batch_that_failed_gets_no_further_try(world, monkeypatch):
    monkeypatch.setattr(outside_writes, "FIRST_PAUSE", 30.0)
    world.store.drop_run(world.store.run_of(UID).key, UID)  # its stream is behind
    world.log_outside("a", 1)
    await world.until(lambda: "get runs" in world.api.calls)
    for _ in range(100):
        world.api.put(METRIC_BATCHES, world.batch_of("a"))
        await asyncio.sleep(0)
    assert world.api.calls.count("get metricbatches") == 1


async def test_a_batch_that_is_being_deleted_and_held_back_is_left_alone(world):
    """By a finalizer of somebody: to delete it again and again would never end."""
    deleting = {
        "namespace": NAMESPACE,
        "name": "a",
        "uid": "uid-of-a",
        "deletionTimestamp": "2026-11-29T10:00:00Z",
    }
    world.api.put(METRIC_BATCHES, {"metadata": deleting, "spec": {"run": "train", "ops": []}})
    world.log_outside("b", 1)
    await world.until(lambda: world.batch_of("b") is None)
    assert world.api.calls.count("get metricbatches") == world.api.calls.count("delete metricbatches") == 1
    assert world.ingest.outside.held == 0


async def test_all_namespaces_together_are_bounded_and_the_largest_gives_way():
    line = BatchQueue(workers=1, each=100, most=20)
    for number in range(100):
        line.add(Place("flood", f"f{number}", f"f{number}"))
    for number in range(5):
        line.add(Place("quiet", f"q{number}", f"q{number}"))
    assert len(line) == 20
    assert line.lacks("flood")
    assert not line.lacks("quiet")


async def test_namespaces_that_flood_leave_a_worker_free():
    """Each batch of theirs may take half a minute."""
    line = BatchQueue(workers=16)
    for namespace in ("a", "b"):
        for number in range(50):
            line.add(Place(namespace, f"{number}", f"{namespace}{number}"))
    taking = [asyncio.create_task(line.take()) for _ in range(16)]
    await asyncio.sleep(0)
    assert sum(task.done() for task in taking) < 16
    line.add(Place("quiet", "q", "q"))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert Place("quiet", "q", "q") in [task.result() for task in taking if task.done()]
    for task in taking:
        task.cancel()
