"""The work queue's seven guarantees, each by its name."""

from __future__ import annotations

import asyncio
from collections import Counter

from run_operator.api.run import Key
from run_operator.engine.queue import LAST_BACKOFF, QUICK, WorkQueue

A, B, C = Key("ns", "a"), Key("ns", "b"), Key("ns", "c")


def queue() -> WorkQueue:
    return WorkQueue(asyncio.get_running_loop().time)


async def test_a_key_waits_at_most_once_however_often_it_is_added():
    q = queue()
    for _ in range(5):
        q.add(A)
    assert len(q) == 1
    assert await q.take() == A
    assert len(q) == 0


async def test_a_key_is_worked_on_by_at_most_one_worker_and_again_if_added_meanwhile():
    q = queue()
    q.add(A)
    await q.take()
    q.add(A)
    assert len(q) == 0
    q.done(A)
    assert await q.take() == A


async def test_urgent_keys_go_first_and_the_rest_still_moves():
    q = queue()
    q.add(A)
    for i in range(10):
        q.add(Key("ns", f"u{i}"), urgent=True)
    order = [await q.take() for _ in range(6)]
    assert order[0] == Key("ns", "u0")
    assert A in order


async def test_a_key_that_waits_already_becomes_urgent():
    q = queue()
    for key in (A, B, C):
        q.add(key)
    q.add(C, urgent=True)
    assert [await q.take() for _ in range(3)] == [C, A, B]
    assert len(q) == 0


async def test_a_failed_key_comes_back_later_and_later_within_bounds_and_success_resets():
    q = queue()
    delays = [q.retry(A) for _ in range(20)]
    assert delays[0] <= 0.5
    assert max(delays) <= LAST_BACKOFF
    assert delays[-1] > 10
    q.succeeded(A)
    assert q.retry(A) <= 0.5
    q.close()


async def test_retry_after_is_respected():
    q = queue()
    assert q.retry(A, at_least=7) >= 7
    q.close()


async def test_the_earliest_timer_counts_and_a_forgotten_key_has_none():
    q = queue()
    q.add_after(A, 100)
    q.add_after(A, 0)
    async with asyncio.timeout(5):
        assert await q.take() == A
    q.add_after(B, 100)
    q.forget(B)
    assert q.delayed == 0


async def test_a_closed_queue_gives_out_nothing_more():
    q = queue()
    waiting = asyncio.create_task(q.take())
    await asyncio.sleep(0)
    q.close()
    assert await waiting is None
    q.add(C)
    assert len(q) == 0


async def test_namespaces_take_turns_also_among_urgent_keys():
    q = queue()
    for urgent in (True, False):
        for i in range(50):
            q.add(Key("flood", f"{urgent}{i}"), urgent=urgent)
        q.add(Key("quiet", f"{urgent}"), urgent=urgent)
    first = [await q.take() for _ in range(10)]
    assert Key("quiet", "True") in first[:2]
    assert Key("quiet", "False") in first


async def test_one_namespace_never_has_all_workers():
    q = WorkQueue(asyncio.get_running_loop().time, workers=4)
    for i in range(10):
        q.add(Key("flood", str(i)))
    taken = [await q.take() for _ in range(3)]
    waiting = asyncio.create_task(q.take())
    await asyncio.sleep(0)
    q.add(Key("quiet", "a"))
    assert await waiting == Key("quiet", "a")
    waiting = asyncio.create_task(q.take())
    await asyncio.sleep(0)
    assert not waiting.done()
    assert taken[0]
    assert taken[1]
    q.done(taken[0])
    await asyncio.sleep(0)
    assert not waiting.done(), "one stays free for a third namespace"
    q.done(taken[1])
    assert (await waiting).namespace == "flood"


async def test_several_that_flood_leave_a_worker_to_one_that_does_not():
    q = WorkQueue(asyncio.get_running_loop().time, workers=16)
    for namespace in ("a", "b", "c"):
        for i in range(50):
            q.add(Key(namespace, str(i)))
    taking = [asyncio.create_task(q.take()) for _ in range(16)]
    await asyncio.sleep(0)
    q.add(Key("quiet", "a"))
    await asyncio.sleep(0)
    taken = [task.result() for task in taking if task.done()]
    assert Key("quiet", "a") in taken
    assert min(Counter(key.namespace for key in taken if key).values()) >= 1
    for task in taking:
        task.cancel()


async def test_a_namespace_whose_keys_take_much_cpu_rests_and_the_others_do_not():
    q = queue()
    for name in ("heavy", "quick"):
        for i in range(3):
            q.add(Key(name, str(i)), urgent=True)
    first, second = await q.take(), await q.take()
    assert {key.namespace for key in (first, second) if key} == {"heavy", "quick"}
    q.spent("heavy", 2 * QUICK)
    q.spent("quick", QUICK / 2)
    assert [key.namespace for key in (await q.take(), await q.take()) if key] == ["quick", "quick"]
    waiting = asyncio.create_task(q.take())
    await asyncio.sleep(0)
    assert not waiting.done()
    last = await waiting
    assert last
    assert last.namespace == "heavy", "it goes on after its rest"


async def test_a_long_line_is_no_stall_and_a_line_of_which_nobody_takes_is_one():
    now = [0.0]
    q = WorkQueue(lambda: now[0])
    for i in range(1000):
        q.add(Key("flood", str(i)))
    for _ in range(500):
        now[0] += 1.0
        q.done(await q.take() or A)
    assert q.oldest_age() == 500.0
    assert q.stalled_for() == 0.0
    now[0] += 130.0
    assert q.stalled_for() == 130.0
    while len(q):
        q.done(await q.take() or A)
    now[0] += 130.0
    assert q.stalled_for() == 0.0
    q.add(A)
    assert q.stalled_for() == 0.0, "it came a moment ago"
