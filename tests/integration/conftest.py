"""One control plane for all integration tests, one namespace for each of them."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from run_operator import Cluster
from tests.support.gateway_process import LINES, GatewayProcess
from tests.support.harness import REPOSITORY, OperatorProcess, Person, cluster_down, cluster_name, cluster_up
from tests.support.proxy import Proxy
from tests.support.s3_process import S3Process
from tests.support.terminal import Terminal

NAME = cluster_name("integration")
USER_ROLES = REPOSITORY / "manifests" / "base" / "user-roles.yaml"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        item.add_marker(pytest.mark.cluster)


@pytest.fixture(scope="session")
def kubeconfig() -> Iterator[Path]:
    path = cluster_up(NAME, "control-plane")
    Person(path).install_crds()
    yield path
    cluster_down(NAME)


@pytest.fixture(scope="session")
def shared(kubeconfig: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OperatorProcess]:
    """The operator of all tests that do not harm it."""
    one = OperatorProcess(kubeconfig, tmp_path_factory.mktemp("operator") / "log", sweep_interval="30")
    yield one
    one.kill()


@pytest.fixture(scope="module")
def gateway(kubeconfig: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    """A gateway for the tests of one file, with the roles that people get."""
    Person(kubeconfig).kubectl("apply", "-f", str(USER_ROLES))
    one = GatewayProcess(kubeconfig, tmp_path_factory.mktemp("gateway"))
    one.start()
    yield one
    assert one.stop() == 0
    assert "Traceback" not in one.log.read_text()


@pytest.fixture
def operator(shared: OperatorProcess) -> OperatorProcess:
    """It runs, and serves all namespaces."""
    if not shared.running:
        shared.start()
    return shared


@pytest.fixture
def alone(shared: OperatorProcess) -> None:
    """It does not run: the test brings an operator of its own, and nobody else must do that one's work."""
    shared.kill()


@pytest.fixture
def person(kubeconfig: Path) -> Iterator[Person]:
    name = f"t-{uuid.uuid4().hex[:10]}"
    one = Person(kubeconfig, name)
    one.kubectl("create", "namespace", name)
    yield one
    # Runs first: one that loses its Job to the namespace's end is written to, and the next test counts writes.
    one.kubectl("delete", "runs", "--all", "--wait=false")
    one.kubectl("delete", "namespace", name, "--wait=false")


@pytest.fixture(params=sorted(LINES))
def line(request: pytest.FixtureRequest) -> str:
    """A line of the SDK: what a person does with one goes with the other."""
    return str(request.param)


@pytest.fixture
def cluster(kubeconfig: Path, person: Person) -> Iterator[Cluster]:
    """The person's namespace, for the `Run` object."""
    one = Cluster.connect(kubeconfig=str(kubeconfig), namespace=person.namespace)
    yield one
    one.close()


@pytest.fixture
def proxy(kubeconfig: Path, tmp_path: Path) -> Iterator[Proxy]:
    """The API server, with somebody in between who can break things."""
    one = Proxy(kubeconfig, tmp_path)
    one.start()
    yield one
    one.stop()


@pytest.fixture
def through(proxy: Proxy, person: Person) -> Iterator[Cluster]:
    """As `cluster`, through the proxy."""
    one = Cluster.connect(kubeconfig=str(proxy.kubeconfig), namespace=person.namespace)
    yield one
    one.close()


@pytest.fixture
def runctl(person: Person) -> Terminal:
    """runctl in the person's namespace."""
    return Terminal(person)


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Process]:
    one = S3Process(tmp_path_factory.mktemp("s3"))
    one.start()
    yield one
    one.stop()


@pytest.fixture
def stranger(kubeconfig: Path) -> Iterator[Person]:
    """Somebody who may do everything in a namespace of their own; its name comes first in every order."""
    one = Person(kubeconfig, f"a-{uuid.uuid4().hex[:10]}")
    one.kubectl("create", "namespace", one.namespace)
    yield one
    one.kubectl("delete", "namespace", one.namespace, "--wait=false")
