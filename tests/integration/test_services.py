"""Services on a real API server with fake nodes: up, down, up again, and whatever people do to their parts."""

from __future__ import annotations

from typing import Any

from tests.support.harness import Person, condition, delta, wait_for

PORTS = [{"port": 80, "target_port": 5678}]
ECHO = "docker.io/hashicorp/http-echo:1.0"


def serve(person: Person, name: str, **top: Any) -> None:
    top["spec"] = {"service_ports": PORTS} | top.get("spec", {})
    person.apply_run(name, image=ECHO, **({"kind": "container+serve"} | top))


def address(person: Person, name: str) -> str:
    return str(person.get("service", name)["spec"]["clusterIP"])


def test_a_service_starts_with_four_writes_and_is_then_silent(operator, person):
    person.warm()
    before = operator.writes()
    serve(person, "echo", spec={"replicas": 2})
    status = person.becomes("echo", "RUNNING")
    after = delta(before, operator.writes())
    assert after == {"create services": 1, "create deployments": 1, "patch runs": 2}
    assert condition(status, "Running")["reason"] == "Ready"
    ip = address(person, "echo")
    port = {"name": "port80", "port": 80, "protocol": "TCP", "targetPort": 5678}
    assert status["service"] == {
        "name": "echo",
        "namespace": person.namespace,
        "type": "ClusterIP",
        "clusterIP": ip,
        "ports": [port],
        "url": f"echo.{person.namespace}:80",
    }
    assert len(person.items("pods", "-l", "run-operator.io/run=echo")) == 2


def test_stop_and_resume_keep_the_address(operator, person):
    serve(person, "echo", spec={"replicas": 2})
    first = person.becomes("echo", "RUNNING")
    before = operator.writes()
    person.patch_run("echo", {"spec": {"suspend": True}})
    status = person.becomes("echo", "STOPPED")
    assert delta(before, operator.writes()).get("patch deployments") == 1
    assert condition(status, "Suspended")["status"] == "True"
    assert status["service"] == first["service"]
    assert person.items("pods") == []
    before = operator.writes()
    person.patch_run("echo", {"spec": {"suspend": False}})
    status = person.becomes("echo", "RUNNING")
    assert delta(before, operator.writes()) == {"patch runs": 2, "patch deployments": 1}
    assert (status["attempt"], status["service"]) == (2, first["service"])
    pods = person.items("pods")
    assert [pod["metadata"]["labels"]["run-operator.io/attempt"] for pod in pods] == ["2", "2"]


def test_a_deployment_deleted_by_hand_is_made_again_at_the_address_the_document_names_now(operator, person):
    serve(person, "echo")
    person.becomes("echo", "RUNNING")
    ip = address(person, "echo")
    person.kubectl("delete", "deployment", "echo")
    wait_for("the next attempt", lambda: person.status("echo").get("attempt") == 2)
    person.becomes("echo", "RUNNING")
    assert address(person, "echo") == ip
    person.patch_run("echo", {"spec": {"suspend": True}})
    person.becomes("echo", "STOPPED")
    person.kubectl("delete", "deployment", "echo")
    person.patch_run("echo", {"spec": {"spec": {"service_ports": [{"port": 81, "target_port": 5678}]}}})
    person.patch_run("echo", {"spec": {"suspend": False}})
    status = person.becomes("echo", "RUNNING")
    assert (status["attempt"], status["service"]["url"]) == (3, f"echo.{person.namespace}:81")
    assert [port["port"] for port in person.get("service", "echo")["spec"]["ports"]] == [81]
    assert address(person, "echo") == ip


def test_kubectl_scales_the_run_and_one_who_scales_the_deployment_is_named(operator, person):
    serve(person, "echo", spec={"replicas": 1})
    person.becomes("echo", "RUNNING")
    person.kubectl("scale", "run", "echo", "--replicas=2")
    wait_for("two pods", lambda: person.status("echo").get("replicas") == 2)
    assert person.get("run", "echo")["spec"]["spec"]["replicas"] == 2
    person.kubectl("scale", "deployment", "echo", "--replicas=3")
    wait_for("the event", lambda: person.items("events", "--field-selector=reason=ReplicasReset"))
    wait_for("the Run's own number", lambda: person.get("deployment", "echo")["spec"]["replicas"] == 2)


def autoscaled(person: Person, version: str, kind: str) -> None:
    """An autoscaler that wants two pods, whatever they do."""
    target = {"apiVersion": version, "kind": kind, "name": "echo"}
    spec = {"scaleTargetRef": target, "minReplicas": 2, "maxReplicas": 3}
    body = {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "echo"},
        "spec": spec,
    }
    person.apply(body)


def test_an_autoscaler_of_the_run_scales_it(operator, person):
    serve(person, "echo", spec={"replicas": 1})
    person.becomes("echo", "RUNNING")
    autoscaled(person, "run-operator.io/v1alpha1", "Run")
    wait_for("two pods", lambda: person.status("echo").get("replicas") == 2)
    assert person.get("run", "echo")["spec"]["spec"]["replicas"] == 2


def test_an_autoscaler_of_the_deployment_is_corrected_and_told_where_to_scale(operator, person):
    serve(person, "echo", spec={"replicas": 1})
    person.becomes("echo", "RUNNING")
    autoscaled(person, "apps/v1", "Deployment")
    (event,) = wait_for("the event", lambda: person.items("events", "--field-selector=reason=ReplicasReset"))
    assert "replicas" in event["message"]


def test_a_deployment_that_somebody_edits_is_reported_and_the_next_attempt_has_the_document(operator, person):
    serve(person, "echo")
    person.becomes("echo", "RUNNING")
    person.kubectl("set", "image", "deployment/echo", "main=docker.io/library/busybox:1.36")
    (event,) = wait_for(
        "the event", lambda: person.items("events", "--field-selector=reason=TemplateChanged")
    )
    assert "stop and resume the Run" in event["message"]
    person.patch_run("echo", {"spec": {"suspend": True}})
    person.becomes("echo", "STOPPED")
    person.patch_run("echo", {"spec": {"suspend": False}})
    person.becomes("echo", "RUNNING")
    (container,) = person.get("deployment", "echo")["spec"]["template"]["spec"]["containers"]
    assert container["image"] == ECHO


def test_a_scaler_that_asks_for_no_pods_is_refused_and_the_service_goes_on(operator, person):
    """A document without pods could not be resumed."""
    serve(person, "echo", spec={"replicas": 1})
    person.becomes("echo", "RUNNING")
    refused = person.kubectl("scale", "run", "echo", "--replicas=0", check=False)
    assert "to have no pods, set spec.suspend to true" in refused.stderr
    assert person.get("run", "echo")["spec"]["spec"]["replicas"] == 1
