"""What a caller is spared: an API server that has just started denies what its roles, once read, will allow."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from run_operator.gateway import api_client
from run_operator.gateway.api_client import ApiClient, Identity
from run_operator.kube.errors import ForbiddenError
from run_operator.kube.resource import RUNS

DENIED = ForbiddenError("get runs/x", 403, "no such role")


class Started:
    """An API server that answers and says that it is ready on demand."""

    def __init__(self, answers: list[Any], ready: list[bool]) -> None:
        self.answers, self.said = answers, ready
        self.asked = 0

    def as_caller(self, _: str) -> Started:
        return self

    async def ready(self) -> bool:
        return self.said.pop(0)

    async def get(self, *_: Any) -> Any:
        self.asked += 1
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def list_objects(self, *_: Any, **__: Any) -> AsyncIterator[Any]:
        yield await self.get()


def calling(api: Any) -> ApiClient:
    return ApiClient(api, Identity("token", "digest", "somebody", "127.0.0.1"), timeout=10)


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api_client, "FIRST_PAUSE", 0.001)


async def one(found: ApiClient) -> Any:
    return await found.get(RUNS, "default", "x")


async def several(found: ApiClient) -> Any:
    [raw] = [raw async for raw in found.all(RUNS, "default")]
    return raw


@pytest.mark.parametrize("ask", [one, several])
@pytest.mark.parametrize("ready", [[False, False], [True, True], [False, True]])
async def test_a_denial_by_an_api_server_that_has_just_started_is_no_answer(ask, ready):
    """Also when it becomes ready between its denial and the question whether it is."""
    denials = ready.index(True) + 1 if True in ready else len(ready)
    api = Started([DENIED] * denials + [{"kind": "Run"}], ready)
    assert await ask(calling(api)) == {"kind": "Run"}


@pytest.mark.parametrize("ask", [one, several])
async def test_what_a_ready_one_denies_once_more_is_denied(ask):
    api = Started([DENIED] * 9, [True] * 9)
    with pytest.raises(ForbiddenError):
        await ask(calling(api))
    assert api.asked == 2


@pytest.mark.parametrize("ask", [one, several])
async def test_one_that_never_says_it_is_ready_is_not_waited_for_long(ask, monkeypatch):
    """A cluster may keep its readiness to itself."""
    monkeypatch.setattr(api_client, "DENIED", 0.0)
    api = Started([DENIED] * 9, [False] * 9)
    with pytest.raises(ForbiddenError):
        await ask(calling(api))
