"""What of the installation is missing is shown, once, and that it is back too."""

from __future__ import annotations

import pytest

from run_operator.engine.installation import Installation
from run_operator.kube.errors import KubeError, NotFoundError


class Cluster:
    """An API server without some parts."""

    def __init__(self) -> None:
        self.missing: set[str] = set()
        self.down = False
        self.events: list[str] = []

    async def serves(self, resource) -> bool:
        if self.down:
            raise KubeError("get", 500, "no")
        return resource.plural not in self.missing

    async def get_metadata(self, resource, namespace, name):
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
    return Installation(cluster, "run-operator", "run-operator-ingest-ca", logs=True)


@pytest.mark.parametrize("name", ["functions", "tasks", "runlogs", "run-operator-ingest-ca"])
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
