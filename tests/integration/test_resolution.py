"""Functions, Tasks and profiles on a real API server: waited for, found, remembered; and what it costs."""

from __future__ import annotations

from typing import Any

import pytest

from tests.integration.test_reconcile import delta
from tests.support.harness import OperatorProcess, Person, condition, wait_for

HELLO = "container://demo/hello"
TASK = "container+job://demo/t"
API = "run-operator.io/v1alpha1"


def entity(what: str, kind: str, entity_id: str, spec: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A Function or Task as an object; `more`: name (of the document), created."""
    metadata = {"created": more.get("created", "2026-01-01T00:00:00+00:00")}
    document = {"kind": kind, "project": "demo", "name": more.get("name", entity_id), "id": entity_id}
    return {
        "apiVersion": API,
        "kind": what,
        "metadata": {"name": entity_id},
        "spec": document | {"metadata": metadata, "spec": spec},
    }


def function(entity_id: str = "v1", image: str | None = "one", **more: Any) -> dict[str, Any]:
    spec = ({"image": f"example.org/{image}"} if image else {}) | more.pop("spec", {})
    return entity("Function", "container", entity_id, spec, **({"name": "hello"} | more))


def apply_run(person: Person, name: str, reference: str | None = f"{HELLO}:v1", **top: Any) -> None:
    """A Run without an image of its own."""
    spec = {"task": TASK, "image": None} | ({"function": reference} if reference else {})
    person.apply_run(name, **(top | {"spec": spec | top.get("spec", {})}))


def waits(person: Person, name: str, reason: str) -> dict[str, Any]:
    wait_for(f"{name} {reason}", lambda: condition(person.status(name), "Resolved").get("reason") == reason)
    return person.status(name)


def resolved_with(person: Person, name: str, what: str) -> None:
    wait_for(what, lambda: what in condition(person.status(name), "Resolved").get("message", ""))


def image(person: Person, name: str) -> str:
    pod = person.get("job", name)["spec"]["template"]["spec"]
    return str(pod["containers"][0]["image"]).removeprefix("example.org/")


def writes(before: dict[str, int], operator: OperatorProcess) -> dict[str, int]:
    """Since then, without Events: those of a start are written when there is time."""
    return {key: count for key, count in delta(before, operator.writes()).items() if key != "create events"}


def test_a_run_waits_for_its_function_and_starts_when_it_is_applied(operator, person):
    before = operator.writes()
    apply_run(person, "early")
    status = waits(person, "early", "FunctionNotFound")
    assert status["state"] == "CREATED"
    assert (
        f"runctl manifest functions-v1.yaml | kubectl apply -n {person.namespace} -f -" in status["message"]
    )
    query = ("events", "--field-selector=reason=FunctionNotFound")
    (event,) = wait_for("the event", lambda: person.items(*query))
    assert (event["type"], event["message"]) == ("Warning", status["message"])
    assert writes(before, operator) == {"patch runs": 1}
    person.apply(function())
    status = person.becomes("early", "RUNNING")
    assert image(person, "early") == "one"
    assert condition(status, "Resolved")["status"] == "True"
    part = status["resolved"]["function"]
    assert (part["reference"], part["name"], part["generation"]) == (f"{HELLO}:v1", "v1", 1)
    assert part["uid"] == person.get("function", "v1")["metadata"]["uid"]
    assert status["resolved"]["task"] == {"reference": TASK}


def test_a_run_whose_function_is_there_costs_one_post_and_two_patches(operator, person):
    person.apply(function())
    apply_run(person, "warm")
    person.becomes("warm", "RUNNING")
    before = operator.writes()
    apply_run(person, "cheap")
    status = person.becomes("cheap", "RUNNING")
    assert writes(before, operator) == {"create jobs": 1, "patch runs": 2}
    assert status["resolved"]["function"]["spec"] == {"image": "example.org/one"}


def test_without_an_id_the_latest_version_and_with_one_that_version(operator, person):
    person.apply(
        [
            function("a", "oldest", created="2026-01-01T00:00:00+00:00"),
            function("b", "latest", created="2026-03-01T00:00:00+00:00"),
            function("c", "middle", created="2026-02-01T00:00:00+00:00"),
            function("d", "other", name="bye", created="2026-04-01T00:00:00+00:00"),
        ]
    )
    apply_run(person, "latest", HELLO, suspend=True)
    resolved_with(person, "latest", f"{HELLO}:b")
    person.patch_run("latest", {"spec": {"suspend": False}})
    apply_run(person, "oldest", f"{HELLO}:a")
    apply_run(person, "missing", f"{HELLO}:x")
    for name in ("latest", "oldest"):
        person.becomes(name, "RUNNING")
        assert image(person, name) == name
    assert person.status("latest")["resolved"]["function"]["id"] == "b"
    assert "other versions of it are here: b, c, a" in waits(person, "missing", "FunctionNotFound")["message"]


def test_a_run_that_names_no_function_waits_for_its_task_and_then_for_the_tasks_function(operator, person):
    apply_run(person, "by-task", None)
    assert "runctl manifest tasks-t.yaml" in waits(person, "by-task", "TaskNotFound")["message"]
    person.apply(entity("Task", "container+job", "t", {"function": HELLO, "resources": {"mem": "64Mi"}}))
    waits(person, "by-task", "FunctionNotFound")
    person.apply(function())
    person.becomes("by-task", "RUNNING")
    container = person.get("job", "by-task")["spec"]["template"]["spec"]["containers"][0]
    assert container["resources"]["requests"] == {"memory": "64Mi"}


@pytest.mark.parametrize("fate", ["changed", "deleted"])
def test_what_becomes_of_the_function_after_the_start_does_not_touch_the_run(operator, person, fate):
    person.apply(function())
    apply_run(person, "steady")
    person.becomes("steady", "RUNNING")
    if fate == "changed":
        person.apply(function(image="two"))
    else:
        person.kubectl("delete", "function", "v1")
    person.patch_run("steady", {"spec": {"suspend": True}})
    person.becomes("steady", "STOPPED")
    person.patch_run("steady", {"spec": {"suspend": False, "spec": {"args": ["edited"]}}})
    status = person.becomes("steady", "RUNNING")
    assert (status["attempt"], image(person, "steady")) == (2, "one")
    container = person.get("job", "steady")["spec"]["template"]["spec"]["containers"][0]
    assert container["args"] == ["edited"]


def test_a_stopped_run_edited_to_name_another_function_starts_with_that(operator, person):
    person.apply([function(), function("v2", "two")])
    apply_run(person, "edited")
    person.becomes("edited", "RUNNING")
    person.patch_run("edited", {"spec": {"suspend": True}})
    person.becomes("edited", "STOPPED")
    person.patch_run("edited", {"spec": {"suspend": False, "spec": {"function": f"{HELLO}:v3"}}})
    status = waits(person, "edited", "FunctionNotFound")
    assert (status["state"], status["attempt"]) == ("STOPPED", 1)
    person.patch_run("edited", {"spec": {"spec": {"function": f"{HELLO}:v2"}}})
    status = person.becomes("edited", "RUNNING")
    assert (image(person, "edited"), status["resolved"]["function"]["id"]) == ("two", "v2")
    person.patch_run("edited", {"spec": {"suspend": True}})
    person.becomes("edited", "STOPPED")
    person.patch_run("edited", {"spec": {"suspend": False, "spec": {"image": "example.org/own"}}})
    wait_for("attempt 3", lambda: person.status("edited")["attempt"] == 3)
    status = person.becomes("edited", "RUNNING")
    assert image(person, "edited") == "own"
    assert "resolved" not in status
    assert condition(status, "Resolved") == {}


def test_created_suspended_it_tells_whether_it_could_start(operator, person):
    apply_run(person, "later", HELLO, suspend=True)
    status = person.becomes("later", "STOPPED")
    assert "it would wait: apply the Function" in status["message"]
    person.apply(function())
    resolved_with(person, "later", f"{HELLO}:v1")
    assert person.items("jobs") == []
    assert "resolved" not in person.status("later")
    person.apply(function("v2", "two", created="2027-01-01T00:00:00+00:00"))
    resolved_with(person, "later", f"{HELLO}:v2")
    person.patch_run("later", {"spec": {"suspend": False}})
    assert person.becomes("later", "RUNNING")["attempt"] == 1
    assert image(person, "later") == "two"


def test_a_run_that_waits_can_be_stopped(operator, person):
    apply_run(person, "stopped")
    waits(person, "stopped", "FunctionNotFound")
    person.patch_run("stopped", {"spec": {"suspend": True}})
    status = person.becomes("stopped", "STOPPED")
    assert condition(status, "Suspended")["status"] == "True"
    person.patch_run("stopped", {"spec": {"suspend": False}})
    person.becomes("stopped", "CREATED")
    person.apply(function())
    person.becomes("stopped", "RUNNING")


@pytest.mark.parametrize(
    ("document", "reference", "said"),
    [
        (function(image=None), f"{HELLO}:v1", "(object v1) has none either"),
        (None, "python://demo/hello:v1", "is of the runtime python, the Run of container"),
        (
            function(spec={"source": {"base64": "x" * 140_000}}),
            f"{HELLO}:v1",
            "at most 131072 can be recorded",
        ),
    ],
)
def test_what_can_never_run_ends_in_error(operator, person, document, reference, said):
    if document:
        person.apply(document)
        wait_for("the Function stored", lambda: person.get("function", "v1"))
    apply_run(person, "never", reference)
    assert said in person.becomes("never", "ERROR")["message"]
    assert person.items("jobs") == []


def test_a_function_wakes_only_the_runs_that_wait_for_it(operator, person):
    names = [f"other-{i}" for i in range(20)]
    for name in names:
        apply_run(person, name, f"container://demo/{name}")
    for name in names:
        waits(person, name, "FunctionNotFound")
    apply_run(person, "mine")
    waits(person, "mine", "FunctionNotFound")
    wait_for("all events written", lambda: not _sum(operator, "run_operator_events_queued"))
    before = _sum(operator, "run_operator_reconciles_total")
    person.apply(function(image="one", spec={"args": ["kwok-complete"]}))
    person.becomes("mine", "COMPLETED")
    assert _sum(operator, "run_operator_reconciles_total") - before < len(names)


def _sum(operator: OperatorProcess, metric: str) -> float:
    return sum(value for name, _, value in operator.metrics() if name == metric)


def profiles(name: str, texts: dict[str, str]) -> dict[str, Any]:
    metadata = {"name": name, "labels": {"run-operator.io/profiles": "true"}}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": texts}


def test_a_profile_overrides_and_an_unknown_or_broken_one_is_waited_for(operator, person):
    person.apply_run("tuned", spec={"profile": "big", "resources": {"cpu": "100m", "mem": "64Mi"}})
    assert "known: none" in waits(person, "tuned", "ProfileNotFound")["message"]
    person.apply(profiles("mine", {"small": "resources: {cpu: 10m}", "big": "resources:\n  cpu: lots"}))
    status = waits(person, "tuned", "InvalidProfile")
    where = f"(ConfigMap {person.namespace}/mine, key big, line 2): resources.cpu: 'lots' is not a quantity"
    assert where in status["message"]
    person.apply(profiles("mine", {"big": "resources: {cpu: 200m}\nlabels: {team: ml}\nbackoff_limit: 2"}))
    status = person.becomes("tuned", "RUNNING")
    job = person.get("job", "tuned")
    container = job["spec"]["template"]["spec"]["containers"][0]
    assert container["resources"]["requests"] == {"cpu": "200m", "memory": "64Mi"}
    assert (job["spec"]["backoffLimit"], job["metadata"]["labels"]["team"]) == (2, "ml")
    assert status["resolved"]["profile"]["name"] == "mine"


def test_a_profile_of_the_operators_namespace_is_for_all_and_ones_own_wins(operator, person):
    admin = Person(person.kubeconfig, "default")  # the operator of the tests is in it
    name = person.namespace  # a name nobody else uses
    admin.apply(profiles(name, {f"{name}.a": "resources: {cpu: 1m}", f"{name}.b": "resources: {cpu: 2m}"}))
    person.apply(profiles("mine", {f"{name}.b": "resources: {cpu: 3m}"}))
    for run, profile, cpu in (("one", f"{name}.a", "1m"), ("two", f"{name}.b", "3m")):
        person.apply_run(run, spec={"profile": profile})
        person.becomes(run, "RUNNING")
        container = person.get("job", run)["spec"]["template"]["spec"]["containers"][0]
        assert container["resources"]["requests"]["cpu"] == cpu
    admin.kubectl("delete", "configmap", name)
