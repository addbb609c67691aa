"""A person of the provider that a real API server trusts, at a real gateway: the page shows what this person's RBAC allows."""

from __future__ import annotations

import pytest
import yaml

from cluster.authentication import trust
from cluster.current import chosen
from cluster.paths import Home
from tests.support.gateway_process import GatewayProcess
from tests.support.harness import REPOSITORY, Person, cluster_up, free_port
from tests.support.oidc_provider import CLIENT, NAME, issuer_at, oidc_provider, sign_in


@pytest.fixture(scope="module")
def admin(control_plane):
    """An API server with two namespaces, each with a Run; the provider's person may look into one of them."""
    one = Person(cluster_up(control_plane, "control-plane"), "hers")
    files = [REPOSITORY / "crds" / "runs.yaml", REPOSITORY / "manifests" / "base" / "user-roles.yaml", "-"]
    spaces = [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}} for name in ("hers", "theirs")
    ]
    one.kubectl("apply", *(f"-f={file}" for file in files), stdin=yaml.safe_dump_all(spaces))
    one.kubectl("create", "rolebinding", "look", "--clusterrole=view", f"--user={NAME}")
    one.established("crd/runs.run-operator.io")
    one.apply_run("visible", suspend=True)
    Person(one.kubeconfig, "theirs").apply_run("secret", suspend=True)
    return one


@pytest.fixture
def gateway(admin, control_plane, certified, tmp_path):
    """It offers a provider, which runs, and which the API server trusts."""
    port = free_port()
    issuer = issuer_at(port, certified)
    settings = {"ISSUER": issuer, "CLIENT_ID": CLIENT, "CA": str(certified / "ca.crt")}
    one = GatewayProcess(
        admin.kubeconfig, tmp_path, **{f"UI_OIDC_{key}": value for key, value in settings.items()}
    )
    with oidc_provider(port, f"{one.endpoint}/ui/", certified):
        trust(Home(control_plane), issuer, CLIENT, certified / "ca.crt", "sub")
        one.start()
        yield one
        assert one.stop() == 0


@pytest.mark.cluster
@pytest.mark.skipif(chosen(), reason="CLUSTER=current: whom its API server trusts is not changed here")
def test_a_person_of_the_trusted_provider_sees_what_rbac_allows(browser, gateway):
    browser.open(f"{gateway.endpoint}/ui/#/runs?ns=hers")
    sign_in(browser)
    browser.wait_for("visible", ".table")
    browser.wait_for(NAME, ".top")
    browser.click("visible", ".c-title a")
    browser.wait_for("you may not patch runs.run-operator.io in hers", ".buttons")
    browser.run("location.hash = '#/runs?ns=theirs'")
    browser.wait_for("you lack the right to list", "[role=alert]")
    assert "secret" not in browser.text()
