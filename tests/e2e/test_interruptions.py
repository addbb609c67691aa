"""With real pods: a program that saves its work when it is asked to end has not done what is left of it."""

from __future__ import annotations

import base64
import datetime as dt
import ipaddress
import json
import ssl
import threading
from collections.abc import Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from run_operator.pki.ca import CertificateAuthority
from tests.support.harness import Person, condition, wait_for

SAVES = 'trap "echo saved; exit {code}" TERM; while true; do sleep 0.2; done'
END = "/tmp/end"  # noqa: S108 - in a pod
PYTHON = "docker.io/library/python:3.12-slim"
HOME = (
    "import getpass, os, pathlib, tempfile; home = pathlib.Path('~').expanduser(); (home / '.cache' / 'x').mkdir("
    "parents=True, exist_ok=True); (home / 'mine').write_text('x'); print(getpass.getuser(), os.environ['HOME'])"
)


def pod_of(person: Person, name: str, attempt: int = 1) -> Any:
    selector = f"--selector=run-operator.io/run={name},run-operator.io/attempt={attempt}"
    return wait_for(f"a pod of attempt {attempt}", lambda: person.items("pods", selector))[0]


def evict(person: Person, pod: str) -> None:
    body = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": pod}}
    path = f"/api/v1/namespaces/{person.namespace}/pods/{pod}/eviction"
    person.kubectl("create", "--raw", path, "-f", "-", stdin=json.dumps(body))


def delete(person: Person, pod: str) -> None:
    person.kubectl("delete", "pod", pod, "--wait=false")


@pytest.mark.parametrize("ended", [evict, delete])
@pytest.mark.parametrize("code", [0, 143])
def test_an_interrupted_program_goes_on_as_the_next_attempt(person, ended, code):
    person.apply_run("x", "sh", "-c", SAVES.format(code=code))
    person.becomes("x", "RUNNING")
    ended(person, pod_of(person, "x")["metadata"]["name"])
    pod_of(person, "x", 2)
    status = person.becomes("x", "RUNNING")
    first = status["attempts"][0]
    assert (first["reason"], first["exitCode"]) == ("Interrupted", code)
    assert status["attempt"] == 2


def test_a_pod_that_was_deleted_when_its_program_had_ended_changes_nothing(person):
    person.apply_run("x", "sh", "-c", "sleep 1; exit 0")
    person.becomes("x", "COMPLETED")
    person.kubectl("delete", "pods", "--all")
    assert person.status("x")["state"] == "COMPLETED"


def operators(person: Person, number: int) -> None:
    """This many replicas of the operator."""
    admin = Person(person.kubeconfig, "run-operator")
    admin.kubectl("scale", "deployment/run-operator", f"--replicas={number}")
    if number:
        admin.kubectl("rollout", "status", "deployment/run-operator", "--timeout=115s")
    else:
        wait_for("no operator", lambda: not replicas(admin))


def is_decided(person: Person, job: str) -> bool:
    return bool(person.get("job", job)["status"].get("conditions"))


def replicas(admin: Person) -> list[str]:
    names = [pod["metadata"]["name"] for pod in admin.items("pods")]
    return [name for name in names if name.startswith("run-operator-") and "gateway" not in name]


def test_who_ended_a_pod_that_is_gone_is_known_when_the_operator_comes_back(person):
    """By the kubelet's Event: two programs were asked to end, the third one ended by itself before its pod was deleted."""
    before = Person(person.kubeconfig, "run-operator").get("deployment", "run-operator")["spec"]["replicas"]
    for name, code in (("saves", 0), ("dies", 143)):
        person.apply_run(name, "sh", "-c", SAVES.format(code=code))
    person.apply_run("ends", "sh", "-c", f"while [ ! -e {END} ]; do sleep 0.2; done")
    pods = {}
    for name in ("saves", "dies", "ends"):
        person.becomes(name, "RUNNING")
        pods[name] = pod_of(person, name)["metadata"]["name"]
    operators(person, 0)
    try:
        evict(person, pods["saves"])
        delete(person, pods["dies"])
        person.kubectl("exec", pods["ends"], "--", "touch", END)
        for name in pods:
            wait_for(f"the verdict about {name}", partial(is_decided, person, name))
        person.kubectl("delete", "pod", pods["ends"], "--ignore-not-found")
        wait_for("no pod", lambda: not person.items("pods"))
    finally:
        operators(person, before)
    for name in ("saves", "dies"):
        pod_of(person, name, 2)
        assert person.status(name)["attempts"][0]["interruptedBy"] == "PodDeleted"
    assert "the operator did not see how its program ended" in person.becomes("ends", "COMPLETED")["message"]


def test_a_pod_that_the_kubelet_refuses_costs_nothing(person):
    person.apply_run("x", "sleep", "600", spec={"node_selector": [{"key": "zone", "value": "nowhere"}]})
    pod = pod_of(person, "x")["metadata"]["name"]
    node = person.items("nodes")[0]["metadata"]["name"]
    target = {"apiVersion": "v1", "kind": "Node", "name": node}
    binding = {"apiVersion": "v1", "kind": "Binding", "metadata": {"name": pod}, "target": target}
    path = f"/api/v1/namespaces/{person.namespace}/pods/{pod}/binding"
    person.kubectl("create", "--raw", path, "-f", "-", stdin=json.dumps(binding))
    pod_of(person, "x", 2)
    assert person.status("x")["attempts"][0]["reason"] == "NotStarted"


@pytest.mark.parametrize("user", [1000, 4321])
def test_a_user_that_the_image_does_not_know_has_a_home_and_a_name(person, user):
    person.apply_run("x", "python3", "-c", HOME, image=PYTHON, spec={"run_as_user": user})
    person.becomes("x", "COMPLETED")


class Injector(BaseHTTPRequestHandler):
    """A mutating webhook as meshes have: each pod gets a container beside its program, native or ordinary."""

    def do_POST(self) -> None:
        review = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        server: Any = self.server
        program = 'trap "exit 137" TERM; while true; do sleep 0.2; done'
        mesh = {
            "name": "mesh", "image": "docker.io/library/busybox:1.36", "command": ["sh", "-c", program],
            "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
        }  # fmt: skip
        native = {"op": "add", "path": "/spec/initContainers", "value": [mesh | {"restartPolicy": "Always"}]}
        ordinary = {"op": "add", "path": "/spec/containers/-", "value": mesh}
        patch = base64.b64encode(json.dumps([native if server.native else ordinary]).encode()).decode()
        answer = {"uid": review["request"]["uid"], "allowed": True, "patchType": "JSONPatch", "patch": patch}
        body = json.dumps({"apiVersion": review["apiVersion"], "kind": "AdmissionReview", "response": answer})
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_: object) -> None:
        """Be quiet."""


@pytest.fixture
def injector(person: Person, tmp_path: Path) -> Iterator[Any]:
    """On this machine, which the API server of the cluster reaches at the near end of the cluster's own veth pair."""
    server_url = yaml.safe_load(person.kubeconfig.read_text())["clusters"][0]["cluster"]["server"]
    far_end = ipaddress.ip_interface(f"{urlsplit(server_url).hostname}/30")
    host = str(next(one for one in far_end.network.hosts() if one != far_end.ip))
    now = dt.datetime.now(dt.UTC)
    authority = CertificateAuthority.create(now)
    (tmp_path / "both.pem").write_bytes(authority.issue([host], now))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "both.pem")
    server: Any = ThreadingHTTPServer((host, 0), Injector)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.native = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    client = {
        "url": f"https://{host}:{server.server_port}/",
        "caBundle": base64.b64encode(authority.certificate).decode(),
    }
    hook = {
        "name": "mesh.example.com", "clientConfig": client, "sideEffects": "None", "admissionReviewVersions": ["v1"],
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": person.namespace}},
        "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}],
    }  # fmt: skip
    name = f"mesh-{person.namespace}"
    kind = {"apiVersion": "admissionregistration.k8s.io/v1", "kind": "MutatingWebhookConfiguration"}
    person.apply(kind | {"metadata": {"name": name}, "webhooks": [hook]})
    yield server
    person.kubectl("delete", "mutatingwebhookconfiguration", name)
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("native", [True, False])
@pytest.mark.parametrize(("code", "state"), [(0, "COMPLETED"), (3, "ERROR")])
def test_the_program_decides_beside_an_injected_container(person, injector, native, code, state):
    injector.native = native
    person.apply_run(
        "x", "sh", "-c", f"sleep 2; echo done; exit {code}", policy={"terminationGracePeriodSeconds": 5}
    )
    status = person.becomes("x", state)
    assert status["attempts"][-1]["exitCode"] == code
    assert "mesh exited" not in status["message"]


def test_a_program_that_is_out_of_memory_says_so_beside_a_sidecar(person, injector):
    fill = "x = bytearray(300_000_000); print(len(x))"
    policy = {"terminationGracePeriodSeconds": 5}
    person.apply_run(
        "x", "python3", "-c", fill, image=PYTHON, spec={"resources": {"mem": "60Mi"}}, policy=policy
    )
    assert condition(person.becomes("x", "ERROR"), "Failed")["reason"] == "OOMKilled"
