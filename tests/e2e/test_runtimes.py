"""A kind that an object alone adds, with real pods: fetched files, readiness, its Service, stop and resume."""

from __future__ import annotations

import json
from typing import Any

import pytest

from run_operator import Cluster, get_run
from tests.support.harness import condition, wait_for

pytestmark = pytest.mark.timeout(900)
"""The image of the init container takes minutes to make, once."""
NOTE: dict[str, Any] = {
    "kinds": ["note+serve:run"],
    "settings": {"image": "docker.io/library/python:3.12-slim", "port": 8080},
    "fields": {"text": {"default": "nothing"}, "copy_of": {"example": "http://other/note.txt"}},
    "files": [{"source": "${has(run.spec.copy_of) ? run.spec.copy_of : null}", "path": "/shared/copy"}],
    "document": {
        "kind": "container+serve:run",
        "spec": {
            "image": "${settings.image}",
            "command": "python3",
            "args": ["-m", "http.server", "${string(settings.port)}", "--directory", "/shared"],
            "source": {"source": "note.txt", "code": "${run.spec.text} of ${run.name}"},
            "service_ports": [{"port": 80, "target_port": "${settings.port}"}],
        },
    },
    "readiness": {"path": "/note.txt"},
}


def apply(person, kind: str, name: str, spec: dict[str, Any]) -> None:
    document = {
        "apiVersion": "run-operator.io/v1alpha1",
        "kind": kind,
        "metadata": {"name": name},
        "spec": spec,
    }
    person.kubectl("apply", "-f", "-", stdin=json.dumps(document))


def run_note(person, name: str, **spec: Any) -> None:
    apply(person, "Run", name, {"kind": "note+serve:run", "project": "demo", "id": name, "spec": spec})


def test_a_kind_of_a_runtime_is_served_fetches_its_files_stops_and_resumes(person, python_runtime):
    run_note(person, "first", text="hello")
    wait_for("it waits for its Runtime", lambda: person.status("first").get("reason") == "RuntimeNotFound")
    apply(person, "Runtime", "note", NOTE)
    wait_for(
        "it is accepted",
        lambda: (
            condition(person.get("runtime", "note").get("status", {}), "Accepted").get("status") == "True"
        ),
    )
    url = person.becomes("first", "RUNNING", 120)["service"]["url"]
    there = Cluster.connect(kubeconfig=str(person.kubeconfig), namespace=person.namespace)

    def says(name: str, path: str) -> str:
        run = get_run(name, cluster=there)
        whole = f"http://{person.status(name)['service']['url']}{path}"
        return str(wait_for("an answer", lambda: (answer := run.invoke("GET", whole)).ok and answer.text))

    assert says("first", "/note.txt") == "hello of first"
    run_note(
        person, "second", copy_of=f"{url.rstrip('/')}/note.txt" if "://" in url else f"http://{url}/note.txt"
    )
    person.becomes("second", "RUNNING", 120)
    assert says("second", "/copy/note.txt") == "hello of first"
    person.patch_run("second", {"spec": {"suspend": True}})
    person.becomes("second", "STOPPED", 90)
    person.patch_run("second", {"spec": {"suspend": False}})
    person.becomes("second", "RUNNING", 120)
    assert person.status("second")["attempt"] == 2
    there.close()
    run_note(person, "third", copy_of=f"http://nobody.{person.namespace}.svc/note.txt")
    wait_for("why it does not start", lambda: "cannot be fetched" in json.dumps(person.status("third")), 120)
