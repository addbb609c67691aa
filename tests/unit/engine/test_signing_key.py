"""One key for all replicas and restarts, beside what else is in the operator's Secret."""

from __future__ import annotations

import base64
from typing import Any

from run_operator.engine.signing_key import ENTRY, signing_key
from run_operator.kube.errors import ForbiddenError
from run_operator.kube.resource import SECRETS
from tests.support.ingest_world import FakeApi

HERE = ("run-operator", "run-operator-ingest-ca")


async def key(api: Any) -> bytes:
    return await signing_key(api, *HERE)


async def test_it_is_made_once_and_stays():
    api = FakeApi()
    assert await key(api) == await key(api)
    assert len(await key(api)) == 32


async def test_it_is_added_to_the_secret_that_is_there():
    api = FakeApi()
    api.put(SECRETS, {"metadata": {"name": HERE[1], "namespace": HERE[0]}, "data": {"ca-0.crt": "eA=="}})
    made = await key(api)
    there = api.objects[SECRETS.plural, *HERE]["data"]
    assert there == {"ca-0.crt": "eA==", ENTRY: base64.b64encode(made).decode()}


async def test_one_that_cannot_be_read_is_replaced():
    api = FakeApi()
    api.put(SECRETS, {"metadata": {"name": HERE[1], "namespace": HERE[0]}, "data": {ENTRY: "eA=="}})
    assert await key(api) == await key(api)


async def test_without_the_right_to_the_secret_it_lives_as_long_as_the_process():
    class Refusing(FakeApi):
        async def get(self, *_: Any) -> dict[str, Any]:
            raise ForbiddenError("get", 403, "no")

    assert await key(Refusing()) != await key(Refusing())
