"""An installation with the rights of before: Runs of built-in kinds go on without Runtimes."""

from __future__ import annotations

from typing import Any

import pytest

from run_operator.engine.resync import Resync
from run_operator.engine.store import Store
from run_operator.kube.errors import ForbiddenError
from run_operator.kube.resource import CLUSTER_RUNTIMES, RUNTIMES, TASKS, Resource


class Denying:
    """Lists nothing, and denies some kinds."""

    def __init__(self, denied: tuple[Resource, ...]) -> None:
        self.denied = denied
        self.asked: list[tuple[str, str | None]] = []

    async def list_metadata(self, resource: Resource, *, namespace: str | None, selector: str) -> Any:
        self.asked.append((resource.plural, namespace))
        if resource in self.denied:
            raise ForbiddenError(f"list {resource.plural}", 403, "no")
        for one in ():
            yield one


def sweep(*denied: Resource) -> tuple[Denying, Resync]:
    api: Any = Denying(denied)
    return api, Resync(api, Store(lambda *_: None), ("ml",), lambda: 0.0)


async def test_runtimes_that_may_not_be_listed_hold_nothing_up(caplog):
    api, resync = sweep(RUNTIMES, CLUSTER_RUNTIMES)
    assert await resync.synced(1.0)
    assert "apply manifests/base again" in caplog.text
    assert ("clusterruntimes", None) in api.asked
    assert ("runtimes", "ml") in api.asked


async def test_what_built_in_kinds_need_may_not_be_missing():
    _, resync = sweep(TASKS)
    with pytest.raises(ForbiddenError):
        await resync.synced(1.0)
