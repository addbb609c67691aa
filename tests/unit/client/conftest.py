"""Waits that no test of the client measures are short."""

from __future__ import annotations

import pytest

from run_operator.client import transport


@pytest.fixture(autouse=True)
def _brief(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "FIRST_PAUSE", 0.01)
