"""The memory of gateway and operator, whatever people keep in the cluster: each container has 512 MiB."""

from __future__ import annotations

import json
import os
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from run_operator import Cluster
from run_operator.kube.resource import FUNCTIONS
from tests.support.gateway_process import GatewayProcess, account, most_memory, own_gateway
from tests.support.harness import OperatorProcess

MANY = int(os.environ.get("LARGE_FUNCTIONS", "60"))
"""Functions; `make test-memory` has 500 of them."""
LARGE = 1_000_000
MOST = 400 * 1024 * 1024
OPERATORS_MOST = 250 * 1024 * 1024


@pytest.fixture
def gateway(kubeconfig: Path, tmp_path: Path) -> Iterator[GatewayProcess]:
    with own_gateway(kubeconfig, tmp_path) as one:
        yield one


def ask(url: str, token: str) -> Any:
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {token}"})  # noqa: S310 - of this test
    with urllib.request.urlopen(request, timeout=60 + MANY) as answer:  # noqa: S310
        return json.loads(answer.read())


@pytest.mark.timeout(300 + 2 * MANY)
def test_large_objects_stay_within_the_memory_of_the_containers(alone, gateway, kubeconfig, person, tmp_path):
    cluster = Cluster.connect(kubeconfig=str(kubeconfig), namespace=person.namespace)
    for number in range(MANY):
        document = {
            "kind": "container",
            "project": person.namespace,
            "id": f"f{number}",
            "name": f"f{number}",
        }
        body = {
            "apiVersion": "run-operator.io/v1alpha1",
            "kind": "Function",
            "metadata": {"name": f"f{number}"},
        }
        cluster.create(FUNCTIONS, body | {"spec": document | {"spec": {"command": "x" * LARGE}}})
    cluster.close()
    tokens = [account(person, name, "view") for name in ("ann", "bob")]
    path = f"{gateway.endpoint}/api/v1/-/{person.namespace}/functions"
    asked = [(path + query, token) for query in ("?size=1", "?page=0") for token in 2 * tokens]
    with ThreadPoolExecutor(len(asked)) as pool:
        pages = list(pool.map(lambda one: ask(*one), asked))
    assert [page["totalElements"] for page in pages] == 8 * [MANY]
    assert [page["numberOfElements"] for page in pages[:4]] == 4 * [1]
    whole = [ask(f"{path}?page={number}", tokens[0]) for number in range(pages[-1]["totalPages"])]
    assert len(whole) > 1, "an answer holds so many as it may"
    assert len({one["id"] for page in whole for one in page["content"]}) == MANY
    assert gateway.most_memory() < MOST
    operator = OperatorProcess(kubeconfig, tmp_path / "log")
    operator.start()  # which lists them all; its container has 512 MiB too
    assert most_memory(operator.pid) < OPERATORS_MOST
    operator.kill()
