"""Stand-ins for the ingest, programs that log to one, and pods of Python functions that report to the other."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.pod.functions import Ingest, Pod
from tests.pod.programs import Program
from tests.pod.standin import Server


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    one = Server(tmp_path / "server")
    yield one
    one.close()
    assert one.ingest.complaints == []


@pytest.fixture
def program(tmp_path: Path, server: Server) -> Program:
    return Program(tmp_path / "pod" / "spool", server.environment)


@pytest.fixture
def lonely(tmp_path: Path) -> Program:
    """Outside a Run."""
    return Program(tmp_path / "pod" / "spool", {})


@pytest.fixture
def ingest(tmp_path: Path) -> Iterator[Ingest]:
    one = Ingest(tmp_path / "ingest")
    yield one
    one.close()


@pytest.fixture
def pod(tmp_path: Path, ingest: Ingest) -> Pod:
    return Pod(tmp_path / "pod", ingest)
