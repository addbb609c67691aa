"""Several Runs that are read for a comparison: who is gone leaves the others, and an API server that fails does not."""

from __future__ import annotations

import asyncio
from typing import cast

import pytest

from run_operator.gateway.api_client import ApiClient
from run_operator.kube.errors import ForbiddenError, NotFoundError, TransientError
from run_operator.web.api_requests import ApiRequests
from run_operator.web.errors import RefusedError
from run_operator.web.limits import WebLimits

ANSWERS = {
    "there": {"metadata": {"name": "there"}},
    "gone": NotFoundError("get run gone", 404, "not found"),
    "hidden": ForbiddenError("get run hidden", 403, "not for you"),
    "late": TransientError("get run late", 0, "no answer"),
}


class Caller:
    async def get(self, kind, namespace, name):
        found = ANSWERS[name]
        if isinstance(found, Exception):
            raise found
        return found


def read(*names):
    requests = ApiRequests(WebLimits(), "test")
    caller = cast("ApiClient", Caller())
    return asyncio.run(
        requests.runs(caller, [("ml", name) for name in names], lambda raw: raw["metadata"]["name"])
    )


def test_runs_that_are_gone_or_not_for_the_caller_are_named():
    found, lost = read("gone", "there", "hidden")
    assert found == ["there"]
    assert list(lost) == ["ml/gone", "ml/hidden"]
    assert "get runs" in lost["ml/hidden"]


def test_where_none_is_left_the_first_reason_is_the_answer():
    with pytest.raises(RefusedError) as refused:
        read("gone", "hidden")
    assert refused.value.status == 404


def test_an_api_server_that_does_not_answer_is_no_reason_to_leave_a_run_out():
    with pytest.raises(RefusedError) as refused:
        read("there", "late")
    assert refused.value.status == 503
