"""The chart: the same objects as kustomize makes, values that are checked, and a release from install to uninstall."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from typing import Any

import pytest
import yaml

from charts import generate
from cluster.build import build
from tests.support.harness import REPOSITORY, Person, run_object

CHART = str(generate.CHART)
CLUSTER_SCOPED = (
    "ClusterRole", "ClusterRoleBinding", "CustomResourceDefinition", "FlowSchema",
    "ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding",
)  # fmt: skip
Helm = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="package")
def helm(kubeconfig) -> Helm:
    """The real one, in the operator's namespace."""
    program = build("helm") / "helm"

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [program, "-n", "run-operator", *arguments],
            env=os.environ | {"KUBECONFIG": str(kubeconfig)},
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    return run


def by_name(text: str) -> dict[tuple[str, str, str], dict[str, Any]]:
    found = {}
    for one in yaml.safe_load_all(text):
        if one is None or one["kind"] in ("Namespace", "CustomResourceDefinition"):
            continue
        metadata = one["metadata"]
        if one["kind"] in CLUSTER_SCOPED:
            metadata.pop("namespace", None)  # kustomize does not know all of them
        found[one["kind"], metadata.get("namespace", ""), metadata["name"]] = one
    return found


def template(helm: Helm, *values: str) -> str:
    done = helm(
        "template",
        "run-operator",
        CHART,
        "--kube-version=1.35.0",
        "--set=image.tag=dev",
        *(f"--set={one}" for one in values),
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_chart_is_what_the_manifests_make_of_it():
    for name, text in generate.files().items():
        assert (generate.CHART / name).read_text() == text, f"{name}: make chart"


@pytest.mark.parametrize(
    ("lines", "values"),
    [
        ("resources: [../../base]", ()),
        ("resources: [../../base]\ncomponents: [../../components/gateway]", ("gateway.enabled=true",)),
        ("resources: [../../base]\ncomponents: [../../components/no-policies]", ("policies.enabled=false",)),
        (
            "resources: [../../base]\ncomponents: [../../components/monitoring]",
            ("monitoring.enabled=true",),
        ),
        (
            "resources: [../../base]\ncomponents: [../../components/multikueue]",
            ("multikueue.enabled=true",),
        ),
        ("resources: [../namespaced]", ("namespaces={team-a,team-b}",)),
    ],
)
def test_helm_and_kustomize_make_the_same_objects(helm, person, overlay, lines, values):
    (overlay / "kustomization.yaml").write_text(lines)
    wanted = by_name(person.kubectl("kustomize", str(overlay)).stdout)
    found = by_name(template(helm, *values))
    assert set(found) == set(wanted)
    for name, one in wanted.items():
        assert found[name] == one, name


def test_the_crds_are_in_it_and_kept(helm):
    text = template(helm)
    crds = [one for one in yaml.safe_load_all(text) if one and one["kind"] == "CustomResourceDefinition"]
    files = yaml.safe_load((REPOSITORY / "crds" / "kustomization.yaml").read_text())["resources"]
    assert crds == [yaml.safe_load((REPOSITORY / "crds" / file).read_text()) for file in files]
    assert all(one["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep" for one in crds)
    assert "CustomResourceDefinition" not in template(helm, "crds.install=false")


def test_an_image_by_digest_and_settings_reach_the_deployment(helm):
    digest = "sha256:" + "0" * 64
    text = template(
        helm,
        "image.repository=r.example/a",
        f"image.digest={digest}",
        "env.RUN_OPERATOR_WORKERS=8",
        "gateway.enabled=true",
    )
    deployments = [one for one in by_name(text).values() if one["kind"] == "Deployment"]
    containers = [one["spec"]["template"]["spec"]["containers"][0] for one in deployments]
    assert [one["image"] for one in containers] == [f"r.example/a@{digest}"] * 2
    assert {"name": "RUN_OPERATOR_WORKERS", "value": "8"} in [e for one in containers for e in one["env"]]


@pytest.mark.parametrize(
    "value",
    [
        "gatway.enabled=true",
        "gateway.enabled=7",
        "image.digest=latest",
        "env.WORKERS=8",
        "namespaces={Team_A}",
        "image.pullPolicy=always",
    ],
)
def test_a_value_that_is_not_known_is_refused(helm, value):
    assert (
        "don't meet the specifications of the schema"
        in helm("template", "x", CHART, "--kube-version=1.35.0", "--set", value).stderr
    )


def test_it_is_well_made(helm):
    done = helm("lint", "--strict", CHART)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_release_is_installed_upgraded_rolled_back_and_uninstalled_and_runs_stay(
    helm, installed: Person, person
):
    installed.kubectl("delete", "-k", str(REPOSITORY / "manifests" / "base"), "--ignore-not-found")
    installed.kubectl("create", "namespace", "run-operator")
    try:
        done = helm("install", "run-operator", CHART, "--take-ownership")
        assert done.returncode == 0, done.stderr
        person.apply(run_object("mine", suspend=True))
        for verb in (
            ("upgrade", "run-operator", CHART, "--set", "env.RUN_OPERATOR_WORKERS=8"),
            ("rollback", "run-operator", "1"),
        ):
            done = helm(*verb)
            assert done.returncode == 0, done.stderr
            env = installed.get("deployment", "run-operator")["spec"]["template"]["spec"]["containers"][0][
                "env"
            ]
            assert ("RUN_OPERATOR_WORKERS" in {one["name"] for one in env}) == (verb[0] == "upgrade")
        done = helm("uninstall", "run-operator")
        assert done.returncode == 0, done.stderr
        assert installed.get("deployment", "run-operator") is None
        assert person.get("run", "mine")
    finally:
        helm("uninstall", "run-operator", "--ignore-not-found")
        installed.install_crds()
        installed.kubectl("apply", "-k", str(REPOSITORY / "manifests" / "base"))
