"""Waits that no test of this room measures are short."""

from __future__ import annotations

import pytest

from run_operator.http import server


@pytest.fixture(autouse=True)
def _brief(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "LINGER", 0.05)
