"""What programs wrote is kept: followed while they end, or read once when they have."""

from __future__ import annotations

import asyncio

from run_operator.kube.errors import TransientError
from tests.support.archive_world import OVER, Log, World


async def test_what_a_program_writes_in_its_grace_period_is_kept(world):
    log = world.api.logs["p.main"] = Log(b"step 1\n", open_=True)
    world.pod()
    assert world.api.asked == []
    world.job(suspend=True)  # the first sign, before any pod is asked to go
    await world.until(lambda: world.api.asked == ["follow p.main"])
    world.pod(going=True)
    log.pieces.put_nowait(b"last words\n")
    log.pieces.put_nowait(None)
    world.pod(phase="Failed", going=True, main=OVER)
    world.gone()
    (kept,) = await world.kept("p.main")
    assert (kept.text, kept.exit_code, kept.attempt) == ("step 1\nlast words\n", 143, 1)
    assert (kept.lines, kept.bytes, kept.truncated, kept.node) == (2, 18, False, "node")
    assert world.api.asked == ["follow p.main"]
    owner = world.api.stored["p.main"]["metadata"]["ownerReferences"][0]
    assert (owner["kind"], owner["uid"]) == ("Run", "r")


async def test_a_program_that_has_ended_is_read_once(world):
    world.api.logs |= {"p.main": Log(b"hello\n"), "p.side": Log(b"")}
    for _ in range(3):
        world.pod(phase="Succeeded", main=OVER, side=OVER)
    await world.kept("p.main")
    await world.until(lambda: len(world.api.asked) == 2)
    world.pod(phase="Succeeded", going=True, main=OVER, side=OVER)
    world.gone()
    assert sorted(world.api.asked) == ["read p.main", "read p.side"]
    assert list(world.api.stored) == ["p.main"]  # nothing was written by the other
    assert world.said == []


async def test_an_operator_that_starts_reads_what_ended_meanwhile_and_nothing_twice():
    async with World() as first:
        first.api.logs["old.main"] = Log(b"old\n")
        await first.start()
        first.pod("old", "Succeeded", main=OVER)
        await first.kept("old.main")
    async with World() as second:
        second.api.stored = first.api.stored
        second.api.logs["p.main"] = Log(b"meanwhile\n")
        second.pod("old", "Succeeded", main=OVER)
        second.pod("p", "Failed", main=OVER)
        await asyncio.sleep(0)
        assert second.api.asked == []  # the store may not be complete yet
        await second.start()
        await second.kept("p.main")
        assert second.api.asked == ["read p.main"]


async def test_a_stream_that_is_cut_is_read_again_when_the_container_has_ended(world):
    log = world.api.logs["p.main"] = Log(b"half", open_=True)
    world.pod(going=True)
    await world.until(lambda: world.api.asked == ["follow p.main"])
    world.api.logs["p.main"] = Log(b"half and the rest\n")
    log.pieces.put_nowait(TransientError("get", 0, "connection reset"))
    await world.until(lambda: world.count("followed") == 0)
    world.pod(phase="Failed", going=True, main=OVER)
    (kept,) = await world.kept("p.main")
    assert kept.text == "half and the rest\n"


async def test_a_pod_that_is_gone_ends_the_following_with_what_there_is(world):
    world.api.logs["p.main"] = Log(b"all there is", open_=True)
    world.pod(going=True)
    await world.until(lambda: world.count("followed") == 1)
    await world.until(world.api.logs["p.main"].pieces.empty)
    world.gone()
    (kept,) = await world.kept("p.main")
    assert (kept.text, kept.exit_code) == ("all there is", None)


async def test_more_than_can_be_followed_is_read_afterwards():
    async with World(tail=33_000_000, reads=2) as world:
        assert world.limits.follows == 1
        await world.start()
        for name in ("a", "b"):
            world.api.logs[f"{name}.main"] = Log(name.encode(), open_=True)
            world.pod(name, going=True)
        await world.until(lambda: world.api.asked == ["follow a.main"])
        world.pod("b", "Failed", going=True, main=OVER)
        world.api.logs["b.main"].pieces.put_nowait(None)
        await world.kept("b.main")
        assert world.api.asked == ["follow a.main", "read b.main"]
