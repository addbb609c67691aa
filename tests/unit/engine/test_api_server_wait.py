"""At the start an API server that is not well is asked again, and a real denial is not."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

import pytest

from run_operator.engine import api_server_wait as module
from run_operator.engine.api_server_wait import first_answer
from run_operator.kube.backoff import Backoffs
from run_operator.kube.errors import ForbiddenError, KubeError, ThrottledError, TransientError

DENIED = ForbiddenError("list runs", 403, "no")
AWAY = TransientError("list runs", 0, "no answer")


class Starting:
    """An API server that answers badly at first."""

    def __init__(self, *errors: KubeError, ready: bool = False) -> None:
        self.errors = list(errors)
        self.is_ready = ready

    async def ready(self) -> bool:
        return self.is_ready

    async def ask(self) -> str:
        if self.errors:
            raise self.errors.pop(0)
        return "answer"


async def asked(server: Any, stop: asyncio.Event | None = None) -> str:
    return await first_answer(server, stop or asyncio.Event(), server.ask)


async def test_it_is_asked_again_until_it_answers(monkeypatch):
    monkeypatch.setattr(module, "Backoffs", partial(Backoffs, 0.001))
    assert await asked(Starting(AWAY, ThrottledError("list runs", "later", 0.0), DENIED)) == "answer"


async def test_a_denial_counts_when_it_is_ready():
    with pytest.raises(ForbiddenError):
        await asked(Starting(DENIED, ready=True))


async def test_the_timeout_ends_it(monkeypatch):
    monkeypatch.setattr(module, "TIMEOUT", 0.0)
    with pytest.raises(TransientError):
        await asked(Starting(AWAY))


async def test_a_stop_is_not_kept_waiting():
    stop = asyncio.Event()
    stop.set()
    with pytest.raises(TransientError):
        await asked(Starting(AWAY), stop)
