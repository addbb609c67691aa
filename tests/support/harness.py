"""A cluster, an operator process and a person with kubectl, for tests on the real thing."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from cluster.build import build
from cluster.paths import Home
from cluster.state import State
from tests.support.builders import container_status

REPOSITORY = Path(__file__).resolve().parents[2]
EXPORTS = REPOSITORY / "tests" / "data" / "exports"
CRDS = tuple(
    f"crd/{name}.run-operator.io"
    for name in (
        "runs",
        "functions",
        "tasks",
        "runlogs",
        "metricbatches",
        "artifacts",
        "dataitems",
        "models",
        "containerimages",
    )
)
DEADLINE = 60.0
APART = ("create events", "create runlogs")
"""Writes that are no part of a Run's own few."""


class WaitedInVainError(AssertionError):
    """Something did not come true in time."""


def wait_for(what: str, question: Callable[[], Any], deadline: float = DEADLINE, every: float = 0.05) -> Any:
    """The first true answer to a question that is asked each `every` seconds. Raises WaitedInVainError."""
    until = time.monotonic() + deadline
    while True:
        answer = question()
        if answer:
            return answer
        if time.monotonic() > until:
            raise WaitedInVainError(f"{what}: not within {deadline:g} s")
        time.sleep(every)


def wait_until_ready(what: str, process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    """Until /readyz on this port of the loopback says 200; else the error has its last answer and the end of the log."""
    answers = ["none"]

    def ready() -> bool:
        if process.poll() is not None:
            raise AssertionError(f"{what} ended: {log.read_text()[-2000:]}")
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=2) as answer:
                return bool(answer.status == 200)
        except urllib.error.HTTPError as error:
            answers[0] = error.read().decode(errors="replace")
        except OSError as error:
            answers[0] = str(error)
        return False

    try:
        wait_for(f"{what} ready", ready)
    except WaitedInVainError as error:
        raise WaitedInVainError(
            f"{error}; /readyz: {answers[0]}; its log: {log.read_text()[-2000:]}"
        ) from None


def cluster_name(purpose: str) -> str:
    """A name of this checkout and worker alone, so that several may be tested side by side."""
    checkout = hashlib.sha256(str(REPOSITORY).encode()).hexdigest()[:4]
    worker = os.environ.get("PYTEST_XDIST_WORKER", "")
    return "-".join(part for part in (purpose, checkout, worker) if part)


def cluster_up(name: str, shape: str, *flags: str) -> Path:
    """Start (or reuse) a cluster; returns its kubeconfig."""
    command = [sys.executable, "-m", "cluster"]
    subprocess.run([*command, "up", "--name", name, "--shape", shape, *flags], cwd=REPOSITORY, check=True)
    printed = subprocess.run(
        [*command, "kubeconfig", "--name", name], cwd=REPOSITORY, check=True, capture_output=True, text=True
    )
    return Path(printed.stdout.strip())


def cluster_down(name: str) -> None:
    """Remove it."""
    subprocess.run([sys.executable, "-m", "cluster", "down", "--name", name], cwd=REPOSITORY, check=True)


def operators_account(kubeconfig: Path, path: Path) -> Path:
    """A kubeconfig of the operator's own account, with the rights of the manifests and no others, for an hour."""
    home = Person(kubeconfig, "run-operator")
    for name in (
        "namespace.yaml",
        "service-account.yaml",
        "rights/roles.yaml",
        "cluster-roles.yaml",
        "ingest-ca.yaml",
    ):
        home.kubectl("apply", "-f", str(REPOSITORY / "manifests" / "base" / name))
    return account_of(kubeconfig, path, "run-operator", "run-operator")


def install_policies(person: Person) -> None:
    """The admission policies of the base."""
    for file in sorted((REPOSITORY / "manifests" / "components" / "policies").glob("*.yaml")):
        if file.name != "kustomization.yaml":
            person.kubectl("apply", "-f", str(file))


def account_of(kubeconfig: Path, path: Path, namespace: str, name: str) -> Path:
    """A kubeconfig with the token of a ServiceAccount, for an hour."""
    token = Person(kubeconfig, namespace).kubectl("create", "token", name, "--duration=1h").stdout.strip()
    config = yaml.safe_load(kubeconfig.read_text())
    config["users"] = [{"name": config["users"][0]["name"], "user": {"token": token}}]
    path.write_text(yaml.safe_dump(config))
    return path


def kill_api_server(cluster: str, person: Person) -> None:
    """SIGKILL to the API server of a cluster started with --restarts, once it is ready; it is started again."""
    wait_for(
        "the API server ready", lambda: not person.kubectl("get", "--raw", "/readyz", check=False).returncode
    )
    os.kill(api_server_pid(cluster), signal.SIGKILL)


def api_server_pid(cluster: str) -> int:
    """The process of the cluster's API server. Raises LookupError when there is none."""
    state = State.load(Home(cluster))
    assert state is not None
    children = Path(f"/proc/{state.supervisor.pid}/task/{state.supervisor.pid}/children").read_text().split()
    for pid in map(int, children):
        if "kube-apiserver" in Path(f"/proc/{pid}/cmdline").read_text().partition("\0")[0]:
            return pid
    raise LookupError(f"cluster {cluster} has no API server")


@dataclass
class Person:
    """Somebody with kubectl in one namespace."""

    kubeconfig: Path
    namespace: str = "default"
    program: str = field(default_factory=lambda: str(build("kubernetes") / "kubectl"))

    def kubectl(
        self, *arguments: str, stdin: str | None = None, check: bool = True
    ) -> subprocess.CompletedProcess[str]:
        """Run kubectl; with `check`, fail the test with what it said."""
        done = subprocess.run(
            [self.program, "-n", self.namespace, *arguments],
            env=os.environ | {"KUBECONFIG": str(self.kubeconfig)},
            input=stdin,
            text=True,
            capture_output=True,
            check=False,
            timeout=120,
        )
        if check and done.returncode:
            raise AssertionError(f"kubectl {' '.join(arguments)}: {done.stderr}")
        return done

    def get(self, *arguments: str) -> Any:
        """`kubectl get ... -o json`, or None when there is nothing."""
        done = self.kubectl("get", *arguments, "-o", "json", "--ignore-not-found")
        return json.loads(done.stdout) if done.stdout.strip() else None

    def items(self, kinds: str, *arguments: str) -> list[Any]:
        """All objects of these kinds in the namespace."""
        found = self.get(kinds, *arguments)
        return found["items"] if found else []

    def apply(self, document: dict[str, Any] | list[dict[str, Any]]) -> None:
        """Apply one or more objects."""
        items = document if isinstance(document, list) else [document]
        text = json.dumps({"apiVersion": "v1", "kind": "List", "items": items})
        self.kubectl("apply", "-f", "-", stdin=text)

    def apply_run(
        self, name: str, *args: str, image: str = "docker.io/library/busybox:1.36", **top: Any
    ) -> None:
        """Apply a Run; `args` are its program and arguments; `top`: kind, suspend, policy, spec (more of the inner spec)."""
        self.apply(run_object(name, *args, image=image, **top))

    def install_crds(self) -> None:
        """Our kinds, and wait until the API server serves them."""
        self.kubectl("apply", "-k", str(REPOSITORY / "crds"))
        self.established(*CRDS)

    def established(self, *crds: str) -> None:
        """Wait until the API server serves these kinds. `kubectl wait` fails for a CRD that has no conditions yet."""
        command = ("wait", "--for=condition=Established", *crds, "--timeout=10s")
        wait_for(", ".join(crds), lambda: not self.kubectl(*command, check=False).returncode)

    def end_pod(self, pod: str) -> None:
        """Report that its program ended well, in the place of the kubelet that a fake node does not have."""
        done = {"exitCode": 0, "reason": "Completed", "startedAt": None, "finishedAt": None}
        status = {"phase": "Succeeded", "containerStatuses": [container_status(terminated=done)]}
        patch = json.dumps({"status": status})
        self.kubectl("patch", "pod", pod, "--subresource=status", "--type=merge", "-p", patch)

    def somebody(self, path: Path, *roles: str) -> Person:
        """Another one, with these of our ClusterRoles in this namespace and no other right; their kubeconfig is `path`."""
        self.kubectl("apply", "-f", str(REPOSITORY / "manifests" / "base" / "user-roles.yaml"))
        self.kubectl("create", "serviceaccount", "someone")
        for role in roles:
            self.let_someone(role)
        config = yaml.safe_load(self.kubeconfig.read_text())
        config["users"][0]["user"] = {"token": self.kubectl("create", "token", "someone").stdout.strip()}
        path.write_text(yaml.safe_dump(config))
        return Person(path, self.namespace)

    def let_someone(self, role: str) -> None:
        """Bind one more role to the account of `somebody`."""
        account = f"--serviceaccount={self.namespace}:someone"
        self.kubectl("create", "rolebinding", role, f"--clusterrole={role}", account)

    def warm(self) -> None:
        """Start a first Run: it also brings what pods need to log metrics, in one write, once a namespace."""
        self.apply_run("warm")
        self.becomes("warm", "RUNNING")
        wait_for("its event", lambda: self.items("events", "--field-selector=reason=Started"))

    def patch_run(self, name: str, patch: dict[str, Any]) -> subprocess.CompletedProcess[str]:
        """Merge-patch a Run."""
        return self.kubectl("patch", "run", name, "--type=merge", "-p", json.dumps(patch), check=False)

    def status(self, name: str) -> dict[str, Any]:
        """The Run's status."""
        found = self.get("run", name)
        return found["status"] if found else {}

    def becomes(self, name: str, state: str, deadline: float = DEADLINE) -> dict[str, Any]:
        """Wait for the Run's state; returns the status."""
        try:
            wait_for(f"run {name} {state}", lambda: self.status(name).get("state") == state, deadline)
        except WaitedInVainError as error:
            raise AssertionError(f"{error}; it is {json.dumps(self.status(name), indent=1)}") from error
        return self.status(name)


def run_object(
    name: str, *args: str, image: str = "docker.io/library/busybox:1.36", **top: Any
) -> dict[str, Any]:
    """A Run as an object."""
    program = {"command": args[0], "args": list(args[1:])} if args else {}
    what = top.get("kind", "container+job")
    inner = {"task": f"{what}://demo/t", "image": image} | program | top.get("spec", {})
    spec = {"kind": f"{what}:run", "project": "demo", "id": name, "spec": inner}
    spec |= {"suspend": top["suspend"]} if "suspend" in top else {}
    spec |= {"runPolicy": top["policy"]} if "policy" in top else {}
    return {"apiVersion": "run-operator.io/v1alpha1", "kind": "Run", "metadata": {"name": name}, "spec": spec}


def delta(before: dict[str, int], after: dict[str, int], *, events: bool = False) -> dict[str, int]:
    """The writes between two readings. Events are written off the hot path, also those of earlier tests; so are logs kept."""
    found = {key: after[key] - before.get(key, 0) for key in after if after[key] != before.get(key, 0)}
    return {key: count for key, count in found.items() if events or key not in APART}


def condition(status: dict[str, Any], kind: str) -> dict[str, Any]:
    """The condition of that type, or an empty one."""
    return next((c for c in status.get("conditions", ()) if c["type"] == kind), {})


class OperatorProcess:
    """`python -m run_operator` outside the cluster."""

    program: tuple[str, ...] = ("-m", "run_operator")

    def __init__(self, kubeconfig: Path, log: Path, namespace: str = "default", **settings: str) -> None:
        self._namespace = namespace
        self._kubeconfig = kubeconfig
        self._log = log
        self._settings = {f"RUN_OPERATOR_{key.upper()}": value for key, value in settings.items()}
        self._process: subprocess.Popen[bytes] | None = None
        self.port = free_port()
        self.ingest_port = free_port()
        self.ingest_url = f"https://127.0.0.1:{self.ingest_port}"

    @property
    def pid(self) -> int:
        """The uid or number of the running process."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Start it and wait until it is ready."""
        environment = (
            os.environ
            | {
                "KUBECONFIG": str(self._kubeconfig),
                "POD_NAMESPACE": self._namespace,
                "RUN_OPERATOR_METRICS_BIND_ADDRESS": f"127.0.0.1:{self.port}",
                "RUN_OPERATOR_INGEST_URL": self.ingest_url,
                "RUN_OPERATOR_POD_API_URL": self.ingest_url,
                "RUN_OPERATOR_INGEST_BIND_ADDRESS": f"127.0.0.1:{self.ingest_port}",
            }
            | self._settings
        )
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, *self.program],
                cwd=REPOSITORY,
                env=environment,
                stdout=log,
                stderr=log,
            )
        try:
            wait_until_ready("the operator", self._process, self.port, self._log)
        except BaseException:
            self.kill()
            raise

    @property
    def running(self) -> bool:
        """Whether the process is there."""
        return self._process is not None and self._process.poll() is None

    def kill(self) -> None:
        """SIGKILL: nothing is finished. May be called by any thread, and twice."""
        process, self._process = self._process, None
        if process:
            process.kill()
            process.wait()

    def stop(self) -> int:
        """SIGTERM; returns the exit code."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        try:
            return self._process.wait(timeout=30)
        finally:
            self.kill()

    def writes(self) -> dict[str, int]:
        """Write requests so far: `verb resource` to their number."""
        found: dict[str, int] = {}
        for name, labels, value in self.metrics():
            if name == "run_operator_api_requests_total" and labels["verb"] in ("create", "patch", "delete"):
                key = f"{labels['verb']} {labels['resource']}"
                found[key] = found.get(key, 0) + int(value)
        return found

    def metrics(self) -> list[tuple[str, dict[str, str], float]]:
        """All samples of /metrics."""
        from prometheus_client.parser import text_string_to_metric_families  # noqa: PLC0415 - tests of metrics only

        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics", timeout=5) as answer:
            text = answer.read().decode()
        return [(s.name, s.labels, s.value) for f in text_string_to_metric_families(text) for s in f.samples]


def free_port() -> int:
    """A port of the loopback; nobody listens there now."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])
