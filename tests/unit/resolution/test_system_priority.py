"""System priorities: the document's author was checked, an administrator may give one, and a namespace gives none to its Runs."""

from __future__ import annotations

from typing import Any

import pytest

from run_operator.api.references import Catalog
from run_operator.resolution.resolve import Resolution, resolve
from run_operator.workloads.fields import UnresolvedError
from run_operator.workloads.types import Options
from tests.support.builders import profiles, run
from tests.support.runtimes import catalog, runtime

SYSTEM = "system-node-critical"


def with_profile(text: str, namespace: str, **spec: Any) -> Resolution:
    made, source = Catalog(), profiles({"gpu": text}, namespace=namespace)
    made.put(source)
    document = {"task": "container+job://demo/t", "image": "x", "profile": "gpu"} | spec
    return resolve(run(document), made.loaded(source), Options(profiles_namespace="admins"))


def with_runtime(namespace: str, **spec: Any) -> Resolution:
    expression = "${'system-' + 'node-critical'}"
    made = runtime(namespace=namespace)
    made["spec"]["document"]["spec"]["priority_class"] = expression
    return resolve(run({"text": "hi"} | spec, kind="echo+serve:run"), catalog(made), Options())


@pytest.mark.parametrize("text", [f"priority_class: {SYSTEM}", 'priority_class: "\\x73ystem-node-critical"'])
def test_a_profile_of_the_namespace_gives_none(text):
    found = with_profile(text, "ml")
    assert isinstance(found.error, UnresolvedError)
    assert (found.error.reason, found.run.spec.get("priority_class")) == ("InvalidProfile", None)
    assert "the profile gpu (ConfigMap ml/profiles, key gpu) of this namespace gives its Runs" in str(
        found.error
    )


def test_one_of_an_administrator_does():
    assert with_profile(f"priority_class: {SYSTEM}", "admins").run.spec["priority_class"] == SYSTEM


def test_the_document_may_name_one_beside_a_profile_that_names_another():
    found = with_profile("priority_class: high", "ml", priority_class=SYSTEM)
    assert (found.error, found.run.spec["priority_class"]) == (None, "high")
    assert with_profile("replicas: 1", "ml", priority_class=SYSTEM).error is None


def test_a_runtime_of_the_namespace_gives_none_and_one_of_the_cluster_does():
    found = with_runtime("ml")
    assert isinstance(found.error, UnresolvedError)
    assert "Runtime echo of this namespace gives its Runs the PriorityClass system-node-critical" in str(
        found.error
    )
    assert found.error.reason == "InvalidRuntime"
    assert with_runtime("").run.spec["priority_class"] == SYSTEM
    assert with_runtime("ml", priority_class=SYSTEM).error is None, "its author was checked"
