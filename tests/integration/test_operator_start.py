"""The operator starts while the cluster changes, and while the API server does not answer well."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle
from pathlib import Path

import pytest
from aiohttp import web

from tests.support.harness import OperatorProcess, Person
from tests.support.proxy import Proxy


@pytest.fixture
def starting(alone: None, proxy: Proxy, person: Person, tmp_path: Path) -> Iterator[OperatorProcess]:
    """An operator behind the proxy that was not started yet."""
    one = OperatorProcess(proxy.kubeconfig, tmp_path / "log", namespaces=person.namespace)
    yield one
    one.kill()


def test_a_run_that_is_deleted_while_the_operator_starts_holds_nothing_up(starting, proxy, person):
    """It is listed to know what there is, and it is gone before the stream lists it: so it never comes."""
    person.apply_run("gone", suspend=True)
    compared, deleted = threading.Event(), threading.Event()

    def answer(_: str, path: str) -> web.Response | None:
        if "/configmaps?" in path and "limit=500" in path:  # the last kind that is compared
            compared.set()
        of_the_stream = "/runs?" in path and "limit=20" in path
        return web.Response(status=503) if of_the_stream and not deleted.is_set() else None

    proxy.answer = answer
    with ThreadPoolExecutor(1) as pool:
        ready = pool.submit(starting.start)
        assert compared.wait(60)
        person.kubectl("delete", "run", "gone")
        deleted.set()
        ready.result()
    person.apply_run("next")
    person.becomes("next", "RUNNING")


def test_an_api_server_that_is_not_well_is_waited_for(starting, proxy, person):
    """The first try of every request fails, with each status in its turn."""
    tried: set[str] = set()
    statuses = cycle((429, 500, 503))

    def answer(method: str, path: str) -> web.Response | None:
        request = f"{method} {path.partition('?')[0]}"
        if request in tried:
            return None
        tried.add(request)
        return web.Response(status=next(statuses), headers={"Retry-After": "1"})

    proxy.answer = answer
    starting.start()
    person.apply_run("x")
    person.becomes("x", "RUNNING")
    assert len(tried) > 10
