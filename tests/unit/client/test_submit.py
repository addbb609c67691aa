"""Runs described in a few words: `runctl run`, `rerun` and `new_run`."""

from __future__ import annotations

import base64
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from run_operator.client.cli.main import cli
from run_operator.client.errors import EntityError
from run_operator.client.submit import (
    MAX_FILE,
    claim_of,
    fresh_name,
    pairs_of,
    port_of,
    rerun_object,
    source_of,
    volume_of,
    with_variables,
)


def run(*arguments: str) -> dict[str, Any]:
    at = arguments.index("run") + 1
    words = [*arguments[:at], "--dry-run", *arguments[at:]]
    done = CliRunner().invoke(cli, words, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return yaml.safe_load(done.stdout)


def test_a_run_in_one_line(tmp_path):
    (tmp_path / "train.py").write_text("print(1)")
    body = run(
        "run", "-n", "ml", "--image", "python:3.11", "--env", "LR=0.1", "--file", str(tmp_path / "train.py"),
        "--volume", "data:/data:5Gi", "--claim", "datasets:/sets", "--mem", "1Gi", "--retries", "2", "-l", "sweep=lr",
        "--", "python3", "train.py", "--epochs", "3",
    )  # fmt: skip
    assert body["metadata"].pop("name").startswith("train-")
    assert body["metadata"] == {"labels": {"sweep": "lr"}, "namespace": "ml"}
    spec = body["spec"].pop("spec")
    assert body["spec"] == {"kind": "container+job:run", "runPolicy": {"backoffLimit": 2}}
    assert base64.b64decode(spec.pop("source")["base64"]) == b"print(1)"
    assert spec == {
        "image": "python:3.11", "command": "python3", "args": ["train.py", "--epochs", "3"],
        "envs": [{"name": "LR", "value": "0.1"}], "resources": {"mem": "1Gi"},
        "volumes": [
            {"volume_type": "persistent_volume_claim", "name": "data", "mount_path": "/data", "spec": {"size": "5Gi"}},
            {"volume_type": "shared_volume", "name": "datasets", "mount_path": "/sets"},
        ],
    }  # fmt: skip


def test_a_port_makes_it_a_service_and_the_image_alone_is_enough():
    body = run("run", "--image", "docker.io/nginx:1", "--port", "80:8080", "--name", "web")
    assert body["spec"]["kind"] == "container+serve:run"
    assert body["spec"]["spec"]["service_ports"] == [{"port": 80, "target_port": 8080}]
    assert run("run", "--image", "docker.io/nginx:1")["metadata"]["name"].startswith("nginx-")


def test_options_of_the_cluster_may_stand_before_the_verb():
    assert run("-n", "ml", "run", "--image", "x")["metadata"]["namespace"] == "ml"
    assert run("-n", "ml", "run", "-n", "other", "--image", "x")["metadata"]["namespace"] == "other"


@pytest.mark.parametrize(
    ("read", "text"),
    [
        (volume_of, "data"), (volume_of, "data:data"), (claim_of, "data:/data:5Gi"), (port_of, "http"),
        (lambda text: pairs_of([text], "variable"), "LR"),
    ],
)  # fmt: skip
def test_what_is_not_understood_is_an_error_that_shows_the_form(read, text):
    with pytest.raises(ValueError, match="write"):
        read(text)


def test_a_file_too_large_to_travel_is_refused(tmp_path):
    (tmp_path / "big").write_bytes(b"x" * (MAX_FILE + 1))
    with pytest.raises(EntityError, match="put the file into an image or a volume"):
        source_of(tmp_path / "big")


def test_a_rerun_is_the_same_document_under_a_new_name():
    raw = {
        "metadata": {"name": "train-0a1b2", "labels": {"sweep": "lr"}, "uid": "u"},
        "spec": {
            "kind": "container+job:run", "project": "p", "id": "train-0a1b2", "key": "store://", "suspend": True,
            "status": {"state": "ERROR"}, "runPolicy": {"backoffLimit": 1}, "managedBy": "kueue.x-k8s.io/multikueue",
            "spec": {"image": "x", "envs": [{"name": "LR", "value": "0.1"}, {"name": "B", "value": "1"}]},
        },
    }  # fmt: skip
    body = rerun_object(raw, env={"LR": "0.05"}, spec={"image": "y"})
    name = body["metadata"].pop("name")
    assert name.startswith("train-")
    assert name.count("-") == 1
    assert body["metadata"] == {"labels": {"sweep": "lr"}}
    envs = [{"name": "LR", "value": "0.05"}, {"name": "B", "value": "1"}]
    assert body["spec"] == {
        "kind": "container+job:run", "project": "p", "runPolicy": {"backoffLimit": 1}, "managedBy": "kueue.x-k8s.io/multikueue",
        "spec": {"image": "y", "envs": envs},
    }  # fmt: skip


def test_variables_keep_their_place():
    assert with_variables([{"name": "A", "value": "1"}], {"A": "2", "B": "3"}) == [
        {"name": "A", "value": "2"},
        {"name": "B", "value": "3"},
    ]


def test_a_made_name_is_one_that_a_run_can_have():
    for stem in ("Train_Model.v2", "", "x" * 99, "--"):
        assert len(fresh_name(stem)) <= 52
        assert fresh_name(stem)[0].isalnum()
