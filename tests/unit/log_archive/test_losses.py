"""Logs that cannot be kept: what it costs, how often it is tried, and what is reported."""

from __future__ import annotations

from run_operator.api import runlog
from run_operator.kube.errors import ForbiddenError, TransientError
from run_operator.log_archive.kubelet import FAKE
from tests.support.archive_world import OVER, Log, World


async def test_a_node_that_does_not_answer_is_given_up_after_a_few_requests_and_reported_once(world):
    world.api.everything = TransientError("get", 500, "dial tcp: i/o timeout")
    for number in range(50):
        world.pod(f"p{number}", "Failed", main=OVER)
    await world.until(lambda: world.count("lost_total", reason="unreachable") == 50)
    assert len(world.api.asked) < 40
    assert len(world.said) == 1
    assert "LogsNotKept" in world.said[0]
    assert "node node does not serve it: dial tcp: i/o timeout" in world.said[0]


async def test_a_fake_node_costs_one_request_and_no_event():
    async with World(last_pause=600.0) as world:  # as long as the product's: however slow the machine is
        await world.start()
        world.api.everything = TransientError("get", 500, f"{FAKE}; known addresses: []")
        world.pod("first", "Failed", main=OVER)
        await world.until(lambda: world.count("lost_total", reason="addressless") == 1)
        for number in range(20):
            world.pod(f"p{number}", "Failed", main=OVER)
            world.pod(f"q{number}")
        world.job(suspend=True)
        for number in range(20):
            world.gone(f"q{number}")
        await world.until(lambda: world.count("lost_total", reason="addressless") == 41)
        assert (world.api.asked, world.said) == (["read first.main"], [])


async def test_a_pod_that_is_gone_before_anybody_asked_is_reported(world):
    world.pod()
    world.gone()
    assert world.count("lost_total", reason="gone") == 1
    assert "the pod was gone before its log could be read" in world.said[0]


async def test_a_refusal_is_reported_and_not_repeated(world):
    world.api.everything = ForbiddenError("get", 403, "pods/log is forbidden")
    world.pod(going=True)
    world.pod(phase="Failed", going=True, main=OVER)
    await world.until(lambda: world.count("lost_total", reason="refused") == 1)
    assert len(world.api.asked) <= world.limits.tries + 1
    assert "pods/log is forbidden" in world.said[0]


async def test_a_write_that_fails_is_tried_again_and_a_quota_is_reported(world, monkeypatch):
    monkeypatch.setattr("run_operator.log_archive.writer.PAUSES", (0.0, 0.0))
    world.api.logs |= {"p.main": Log(b"a"), "q.main": Log(b"b")}
    world.api.refusals = [TransientError("create", 503, "later"), TransientError("create", 0, "no answer")]
    world.pod("p", "Failed", main=OVER)
    await world.kept("p.main")
    world.api.refusals = [ForbiddenError("create", 403, "exceeded quota")]
    world.pod("q", "Failed", main=OVER)
    await world.until(lambda: world.count("lost_total", reason="refused") == 1)
    assert "exceeded quota" in world.said[0]
    assert world.count("stored_bytes") == len(runlog.packed(b"a"))


async def test_of_a_run_that_is_being_deleted_nothing_is_kept(world):
    world.run(deletionTimestamp="2026-01-01T00:00:00Z")
    world.pod("p", "Failed", main=OVER)
    world.pod("q", "Failed", main=OVER)
    world.gone("q")
    assert (world.api.asked, world.said, world.count("lost_total", reason="gone")) == ([], [], 0)
