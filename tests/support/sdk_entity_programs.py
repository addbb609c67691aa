"""Programs of a user of the DigitalHub SDK about artifacts, data items, models and secrets; see sdk_programs.py."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import boto3
import digitalhub as dh
import pandas as pd
import yaml
from sdk_programs import change, get_client, outcome

BY_URL = "https://example.org/data.csv"


def documents(name):
    """Each kind of entity without its content: created, read, changed, listed, exported, deleted."""
    project = dh.get_or_create_project(name)
    kinds = (("artifact", "artifact"), ("dataitem", "table"), ("model", "sklearn"))
    return {what: life_of(project, what, kind) for what, kind in kinds}


def life_of(project, what, kind):
    name = project.name
    one = getattr(project, f"new_{what}")(name="a", kind=kind, path=BY_URL, labels=["mine"])
    other = getattr(project, f"new_{what}")(name="a", kind=kind, path=BY_URL)
    third = getattr(project, f"new_{what}")(name="b", kind=kind, path=BY_URL, description="third")
    get, listed = getattr(project, f"get_{what}"), getattr(project, f"list_{what}s")
    seen = {
        "key": one.key == f"store://{name}/{what}/{kind}/a:{one.id}",
        "by_key": get(one.key).id == one.id,
        "latest_by_name": get("a").id == other.id,
        "versions": [v.id for v in getattr(project, f"get_{what}_versions")("a")] == [other.id, one.id],
        "listed": sorted(v.id for v in listed()) == sorted((other.id, third.id)),
        "by_filter": [v.id for v in listed(name="b", kind=kind)] == [third.id],
        "of_another_kind": listed(kind="another"),
        "state": one.status.state,
        "twice": outcome(one.save),
        "other_kind": outcome(lambda: dh.get_run(one.id, project=name)),
    }
    one.status.state = "READY"
    one.add_label("more")
    one.add_relationship("produced_by", f"store://{name}/run/python+job:run/r")
    change(one)
    again = get(one.key)
    seen["saved"] = [again.status.state, sorted(again.metadata.labels), len(again.metadata.relationships)]
    seen["ready"] = [v.id for v in listed(state="READY")] == [one.id]
    seen["path"] = again.spec.path
    file = again.export()
    seen["exported"] = yaml.safe_load(Path(file).read_text())["status"]["state"]
    getattr(dh, f"delete_{what}")(one.key)
    seen["gone"] = outcome(again.refresh)
    seen["imported"] = outcome(lambda: getattr(dh, f"import_{what}")(file).id) == one.id
    getattr(dh, f"delete_{what}")("a", project=name, delete_all_versions=True)
    seen["left"] = [v.name for v in listed()]
    return seen


def model_metrics(name):
    project = dh.get_or_create_project(name)
    model = project.new_model(name="m", kind="model", path="s3://bucket/m")
    model.log_metrics({"f1": 0.5, "loss": [2.0, 1.0]})
    model.log_metric("loss", 0.5)
    model.description = "x"
    change(model)
    return {
        "own": model.metrics,
        "read": project.get_model("m").metrics,
        "text": outcome(lambda: model.log_metric("n" * 300, "x")),
    }


def many_files(name, count):
    project = dh.get_or_create_project(name)
    artifact = project.new_artifact(name="many", kind="artifact", path="s3://bucket/many/")
    files = [{"path": f"f{i}", "name": f"f{i}", "size": i, "hash": "md5:0"} for i in range(int(count))]
    artifact._log_files_info(files)  # what upload() does beyond a hundred files
    artifact.status.state = "READY"
    change(artifact)
    again = project.get_artifact("many")
    return {"files": len(again.files), "last": again.files[-1]["path"], "in_document": again.status.files}


def generic(name):
    """A kind that a plug-in of the SDK defines, stored by hand: the API knows no list of kinds."""
    dh.get_or_create_project(name)
    client, path = get_client(), f"/api/v1/-/{name}/containerimages"
    document = {
        "kind": "_generic", "project": name, "name": "image", "id": "one", "metadata": {"project": name, "name": "image"},
        "spec": {"image": "registry/image:1", "odd": {"deep": [1, None, "x"]}}, "status": {"state": "READY"},
    }  # fmt: skip
    client.create_object(path, document)
    return {"spec": client.read_object(f"{path}/one")["spec"], "listed": len(client.list_objects(path))}


def read(name, what, entity_name):
    return getattr(dh.get_or_create_project(name), f"get_{what}")(entity_name).to_dict()


def listed(name):
    return outcome(lambda: [one.id for one in dh.get_project(name).list_artifacts()])


def refused(name):
    project = dh.get_project(name)
    client, path = get_client(), f"/api/v1/-/{name}/containerimages"
    document = client.read_object(f"{path}/one")
    return {
        "create": outcome(lambda: project.new_artifact(name="a", kind="artifact", path=BY_URL)),
        "update": outcome(
            lambda: client.update_object(f"{path}/one", document | {"status": {"state": "ERROR"}})
        ),
        "files": outcome(lambda: client.update_object(f"{path}/one/files/info", [])),
        "delete": outcome(lambda: client.delete_object(f"{path}/one")),
    }


def content(name):
    """Files of each kind of entity go to the store and come back."""
    project = dh.get_or_create_project(name)
    Path("folder/deep").mkdir(parents=True, exist_ok=True)
    Path("folder/a.txt").write_text("a")
    Path("folder/deep/b.txt").write_text("bb")
    frame = pd.DataFrame({"x": [1, 2, 3], "y": ["a", "b", "c"]})
    artifact = project.log_artifact(name="file", kind="artifact", source="folder/a.txt")
    model = project.log_model(name="model", kind="model", source="folder/")
    item = project.log_dataitem(name="table", kind="table", data=frame)
    model.log_metrics({"f1": 0.5})
    again = project.get_dataitem("table")
    read = project.get_model("model")
    return {
        "path": artifact.spec.path.replace(artifact.id, "ID"),
        "states": [one.status.state for one in (artifact, model, item)],
        "artifact": Path(project.get_artifact("file").download("back", overwrite=True)).read_text(),
        "model": sorted(one["path"] for one in read.files),
        "metrics": read.metrics,
        "table": again.as_df().to_dict(orient="list"),
        "schema": [one["name"] for one in again.spec.schema["fields"]],
        "preview": again.status.preview["rows"],
        "key": item.key,
    }


def without_store(name):
    project = dh.get_or_create_project(name)
    Path("a.txt").write_text("a")
    return outcome(lambda: project.log_artifact(name="file", kind="artifact", source="a.txt"))


THEIRS = "theirs/a.txt"


def s3_client(access, secret):
    keys = get_client().get_credentials_and_config()
    return boto3.client(
        "s3", endpoint_url=keys["AWS_ENDPOINT_URL"], region_name=keys["AWS_REGION"],
        aws_access_key_id=access, aws_secret_access_key=secret,
    )  # fmt: skip


def of_another(name, other, secret):
    """What the credentials of one project do in the bucket of another: by the SDK and by hand. `secret`: the other's."""
    project = dh.get_or_create_project(name)
    Path("a.txt").write_text("a")
    artifact = project.new_artifact(
        name="theirs", kind="artifact", path=f"s3://{other}/{other}/artifact/file/x/a.txt"
    )
    keys = get_client().get_credentials_and_config()
    store = s3_client(keys["AWS_ACCESS_KEY_ID"], keys["AWS_SECRET_ACCESS_KEY"])
    s3_client(other, secret).put_object(Bucket=other, Key=THEIRS, Body=b"theirs")
    policy = json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": "*", "Action": "s3:*", "Resource": [f"arn:aws:s3:::{other}/*"]}]})  # fmt: skip
    return {
        "own": outcome(lambda: store.list_objects_v2(Bucket=name)["KeyCount"]),
        "upload": outcome(lambda: artifact.upload("a.txt")),
        "download": outcome(artifact.as_file),
        "list": outcome(lambda: store.list_objects_v2(Bucket=other)),
        "list_prefix": outcome(lambda: store.list_objects_v2(Bucket=other, Prefix=f"{other}/")),
        "list_versions": outcome(lambda: store.list_object_versions(Bucket=other)),
        "head_bucket": outcome(lambda: store.head_bucket(Bucket=other)),
        "head": outcome(lambda: store.head_object(Bucket=other, Key=THEIRS)),
        "get": outcome(lambda: store.get_object(Bucket=other, Key=THEIRS)),
        "copy": outcome(lambda: store.copy_object(Bucket=name, Key="a", CopySource=f"{other}/{THEIRS}")),
        "put": outcome(lambda: store.put_object(Bucket=other, Key="a", Body=b"a")),
        "multipart": outcome(lambda: store.create_multipart_upload(Bucket=other, Key="a")),
        "delete_object": outcome(lambda: store.delete_object(Bucket=other, Key=THEIRS)),
        "acl": outcome(lambda: store.put_bucket_acl(Bucket=other, ACL="public-read")),
        "delete": outcome(lambda: store.delete_bucket(Bucket=other)),
        "policy": outcome(lambda: store.put_bucket_policy(Bucket=other, Policy=policy)),
        "create": outcome(lambda: store.create_bucket(Bucket=f"{name}-2")),
        "buckets": [one["Name"] for one in store.list_buckets()["Buckets"]],
    }


def secrets(name):
    project = dh.get_or_create_project(name)
    secret = project.new_secret(name="DB_PASSWORD", secret_value="first")
    found = {"first": project.get_secret("DB_PASSWORD").read_secret_value()}
    secret.set_secret_value("grün")
    secret.add_label("mine")
    change(secret)
    project.new_secret(name="other", secret_value="x")
    found |= {
        "then": secret.read_secret_value(),
        "labels": project.get_secret("DB_PASSWORD").metadata.labels,
        "listed": sorted(one.name for one in project.list_secrets()),
        "exported": Path(secret.export()).read_text(),
        "twice": outcome(lambda: project.new_secret(name="db-password", secret_value="x")),
        "taken": outcome(lambda: project.new_secret(name="theirs", secret_value="x")),
        "theirs": outcome(
            lambda: get_client().read_object(
                f"/api/v1/-/{name}/secrets/data", params={"keys": "theirs,other"}
            )
        ),
        "write_theirs": outcome(
            lambda: get_client().update_object(f"/api/v1/-/{name}/secrets/data", {"theirs": "x"})
        ),
    }
    dh.delete_secret("other", project=name, delete_all_versions=True)
    found["left"] = [one.name for one in project.list_secrets()]
    return found


def only_reads_secrets(name):
    project = dh.get_project(name)
    return {
        "list": outcome(project.list_secrets),
        "value": outcome(
            lambda: get_client().read_object(f"/api/v1/-/{name}/secrets/data", params={"keys": "DB_PASSWORD"})
        ),
        "create": outcome(lambda: project.new_secret(name="x", secret_value="x")),
    }


if __name__ == "__main__":
    print(json.dumps(globals()[sys.argv[1]](*sys.argv[2:])), flush=True)
