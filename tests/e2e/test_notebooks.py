"""Tutorials of the platform in a pod of the cluster, as in its own notebooks: nothing but the SDK's variables says where they are."""

from __future__ import annotations

import base64
import csv
import io
import json
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

import pytest

from tests.e2e.conftest import NAME
from tests.support.gateway_process import account
from tests.support.harness import REPOSITORY, Person, wait_for
from tests.support.index_pod import name_index, serve_wheels
from tests.support.wheel_index import downloaded

NOTEBOOKS = REPOSITORY / "tests" / "support" / "notebooks"
HOURS = [f"{hour:02}:00-{hour + 1:02}:00" for hour in range(24)]
FIELDS = [
    "data", "codice spira", "longitudine", "latitudine", "Livello", "tipologia", "codice", "codice arco", "codice via", "Nome via",
    "stato", "direzione", "angolo", "geopoint", *HOURS,
]  # fmt: skip
DAYS, LOOPS = 3, 4


def data_set() -> str:
    """A few rows of the shape of the city's traffic counts."""
    out = io.StringIO()
    writer = csv.writer(out, delimiter=";")
    writer.writerow(FIELDS)
    for day in range(DAYS):
        for loop in range(LOOPS):
            row = [
                f"2023-01-0{day + 1}",
                loop,
                11.3,
                44.5,
                1,
                "via",
                7,
                8,
                9,
                f"Via {loop}",
                "A",
                "N",
                90,
                "44.5,11.3",
            ]
            writer.writerow(row + [hour * loop for hour in range(24)])
    return out.getvalue()


def config_map(name: str, files: Mapping[str, str]) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": dict(files)}


def pod(
    name: str, image: str, command: list[str], files: str, variables: Mapping[str, str], **spec: Any
) -> dict[str, Any]:
    """A pod that runs a command beside the files of a ConfigMap."""
    context = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
    container = {
        "name": "main", "image": image, "command": command, "securityContext": context,
        "env": [{"name": key, "value": value} for key, value in variables.items()],
        "volumeMounts": [{"name": "files", "mountPath": "/files"}], **spec,
    }  # fmt: skip
    return {
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": {"app": name}},
        "spec": {
            "restartPolicy": "Never", "automountServiceAccountToken": False, "containers": [container],
            "securityContext": {"runAsNonRoot": True, "runAsUser": 1000, "seccompProfile": {"type": "RuntimeDefault"}},
            "volumes": [{"name": "files", "configMap": {"name": files}}],
        },
    }  # fmt: skip


def notebook(person: Person, name: str, functions: str, **variables: str) -> dict[str, Any]:
    """Run the program in a pod with the image of Python functions, which has the SDK; what its last line says.

    `functions`: the program's file src/functions.py.
    """
    program = (NOTEBOOKS / f"{name}.py").read_text()
    files = {"functions.py": (NOTEBOOKS / f"{functions}.py").read_text()}
    home = Person(person.kubeconfig, "run-operator")
    authority = base64.b64decode(home.get("secret", "run-operator-gateway-tls")["data"]["ca.crt"]).decode()
    person.apply(config_map("notebook", {"ca.crt": authority, "notebook.py": program, **files}))
    known = {
        "PROJECT": person.namespace, "HOME": "/tmp",  # noqa: S108 - of the pod
        "DHCORE_ENDPOINT": "https://run-operator-gateway.run-operator.svc:8443", "REQUESTS_CA_BUNDLE": "/files/ca.crt",
        "DHCORE_ACCESS_TOKEN": account(person, "notebook", "edit"), **variables,
    }  # fmt: skip
    script = (
        "import os, runpy, shutil; os.makedirs('/tmp/work/src'); os.chdir('/tmp/work'); "
        "shutil.copy('/files/functions.py', 'src'); runpy.run_path('/files/notebook.py', run_name='__main__')"
    )
    command = ["python3", "-W", "ignore", "-c", script]
    store = {"envFrom": [{"secretRef": {"name": "run-operator-store"}}]}
    person.apply(
        pod("notebook", "run-operator.local/python-runtime:3.10", command, "notebook", known, **store)
    )
    phase = wait_for(
        "the notebook",
        lambda: (
            (found := person.get("pod", "notebook")["status"]["phase"]) in ("Succeeded", "Failed") and found
        ),
        420,
    )
    said = person.kubectl("logs", "notebook").stdout
    runs = [one.get("status", {}).get("message") for one in person.items("runs")]
    assert phase == "Succeeded", f"{said[-3000:]}\n{runs}"
    return json.loads(said.splitlines()[-1])


@pytest.fixture
def store(person: Person) -> None:
    """A bucket, a user and the Secret of the person's project."""
    command = [sys.executable, "-m", "cluster", "store", "--name", NAME, person.namespace]
    subprocess.run(command, cwd=REPOSITORY, check=True, timeout=120)


@pytest.mark.timeout(900)
def test_the_tutorial_about_etl_runs_up_to_its_pipeline(person, python_runtime, store):
    person.apply(config_map("data", {"data.csv": data_set()}))
    serve = ["python3", "-m", "http.server", "--directory", "/files", "8000"]
    person.apply(pod("data", "docker.io/library/python:3.12-slim", serve, "data", {}))
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "data"}}
    person.apply(
        service | {"spec": {"selector": {"app": "data"}, "ports": [{"port": 80, "targetPort": 8000}]}}
    )
    person.kubectl("wait", "--for=condition=Ready", "pod/data", "--timeout=60s")
    address = f"http://data.{person.namespace}.svc/data.csv"
    found = notebook(person, "etl", "etl_functions", DATA_URL=address)
    assert found == {
        "states": ["COMPLETED", "COMPLETED", "COMPLETED", "RUNNING"],
        "spire": LOOPS,
        "measures": DAYS * LOOPS * 24,
        "page": [5, 10, DAYS * LOOPS * 24, 10],
        "relationships": ["produced_by"],
    }
    names = sorted(one["spec"]["name"] for one in person.items("dataitems"))
    assert names == ["dataset", "dataset-measures", "dataset-spire", "url-data-item"]
    assert {
        one["spec"]["status"]["state"]
        for one in person.items("dataitems")
        if one["spec"]["name"] != "url-data-item"
    } == {"READY"}


@pytest.mark.timeout(900)
def test_the_tutorial_about_scikit_learn_runs_up_to_its_model_server(person, python_runtime, store):
    name_index(person, serve_wheels(person, downloaded("numpy<2")))
    found = notebook(person, "sklearn", "sklearn_functions")
    log = found.pop("log")
    assert found == {
        "states": ["COMPLETED", "COMPLETED"],
        "dataset": [569, 31],
        "model": ["sklearn", "breast_cancer_classifier", "breast_cancer_classifier.pkl"],
        "metrics": ["accuracy", "f1_score", "precision", "recall"],
    }
    assert "installing numpy<2" in log


@pytest.mark.timeout(900)
def test_a_person_runs_watches_stops_and_resumes_a_function(person, python_runtime, store):
    found = notebook(person, "person", "person_functions")
    assert found == {
        "state": "COMPLETED",
        "results": {"size": 3},
        "outputs": ["sklearn", "classifier"],
        "metrics": {"loss": [1.0, 0.5, 1 / 3]},
        "log": ["epoch 0", "epoch 1", "epoch 2"],
        "kept": True,
    }
