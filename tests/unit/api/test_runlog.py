"""What is kept of a log comes back as it was, and what is no log is an error in words."""

from __future__ import annotations

import base64
import dataclasses
import gzip

import pytest
from hypothesis import given
from hypothesis import strategies as st

from run_operator.api import runlog
from run_operator.api.runlog import RunLog
from tests.unit.crds.test_crds import schema, undeclared

FULL = RunLog(
    run="x", attempt=2, pod="x-abcde", pod_uid="u", container="main", data=b"", truncated=True, lines=3, bytes=9,
    init=True, node="n", restarts=4, start_time="2026-01-01T00:00:00Z", end_time="2026-01-01T00:00:01Z", exit_code=143,
)  # fmt: skip

FEW = 1000
"""Bytes that a log may unpack to, in a test that has one of more."""


def stored(log: RunLog) -> dict:
    return runlog.body(log, runlog.packed(log.data), {"a": "b"}, [{"kind": "Run"}])


@given(st.binary(max_size=2000))
def test_what_is_stored_comes_back(data):
    log = dataclasses.replace(FULL, data=data)
    assert runlog.from_object(stored(log)) == log


def test_kubectl_base64_and_gunzip_read_it():
    raw = stored(dataclasses.replace(FULL, data=b"hello\n"))
    assert gzip.decompress(base64.b64decode(raw["data"])) == b"hello\n"
    assert raw["metadata"]["annotations"] == {"run-operator.io/log-size": str(len(runlog.packed(b"hello\n")))}


def test_everything_that_is_stored_is_declared_and_the_other_way_round():
    raw, declared = stored(FULL), schema("runlogs")
    body = {key: value for key, value in raw.items() if key != "metadata"}
    assert list(undeclared(body, declared)) == []
    assert {*body, "metadata"} == set(declared["properties"])
    assert declared["properties"]["data"]["maxLength"] == len(base64.b64encode(bytes(runlog.MAX_STORED)))


def test_what_is_not_known_is_left_out():
    log = RunLog(run="x", attempt=1, pod="p", pod_uid="u", container="main", data=b"")
    assert not {"exitCode", "endTime", "startTime", "node", "init"} & set(stored(log))
    assert runlog.from_object(stored(log)) == log


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ("%%%", "damaged"),
        (base64.b64encode(b"no gzip").decode(), "damaged"),
        (base64.b64encode(gzip.compress(b"hello", mtime=0)[:-6]).decode(), "cut short"),
        (base64.b64encode(gzip.compress(bytes(FEW + 1), mtime=0)).decode(), "more than"),
    ],
)
def test_what_is_no_log_is_an_error(monkeypatch, data, said):
    monkeypatch.setattr(runlog, "MAX_UNPACKED", FEW)
    raw = stored(FULL) | {"data": data}
    raw["metadata"]["name"] = "x-abcde.main"
    with pytest.raises(ValueError, match=rf"RunLog x-abcde\.main .*{said}"):
        runlog.from_object(raw)
