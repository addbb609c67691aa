"""Accounts with few rights in one namespace, for the tests of the ValidatingAdmissionPolicies."""

from __future__ import annotations

import copy
import json
from typing import Any

from run_operator.api.run import Run
from run_operator.workloads.builder import build
from run_operator.workloads.types import Options
from tests.support.builders import owned_by
from tests.support.harness import Person, run_object

OPERATOR = "system:serviceaccount:run-operator:run-operator"
RUNS = {"apiGroups": ["run-operator.io"], "resources": ["runs", "functions", "tasks"], "verbs": ["*"]}
RULES: dict[str, list[dict[str, Any]]] = {
    "runner": [RUNS],
    "starter": [RUNS | {"resources": ["runs"]}],
    "named": [
        RUNS,
        {"apiGroups": [""], "resources": ["secrets"], "resourceNames": ["db"], "verbs": ["get"]},
        {
            "apiGroups": [""],
            "resources": ["persistentvolumeclaims"],
            "resourceNames": ["data"],
            "verbs": ["use"],
        },
    ],
    "logger": [
        {
            "apiGroups": ["run-operator.io"],
            "resources": ["runs", "runs/status"],
            "verbs": ["get", "patch", "update"],
        }
    ],
    "operator": [  # beside its own: kubectl reads what it patches
        {"apiGroups": ["run-operator.io"], "resources": ["runs/status"], "verbs": ["get"]},
        {"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "delete"]},
    ],
    "writer": [
        {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["*"]},
        {"apiGroups": ["run-operator.io"], "resources": ["runtimes"], "verbs": ["*"]},
    ],
    "maker": [
        {"apiGroups": ["batch"], "resources": ["jobs"], "verbs": ["create"]},
        {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["*"]},
        {"apiGroups": ["run-operator.io"], "resources": ["runtimes"], "verbs": ["*"]},
    ],
    "modeller": [RUNS, {"apiGroups": ["kubeai.org"], "resources": ["models"], "verbs": ["create"]}],
    "podmaker": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "create", "patch"]}],
}


def of_pipeline(run: dict[str, Any], namespace: str) -> dict[str, Any]:
    """The Run as a step of the pipeline `p`."""
    owner = {"apiVersion": "run-operator.io/v1alpha1"} | owned_by("Run", "0b4d3c1e", "p")[0]
    return run | {"metadata": run["metadata"] | {"namespace": namespace, "ownerReferences": [owner]}}


class Cast:
    """Accounts with few rights in one namespace, and the operator's."""

    def __init__(self, admin: Person) -> None:
        self.admin = admin
        self.namespace = admin.namespace
        account = {"apiVersion": "v1", "kind": "ServiceAccount"}
        rbac = "rbac.authorization.k8s.io"
        for name in (*RULES, "editor"):
            subject = {"kind": "ServiceAccount", "name": name, "namespace": admin.namespace}
            if name == "operator":
                subject |= {"name": "run-operator", "namespace": "run-operator"}
            role = {"apiGroup": rbac, "kind": "Role", "name": name}
            if name == "editor":
                role |= {"kind": "ClusterRole", "name": "edit"}
            else:
                admin.apply(
                    {
                        "apiVersion": f"{rbac}/v1",
                        "kind": "Role",
                        "metadata": {"name": name},
                        "rules": RULES[name],
                    }
                )
            binding = {"apiVersion": f"{rbac}/v1", "kind": "RoleBinding", "metadata": {"name": name}}
            admin.apply(
                [account | {"metadata": {"name": name}}, binding | {"roleRef": role, "subjects": [subject]}]
            )

    def account(self, name: str) -> str:
        return OPERATOR if name == "operator" else f"system:serviceaccount:{self.namespace}:{name}"

    def refusal(self, name: str, document: dict[str, Any], *verb: str) -> str:
        """What the API server says; empty where it would take it."""
        command = verb or ("create",)
        done = self.admin.kubectl(
            *command,
            "-f",
            "-",
            "--dry-run=server",
            f"--as={self.account(name)}",
            stdin=json.dumps(document),
            check=False,
        )
        return done.stderr if done.returncode else ""


def job(person: Person, **top: Any) -> dict[str, Any]:
    """As the operator makes it."""
    raw = run_object("owner", **top)
    raw["metadata"] |= {"namespace": person.namespace, "uid": "0b4d3c1e-7a55-4f8e-9d55-3f5a3f0e5a11"}
    return copy.deepcopy(
        build(Run.from_object(raw), 1, Options(ingest_url="https://x:1", pod_api_url="https://x:1")).child
    )
