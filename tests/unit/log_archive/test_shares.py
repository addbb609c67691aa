"""How much is kept: what goes first, and what leaves room."""

from __future__ import annotations

import pytest

from tests.support.archive_world import OVER, Log, World, noise


@pytest.mark.parametrize(
    ("limits", "share"),
    [
        ({"of_run": 1000}, "run"),
        ({"objects": 2}, "run"),
        ({"of_namespace": 1000}, "namespace"),
        ({"of_cluster": 1000}, "cluster"),
    ],
)
async def test_the_oldest_goes_where_a_share_is_used_up(limits, share):
    async with World(**limits) as world:
        await world.start()
        for number in range(3):
            world.api.logs[f"p{number}.main"] = Log(noise(400, number))
            world.pod(f"p{number}", "Failed", main=OVER)
            await world.until(lambda n=number: world.count("kept_total") == n + 1)
        assert world.api.deleted[0] == "p0.main"
        assert "p2.main" in world.api.stored
        assert set(world.dropped) == {share}
        assert world.count("dropped_total", share=share) == len(world.api.deleted)
        stored = sum(
            int(b["metadata"]["annotations"]["run-operator.io/log-size"]) for b in world.api.stored.values()
        )
        assert world.count("stored_bytes") == stored


async def test_what_others_deleted_does_not_count():
    async with World(of_namespace=1000) as world:
        await world.start()
        for number in range(3):
            world.api.logs[f"p{number}.main"] = Log(noise(400, number))
            world.pod(f"p{number}", "Failed", main=OVER)
            await world.until(lambda n=number: world.count("kept_total") == n + 1)
            world.api.stored.pop("p0.main", None)
        assert world.api.deleted == []


async def test_a_run_that_is_gone_leaves_room(world):
    world.api.logs["p.main"] = Log(b"x")
    world.pod("p", "Failed", main=OVER)
    await world.kept("p.main")
    assert world.count("stored_bytes") > 0
    world.store.drop_run(next(world.store.runs()).key, "r")
    assert world.count("stored_bytes") == 0


async def test_what_does_not_compress_is_cut_to_what_an_object_holds():
    async with World(tail=2_000_000) as world:
        await world.start()
        world.api.logs["p.main"] = Log(noise(1_500_000, 1))
        world.pod("p", "Failed", main=OVER)
        (kept,) = await world.kept("p.main")
        assert kept.truncated
        assert kept.bytes == 1_500_000
        assert len(kept.data) > 600_000
        assert len(world.api.stored["p.main"]["data"]) <= 1_048_576
