"""JobSet's manager as a process, to measure beside: its released Go module with its own defaults, CRD and webhooks."""

from __future__ import annotations

import base64
import subprocess
from pathlib import Path
from typing import Any, Final, Self

import yaml

from cluster.build import MODULES, build, go
from cluster.pki import Authority
from run_operator.kube.resource import Resource
from tests.support.harness import Person, free_port, wait_until_ready

JOBSETS: Final = Resource("jobset.x-k8s.io", "v1alpha2", "jobsets", "JobSet")
MODULE: Final = "sigs.k8s.io/jobset"
OF_PODS: Final = {"matchExpressions": [{"key": "jobset.sigs.k8s.io/jobset-name", "operator": "Exists"}]}
"""Which pods its webhooks are asked about: as in its own installation, not those of others."""


class JobSetManager:
    """A context manager; the first one builds the program. `scratch` is an empty folder."""

    def __init__(self, person: Person, scratch: Path) -> None:
        self._person = person
        self._scratch = scratch
        self._health = free_port()
        self._port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The uid or number of the running process."""
        assert self._process is not None
        return self._process.pid

    def __enter__(self) -> Self:
        authority = Authority(self._scratch)
        authority.server("tls", ["127.0.0.1"])
        program, source = build("jobset") / "jobset", _source()
        self._person.kubectl("apply", "--server-side", "-f", str(source / "crd" / "bases"))
        self._person.established("crd", "--all")
        log_file = self._scratch / "manager.log"
        with log_file.open("ab") as log:
            command = [
                program,
                f"--config={self._configuration()}",
                f"--kubeconfig={self._person.kubeconfig}",
            ]
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            wait_until_ready("JobSet's manager", self._process, self._health, log_file)
            self._person.apply(self._webhooks(source))
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        process, self._process = self._process, None
        if process:
            process.kill()
            process.wait()

    def _configuration(self) -> Path:
        path = self._scratch / "configuration.yaml"
        settings = {
            "apiVersion": "config.jobset.x-k8s.io/v1alpha1",
            "kind": "Configuration",
            "leaderElection": {"leaderElect": False},
            "internalCertManagement": {"enable": False},
            "webhook": {"host": "127.0.0.1", "port": self._port, "certDir": str(self._scratch)},
            "metrics": {"bindAddress": "0"},
            "health": {"healthProbeBindAddress": f"127.0.0.1:{self._health}"},
        }
        path.write_text(yaml.safe_dump(settings))
        return path

    def _webhooks(self, source: Path) -> list[dict[str, Any]]:
        """Those of its installation, at this process's address."""
        authority = base64.b64encode((self._scratch / "ca.crt").read_bytes()).decode()
        found = list(yaml.safe_load_all((source / "webhook" / "manifests.yaml").read_text()))
        for configuration in found:
            for hook in configuration["webhooks"]:
                path = hook["clientConfig"]["service"]["path"]
                url = f"https://127.0.0.1:{self._port}{path}"
                hook["clientConfig"] = {"url": url, "caBundle": authority}
                if hook["rules"][0]["resources"] == ["pods"]:
                    hook["objectSelector"] = OF_PODS
        return found


def _source() -> Path:
    """Its manifests, in the module that was downloaded to build it."""
    command = [go(), "list", "-m", "-f", "{{.Dir}}", MODULE]
    done = subprocess.run(command, cwd=MODULES / "jobset", check=True, capture_output=True, text=True)
    return Path(done.stdout.strip()) / "config" / "components"
