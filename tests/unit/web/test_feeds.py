"""Watches that viewers share: who shares them, when they end, and what a slow viewer gets."""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import Any

import pytest

from run_operator.gateway.encoding import encoded
from run_operator.kube.errors import ForbiddenError, TransientError
from run_operator.web.detail_feed import DetailFeed
from run_operator.web.errors import RefusedError
from run_operator.web.feeds import Feeds
from run_operator.web.limits import WebLimits
from run_operator.web.run_feed import RunFeed

QUICK = WebLimits(recheck=0.01, linger=0.01, frame=300)


def run(name: str, version: int = 1, **status: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": name, "namespace": "ml", "uid": name, "resourceVersion": str(version), "generation": 1},
        "spec": {"kind": "container+job:run", "spec": {}},
        "status": {"state": "RUNNING", "observedGeneration": 1} | status,
    }  # fmt: skip


class Silent:
    """An API server that lists these Runs, and then says nothing."""

    def __init__(self, *runs: dict[str, Any], error: Exception | None = None) -> None:
        self.runs = runs
        self.error = error
        self.lists = 0

    async def pages(self, *_: object, **__: object):
        self.lists += 1
        if self.error is not None:
            raise self.error
        yield {"metadata": {"resourceVersion": "1"}, "items": list(self.runs)}

    async def watch(self, *_: object, **__: object):
        await asyncio.Event().wait()
        yield {}


def silent(*runs: dict[str, Any], error: Exception | None = None) -> Any:
    """In the place of an `Api`."""
    return Silent(*runs, error=error)


async def allowed(_: object = None) -> None:
    pass


def reported(viewer: Any) -> list[tuple[str, Any]]:
    """The events that the viewer would send now."""
    found = []
    for one in viewer.frames():
        name, _, data = one.decode().strip().partition("\n")
        found.append((name.removeprefix("event: "), json.loads(data.removeprefix("data: "))))
    return found


async def until(question: Any) -> None:
    async with asyncio.timeout(5):
        while not question():  # noqa: ASYNC110 - what it waits for sets no event
            await asyncio.sleep(0.001)


async def test_viewers_of_one_key_share_a_watch_and_others_do_not():
    api, feeds = silent(run("a")), Feeds(QUICK)

    def make() -> RunFeed:
        return RunFeed(api, "ml", QUICK)

    async with feeds.viewer(("runs", "ml"), "ann", make, allowed) as first:
        await until(first.wake.is_set)
        async with (
            feeds.viewer(("runs", "ml"), "ann", make, allowed),
            feeds.viewer(("runs", "other"), "ann", make, allowed),
        ):
            await until(lambda: api.lists == 2)
            assert len(feeds) == 2
    await until(lambda: not len(feeds))
    await feeds.close()


async def test_watches_without_a_viewer_are_few_however_fast_somebody_opens_and_leaves_them():
    limits = WebLimits(linger=60, lingering=2)
    feeds = Feeds(limits)
    for number in range(10):
        async with feeds.viewer(number, "ann", lambda: RunFeed(silent(), "ml", limits), allowed):
            assert len(feeds) <= 3
    assert len(feeds) == 2
    async with feeds.viewer(9, "ann", lambda: RunFeed(silent(), "ml", limits), allowed):
        assert len(feeds) == 2, "the one that is left was joined"
    await feeds.close()


async def test_who_may_not_see_it_does_not_join_what_others_watch():
    feeds = Feeds(QUICK)

    async def denied(_: object) -> None:
        raise RefusedError(403, "Forbidden", "you lack the right")

    async with feeds.viewer("key", "ann", lambda: RunFeed(silent(run("a")), "ml", QUICK), allowed):
        with pytest.raises(RefusedError, match="you lack"):
            async with feeds.viewer("key", "ann", lambda: RunFeed(silent(), "ml", QUICK), denied):
                pass
    await feeds.close()


async def test_a_right_that_is_taken_away_ends_the_stream_of_its_viewer_alone():
    feeds, lost = Feeds(QUICK), asyncio.Event()

    async def check(_: object) -> None:
        if lost.is_set():
            raise RefusedError(403, "Forbidden", "you lack the right", missing="list runs in ml")

    def make() -> RunFeed:
        return RunFeed(silent(run("a")), "ml", QUICK)

    async with (
        feeds.viewer("key", "ann", make, check) as viewer,
        feeds.viewer("key", "bob", make, allowed) as other,
    ):
        await until(viewer.wake.is_set)
        lost.set()
        await until(lambda: viewer.over)
        assert reported(viewer)[-1][1]["error"]["missing"] == "list runs in ml"
        assert not other.over
    await feeds.close()


async def test_nobodys_token_is_used_for_others_when_its_owner_has_gone():
    feeds = Feeds(QUICK)

    def make() -> RunFeed:
        return RunFeed(silent(run("a")), "ml", QUICK)

    async with feeds.viewer("key", "ann", make, allowed), feeds.viewer("key", "ann", make, allowed) as anns:
        pass
    assert not anns.over
    async with contextlib.AsyncExitStack() as stack:
        async with feeds.viewer("key", "ann", make, allowed):
            bobs = await stack.enter_async_context(feeds.viewer("key", "bob", make, allowed))
        assert (bobs.over, [name for name, _ in reported(bobs) if name == "problem"]) == (True, [])
        async with feeds.viewer("key", "bob", make, allowed) as again:
            assert not again.over
    await feeds.close()


async def test_what_the_api_server_says_reaches_the_viewer():
    forbidden = ForbiddenError("list runs", 403, "no")
    feed = RunFeed(silent(error=forbidden), "ml", QUICK)
    viewer = feed.join()
    await feed.work()
    assert viewer.over
    assert reported(viewer) == [("problem", {"error": feed.problem.body["error"]})]
    away = RunFeed(silent(error=TransientError("list runs", 0, "away")), "ml", QUICK)
    other = away.join()
    task = asyncio.create_task(away.work())
    await until(other.wake.is_set)
    assert (reported(other)[0][1]["error"]["reason"], other.over) == ("Unavailable", False)
    task.cancel()


def test_a_slow_viewer_gets_the_newest_row_of_each_run_in_bounded_frames():
    feed = RunFeed(silent(), "ml", QUICK)
    viewer = feed.join()
    for version in range(50):
        for name in "abc":
            feed.put(run(name, version, message=f"at {version}" + " " * 300))
    feed.put(run("b", 49))  # the same again
    feed.drop("c")
    events = reported(viewer)
    rows = [row for name, data in events if name == "rows" for row in data]
    assert [(row["name"], row["message"].strip()) for row in rows] == [("a", "at 49"), ("b", "at 49")]
    assert [name for name, _ in events] == ["rows", "rows", "gone"], "a frame ends with the row that fills it"
    assert reported(feed.join())[0][0] == "rows", "who joins later gets all there is"


def test_a_list_that_is_too_long_to_hold_ends_with_advice():
    limits = WebLimits(feed=1000)
    feed = RunFeed(silent(), None, limits)
    viewer = feed.join()
    for name in range(200):
        feed.put(run(f"run-{name}"))
    reported(viewer)
    assert feed.problem is not None
    assert (feed.problem.status, "choose a namespace" in str(feed.problem)) == (507, True)


async def test_the_details_of_a_run_come_again_only_when_more_than_a_value_changed():
    feed = DetailFeed(silent(), "ml", "a", {"stop": None})
    viewer = feed.join()
    feed.put(run("a"))
    assert [name for name, _ in reported(viewer)] == ["detail"]
    logged = {"metrics": {"loss": [1.0]}, "metricsInfo": {"loss": {"count": 1, "stride": 1}}}
    feed.put(run("a", 2, **logged))
    ((name, points),) = reported(viewer)
    assert (name, points["loss"]["value"], points["loss"]["from"]) == ("metrics", [1.0], 0)
    thinned = {"metrics": {"loss": [1.0]}, "metricsInfo": {"loss": {"count": 2, "stride": 2}}}
    feed.put(run("a", 3, **thinned))
    assert reported(viewer) == [("metrics", {"loss": None})]
    feed.put(run("a", 4, message="new", **thinned))
    assert [name for name, _ in reported(viewer)] == ["detail"]
    feed.set_rights({"stop": "patch runs"})
    assert reported(viewer)[0][1]["rights"] == {"stop": "patch runs"}
    feed.drop("a")
    assert (reported(viewer), viewer.over) == ([("gone", {})], True)


async def test_a_feed_holds_what_is_shown_and_not_what_was_read():
    feed = DetailFeed(silent(), "ml", "a", {"stop": None})
    large = run("a")
    large["spec"] = large.get("spec", {}) | {"spec": {"parameters": {"x": ["y" * 1000] * 1000}}}
    feed.put(large)
    assert feed.raw is not None
    assert len(encoded(feed.raw)) < 5000
    ((_, shown),) = reported(feed.join())
    assert len(shown["parameters"]["x"]) == 1000, "the viewer gets all of it"
    feed.drop("a")
