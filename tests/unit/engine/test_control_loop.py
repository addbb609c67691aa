"""engine/control_loop.py is what happens: events lead to looks at the Runs that it names, actions write what it says, and nothing else writes."""

from __future__ import annotations

import ast
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml

import run_operator
from run_operator.api.custom_object import CustomKind
from run_operator.api.run import Key
from run_operator.api.runtime_object import RuntimeView
from run_operator.engine.control_loop import EVENTS, ITS_OWNER, ITS_USERS, ITSELF, OF_ANOTHER, STATUS, WRITES
from run_operator.engine.executor import Executor
from run_operator.engine.store import Store
from run_operator.engine.watched_kinds import WATCHED
from run_operator.kube.resource import (
    CLUSTER_RUNTIMES,
    CONFIG_MAPS,
    DEPLOYMENTS,
    FUNCTIONS,
    JOBS,
    PODS,
    RUNTIMES,
    SERVICES,
    TASKS,
)
from run_operator.lifecycle import model
from run_operator.lifecycle.plan import plan
from run_operator.resolution.resolve import resolve
from run_operator.workloads.types import Options
from tests.support.builders import (
    NOW,
    UID,
    deployment,
    function,
    job,
    pod,
    profiles,
    run,
    serve,
    service,
    task,
)
from tests.support.runtimes import runtime

VERBS = ("create", "patch", "json_patch", "delete")
METHODS = {"json_patch": "patch"}
"""The verb of RBAC, where the client's method has another name."""
ROOT = Path(run_operator.__file__).parent
MANIFESTS = ROOT.parents[1] / "manifests"
NEEDS: dict[str, Any] = {
    "volumes": [{"volume_type": "persistent_volume_claim", "name": "d", "mount_path": "/d", "spec": {}}],
    "source": {"source": "main.py", "base64": "cHJpbnQoKQ=="},
    "image": "busybox:1.36",
    "task": "container+job://demo/t",
}


class Recorder:
    """A client that notes what is written and answers as the API server would."""

    def __init__(self) -> None:
        self.wrote: list[tuple[str, Any]] = []

    def __getattr__(self, verb: str) -> Any:
        async def call(resource: Any, _: str, body: Any, *__: Any, **___: Any) -> Any:
            if verb in VERBS:
                self.wrote.append((verb, resource))
            metadata = {"namespace": "ml", "name": "hello", "uid": "u", "resourceVersion": "99"}
            if verb == "get_metadata":
                return {"labels": {"run-operator.io/run-uid": UID}, "uid": "u"}
            return {"kind": resource.kind, "spec": {}, "status": {}} | (
                {"metadata": metadata | body["metadata"]} if verb == "create" else {"metadata": metadata}
            )

        return call


def created(one: Any) -> model.CreateWorkload:
    return next(
        action
        for action in plan(one, model.Observed(), NOW, Options()).actions
        if isinstance(action, model.CreateWorkload)
    )


A_JOB = created(run(NEEDS))
A_SERVICE = created(serve(more={key: NEEDS[key] for key in ("volumes", "source")}))
ANOTHERS = CustomKind("*", "*", "*", "*", "somebody")
A_CUSTOM = model.CreateWorkload(replace(A_JOB.workload, custom=ANOTHERS, needs=()))
ACTIONS: dict[type[model.Action], tuple[model.Action, ...]] = {
    model.CreateWorkload: (A_JOB, A_SERVICE, A_CUSTOM),
    model.SuspendChild: (model.SuspendChild("hello", "u"),),
    model.SetDeadline: (model.SetDeadline("hello", "u", 60),),
    model.ScaleChild: (model.ScaleChild("hello", "u", 3),),
    model.RestartChild: (model.RestartChild("hello", "u", A_SERVICE.workload),),
    model.CreateService: (model.CreateService(A_SERVICE.workload.service or {}),),
    model.PatchService: (model.PatchService("u", A_SERVICE.workload.service or {}),),
    model.DeleteChild: (model.DeleteChild("hello", "u"), model.DeleteChild("hello", "u", "Service")),
    model.DeletePod: (model.DeletePod("hello-x", "u"),),
    model.DeleteReplicaSet: (model.DeleteReplicaSet("hello-x", "u"),),
    model.DeleteCustom: (model.DeleteCustom(ANOTHERS, "hello", "u"),),
    model.PatchCustom: (model.PatchCustom(ANOTHERS, "hello", "u", {"spec": {"active": False}}),),
    model.MarkFinished: (model.MarkFinished("u", "{}"),),
    model.DeleteRun: (model.DeleteRun("u"),),
    model.CreateRun: (model.CreateRun({"kind": "Run", "metadata": {"name": "hello-1"}}),),
    model.SuspendRun: (model.SuspendRun("hello-1", "u", suspend=True),),
}


def test_the_table_fits_a_screen_and_has_every_action_of_a_plan():
    assert len((ROOT / "engine/control_loop.py").read_text().splitlines()) <= 60
    assert set(WRITES) == set(ACTIONS) == set(get_args(model.Action))


@pytest.mark.parametrize("kind", WRITES, ids=lambda kind: kind.__name__)
async def test_an_action_writes_what_the_table_says_and_nothing_else(kind):
    api: Any = Recorder()
    executor = Executor(api, Store(lambda *_: None))
    for action in ACTIONS[kind]:
        await executor.carry_out(run(), action)
    assert set(api.wrote) == set(WRITES[kind])


async def test_a_status_is_written_as_the_table_says():
    api: Any = Recorder()
    await Executor(api, Store(lambda *_: None)).write_status(run(), {"state": "PENDING"})
    assert api.wrote == [STATUS]


OTHERS = {
    "engine/executor.py": "what plans ask for",
    "engine/step_runs.py": "the Runs of pipelines' steps that plans ask for",
    "engine/custom_objects.py": "objects of other operators that plans ask for",
    "engine/event_recorder.py": "Events",
    "engine/runtime_reports.py": "the status of Runtimes",
    "engine/installation.py": "Events about a part that is missing",
    "engine/signing_key.py": "the operator's own Secret",
    "log_archive/log_store.py": "RunLogs",
    "log_archive/writer.py": "RunLogs",
    "pki/rotation.py": "the operator's own Secret",
    "pki/gateway_secret.py": "the gateway's Secret",
    "ingest/configmap.py": "the ConfigMaps that pods mount",
    "ingest/auth.py": "token reviews",
    "ingest/committer.py": "metrics in the status",
    "ingest/outside_writes.py": "MetricBatches: their answer and their end",
    "ingest/result_api.py": "results in the status",
    "ingest/built_image.py": "the image in the Function that a Run has built it for",
    "ingest/entity_api.py": "entities that a pod makes",
}


def test_no_other_file_of_the_operator_writes():
    rooms = ("engine", "lifecycle", "log_archive", "pki", "ingest", "observability", "http")
    writing = {
        str(path.relative_to(ROOT))
        for room in rooms
        for path in (ROOT / room).glob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute)
        and node.attr in VERBS
        and ast.unparse(node.value) in ("self._api", "api")
    }
    assert writing == set(OTHERS)


def test_every_kind_that_is_watched_wakes_somebody():
    assert set(EVENTS) == set(WATCHED)


NAMING = {
    FUNCTIONS: {"task": "container+job://demo/t", "function": "container://demo/hello:v1"},
    TASKS: {"task": "container+job://demo/t1"},
    CONFIG_MAPS: {"task": "container+job://demo/t", "image": "busybox:1.36", "profile": "gpu"},
}
"""What a Run says that uses one of these."""
KINDS = dict.fromkeys((RUNTIMES, CLUSTER_RUNTIMES), "echo+serve:run")
THINGS: dict[Any, Any] = {
    JOBS: job(), DEPLOYMENTS: deployment(), SERVICES: service(), PODS: pod(),
    FUNCTIONS: function("v1", "image"), TASKS: task("t1"), CONFIG_MAPS: profiles({"gpu": "{}"}),
    RUNTIMES: RuntimeView.from_object(runtime(namespace="ml")), CLUSTER_RUNTIMES: RuntimeView.from_object(runtime()),
}  # fmt: skip


@pytest.mark.parametrize("resource", EVENTS, ids=lambda resource: resource.plural)
def test_an_event_wakes_the_runs_that_the_table_names(resource):
    woken: list[Key] = []
    store = Store(lambda key, _: woken.append(key))
    one = run(NAMING.get(resource), kind=KINDS.get(resource, "container+job:run"))
    for held in (one, replace(run(name="another"), uid="another")):
        store.put_run(held)
    store.follow(one.key, resolve(one, store.catalog, Options()).wants)
    woken.clear()
    put = {
        ITSELF: lambda: store.put_run(replace(one, resource_version="11", generation=2)),
        ITS_OWNER: lambda: store.put_child(THINGS[resource]),
        ITS_USERS: lambda: store.put_referred(THINGS[resource]),
    }
    put[EVENTS[resource]]()
    assert woken == [one.key]


def test_the_operator_may_do_what_the_table_says():
    rules = [
        rule
        for path in MANIFESTS.rglob("*.yaml")
        for document in yaml.load_all(path.read_text(), getattr(yaml, "CSafeLoader", yaml.SafeLoader))
        if isinstance(document, dict)
        and document.get("kind") == "ClusterRole"
        and document["metadata"]["name"] == "run-operator"
        for rule in document["rules"]
    ]
    for verb, resource in {write for writes in WRITES.values() for write in writes}:
        if resource == OF_ANOTHER:
            continue  # the right comes with the ClusterRuntime
        wanted = METHODS.get(verb, verb)
        assert any(
            resource.group in rule["apiGroups"]
            and resource.plural in rule["resources"]
            and wanted in rule["verbs"]
            for rule in rules
        ), f"{wanted} {resource.plural}"
