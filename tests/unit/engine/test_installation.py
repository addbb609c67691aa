"""What of the installation is missing is shown, once, and that it is back too."""

from __future__ import annotations

from typing import Any

import pytest

from run_operator.engine.installation import Installation
from run_operator.kube.errors import ForbiddenError, KubeError, NotFoundError, UnauthorizedError


class Cluster:
    """An API server without some parts."""

    def __init__(self) -> None:
        self.missing: set[str] = set()
        self.down = False
        self.starts = False
        self.forbidden: set[str] = set()
        self.token = True
        self.events: list[str] = []

    async def serves(self, resource) -> bool:
        if self.down:
            raise KubeError("get", 500, "no")
        return resource.plural not in self.missing

    async def pages(self, resource, **_):
        if not self.token:
            raise UnauthorizedError("list", 401, "no")
        if resource.plural in self.forbidden:
            raise ForbiddenError("list", 403, "no")
        yield {}

    async def ready(self) -> bool:
        return not self.starts

    async def get_metadata(self, resource, namespace, name):
        if name in self.forbidden:
            raise ForbiddenError("get", 403, "no")
        if name in self.missing:
            raise NotFoundError("get", 404, "no")
        return {}

    async def create(self, resource, namespace, body):
        self.events.append(f"{body['type']} {body['reason']} {body['message']}")


@pytest.fixture
def cluster() -> Cluster:
    return Cluster()


@pytest.fixture
def parts(cluster: Cluster) -> Installation:
    api: Any = cluster
    return Installation(api, "run-operator", "run-operator-ingest-ca", logs=True)


@pytest.mark.parametrize(
    "name",
    [
        "functions",
        "tasks",
        "runtimes",
        "clusterruntimes",
        "metricbatches",
        "runlogs",
        "run-operator-ingest-ca",
    ],
)
async def test_a_missing_part_is_shown_with_what_brings_it_back(cluster, parts, name):
    cluster.missing = {name}
    await parts.look()
    await parts.look()
    (line,) = parts.lines()
    assert name in line
    assert "apply" in line
    assert cluster.events == [f"Warning PartMissing {line}"]
    cluster.missing = set()
    await parts.look()
    assert parts.lines() == []
    assert cluster.events[1].startswith("Normal PartFound")


async def test_without_runs_there_is_nothing_to_do(cluster, parts):
    cluster.missing = {"runs"}
    await parts.look()
    assert parts.lines() == []
    assert "runs.run-operator.io" in parts.problems()[0]


async def test_an_api_server_that_does_not_answer_says_nothing_about_its_objects(cluster, parts):
    cluster.missing = {"tasks"}
    await parts.look()
    cluster.down = True
    await parts.look()
    assert len(parts.lines()) == 1
    assert len(cluster.events) == 1


async def test_an_account_whose_token_is_refused_and_rights_that_are_gone_leave_nothing_to_do(cluster, parts):
    cluster.token = False
    await parts.look()
    assert "refuses its token" in parts.problems()[0]
    cluster.token, cluster.forbidden = True, {"runs"}
    await parts.look()
    assert "apply manifests/base again" in parts.problems()[0]
    cluster.starts = True
    await parts.look()
    assert parts.problems() == [], "an API server that starts denies everything"


async def test_a_right_that_only_metrics_need_is_shown_and_stops_nothing(cluster, parts):
    cluster.forbidden = {"run-operator-ingest-ca"}
    await parts.look()
    assert parts.problems() == []
    assert "right to read Secret" in parts.lines()[0]
