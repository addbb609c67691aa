"""An archive at work."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.support.archive_world import World


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with World() as one:
        await one.start()
        yield one
