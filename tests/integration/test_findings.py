"""What a security review did to an earlier version, one test each, where no other test does the same (docs/threat-model.md has all)."""

from __future__ import annotations

import http.client
import json
import select
import socket
import threading
import uuid
from contextlib import ExitStack, closing, suppress
from typing import Any
from urllib.parse import urlsplit

import pytest

from run_operator import get_run
from run_operator.api.pod_contract import audience
from run_operator.client.errors import EntityError
from tests.support.builders import container_status
from tests.support.gateway_process import GatewayProcess, account
from tests.support.harness import Person, wait_for
from tests.support.ingest_world import encoded, part
from tests.support.metrics_pod import MetricsPod

PADDING = [{"name": name, "value": "x" * 120_000} for name in ("A", "B")]
ESCAPES = "\x1b]0;owned\x07\x1b[2Jdone"


def post(gateway: GatewayProcess, path: str, body: Any, token: str) -> int:
    """The status of the answer."""
    with closing(http.client.HTTPConnection(urlsplit(gateway.endpoint).netloc, timeout=30)) as connection:
        connection.request("POST", path, json.dumps(body), {"Authorization": f"Bearer {token}"})
        answer = connection.getresponse()
        answer.read()
        return answer.status


def running(person: Person, operator: Any, name: str, **top: Any) -> MetricsPod:
    person.apply_run(name, **top)
    person.becomes(name, "RUNNING")
    return MetricsPod(person, operator.ingest_url, name)


def test_f02_programs_that_end_in_every_batch_do_not_stop_the_metrics_of_others(operator, person, kubeconfig):
    loud = Person(kubeconfig, f"{person.namespace}-loud")
    loud.kubectl("create", "namespace", loud.namespace)
    flood = [running(loud, operator, f"large-{number}", spec={"envs": PADDING}) for number in range(4)]
    quiet = running(person, operator, "quiet")
    over = threading.Event()

    def log(pod: MetricsPod) -> None:
        while not over.is_set():
            pod.seq += 1
            ops = [{"k": "x", "set": pod.seq, "overwrite": True}]
            with suppress(OSError, http.client.HTTPException):  # it may be put off, and goes on
                pod.post({"writer": "w", "seq": pod.seq, "ops": ops, "end": True})

    threads = [threading.Thread(target=log, args=(pod,)) for pod in flood]
    for thread in threads:
        thread.start()
    try:
        wait_for("a flood", lambda: all(pod.seq > 20 for pod in flood))
        for number in range(3):
            quiet.seq += 1
            batch = {"writer": "main", "seq": quiet.seq, "ops": [{"k": "loss", "append": [number]}]}
            # As a program does: what is put off (here for the many questions of settle) is sent again.
            wait_for("the batch is taken", lambda sent=batch: quiet.post(sent)[0] in (200, 202))
            quiet.settle()
    finally:
        over.set()
        for thread in threads:
            thread.join()
        for pod in (*flood, quiet):
            pod.close()
    loud.kubectl("delete", "namespace", loud.namespace, "--wait=false")


def test_f10_bodies_that_never_come_keep_nobody_who_is_known_from_writing(gateway, person):
    address, token = urlsplit(gateway.endpoint), account(person, "user", "edit")
    head = "POST /api/v1/-/x/runs HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer nobody\r\nContent-Length: 1000000\r\n\r\n{"
    with ExitStack() as open_:
        for _ in range(100):
            one = open_.enter_context(socket.create_connection((address.hostname, address.port)))
            one.sendall(head.encode())
        assert post(gateway, f"/api/v1/-/{person.namespace}/runs", {}, token) == 400


def test_f10_bodies_of_a_pod_that_never_come_keep_no_pod_of_another_namespace_from_logging(
    operator, person, kubeconfig
):
    loud = Person(kubeconfig, f"{person.namespace}-loud")
    loud.kubectl("create", "namespace", loud.namespace)
    slow, quiet = running(loud, operator, "slow"), running(person, operator, "quiet")
    address = urlsplit(operator.ingest_url)
    head = (
        f"PUT /api/v1/-/demo/runs/slow/metrics/loss HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {slow.token}\r\n"
        "Content-Length: 1000000\r\n\r\n["
    )
    with ExitStack() as open_:
        for _ in range(
            100
        ):  # a pod sends twenty a second: they are read within four seconds, and each is waited for ten
            plain = socket.create_connection((address.hostname, address.port))
            one = open_.enter_context(slow.context.wrap_socket(plain, server_hostname=address.hostname))
            one.sendall(head.encode())
        for number in range(12):  # bodies of 120 KB: smaller ones might find room between those of a megabyte
            assert quiet.log("loss", *[(number + 1) / 7] * 6500)[0] == 202
            select.select([one], [], [], 0.4)
        quiet.settle()
    for pod in (slow, quiet):
        pod.close()
    loud.kubectl("delete", "namespace", loud.namespace, "--wait=false")


def test_f11_tokens_that_nobody_signed_use_up_no_reviews(operator, person):
    pod = running(person, operator, "guarded")
    claims = {"aud": [audience(pod.uid)], "exp": 9_999_999_999}
    answers = []
    for number in range(120):
        forged = f"{part({'alg': 'RS256', 'kid': 'x'})}.{part(claims | {'n': number})}.{encoded(bytes(256))}"
        answers.append(pod.post({"ops": []}, token=forged))
    others = [answer for answer in answers if answer[0] != 401]
    assert not others, "none of them is put off, for none is asked about"
    assert pod.log("loss", 1)[0] == 202
    pod.close()


def test_f12_an_address_in_another_namespace_is_not_followed(operator, person, cluster):
    person.apply_run(
        "web", kind="container+serve", spec={"service_ports": [{"port": 80, "target_port": 5678}]}
    )
    person.becomes("web", "RUNNING")
    operator.kill()  # it would put the address right
    forged = {"status": {"service": {"url": "run-operator.run-operator:8080"}}}
    person.kubectl("patch", "run", "web", "--subresource=status", "--type=merge", "-p", json.dumps(forged))
    with pytest.raises(EntityError, match=r"run-operator\.run-operator"):
        get_run("web", cluster=cluster).invoke(method="GET")


def test_f13_a_label_takes_no_project_away(gateway, person):
    evil = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": f"evil-{uuid.uuid4().hex[:8]}"}}
    evil["metadata"]["labels"] = {"run-operator.io/project": person.namespace}
    person.apply(evil)
    token = account(person, "user", "edit")
    person.kubectl(
        "create",
        "clusterrolebinding",
        person.namespace,
        "--clusterrole=view",
        f"--serviceaccount={person.namespace}:user",
    )
    document: dict[str, Any] = {"kind": "container+job:run", "project": person.namespace, "id": "mine"}
    document["spec"] = {"task": f"container+job://{person.namespace}/t", "image": "busybox"}
    assert post(gateway, f"/api/v1/-/{person.namespace}/runs", document, token) == 200
    assert person.get("run", "mine") is not None
    person.kubectl("delete", "clusterrolebinding", person.namespace)
    person.kubectl("delete", "namespace", evil["metadata"]["name"], "--wait=false")


def test_f16_f18_nothing_that_a_program_or_a_client_chose_to_say_reaches_a_terminal_or_counts_as_evidence(
    operator, person
):
    pod = running(person, operator, "loud")
    ended = {"exitCode": 3, "reason": "Error", "message": ESCAPES, "finishedAt": "2026-01-01T00:00:01Z"}
    container = container_status(terminated=ended)
    status = {"status": {"phase": "Failed", "containerStatuses": [container]}}
    person.kubectl("patch", "pod", pod.name, "--subresource=status", "--type=merge", "-p", json.dumps(status))
    person.becomes("loud", "ERROR")
    assert "owned" in person.kubectl("get", "run", "loud", "-o", "wide").stdout
    said = json.dumps(person.status("loud")) + json.dumps(person.items("events"))
    assert "\\u001b" not in said
    assert "\\u0007" not in said
    person.apply_run("stopped")
    person.becomes("stopped", "RUNNING")
    patch = json.dumps({"spec": {"suspend": True}})
    person.kubectl(
        "patch", "run", "stopped", "--type=merge", "-p", patch, "--field-manager=auditor@bank.example"
    )
    assert "auditor" not in json.dumps(person.becomes("stopped", "STOPPED"))


@pytest.mark.parametrize(
    "volume", ["name: [a]", "name: a\n  mount_path: {b: c}", "name: {a: b}\n  mount_path: /x"]
)
def test_f19_a_profile_of_any_shape_is_reported_and_not_tried_without_end(operator, person, volume):
    text = f"volumes:\n- volume_type: empty_dir\n  {volume}"
    metadata = {"name": "odd", "labels": {"run-operator.io/profiles": "true"}}
    person.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"odd": text}})
    own = {"volumes": [{"volume_type": "empty_dir", "name": "mine", "mount_path": "/mine"}]}
    person.apply_run("x", spec={"profile": "odd"} | own)
    wait_for("a word", lambda: "odd" in person.status("x").get("message", ""))
    bugs = [value for name, labels, value in operator.metrics() if labels.get("result") == "bug"]
    assert sum(bugs) == 0


def test_f21_f23_denials_are_logged_without_the_token_and_what_is_no_http_is_not_repeated(gateway, person):
    token = account(person, "reader", "view")
    code = post(gateway, f"/api/v1/-/{person.namespace}/runs", {"kind": "container+job:run"}, token)
    assert code in (400, 403)
    line = wait_for(
        "the line", lambda: [one for one in gateway.log.read_text().splitlines() if person.namespace in one]
    )
    assert ":reader" in line[-1]
    assert token not in gateway.log.read_text()
    address = urlsplit(gateway.endpoint)
    with socket.create_connection((address.hostname, address.port)) as one:
        one.sendall(f"GET / HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\x01\r\n\r\n".encode())
        answer = one.recv(65536).decode()
    assert answer.split()[1] == "400"
    assert token not in answer
    assert not {"aiohttp", "Python"} & set(answer.replace("/", " ").split())
