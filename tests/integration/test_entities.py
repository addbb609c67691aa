"""Artifacts, data items, models and container images: the unmodified SDK, kubectl and runctl over one API server."""

from __future__ import annotations

import base64
import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cluster.s3 import SECRET, secret
from run_operator.document.entity import load
from tests.support.gateway_process import GatewayProcess, SdkUser, account
from tests.support.harness import REPOSITORY, Person, wait_for
from tests.support.s3_process import S3Process

PROGRAMS = REPOSITORY / "tests" / "support" / "sdk_entity_programs.py"
DRY = ("apply", "--dry-run=server", "-f", "-")
USER_ROLES = REPOSITORY / "manifests" / "base" / "user-roles.yaml"


@pytest.fixture(scope="module")
def gateway(kubeconfig: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    Person(kubeconfig).kubectl("apply", "-f", str(USER_ROLES))
    one = GatewayProcess(kubeconfig, tmp_path_factory.mktemp("gateway"), STORE_SECRET=SECRET)
    one.start()
    yield one
    assert one.stop() == 0
    assert "Traceback" not in one.log.read_text()


@pytest.fixture
def user(gateway: GatewayProcess, person: Person, tmp_path: Path) -> SdkUser:
    return SdkUser(gateway.endpoint, account(person, "user", "edit"), tmp_path, programs=PROGRAMS)


def test_the_sdk_creates_reads_lists_changes_exports_and_deletes_each_kind(person, user):
    for what, seen in user.run("documents", person.namespace).items():
        assert seen | {"twice": "", "gone": "", "other_kind": ""} == {
            "key": True,
            "by_key": True,
            "latest_by_name": True,
            "versions": True,
            "listed": True,
            "by_filter": True,
            "of_another_kind": [],
            "state": "CREATED",
            "twice": "",
            "other_kind": "",
            "saved": ["READY", ["mine", "more"], 1],
            "ready": True,
            "path": "https://example.org/data.csv",
            "exported": "READY",
            "gone": "",
            "imported": True,
            "left": ["b"],
        }, what
        assert seen["twice"].startswith("EntityAlreadyExistsError")
        assert seen["gone"].startswith("EntityNotExistsError")
        assert seen["other_kind"].startswith("EntityNotExistsError")
        assert [one["spec"]["name"] for one in person.items(f"{what}s")] == ["b"]


def test_metrics_of_a_model_outlive_a_save_of_an_older_copy(person, user):
    found = user.run("model_metrics", person.namespace)
    assert found["own"] == found["read"] == {"f1": 0.5, "loss": [2.0, 1.0, 0.5]}
    assert "ValueError" in found["text"] or "BadRequestError" in found["text"]
    (model,) = person.items("models")
    assert model["status"]["metrics"] == found["read"]


def test_a_list_of_many_files_is_kept_beside_the_document(person, user):
    found = user.run("many_files", person.namespace, 1500)
    assert found == {"files": 1500, "last": "f1499", "in_document": []}


def test_a_kind_that_nobody_knows_is_stored_and_listed_unharmed(person, user):
    found = user.run("generic", person.namespace)
    assert found == {"spec": {"image": "registry/image:1", "odd": {"deep": [1, None, "x"]}}, "listed": 1}
    assert person.items("containerimages")[0]["spec"]["kind"] == "_generic"


def test_an_exported_entity_is_applied_and_read_back_as_it_was(person, gateway, user, runctl, tmp_path):
    data = (
        "kind: table\nmetadata:\n  project: elsewhere\n  name: iris\n  created: '2026-11-22T21:48:00.878394+00:00'\n"
        "spec:\n  path: s3://bucket/elsewhere/dataitem/iris/1c2d/data.parquet\nstatus:\n  state: READY\n  files:\n"
        "  - {path: data.parquet, size: 17}\n  preview: {cols: [{name: a, value: [1]}], rows: 1}\n"
        "project: elsewhere\nid: 1c2d\nname: iris\nkey: store://elsewhere/dataitem/table/iris:1c2d\nextensions: []\n"
    )
    file = tmp_path / "dataitems-1c2d.yaml"
    file.write_text(data)
    assert load(file.read_bytes()).type.value == "DataItem"
    made = runctl.run("manifest", file)
    assert made.returncode == 0, made.stderr
    (tmp_path / "manifest.yaml").write_text(made.stdout)
    person.kubectl("apply", "-f", str(tmp_path / "manifest.yaml"))
    assert "READY" in person.kubectl("get", "dataitems", "1c2d").stdout
    read = user.run("read", person.namespace, "dataitem", "iris")
    assert read["status"] == {"state": "READY", "files": [{"path": "data.parquet", "size": 17}], "preview": read["status"]["preview"]}  # fmt: skip
    assert read["key"] == f"store://{person.namespace}/dataitem/table/iris:1c2d"


def test_what_is_one_version_cannot_become_another(person, user):
    user.run("generic", person.namespace)
    (image,) = person.items("containerimages")
    for field in ("kind", "project", "id", "name"):
        refused = person.kubectl(
            "patch", "containerimage", image["metadata"]["name"], "--type=merge",
            "-p", f'{{"spec": {{"{field}": "other"}}}}', check=False,
        )  # fmt: skip
        assert f"spec.{field} cannot be changed" in refused.stderr


def test_who_may_only_read_changes_no_entity(gateway, person, user, tmp_path):
    user.run("generic", person.namespace)
    reader = SdkUser(gateway.endpoint, account(person, "reader", "view"), tmp_path, programs=PROGRAMS)
    found = reader.run("refused", person.namespace)
    assert set(found) == {"create", "update", "delete", "files"}
    assert all(said.startswith("ForbiddenError") for said in found.values()), found
    stranger = SdkUser(gateway.endpoint, account(person, "stranger"), tmp_path, programs=PROGRAMS)
    assert "NotExists" in stranger.run("listed", person.namespace)


@pytest.fixture
def stored(gateway: GatewayProcess, s3: S3Process, person: Person, tmp_path: Path) -> SdkUser:
    """A user who says nothing but where the gateway is: the store and its credentials come with the token exchange."""
    variables = s3.add_project(person.namespace)
    person.apply(secret(variables, person.namespace))
    token = account(person, "storer", "edit")
    issuer = f"{gateway.endpoint}/projects/{person.namespace}"
    exchange = {
        "DHCORE_PERSONAL_ACCESS_TOKEN": token,
        "DHCORE_ISSUER": issuer,
        "DHCORE_CLIENT_ID": "notebook",
    }
    return SdkUser(gateway.endpoint, token, tmp_path, programs=PROGRAMS, **exchange)


def test_files_go_to_the_store_of_the_project_and_come_back(person, stored):
    stored.run("listed", person.namespace)  # the SDK keeps what it was given for its next process
    found = stored.run("content", person.namespace)
    assert found == {
        "path": f"s3://{person.namespace}/{person.namespace}/artifact/file/ID/a.txt",
        "states": ["READY", "READY", "READY"],
        "artifact": "a",
        "model": ["a.txt", "deep/b.txt"],
        "metrics": {"f1": 0.5},
        "table": {"x": [1, 2, 3], "y": ["a", "b", "c"]},
        "schema": ["x", "y"],
        "preview": 3,
        "key": found["key"],
    }


def test_without_a_store_an_upload_says_what_is_missing(person, user):
    assert "No default store found" in user.run("without_store", person.namespace)


def test_credentials_of_one_project_do_not_open_the_bucket_of_another(person, stored, s3):
    other = f"{person.namespace}-other"
    theirs = s3.add_project(other)["AWS_SECRET_ACCESS_KEY"]
    stored.run("listed", person.namespace)
    found = stored.run("of_another", person.namespace, other, theirs)
    assert (found.pop("own"), found.pop("buckets")) == (0, [person.namespace])
    assert len(found) == 16
    assert all("403" in said or "AccessDenied" in said for said in found.values()), found


def test_a_store_in_a_bucket_that_others_may_share_is_warned_of_when_it_is_configured(person):
    person.kubectl("apply", "-f", str(REPOSITORY / "manifests" / "components" / "file-store" / "policy.yaml"))
    shared, own = (
        secret({"DHCORE_DEFAULT_FILES_STORE": store}, person.namespace)
        for store in ("s3://all/churn", "s3://churn/")
    )
    warned = wait_for(
        "the policy",
        lambda: "Warning" in (said := person.kubectl(*DRY, stdin=json.dumps(shared)).stderr) and said,
    )
    assert "DHCORE_DEFAULT_FILES_STORE names a folder of a bucket" in warned
    assert "a bucket for each project" in warned
    assert "Warning" not in person.kubectl(*DRY, stdin=json.dumps(own)).stderr
    other = shared | {"metadata": shared["metadata"] | {"name": "another"}}
    assert "Warning" not in person.kubectl(*DRY, stdin=json.dumps(other)).stderr


def test_credentials_are_for_those_who_may_read_secrets(gateway, s3, person, stored):
    reader = account(person, "reader", "view")
    path = f"/projects/{person.namespace}/auth/token"
    given, refused = exchanged(gateway, path, stored.token), exchanged(gateway, path, reader)
    assert given["aws_access_key_id"] == person.namespace
    assert given["access_token"] == stored.token
    assert given["expires_in"] > 0
    assert refused["access_token"] == reader
    assert not [name for name in refused if name.startswith("aws_")]
    assert exchanged(gateway, "/auth/token", stored.token) == given | {
        "expires_in": pytest.approx(given["expires_in"], abs=60)
    }
    with pytest.raises(urllib.error.HTTPError, match="401"):
        exchanged(gateway, path, "no.real.token")
    assert given["aws_secret_access_key"] not in gateway.log.read_text()


def test_secrets_of_a_project_are_kept_for_its_runs(person, user):
    person.kubectl("create", "secret", "generic", "theirs", "--from-literal=theirs=hidden")
    found = user.run("secrets", person.namespace)
    assert found.pop("exported").count("first") == 0
    assert "Duplicated" in found["twice"] or "AlreadyExists" in found["twice"]
    assert "AlreadyExists" in found["taken"]
    assert "NotExists" in found["write_theirs"]
    assert found | {"twice": "", "taken": "", "write_theirs": ""} == {
        "first": "first",
        "then": "grün",
        "labels": ["mine"],
        "listed": ["DB_PASSWORD", "other"],
        "twice": "",
        "taken": "",
        "theirs": {"other": "x"},
        "write_theirs": "",
        "left": ["DB_PASSWORD"],
    }
    kept = person.get("secret", "db-password")
    assert base64.b64decode(kept["data"]["DB_PASSWORD"]).decode() == "grün"
    assert "grün" not in str(kept["metadata"])


def test_who_may_not_read_secrets_reads_none(gateway, person, user, tmp_path):
    reader = SdkUser(gateway.endpoint, account(person, "reader", "view"), tmp_path, programs=PROGRAMS)
    found = reader.run("only_reads_secrets", person.namespace)
    assert all(said.startswith("ForbiddenError") for said in found.values()), found


def exchanged(gateway: GatewayProcess, path: str, token: str) -> dict[str, Any]:
    """The answer to a token exchange as the SDK asks for it."""
    form = {
        "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
        "client_id": "notebook",
        "subject_token": token,
        "subject_token_type": "urn:ietf:params:oauth:token-type:pat",
        "scope": "credentials",
    }
    host = gateway.endpoint.removeprefix("http://")
    with urllib.request.urlopen(f"http://{host}{path}", urllib.parse.urlencode(form).encode(), 30) as answer:
        return json.loads(answer.read())
