"""Streams of one tenant beside those who want something too: the gateway's connections, places and memory."""

from __future__ import annotations

import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from run_operator import Cluster
from run_operator.kube.resource import RUNS
from tests.support.gateway_process import GatewayProcess, account, own_gateway
from tests.support.harness import Person, run_object
from tests.support.web_viewer import Viewer

STREAMS = 32
"""As many as one viewer may have."""
LARGE = 100_000
MOST = 400 * 1024 * 1024
SOON = 5.0


@pytest.fixture
def gateway(kubeconfig: Path, tmp_path: Path) -> Iterator[GatewayProcess]:
    with own_gateway(kubeconfig, tmp_path) as one:
        yield one


@pytest.mark.timeout(120)
def test_the_streams_of_one_tenant_keep_nobody_else_waiting(gateway, kubeconfig, person):
    cluster = Cluster.connect(kubeconfig=str(kubeconfig), namespace=person.namespace)
    for number in range(STREAMS):
        large = {"args": 5 * ["x" * LARGE]}
        cluster.create(RUNS, run_object(f"large-{number}", "sleep", suspend=True, spec=large))
    cluster.close()
    ann = Viewer(f"{gateway.endpoint}/ui/", account(person, "ann", "view"))
    other = Person(kubeconfig, f"{person.namespace}-other")
    other.kubectl("create", "namespace", other.namespace)
    token = account(other, "bob", "view")
    bob = Viewer(f"{gateway.endpoint}/ui/", token)
    with ExitStack() as streams:
        for number in range(STREAMS):
            place = f"api/namespaces/{person.namespace}/runs/large-{number}/stream"
            streams.enter_context(ann.open(place)).wait("detail")
        began = time.monotonic()
        assert bob.get(f"api/runs?namespace={other.namespace}")["items"] == []
        streams.enter_context(bob.open(f"api/runs/stream?namespace={other.namespace}")).wait("synced")
        request = urllib.request.Request(  # noqa: S310 - of this test
            f"{gateway.endpoint}/api/v1/-/{other.namespace}/functions",
            headers={"Authorization": f"Bearer {token}"},
        )
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
            assert answer.status == 200
        assert time.monotonic() - began < SOON
    assert gateway.most_memory() < MOST
    other.kubectl("delete", "namespace", other.namespace, "--wait=false")
