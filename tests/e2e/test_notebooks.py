"""Tutorials of the platform in a pod of the cluster, from their first cell to their last, pipeline and model server included.

As in its own notebooks, nothing but the SDK's variables says where they are. What differs from there:

* a few rows of the same shape in place of the city's download (s1-etl);
* the SDK of the notebook and the packages that a function asks for come from a wheel index in the cluster;
* MLServer is that of its wheels (requirements/mlserver.lock), under the name of the image that the shipped ClusterRuntime names;
* dbt, the platform's package for it and PostgreSQL are those of requirements/dbt.lock, the program under the name of the image that the
  shipped ClusterRuntime names (s2-dbt);
* Debian's Python 3.11 for the tutorials' PYTHON3_10, as the cluster has one Python.

Not here: s4-mlflow to s10 as a whole, which need GPUs, KubeAI, or packages of a gigabyte (docs/runtimes.md).
"""

from __future__ import annotations

import base64
import csv
import io
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from cluster.full import load_images
from cluster.paths import Home
from tests.e2e.conftest import NAME, newcomer
from tests.support import dbt_image
from tests.support.gateway_process import account
from tests.support.harness import REPOSITORY, Person, wait_for
from tests.support.index_pod import name_index, serve_wheels
from tests.support.mlserver_image import mlserver_image
from tests.support.stand_in_packages import TIKA, stand_ins
from tests.support.wheel_index import downloaded

pytestmark = pytest.mark.timeout(1800)
"""The first test waits for images and for all notebooks to begin."""
LONGEST = 1200
"""Seconds for a notebook: four of them run side by side, and install packages for each of their functions."""

FUNCTIONS = "run-operator.local/python-runtime:3.10"
"""The image of Python functions."""
STORE = "run-operator-store"
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


MORE = ("digitalhub-runtime-modelserve==0.15.0", "digitalhub-runtime-container==0.15.3")
"""What a person installs beside the SDK to have kinds of model servers and containers."""
RUN = """
import os, runpy, shutil, subprocess, sys
os.makedirs("/tmp/work/src")
os.chdir("/tmp/work")
for name in os.listdir("/files"):
    if name not in ("notebook.py", "ca.crt") and not name.startswith("."):
        shutil.copy(f"/files/{name}", "src")
command = "uv pip install -q --no-deps --target /tmp/more".split()
subprocess.run([sys.executable, "-m", *command, *os.environ["MORE"].split()], check=True)
sys.path.append("/tmp/more")
runpy.run_path("/files/notebook.py", run_name="__main__")
"""


def begin(person: Person, name: str, image: str = FUNCTIONS, **variables: str) -> None:
    """Run a notebook in a pod with the image of Python functions, which has the SDK, beside an index of its own.

    `name`: of the program; NAME_functions.py is its file src/functions.py, NAME_pipeline.py its src/pipeline.py and so on.
    """
    if not person.get("secret", STORE):
        give_a_store(person)
    name_index(person, serve_wheels(person, {**downloaded("numpy<2", *MORE), **stand_ins()}))
    home = Person(person.kubeconfig, "run-operator")
    authority = base64.b64decode(home.get("secret", "run-operator-gateway-tls")["data"]["ca.crt"]).decode()
    files = {path.name.removeprefix(f"{name}_"): path.read_text() for path in NOTEBOOKS.glob(f"{name}_*")}
    program = {"ca.crt": authority, "notebook.py": (NOTEBOOKS / f"{name}.py").read_text()}
    person.apply(config_map("notebook", files | program))
    known = {
        "PROJECT": person.namespace, "HOME": "/tmp",  # noqa: S108 - of the pod
        "DHCORE_ENDPOINT": "https://run-operator-gateway.run-operator.svc:8443", "REQUESTS_CA_BUNDLE": "/files/ca.crt",
        "DHCORE_ACCESS_TOKEN": account(person, "notebook", "edit"), "MORE": " ".join(MORE), **variables,
    }  # fmt: skip
    given = (STORE, "run-operator-requirements")
    secrets = {"envFrom": [{"secretRef": {"name": one}} for one in given]}
    command = ["python3", "-W", "ignore", "-c", RUN]
    person.apply(pod("notebook", image, command, "notebook", known, **secrets))


def found_by(person: Person) -> dict[str, Any]:
    """What the last line of the person's notebook says, once it has run to its end."""
    phase = wait_for(
        "the notebook",
        lambda: (
            (found := person.get("pod", "notebook")["status"]["phase"]) in ("Succeeded", "Failed") and found
        ),
        LONGEST,
        every=1.0,
    )
    said = person.kubectl("logs", "notebook").stdout
    runs = {one["metadata"]["name"]: one.get("status", {}).get("message") for one in person.items("runs")}
    assert phase == "Succeeded", f"{said[-3000:]}\n{runs}"
    return json.loads(said.splitlines()[-1])


def give_a_store(person: Person) -> None:
    """A bucket, a user and the Secret of the person's project."""
    command = [sys.executable, "-m", "cluster", "store", "--name", NAME, person.namespace]
    subprocess.run(command, cwd=REPOSITORY, check=True, timeout=120)


def serve_data(person: Person, text: str) -> str:
    """The address of a file, as the cluster has it."""
    person.apply(config_map("data", {"data.csv": text}))
    serve = ["python3", "-m", "http.server", "--directory", "/files", "8000"]
    person.apply(pod("data", "docker.io/library/python:3.12-slim", serve, "data", {}))
    person.apply(service("data", 80, 8000))
    person.kubectl("wait", "--for=condition=Ready", "pod/data", "--timeout=60s")
    return f"http://data.{person.namespace}.svc/data.csv"


def service(name: str, port: int, target: int) -> dict[str, Any]:
    """The address of a pod of that name."""
    spec = {"selector": {"app": name}, "ports": [{"port": port, "targetPort": target}]}
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": spec}


EMPLOYEES = "EMPLOYEE_ID,FIRST_NAME,DEPARTMENT_ID\n120,Matthew,50\n121,Adam,50\n200,Jennifer,10\n"


def serve_database(person: Person) -> None:
    """A PostgreSQL in the project, and its address beside that of the file store, where every pod of the project finds it."""
    give_a_store(person)
    names = {"DB_HOST": "database", "DB_PORT": "5432", "DB_DATABASE": "postgres", "DB_USERNAME": "postgres", "DB_PASSWORD": "for-the-test"}  # fmt: skip
    person.kubectl("patch", "secret", STORE, "--type=merge", "-p", json.dumps({"stringData": names}))
    person.apply(config_map("none", {}))
    person.apply(pod("database", dbt_image.REFERENCE, dbt_image.SERVE_DATABASE, "none", {"PGPASSWORD": names["DB_PASSWORD"]},
                     readinessProbe={"tcpSocket": {"port": 5432}, "periodSeconds": 1}))  # fmt: skip
    person.apply(service("database", 5432, 5432))
    person.kubectl("wait", "--for=condition=Ready", "pod/database", "--timeout=60s")


BEGUN = ("sklearn", "etl", "dbt", "tutorials", "person")
RUNTIMES = ("sklearnserve", "dbt")


@pytest.fixture(scope="module")
def notebooks(kubeconfig: Path, python_runtime: None) -> Iterator[dict[str, Person]]:
    """All of them, begun side by side: a notebook waits most of its time, five seconds each time it looks."""
    load_images(Home(NAME), [mlserver_image(), dbt_image.dbt_image()])
    with ExitStack() as stack:
        people = {name: stack.enter_context(newcomer(kubeconfig)) for name in BEGUN}
        home = people["sklearn"]
        for runtime in RUNTIMES:
            home.kubectl("apply", "-f", str(REPOSITORY / "manifests" / "runtimes" / f"{runtime}.yaml"))
        begin(people["sklearn"], "sklearn")
        serve_database(people["dbt"])
        begin(people["dbt"], "dbt", dbt_image.REFERENCE, DATA_URL=serve_data(people["dbt"], EMPLOYEES))
        address = serve_data(people["etl"], data_set())
        begin(people["etl"], "etl", DATA_URL=address)
        begin(people["tutorials"], "tutorials", TIKA=TIKA, DOCUMENT=address)
        begin(people["person"], "person")
        yield people
        home.kubectl("delete", "clusterruntime", *RUNTIMES)


def steps(person: Person, pipeline: str) -> dict[str, tuple[str, str]]:
    """By the name of a step: its state for the pipeline, and that of its Run."""
    nodes = person.status(pipeline)["nodes"]
    return {one["display_name"]: (one["state"], person.status(one["run_id"])["state"]) for one in nodes}


def test_the_tutorial_about_etl_runs_to_its_end(notebooks):
    person = notebooks["etl"]
    found = found_by(person)
    pipeline = found.pop("pipeline")
    assert found == {
        "states": ["COMPLETED", "COMPLETED", "COMPLETED", "RUNNING", "COMPLETED", "COMPLETED"],
        "spire": LOOPS,
        "measures": DAYS * LOOPS * 24,
        "page": [5, 10, DAYS * LOOPS * 24, 10],
        "relationships": ["produced_by"],
    }
    assert steps(person, pipeline) == {
        "download-data": ("Succeeded", "COMPLETED"),
        "process-spire": ("Succeeded", "COMPLETED"),
        "process-measures": ("Succeeded", "COMPLETED"),
        "api": ("Succeeded", "RUNNING"),
    }
    tables = Counter(
        (one["spec"]["name"], one["spec"]["status"]["state"])
        for one in person.items("dataitems")
        if one["spec"]["name"] != "url-data-item"
    )
    assert tables == dict.fromkeys(
        [("dataset", "READY"), ("dataset-measures", "READY"), ("dataset-spire", "READY")], 2
    ), "once by the cells, once by the pipeline"


def test_the_tutorial_about_scikit_learn_runs_to_its_end(notebooks):
    person = notebooks["sklearn"]
    found = found_by(person)
    log, pipeline = found.pop("log"), found.pop("pipeline")
    assert found == {
        "states": ["COMPLETED", "COMPLETED", "RUNNING", "COMPLETED", "COMPLETED"],
        "dataset": [569, 31],
        "model": ["sklearn", "breast_cancer_classifier", "breast_cancer_classifier.pkl"],
        "metrics": ["accuracy", "f1_score", "precision", "recall"],
        "prediction": ["model", "predict", [2, 1]],
    }
    assert "installing numpy<2" in log
    assert steps(person, pipeline) == {
        "prepare-data": ("Succeeded", "COMPLETED"),
        "train-classifier": ("Succeeded", "COMPLETED"),
    }
    assert len(person.items("models")) == 2


def test_the_tutorial_about_dbt_runs_to_its_end(notebooks):
    person = notebooks["dbt"]
    found = found_by(person)
    pipeline = found.pop("pipeline")
    assert found == {
        "states": ["COMPLETED", "COMPLETED", "COMPLETED"],
        "names": ["Adam", "Matthew"],
        "results": ["dbt_result"],
    }
    assert steps(person, pipeline) == {"transform-employees": ("Succeeded", "COMPLETED")}


def test_functions_of_more_tutorials_run(notebooks):
    found = found_by(notebooks["tutorials"])
    assert found == {
        "forecast": ["model", ["mae", "mape", "smape"], 24, ["date", "value"]],
        "validation": [False, ["INVALID"], False],
        "extract": f"<html>{len(data_set().encode())} bytes of text/html</html>",
        "tuned": [
            "huggingface",
            ["checkpoint-1/model.safetensors", "config.json"],
            {"loss": [1.0, 0.5, 1 / 3], "epoch": [0, 1, 2]},
            {"loss": [1.0, 0.5, 1 / 3], "epoch": [0, 1, 2]},
            ["token False hf_1"],  # the value comes as a variable, and in no other way
        ],
    }


def test_a_person_runs_watches_stops_and_resumes_a_function(notebooks):
    assert found_by(notebooks["person"]) == {
        "state": "COMPLETED",
        "results": {"size": 3},
        "outputs": ["sklearn", "classifier"],
        "metrics": {"loss": [1.0, 0.5, 1 / 3]},
        "log": ["epoch 0", "epoch 1", "epoch 2"],
        "kept": True,
    }
