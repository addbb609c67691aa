"""What a Run's own token makes and reads of artifacts, data items and models: the real SDK, API server and S3 server."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

from tests.support.gateway_process import LINES
from tests.support.harness import OperatorProcess, Person, wait_for
from tests.support.sdk_pod import SdkPod

PROGRAM = """
import json, os
import digitalhub as dh
import pandas as pd

project = dh.get_project(os.environ["PROJECT_NAME"])
run = project.get_run(os.environ["RUN_ID"])
run.start_execution() if hasattr(run, "start_execution") else None
read = project.get_dataitem(os.environ["INPUT"]).as_df()  # a container Run has no inputs in the SDK
item = project.log_dataitem(name="made", kind="table", data=read * 2)
model = project.log_model(name="model", kind="sklearn", source="m.pkl")
model.log_metrics({"f1": 0.5})
print(json.dumps({
    "read": read.to_dict(orient="list"), "item": item.key, "state": project.get_dataitem(item.key).status.state,
    "by_name": project.get_dataitem("made").id == item.id, "metrics": project.get_model(model.key).metrics,
    "files": [one["path"] for one in model.files],
}))
"""
ROOT = "/api/v1/-/demo"


def document(name: str, entity_id: str, kind: str = "table", **more: Any) -> dict[str, Any]:
    inner = {"path": f"s3://bucket/demo/{name}/{entity_id}", "schema": {"fields": []}}
    return {
        "kind": kind,
        "project": "demo",
        "id": entity_id,
        "name": name,
        "spec": inner,
        "metadata": {},
    } | more


def data_item(name: str, entity_id: str, **more: Any) -> dict[str, Any]:
    head = {"apiVersion": "run-operator.io/v1alpha1", "kind": "DataItem", "metadata": {"name": entity_id}}
    return head | {"spec": document(name, entity_id, **more)}


def pod_of(person: Person, folder: Path, name: str, inputs: dict[str, str], **environment: str) -> SdkPod:
    person.apply_run(name, spec={"inputs": inputs})
    person.becomes(name, "RUNNING")
    wait_for("the ConfigMap", lambda: person.get("configmap", "run-operator-metrics"))
    return SdkPod(person, name, folder / name, **environment)


def test_the_sdk_in_a_pod_reads_inputs_and_makes_outputs(operator: OperatorProcess, person, s3, tmp_path):
    csv = tmp_path / "in.csv"
    csv.write_text("x\n1\n2\n")
    variables = s3.add_project(person.namespace)
    upload = (
        "import boto3, os; boto3.client('s3', endpoint_url=os.environ['AWS_ENDPOINT_URL'])"
        f".upload_file('in.csv', '{person.namespace}', 'in.csv')"
    )
    path = {"PATH": os.environ["PATH"]}
    subprocess.run(
        [str(LINES["0.15"]), "-c", upload], env=path | variables, cwd=tmp_path, check=True, timeout=60
    )
    person.apply(
        data_item("raw", "v1", spec={"path": f"s3://{person.namespace}/in.csv", "schema": {"fields": []}})
    )
    key = "store://demo/dataitem/table/raw:v1"
    pod = pod_of(person, tmp_path, "a", {"di": key}, INPUT=key, **variables)
    (tmp_path / "m.pkl").write_bytes(b"model")
    done = subprocess.run(
        [str(LINES["0.15"]), "-W", "ignore", "-c", PROGRAM], env=path | pod.environ, cwd=tmp_path, capture_output=True, text=True,
        check=False, timeout=100,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert found == {
        "read": {"x": [1, 2]},
        "item": found["item"],
        "state": "READY",
        "by_name": True,
        "metrics": {"f1": 0.5},
        "files": ["m.pkl"],
    }
    made = next(one for one in person.items("dataitems") if one["spec"]["name"] == "made")
    assert found["item"] == f"store://demo/dataitem/table/made:{made['spec']['id']}"
    labels = {
        "run-operator.io/produced-by": person.get("run", "a")["metadata"]["uid"],
        "run-operator.io/attempt": "1",
    }
    assert labels.items() <= made["metadata"]["labels"].items()
    assert made["spec"]["status"]["preview"]["rows"] == 2


def test_a_run_reads_those_of_its_project_and_changes_only_what_it_has_made(operator, person, tmp_path):
    person.apply([data_item("raw", "v1"), data_item("raw", "v2"), data_item("other", "o1")])
    elsewhere = data_item("elsewhere", "e1")
    person.apply(elsewhere | {"spec": elsewhere["spec"] | {"project": "elsewhere"}})
    a = pod_of(person, tmp_path, "a", {"di": "store://demo/dataitem/table/raw:v1"})
    b = pod_of(person, tmp_path, "b", {"any": "store://demo/dataitem/table/raw"})
    assert a.ask("GET", f"{ROOT}/dataitems/v1")[1]["id"] == "v1"
    assert [b.ask("GET", f"{ROOT}/dataitems/{one}")[0] for one in ("v1", "v2", "o1", "e1")] == [
        200,
        200,
        200,
        404,
    ]
    assert len(b.ask("GET", f"{ROOT}/dataitems?name=raw&versions=all")[1]["content"]) == 2
    assert [one["id"] for one in a.ask("GET", f"{ROOT}/dataitems?name=other")[1]["content"]] == ["o1"]
    assert a.ask("GET", f"{ROOT}/dataitems?name=elsewhere")[1]["content"] == []
    assert a.ask("POST", f"{ROOT}/dataitems", document("made", "m1"))[0] == 200
    changed = document("made", "m1", status={"state": "READY"})
    assert a.ask("PUT", f"{ROOT}/dataitems/m1", changed)[1]["status"]["state"] == "READY"
    refused = {
        "a label of another": a.ask(
            "PUT", f"{ROOT}/dataitems/o1", document("other", "o1", metadata={"labels": ["x"]})
        ),
        "metrics of another": a.ask("PUT", f"{ROOT}/dataitems/o1/metrics/f1", 1),
        "the place of an input": a.ask(
            "PUT", f"{ROOT}/dataitems/v1", document("raw", "v1", spec={"path": "s3://x/y"})
        ),
        "a change of an input": a.ask(
            "PUT", f"{ROOT}/dataitems/v1", document("raw", "v1", status={"state": "ERROR"})
        ),
        "files of an input": a.ask("PUT", f"{ROOT}/dataitems/v1/files/info", []),
        "another's": b.ask("PUT", f"{ROOT}/dataitems/m1", changed),
        "a list": a.ask("GET", f"{ROOT}/dataitems"),
        "a deletion": a.ask("DELETE", f"{ROOT}/dataitems/m1"),
        "another project": a.ask(
            "POST", "/api/v1/-/elsewhere/dataitems", document("x", "x1", project="elsewhere")
        ),
        "a document of another project": a.ask(
            "POST", f"{ROOT}/dataitems", document("x", "x1", project="elsewhere")
        ),
        "the id of another": a.ask("POST", f"{ROOT}/dataitems", document("other", "o1")),
        "a secret": a.ask("GET", f"{ROOT}/secrets/data?keys=x"),
        "a function": a.ask("GET", f"{ROOT}/functions?name=x"),
    }
    codes = {what: code for what, (code, _) in refused.items()}
    assert codes.pop("the id of another") == 400
    assert set(codes.values()) == {403}, codes
    assert person.get("dataitem", "v1")["spec"] == data_item("raw", "v1")["spec"]
    assert "status" not in person.get("dataitem", "v1")


def test_a_run_labels_what_its_document_names_and_logs_metrics_of_it(operator, person, tmp_path):
    one = data_item("model", "k1")
    spec = {**one["spec"], "kind": "sklearn", "status": {"state": "READY", "message": None}}
    person.apply([data_item("raw", "v1"), one | {"kind": "Model", "spec": spec}])
    keys = {"di": "store://demo/dataitem/table/raw:v1", "model": "store://demo/model/sklearn/model"}
    a = pod_of(person, tmp_path, "a", keys)
    seen = a.ask("GET", f"{ROOT}/dataitems/v1")[1]
    labelled = seen | {"metadata": seen["metadata"] | {"labels": ["INVALID"]}}
    assert a.ask("PUT", f"{ROOT}/dataitems/v1", labelled)[0] == 200
    assert person.get("dataitem", "v1")["spec"]["metadata"]["labels"] == ["INVALID"]
    assert a.ask("PUT", f"{ROOT}/models/k1/metrics/accuracy", 0.5)[0] == 200
    assert person.get("model", "k1")["status"]["metrics"] == {"accuracy": 0.5}
    code, reply = a.ask(
        "PUT", f"{ROOT}/models/k1", a.ask("GET", f"{ROOT}/models/k1")[1] | {"status": {"state": "ERROR"}}
    )
    assert (code, "only its labels" in reply["error"]) == (403, True)


def test_no_pod_makes_entities_without_end(operator, person, tmp_path):
    a = pod_of(person, tmp_path, "a", {})
    uid = person.get("run", "a")["metadata"]["uid"]
    labels = {"run-operator.io/produced-by": uid}
    full = [data_item("many", f"m{i}") for i in range(200)]
    person.apply([one | {"metadata": one["metadata"] | {"labels": labels}} for one in full])
    code, reply = a.ask("POST", f"{ROOT}/dataitems", document("one", "more"))
    assert (code, "created 200 dataitems" in reply["error"]) == (400, True)
    assert a.ask("POST", f"{ROOT}/artifacts", document("one", "a1", "artifact"))[0] == 200
    assert a.ask("PUT", f"{ROOT}/artifacts/a1/files/info", [{}] * 10_001)[0] == 400


def test_a_pod_gets_the_store_of_its_project_where_there_is_one(alone, kubeconfig, person, tmp_path):
    operator = OperatorProcess(kubeconfig, tmp_path / "log", store_secret="run-operator-store")
    try:
        operator.start()
        person.apply_run("a", spec={"secrets": ["MINE"]})
        person.becomes("a", "RUNNING")
        (pod,) = person.items("pods")
        assert pod["spec"]["containers"][0]["envFrom"] == [
            {"secretRef": {"name": "run-operator-store", "optional": True}},
            {"secretRef": {"name": "mine"}},
        ]
    finally:
        operator.kill()
