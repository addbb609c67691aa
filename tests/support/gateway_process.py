"""The gateway as a process, and users of the SDK who call it."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from tests.support.harness import REPOSITORY, Person, free_port, wait_until_ready

LINES = {
    line: REPOSITORY / folder / "bin" / "python"
    for line, folder in (("0.15", ".venv-sdk"), ("0.16", ".venv-sdk-next"))
}
"""Lines of the SDK that users have: today's and the coming one, each with its own Python."""
PROGRAMS = REPOSITORY / "tests" / "support" / "sdk_programs.py"


class GatewayProcess:
    """`python -m run_operator.gateway` outside the cluster, which it enters with nothing but its callers' tokens."""

    def __init__(self, kubeconfig: Path, folder: Path, **settings: str) -> None:
        cluster = yaml.safe_load(kubeconfig.read_text())["clusters"][0]["cluster"]
        self._authority = folder / "api-ca.crt"
        self._authority.write_bytes(base64.b64decode(cluster["certificate-authority-data"]))
        self._server = cluster["server"]
        self.log = folder / "gateway.log"
        self._port = free_port()
        self._health = 0
        self._settings = settings
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def endpoint(self) -> str:
        """For DHCORE_ENDPOINT."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def pid(self) -> int:
        """The uid or number of the running process."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """And wait until it is ready."""
        self._health = free_port()
        settings = {
            "API_SERVER": self._server,
            "API_CA": str(self._authority),
            "LOCAL_PORT": str(self._port),
            "METRICS_BIND_ADDRESS": f"127.0.0.1:{self._health}",
            **self._settings,
        }
        environment = {key: value for key, value in os.environ.items() if not key.startswith("KUBE")}
        environment |= {f"RUN_GATEWAY_{key}": value for key, value in settings.items()}
        with self.log.open("ab") as log:
            command = [sys.executable, "-m", "run_operator.gateway"]
            self._process = subprocess.Popen(command, cwd=REPOSITORY, env=environment, stdout=log, stderr=log)
        wait_until_ready("the gateway", self._process, self._health, self.log)

    def counted(self) -> str:
        """What Prometheus reads."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self._health}/metrics", timeout=10) as answer:
            return str(answer.read().decode())

    def most_memory(self) -> int:
        """Bytes that the process has had at most."""
        assert self._process is not None
        return most_memory(self._process.pid)

    def stop(self) -> int:
        """SIGTERM; returns the exit code."""
        assert self._process is not None
        self._process.terminate()
        return self._process.wait(timeout=30)


def most_memory(pid: int) -> int:
    """Bytes that the process has had at most."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024


class SdkUser:
    """Somebody with one line of the real SDK and a token."""

    def __init__(
        self,
        endpoint: str,
        token: str,
        folder: Path,
        line: str = "0.15",
        programs: Path = PROGRAMS,
        **environment: str,
    ) -> None:
        self.line = line
        self._programs = programs
        self._folder = folder / f"sdk-{line}"
        self._folder.mkdir(parents=True, exist_ok=True)
        self.token = token
        self._environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self._folder),
            "PYTHONWARNINGS": "error:Backend API level:UserWarning",
            "DHCORE_ENDPOINT": endpoint,
            "DHCORE_ACCESS_TOKEN": token,
            **environment,
        }

    def begin(self, *arguments: object) -> subprocess.Popen[str]:
        """A program of the file, running."""
        assert LINES[self.line].exists(), "make sdk-environments (make test-integration does it)"
        return subprocess.Popen(
            [LINES[self.line], self._programs, *map(str, arguments)],
            cwd=self._folder,
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments: object) -> Any:
        """What it found."""
        return self.end(self.begin(*arguments))

    def end(self, process: subprocess.Popen[str], deadline: float = 110.0) -> Any:
        """The environment of a program that was begun."""
        said, complaint = process.communicate(timeout=deadline)
        assert process.returncode == 0, complaint
        return json.loads(said.splitlines()[-1])


def account(person: Person, name: str, *roles: str) -> str:
    """A new ServiceAccount with these ClusterRoles in the person's namespace; its token."""
    person.kubectl("create", "serviceaccount", name)
    for role in roles:
        who = f"--serviceaccount={person.namespace}:{name}"
        person.kubectl("create", "rolebinding", f"{name}-{role}", f"--clusterrole={role}", who)
    return person.kubectl("create", "token", name, "--duration=1h").stdout.strip()


def at(seconds: float) -> float:
    """A moment so far from now."""
    return time.time() + seconds


@contextmanager
def own_gateway(kubeconfig: Path, folder: Path) -> Iterator[GatewayProcess]:
    """One of the test's own, because its memory or its connections are measured. It has to end well."""
    Person(kubeconfig).kubectl("apply", "-f", str(REPOSITORY / "manifests" / "base" / "user-roles.yaml"))
    one = GatewayProcess(kubeconfig, folder)
    one.start()
    yield one
    assert one.stop() == 0
