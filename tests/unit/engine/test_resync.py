"""What is listed and never comes: deleted meanwhile, or a stream that stands still."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from run_operator.engine import resync
from run_operator.engine.resync import Resync
from run_operator.engine.store import Store
from run_operator.kube.resource import JOBS, Resource

TOO_LATE = 100.0


class Listing:
    """Lists one Job, until it is deleted; notes what is listed."""

    def __init__(self, deleted_after: int) -> None:
        self.left = deleted_after
        self.asked: list[str] = []

    async def list_metadata(self, resource: Resource, **_: Any) -> Any:
        self.asked.append(resource.plural)
        if resource == JOBS and self.left > 0:
            self.left -= 1
            yield {"uid": "j", "resourceVersion": "1"}


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(resync, "LOOK", 0)


def synced(api: Any) -> Any:
    """With a clock that goes on by a second at each look."""
    return Resync(api, Store(lambda *_: None), (), itertools.count(0.0).__next__).synced(TOO_LATE)


async def test_an_object_that_is_deleted_before_its_stream_lists_it_is_not_waited_for():
    api = Listing(deleted_after=3)
    assert await synced(api)
    assert api.asked[-3:] == ["jobs", "jobs", "jobs"]  # what is not missing is not listed again
    assert api.asked.count("runs") == 1


async def test_an_object_that_is_there_and_never_comes_is_reported(caplog):
    api = Listing(deleted_after=1000)
    assert not await synced(api)
    assert "{'jobs': 1}" in caplog.text
    assert api.asked.count("jobs") < 10  # ever more seldom
