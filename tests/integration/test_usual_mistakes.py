"""Every document in tests/data/first_documents on a real API server: its author hears of each mistake before a pod starts."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.first_documents import FirstDocument, Poster, documents, poster
from tests.support.harness import REPOSITORY, OperatorProcess, Person, WaitedInVainError, condition, wait_for
from tests.support.terminal import Terminal

MISTAKES, CORRECT = documents("mistakes"), documents("correct")
POLICY = REPOSITORY / "manifests" / "components" / "policies" / "fields.yaml"
ODD = {
    "apiVersion": "run-operator.io/v1alpha1", "kind": "Run", "metadata": {"generateName": "odd-"},
    "spec": {"kind": "container+job:run", "suspend": True, "spec": {"image": "x", "env": 1}},
}  # fmt: skip
"""A Run by which one sees that the policy is in force."""


@dataclass(frozen=True)
class Heard:
    """What the author of a document hears."""

    refused: bool
    at_once: str
    """From the API server, when it is applied."""
    status: dict[str, Any]
    """What the operator makes of it; empty where it was refused."""

    @property
    def before_a_pod(self) -> str:
        """All of it that is said before anything runs."""
        later = "" if self.status.get("attempt") else str(self.status.get("message", ""))
        return f"{self.at_once}\n{later}"


@pytest.fixture(scope="module")
def heard(kubeconfig: Path, shared: OperatorProcess) -> Iterator[dict[str, Heard]]:
    """What all authors heard, whose documents are applied together."""
    if not shared.running:
        shared.start()
    one = Person(kubeconfig, f"t-{uuid.uuid4().hex[:10]}")
    one.kubectl("create", "namespace", one.namespace)
    one.kubectl("apply", "-f", str(POLICY))
    try:
        yield _all_heard(kubeconfig, one)
    finally:
        one.kubectl("delete", "runs", "--all", "--wait=false")
        one.kubectl("delete", "namespace", one.namespace, "--wait=false")


def _all_heard(kubeconfig: Path, person: Person) -> dict[str, Heard]:
    with poster(kubeconfig, person.namespace) as server:
        wait_for("the policy", lambda: server.post(ODD).warnings)
        answers = {each.name: _said(each, person, server) for each in (*MISTAKES, *CORRECT)}
    waiting = {name for name, (refused, _) in answers.items() if not refused}
    runs: dict[str, Any] = {}

    def looked_at() -> bool:
        runs.update({run["metadata"]["name"]: run.get("status", {}) for run in person.items("runs")})
        for name in list(waiting):
            status = runs.get(name, {})
            if status.get("reason") or status.get("state") not in (None, "CREATED", "PENDING"):
                waiting.discard(name)
        return not waiting

    try:
        wait_for("a look at each Run", looked_at, every=0.5)
    except WaitedInVainError as error:
        raise AssertionError(f"{error}: { ({name: runs.get(name) for name in waiting}) }") from error
    return {name: Heard(refused, said, runs.get(name, {})) for name, (refused, said) in answers.items()}


def _said(document: FirstDocument, person: Person, server: Poster) -> tuple[bool, str]:
    """Whether it was refused, and what was said."""
    if document.by:
        done = (
            person.kubectl("apply", "-f", str(document.path), check=False)
            if document.by == "kubectl"
            else Terminal(person).run("apply", document.path)
        )
        return bool(done.returncode), done.stderr
    answer = server.post(document.body)
    return answer.status >= 400, f"{answer.message}\n{answer.warnings}"


@pytest.mark.parametrize("document", MISTAKES, ids=lambda one: one.name)
def test_a_usual_mistake_is_shown_before_a_pod_starts(heard, document):
    said = heard[document.name].before_a_pod
    assert document.shown
    assert not [one for one in document.shown if one not in said], said


@pytest.mark.parametrize("document", CORRECT, ids=lambda one: one.name)
def test_a_small_correct_document_runs_without_a_warning(heard, document):
    found = heard[document.name]
    assert not found.at_once.strip()
    assert found.status["attempt"] == 1
    assert found.status["state"] in ("RUNNING", "COMPLETED", "PENDING")
    assert not condition(found.status, "NotApplied")
