"""Places for costly work, shared fairly between callers."""

from __future__ import annotations

import asyncio

import pytest

from run_operator.gateway.shares import Shares, TooManyWaitingError


class Work:
    """Who holds a place at the moment, in the order in which they came in."""

    def __init__(self, shares: Shares) -> None:
        self.shares = shares
        self.inside: list[str] = []
        self.began: list[str] = []
        self.may_end = asyncio.Event()

    async def of(self, caller: str) -> None:
        async with self.shares.place(caller):
            self.inside.append(caller)
            self.began.append(caller)
            try:
                await self.may_end.wait()
            finally:
                self.inside.remove(caller)

    def begin(self, *callers: str) -> list[asyncio.Task[None]]:
        return [asyncio.create_task(self.of(caller)) for caller in callers]


async def settled() -> None:
    for _ in range(50):
        await asyncio.sleep(0)


async def test_who_floods_holds_its_share_and_nobody_elses():
    work = Work(Shares(places=4, each=2, waiting=100))
    tasks = work.begin(*["flood"] * 50)
    await settled()
    assert work.inside == ["flood", "flood"]
    tasks += work.begin("a", "b")
    await settled()
    assert sorted(work.inside) == ["a", "b", "flood", "flood"]
    work.may_end.set()
    await asyncio.gather(*tasks)
    assert not work.inside


async def test_a_free_place_goes_round_and_not_to_the_longest_queue():
    work = Work(Shares(places=1, each=1, waiting=100))
    tasks = work.begin(*["flood"] * 5)
    await settled()
    tasks += work.begin("a", "a", "b")
    work.may_end.set()
    await asyncio.gather(*tasks)
    assert work.began[:6] == ["flood", "flood", "a", "b", "flood", "a"]


async def test_more_than_may_wait_are_refused_at_once():
    work = Work(Shares(places=1, each=1, waiting=2))
    tasks = work.begin(*["flood"] * 3)
    await settled()
    with pytest.raises(TooManyWaitingError):
        await work.of("flood")
    work.may_end.set()
    await asyncio.gather(*tasks)


async def test_who_goes_away_while_waiting_leaves_no_place_behind():
    work = Work(Shares(places=1, each=1, waiting=9))
    first, *others = work.begin("a", "b", "b", "c")
    await settled()
    others[0].cancel()
    first.cancel()  # its place is given to somebody at the same moment
    await settled()
    others[1].cancel()
    await settled()
    assert work.inside == ["c"]
    work.may_end.set()
    await asyncio.gather(first, *others, return_exceptions=True)
    async with asyncio.timeout(1), work.shares.place("d"):
        pass


async def test_a_free_place_goes_to_nobody_who_has_its_share_already():
    shares = Shares(places=3, each=2, waiting=10)
    work = Work(shares)
    tasks = work.begin("flood", "flood", "flood")
    await asyncio.sleep(0)
    async with asyncio.timeout(5), shares.place("other"):
        pass  # given back while the flood waits
    await asyncio.sleep(0)
    assert work.inside == ["flood", "flood"]
    work.may_end.set()
    await asyncio.gather(*tasks)
    assert work.began == ["flood"] * 3
