"""A stop through the gateway is recorded under the name of its user."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from run_operator.gateway.entities import Place
from run_operator.gateway.run_entities import RunEntities
from run_operator.gateway.suspension import MAX_MANAGER
from run_operator.kube.errors import ForbiddenError
from run_operator.kube.resource import RUNS

RAW: dict[str, Any] = {
    "kind": "Run",
    "metadata": {"name": "a", "namespace": "ml", "resourceVersion": "1"},
    "spec": {
        "kind": "container+job:run",
        "project": "ml",
        "id": "a",
        "spec": {"task": "container+job://ml/t"},
    },
    "status": {"state": "RUNNING"},
}


class Caller:
    """Answers a review with this name, and keeps what is patched."""

    def __init__(self, username: str | None) -> None:
        self.managers: list[str] = []
        self._username = username

    async def create(self, *_: object) -> dict[str, Any]:
        if self._username is None:
            raise ForbiddenError("create", 403, "may not ask")
        return {"status": {"userInfo": {"username": self._username}}}

    async def patch(self, *_: object, manager: str) -> dict[str, Any]:
        self.managers.append(manager)
        return RAW


async def raw(*_: object) -> dict[str, Any]:
    return RAW


@pytest.mark.parametrize(
    ("username", "manager"),
    [
        ("ann", "ann (run-operator-gateway)"),
        ("a\nb" + "c" * 200, ("ab" + "c" * 200)[: MAX_MANAGER - 23] + " (run-operator-gateway)"),
        ("", "run-operator"),
        (None, "run-operator"),
    ],
)
def test_the_field_manager_of_a_stop(username, manager):
    caller = Caller(username)
    runs = RunEntities(SimpleNamespace(raw=raw))  # type: ignore[arg-type]
    asyncio.run(runs.stop(caller, Place(RUNS, "ml", "ml"), "a"))  # type: ignore[arg-type]
    assert caller.managers == [manager]
    assert len(manager) <= MAX_MANAGER
